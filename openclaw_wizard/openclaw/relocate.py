"""Absolute paths inside OpenClaw's state, made right for another home before the first start.

`doctor` changes none of them and warns of none [measured]. What is rewritten:

- config, its last-good copy and what it includes: string values that begin with an old folder
- `exec-approvals.json` (`path`), `sessions.json` of the JSONL era (`sessionFile`; #15696), absolute links
- state database: the key of cron jobs, without which they vanish silently; the stored cron path;
  workspaces with their keys (the path's SHA-256: with only the path rewritten, 2026.9.6 takes the workspace
  for a new one and removes BOOTSTRAP.md [measured]); exec approvals; agent databases (absolute up to
  schema 8)

Left alone: transcripts and workspace files (a person's words), receipts and health records (rebuilt).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from openclaw_wizard.hosts.helper import Helper
from openclaw_wizard.model import Tree, Word
from openclaw_wizard.openclaw.config import Config, lookup, skill_keys
from openclaw_wizard.openclaw.discover import WALK_TIMEOUT, is_under

Pairs = tuple[tuple[str, str], ...]


class Change(Word):
    """One kind of thing that was (or would be) rewritten; `file` is relative to the state directory."""

    file: str
    where: str
    count: int


def pairs(trees: Iterable[Tree], old_home: str, new_home: str, also: Pairs = ()) -> Pairs:
    """Old and new folder of everything whose path changes, longest first; without those that follow.

    `also` are more such folders. Empty where no path changes.
    """
    wanted = {(tree.old, tree.new) for tree in trees} | {(old_home, new_home), *also}
    found: list[tuple[str, str]] = []
    for old, new in sorted(wanted, key=lambda pair: (len(pair[0]), pair)):
        if relocated(old, found) != new:
            found.append((old, new))
    return tuple(sorted(found, key=lambda pair: (-len(pair[0]), pair)))


def relocated(path: str, changes: Iterable[tuple[str, str]]) -> str:
    """The path after the move; the longest folder wins, and /home/al is not in /home/alice."""
    for old, new in sorted(changes, key=lambda pair: -len(pair[0])):
        if is_under(path, old):
            return new + path[len(old) :]
    return path


async def relocate(
    helper: Helper,
    *,
    state_dir: str,
    state_dir_new: str,
    changes: Sequence[tuple[str, str]],
    roots: Sequence[str] = (),
    dry_run: bool = False,
) -> tuple[Change, ...]:
    """Rewrites the staged state in `state_dir`, which will stand at `state_dir_new`.

    `roots` are the places of all trees on NEW. With `dry_run` nothing is written; an empty result means
    that nothing is left to do. Every file is replaced whole, the database in one transaction, and
    nothing is left beside it. Raises HelperFailed, LinkLost.
    """
    asked = {
        "stateDir": state_dir,
        "stateDirNew": state_dir_new,
        "pairs": [list(pair) for pair in changes],
        "roots": list(roots),
        "dryRun": dry_run,
    }
    answer = await helper.call("oc.relocate", asked, timeout=WALK_TIMEOUT)
    return tuple(Change.model_validate(each) for each in answer)


async def restore_skills(helper: Helper, config_path: str, before: Config) -> tuple[str, ...]:
    """Switches on again the skills that `doctor --fix` switched off, and names them.

    It does that for every skill whose program is missing, about 30 on a bare machine [measured; #147346];
    with the program there later, the skill would stay off. `before` is the config from before doctor.
    """
    asked = {
        "configPath": config_path,
        "had": skill_keys(before),
        "hadSection": lookup(before, "skills") is not None,
        "hadEntries": lookup(before, "skills", "entries") is not None,
    }
    answer = await helper.call("oc.config-restore-skills", asked)
    return tuple(answer["names"])
