"""Speed, side by side with what a person would do instead; `python -m tests.bench` prints the tables.

Every way copies the same data in one run, in turns; medians and ratios are printed, never judged by a
test. The machines are those of `tests/lab`.
"""
