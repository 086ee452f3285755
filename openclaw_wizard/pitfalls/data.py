"""Pitfalls of the data: room, what stands at the target, complete copies, ownership, secrets."""

from __future__ import annotations

from collections.abc import Iterable

from humanize import naturalsize

from openclaw_wizard.model import Facts, Installation, Severity, Staged, Tree
from openclaw_wizard.pitfalls.rule import Judgement, Needs, Pitfall, blocks, clear, look, unknown

# ---------------------------------------------------------------- not-enough-room

SPARE = 200_000_000
"""Bytes beyond the data: blocks of small files, and what the first start writes."""


def _room(facts: Facts) -> Judgement:
    if any(each.trees is None for each in facts.each):
        return unknown()
    if all(each.staged is not None for each in facts.each):
        return clear("the copy is there")
    trees = [tree for each in facts.each for tree in each.trees or ()]
    archived = all(each.archive is not None for each in facts.each)
    needed = sum(tree.bytes for tree in trees)
    if short := _short(trees):
        return blocks(short)
    if not archived and facts.archive_room is not None and facts.archive_room < needed:
        return blocks(
            f"the safety copy on OLD may need {_size(needed)}, {_size(facts.archive_room)} are free"
        )
    if any(tree.free_bytes is None for tree in trees):
        return unknown("the free room on NEW is not known")
    if not archived and facts.archive_room is None:
        return unknown("the free room on OLD is not known")
    return clear(f"{_size(needed)} to move")


def _short(trees: Iterable[Tree]) -> str:
    """Where NEW is short of room. Trees that see the same free room are taken to share it."""
    by_room: dict[int, int] = {}
    for tree in trees:
        if tree.free_bytes is not None:
            by_room[tree.free_bytes] = by_room.get(tree.free_bytes, SPARE) + tree.bytes
    for free, wanted in by_room.items():
        if free < wanted:
            return f"NEW needs {_size(wanted)} beside the target, {_size(free)} are free"
    return ""


def _size(count: int) -> str:
    return naturalsize(count)


NOT_ENOUGH_ROOM = Pitfall(
    id="not-enough-room",
    subject="data",
    title="Not enough room",
    why=(
        "The copy is made beside the target and takes its place at the end, and what stood there is kept: "
        "NEW needs room for all of it, OLD for the safety copy."
    ),
    source="#42273, #76502 (20 GB of state, 13 GB of it one log)",
    severity=Severity.BLOCKS,
    remedy="Make room on that machine (`du -sh ~/.openclaw/*` shows what is large), then look again.",
    judge=_room,
    whole=True,
    needs=Needs.BOTH,
)

# --------------------------------------------------------------- target-not-empty


def _occupied(facts: Facts) -> Judgement:
    if facts.trees is None:
        return unknown()
    standing = [tree.new for tree in facts.trees if tree.occupied]
    if not standing:
        return clear("nothing stands there")
    return look(f"{', '.join(standing)} will be moved aside and kept")


TARGET_NOT_EMPTY = Pitfall(
    id="target-not-empty",
    subject="data",
    title="Something stands at the target",
    why=(
        "State that is copied over another one mixes two installations: a left-over log of the old database "
        "damages the new one, and leftovers of both make the start fail."
    ),
    source="#107227, #102749, #123327; measured",
    severity=Severity.LOOK,
    remedy="Nothing to do: it is renamed to `….before-<move>`, never merged and never deleted.",
    judge=_occupied,
    needs=Needs.NEW,
)

# ------------------------------------------------------------------- partial-copy


def _partial(facts: Facts) -> Judgement:
    found, staged = facts.installation, facts.staged
    if staged is not None and (staged.missing or staged.different):
        return blocks(f"{staged.missing} entries are missing on NEW, {staged.different} differ")
    if found is None:
        return unknown()
    if not found.has_agents:
        return look(
            f"{found.state_dir} holds no agents, so neither sessions nor logins" + _credentials(found)
        )
    if missing := [w.path for w in found.workspaces if not w.exists]:
        return look(f"a workspace of the config is not there: {', '.join(missing[:3])}")
    if staged is None:
        return unknown("known once the copy is compared")
    return clear("every entry is on NEW")


def _credentials(found: Installation) -> str:
    return "" if found.has_credentials else ", and no credentials"


PARTIAL_COPY = Pitfall(
    id="partial-copy",
    subject="data",
    title="A copy that is not whole",
    why=(
        "`openclaw.json` alone is not enough: logins, sessions and channels are under `agents/` and "
        "`credentials/`, and the workspace may stand elsewhere."
    ),
    source="docs install/migrating.md; #86382",
    severity=Severity.BLOCKS,
    remedy="Name the right state directory or user on OLD; where the copy is short, resume.",
    judge=_partial,
    needs=Needs.COPY,
)

