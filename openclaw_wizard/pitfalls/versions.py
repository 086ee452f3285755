"""Pitfalls that single versions of OpenClaw have."""

from __future__ import annotations

from openclaw_wizard.model import Facts, Installation, Severity
from openclaw_wizard.pitfalls.rule import (
    Judgement,
    Pitfall,
    clear,
    in_versions,
    look,
    of_chats,
    unknown,
    version_of,
)
from openclaw_wizard.signs import Signs


def _runs(facts: Facts) -> Judgement:
    return look(f"OLD runs {version_of(facts)}")


DOCTOR_TERMINAL = Pitfall(
    id="doctor-needs-a-terminal",
    subject="program",
    title="A doctor that needs a terminal",
    why=(
        "The doctor of 2026.8.1 migrates nothing without a terminal and says nothing of it; each run mends "
        "another part of the rest."
    ),
    source="#134036, #133984, #138892",
    severity=Severity.LOOK,
    remedy="The wizard gives it a terminal. Better: `openclaw update` on OLD to 2026.8.2 or later, first.",
    judge=in_versions("2026.8.1", "2026.8.1", _runs),
    versions="2026.8.1",
)

DOCTOR_HANGS = Pitfall(
    id="doctor-hangs",
    subject="program",
    title="A doctor that does not end",
    why="The doctor of 2026.2.15 says that it is complete, and its process stays.",
    source="#18502",
    severity=Severity.LOOK,
    remedy="The wizard ends it after its time. By hand: Ctrl-C once it says `Doctor complete.`",
    judge=in_versions("2026.2.15", "2026.2.15", _runs),
    versions="2026.2.15",
)

DOCTOR_OVERWRITES = Pitfall(
    id="doctor-overwrites-config",
    subject="program",
    title="A doctor that overwrites the config",
    why="The doctor of 2026.2.6 writes the config anew and drops what it does not know.",
    source="#12858",
    severity=Severity.LOOK,
    remedy="Compare `openclaw.json` on NEW with `openclaw.json.bak` after the move; OLD's stays as it was.",
    judge=in_versions("2026.2.6", "2026.2.6", _runs),
    versions="2026.2.6",
)


def _with_chats(_: Installation, signs: Signs) -> Judgement:
    if not signs.transcripts:
        return clear("there are no conversations in files")
    return look(f"{signs.transcripts} conversations that it may take for orphans")


DOCTOR_ARCHIVES = Pitfall(
    id="doctor-puts-chats-away",
    subject="chats",
    title="A doctor that puts conversations away",
    why=(
        "The doctor of 2026.4.22 to 2026.5.27 takes conversations for orphans and renames them to "
        "`….jsonl.deleted.<time>`; the dashboard then shows none."
    ),
    source="#73471, #26468, #45255",
    severity=Severity.LOOK,
    remedy="The move counts them again at the end. Those that are gone are in OLD's safety copy.",
    judge=in_versions("2026.4.22", "2026.5.27", of_chats(_with_chats)),
    versions="2026.4.22 to 2026.5.27",
)


def _approvals(facts: Facts) -> Judgement:
    found = facts.installation
    if found is None or found.signs is None:
        return unknown()
    if "exec-approvals.json" in found.signs.special:
        return look(f"exec-approvals.json is there, OLD runs {version_of(facts)}")
    return clear("there is no exec-approvals.json")


APPROVALS_DEADLOCK = Pitfall(
    id="approvals-deadlock",
    subject="program",
    title="Approvals that stop the start",
    why=(
        "2026.8.1 and 2026.9.1 want `exec-approvals.json` to be imported by the doctor, whose own check "
        "waits for that very import."
    ),
    source="#132495, #133813, #135775",
    severity=Severity.LOOK,
    remedy="`openclaw update` on OLD first; or move the file aside on NEW and approve commands anew.",
    judge=in_versions("2026.8.1", "2026.9.1", _approvals),
    versions="2026.8.1 to 2026.9.1",
)


def _session_files(_: Installation, signs: Signs) -> Judgement:
    elsewhere = signs.sessions_elsewhere
    if not elsewhere.count:
        return clear("no conversation names another place")
    return look(f"{elsewhere.count} name a file outside their folder: {elsewhere.first[0]}")


SESSION_FILES = Pitfall(
    id="session-files-refused",
    subject="chats",
    title="Conversations that name another place",
    why=(
        "2026.2.12 to 2026.2.14 refuse a conversation whose index names a file outside the agent's folder, "
        "which every copy to another home makes."
    ),
    source="#15696, #15967, #16972, #5631",
    severity=Severity.LOOK,
    remedy="On OLD remove `sessionFile` from those entries of `sessions.json`; the name follows from the id.",
    judge=in_versions("2026.2.12", "2026.2.14", of_chats(_session_files)),
    versions="2026.2.12 to 2026.2.14",
)
