"""What `check` found, as lines of text and as JSON; pure."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from openclaw_wizard.faces.plain import MARK
from openclaw_wizard.faces.tui.hosttext import one_line
from openclaw_wizard.model import Facts, Finding, Verdict

ORDER: Final = (Verdict.BLOCKS, Verdict.LOOK, Verdict.UNKNOWN, Verdict.CLEAR)
"""The gravest first."""

WIDTH: Final = 98
"""Columns of text."""

Checked = Sequence[tuple[Facts, Sequence[Finding]]]
"""Each installation with its findings."""


def by_subject(findings: Sequence[Finding], subjects: Mapping[str, str]) -> list[tuple[str, list[Finding]]]:
    """(heading, findings) of each subject: the gravest subject first, in each the gravest finding first."""
    groups = [
        (heading, sorted((f for f in findings if f.subject == subject), key=_grave))
        for subject, heading in subjects.items()
    ]
    return sorted(
        ((heading, group) for heading, group in groups if group), key=lambda each: _grave(each[1][0])
    )


def _grave(finding: Finding) -> int:
    return ORDER.index(finding.verdict)


def text(checked: Checked, subjects: Mapping[str, str], *, everything: bool = False) -> str:
    """For a person; what is clear or waits for NEW is only counted, unless `everything` is asked for."""
    return "\n\n".join(_one(facts, findings, subjects, everything) for facts, findings in checked)


def _one(facts: Facts, findings: Sequence[Finding], subjects: Mapping[str, str], everything: bool) -> str:
    lines = [_head(facts)]
    for heading, group in by_subject(findings, subjects):
        shown = [f for f in group if everything or f.verdict in (Verdict.BLOCKS, Verdict.LOOK)]
        lines += [f"\n{heading}"] if shown else []
        for finding in shown:
            lines += _finding(finding)
    counted = Counter(f.verdict for f in findings)
    words = {
        Verdict.BLOCKS: "block",
        Verdict.LOOK: "to look at",
        Verdict.UNKNOWN: "not yet known",
        Verdict.CLEAR: "clear",
    }
    lines.append("\n" + ", ".join(f"{counted[v]} {words[v]}" for v in ORDER))
    if not everything:
        waits = Counter(f.evidence for f in findings if f.verdict is Verdict.UNKNOWN)
        lines += [f"?     {count} {why}" for why, count in waits.most_common()]
    return "\n".join(lines)


def _head(facts: Facts) -> str:
    machine = f"{facts.old.user}@{facts.old.hostname}" if facts.old else "a machine"
    found = facts.installation
    if found is None:
        return f"{machine}: OpenClaw's files could not be read"
    version = (facts.old.openclaw if facts.old else None) or found.version or "of an unknown version"
    return f"{machine}: {found.state_dir} (profile {found.profile or 'default'}, OpenClaw {version})"


def _finding(finding: Finding) -> list[str]:
    lines = [f"{MARK[finding.verdict]} {finding.title} [{finding.pitfall}]"]
    lines += _wrapped("", finding.evidence) if finding.evidence else []
    if finding.verdict in (Verdict.BLOCKS, Verdict.LOOK):
        lines += [*_wrapped("why: ", finding.why), *_wrapped("fix: ", finding.remedy)]
    return lines


def _wrapped(word: str, said: str) -> list[str]:
    """Names come from a machine: nothing in them acts on the terminal."""
    return textwrap.wrap(
        f"{word}{one_line(said)}",
        WIDTH,
        initial_indent=" " * 6,
        subsequent_indent=" " * (6 + len(word)),
        break_long_words=False,
        break_on_hyphens=False,
    )


def as_json(checked: Checked) -> list[dict[str, Any]]:
    """One object for each installation."""
    return [
        {
            "profile": facts.installation.profile if facts.installation else None,
            "state_dir": facts.installation.state_dir if facts.installation else None,
            "counts": {v.value: sum(f.verdict is v for f in findings) for v in ORDER},
            "findings": [f.model_dump(mode="json") for f in findings],
        }
        for facts, findings in checked
    ]