# ---------------------------------------------------------------------- ownership

UNREADABLE = "cannot be read"
"""What the discovery says of a file that is closed to this user."""


def _ownership(facts: Facts) -> Judgement:
    found = facts.installation
    if found is None:
        return unknown()
    if found.config_problem and UNREADABLE in found.config_problem:
        return blocks(f"on OLD: {found.config_problem}")
    if closed := next((tree.problem for tree in facts.trees or () if tree.problem), ""):
        return blocks(f"on OLD: {closed}")
    return unknown("known once the copy is compared") if facts.staged is None else _staged(facts.staged)


def _staged(staged: Staged) -> Judgement:
    if staged.foreign_owned:
        return blocks(f"{staged.foreign_owned} entries on NEW belong to another user")
    if staged.too_open:
        return blocks(f"{staged.too_open} entries on NEW are open to others, which they were not on OLD")
    return clear("all belongs to the gateway's user")


OWNERSHIP = Pitfall(
    id="ownership",
    subject="data",
    title="Files of another user",
    why=(
        "A gateway that may not read its state starts with none, and an old version then writes an empty "
        "config over it. It happens after a copy as root or from a container."
    ),
    source="docs install/migrating.md; #21571, #8793, #78493",
    severity=Severity.BLOCKS,
    remedy=(
        "On OLD log in as the gateway's own user and open what is closed to it (`chmod -R u+rX`, `chown`); "
        "on NEW `chown -R` to that user and `chmod go-rwx`."
    ),
    judge=_ownership,
    needs=Needs.COPY,
)

# ---------------------------------------------------------------- damaged-database


def _damaged(facts: Facts) -> Judgement:
    found = facts.damaged
    if found is None:
        return unknown("known once OLD is counted")
    if not found:
        return clear("every database on OLD is whole")
    named = ", ".join(f"{each.path} ({each.reason})" for each in found[:3])
    return look(f"damaged on OLD: {named}{', …' if len(found) > 3 else ''}")


DAMAGED_DATABASE = Pitfall(
    id="damaged-database",
    subject="data",
    title="A damaged database on OLD",
    why=(
        "OpenClaw refuses a damaged database, or puts it aside and begins an empty one; a gateway that still "
        "runs with one may not start with it again."
    ),
    source="docs reference/database-schemas/integrity-and-recovery.md; #101290, #120549, #36035",
    severity=Severity.LOOK,
    remedy=(
        "Mend it on OLD first (`openclaw doctor`, or a backup of yours). Or accept: on NEW a new one is made "
        "of all that can be read, and the move ends as done with problems."
    ),
    judge=_damaged,
)

# -------------------------------------------------------------------- lost-entries


def _lost(facts: Facts) -> Judgement:
    found = facts.losses
    if found is None:
        return unknown("known once the copy is compared")
    if not found.count:
        return clear("everything can come along")
    named = ", ".join(f"{each.path} ({each.reason})" for each in found.first[:3])
    return look(f"{found.count} cannot come along: {named}{', …' if found.count > 3 else ''}")


LOST_ENTRIES = Pitfall(
    id="lost-entries",
    subject="data",
    title="Entries that cannot come along",
    why=(
        "A disk with read errors or a file system that folds names would leave holes in the moved state "
        "that nobody sees until they are needed."
    ),
    source="measured (squashfs with a damaged block; NTFS)",
    severity=Severity.LOOK,
    remedy=(
        "Mend or delete them on OLD, or give NEW a file system that holds them, then resume: all is tried "
        "again. Or accept; the move then ends as done with problems."
    ),
    judge=_lost,
    needs=Needs.COPY,
)

# -------------------------------------------------------------- secrets-in-backups


def _secrets(facts: Facts) -> Judgement:
    if facts.archive is None:
        return unknown("known once the safety copy is made")
    if facts.archive.mode & 0o077:
        return blocks(f"{facts.archive.path} can be read by others (mode {facts.archive.mode:04o})")
    return clear(f"only its user can read {facts.archive.path}")


SECRETS_IN_BACKUPS = Pitfall(
    id="secrets-in-backups",
    subject="data",
    title="Secrets in the safety copy",
    why=(
        "The state directory holds API keys, tokens and the keys of linked channels; who reads the copy "
        "can act as its owner."
    ),
    source="docs install/migrating.md",
    severity=Severity.BLOCKS,
    remedy="`chmod 600` the safety copy; delete it when NEW has proved itself.",
    judge=_secrets,
    needs=Needs.BACKUP,
)
