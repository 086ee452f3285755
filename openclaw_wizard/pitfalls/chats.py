"""Pitfalls of conversations and cron jobs: those that are lost already, or would not be seen."""

from __future__ import annotations

from openclaw_wizard.model import Installation, Severity
from openclaw_wizard.pitfalls.rule import (
    Judgement,
    Pitfall,
    clear,
    in_versions,
    look,
    look_at,
    of_chats,
    of_old,
    some,
    unknown,
)
from openclaw_wizard.signs import Signs

LATEST = "9999"

# ---------------------------------------------------------------- official-backup


def _archives(_: Installation, signs: Signs) -> Judgement:
    if not signs.archives:
        return clear("there is no archive of `openclaw backup` in the home")
    if not signs.transcripts:
        return clear("its archives can hold the conversations, which are in databases")
    return look(f"{some(signs.archives)}: {signs.transcripts} conversations here are files")


OFFICIAL_BACKUP = Pitfall(
    id="official-backup",
    subject="chats",
    title="A backup without conversations",
    why=(
        "`openclaw backup create --verify` leaves out every conversation that is a file, and says that the "
        "archive is verified. Who relies on it loses them."
    ),
    source="#86382; measured",
    severity=Severity.LOOK,
    remedy="Do not restore from it alone: the wizard copies the files themselves.",
    judge=of_chats(_archives),
    versions="2026.4 to 2026.7 as OLD",
)

# ------------------------------------------------------------------ chats-missing


def _missing(_: Installation, signs: Signs) -> Judgement:
    return look_at(
        signs.without_chats,
        "the index of {} names conversations, and there is not one",
        "every agent with an index has conversations",
    )


CHATS_MISSING = Pitfall(
    id="chats-missing",
    subject="chats",
    title="An index without conversations",
    why=(
        "That is what restoring an official backup leaves, or a copy that skipped `*.jsonl`: the dashboard "
        "lists sessions that open empty."
    ),
    source="#86382; measured",
    severity=Severity.LOOK,
    remedy="Look for `agents/*/sessions/*.jsonl` on the machine that this one was copied from.",
    judge=of_chats(_missing),
)

# ----------------------------------------------------------------- chats-put-away


def _put_away(_: Installation, signs: Signs) -> Judgement:
    found = signs.put_away
    if not found.count:
        return clear("no conversation of an index was put away")
    return look(f"{found.count} of the index lie beside it as deleted: {some(found.first, found.count)}")


CHATS_PUT_AWAY = Pitfall(
    id="chats-put-away",
    subject="chats",
    title="Conversations that the doctor put away",
    why=(
        "A doctor took them for orphans and renamed them to `….jsonl.deleted.<time>`, although the index "
        "names them still."
    ),
    source="#73471, #45255",
    severity=Severity.LOOK,
    remedy="On OLD take the ending `.deleted.<time>` off their names, with the gateway stopped.",
    judge=of_chats(_put_away),
)

# -------------------------------------------------------------- chats-not-imported


def _not_imported(_: Installation, signs: Signs) -> Judgement:
    if not signs.indexed:
        return clear("there is no index of the older kind")
    return look(f"sessions.json still names {signs.indexed} conversations")


NOT_IMPORTED = Pitfall(
    id="chats-not-imported",
    subject="chats",
    title="Conversations that were not imported",
    why=(
        "Since 2026.8 conversations are in databases; a gateway refuses to start while there is an index of "
        "the older kind, until `doctor --fix` imported it."
    ),
    source="measured (2026.9.6)",
    severity=Severity.LOOK,
    remedy=(
        "The move runs the doctor on NEW. Better on OLD first, where you can compare: `openclaw doctor "
        "--fix`."
    ),
    judge=in_versions("2026.8.1", LATEST, of_chats(_not_imported)),
    versions="since 2026.8.1",
)

# ------------------------------------------------------------------------ cron jobs


def _cron_elsewhere(_: Installation, signs: Signs) -> Judgement:
    if signs.cron_elsewhere is None:
        return unknown("OLD's state database cannot be read")
    return look_at(signs.cron_elsewhere, "{}", "all cron jobs are under this place")


CRON_ELSEWHERE = Pitfall(
    id="cron-elsewhere",
    subject="chats",
    title="Cron jobs of another place",
    why=(
        "Jobs are kept under the absolute path of their state directory. Under another path the gateway does "
        "not see them; that is how they vanish when state is copied by hand."
    ),
    source="#90510; measured",
    severity=Severity.LOOK,
    remedy=(
        "Find what they were (`sqlite3 state/openclaw.sqlite 'select name from cron_jobs'`), and add "
        "them anew."
    ),
    judge=of_old(_cron_elsewhere),
    versions="since 2026.6.1",
)


def _cron_unimported(_: Installation, signs: Signs) -> Judgement:
    if signs.cron_unimported is None:
        return unknown("OLD's state database cannot be read")
    if not signs.cron_unimported:
        return clear("the database has every job of the file")
    return look(f"{signs.cron_unimported} jobs of cron/jobs.json are not in the database")


CRON_UNIMPORTED = Pitfall(
    id="cron-not-imported",
    subject="chats",
    title="Cron jobs that an upgrade lost",
    why="The upgrades to 2026.6 lost jobs on their way from `cron/jobs.json` into the database.",
    source="#90072, #91435, #96617, #97422",
    severity=Severity.LOOK,
    remedy="`openclaw cron list --all` on OLD; add what is missing from `cron/jobs.json`.",
    judge=of_old(_cron_unimported),
    versions="since 2026.6.1",
)
