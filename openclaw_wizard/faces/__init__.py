"""The faces of the wizard: each listens to the same events and answers the same questions.

A face decides nothing and never holds a host; what it may ask of the core stands in `wizard.py`.
"""
