"""Absolute paths inside OpenClaw's state, made right for another place before the first start.

`doctor` changes none of them and warns of none [measured]. What is rewritten:

- config, its last-good copy and what it includes: texts that are nothing but a path in a folder that moves.
  Only the bytes between the quotes change; comments, order and form stay. No library does that on a host:
  those of npm are not there, and those of Python write the whole file anew. So the text is read with the
  place of every value (`json5.mjs`) and cut there.
- `exec-approvals.json` (`path`), `plugins/installs.json`, `.env`, `sessions.json` of the JSONL era
  (`sessionFile`: #15696; skill files in its snapshots: #39719), absolute links in every tree that moves
- state database: the key of cron jobs, without which they vanish silently; the stored cron path;
  workspaces with their keys (the path's SHA-256: with only the path rewritten, 2026.9.6 takes the workspace
  for a new one and removes BOOTSTRAP.md [measured]); exec approvals; where plugins are installed (#136357);
  other columns that hold a path

Left and told: what names an old place but does not move, holds more than a path, or fits two rules. Left
alone: transcripts and workspace files (a person's words, only counted), receipts and health records
(rebuilt).
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from openclaw_wizard.hosts.helper import Helper
from openclaw_wizard.model import Installation, Pin, Relocation, Tree
from openclaw_wizard.openclaw import config as configs
from openclaw_wizard.openclaw.config import Config, Setting, lookup, skill_keys
from openclaw_wizard.openclaw.discover import WALK_TIMEOUT, is_under

Pairs = tuple[tuple[str, str], ...]


def moved_home(path: str, old_home: str, new_home: str) -> str:
    """The same place under the new home; a path outside the home stays what it is."""
    inside = path.removeprefix(f"{old_home}/")
    return f"{new_home}/{inside}" if inside != path else path


def pairs(trees: Iterable[Tree], absent: Iterable[tuple[str, str]] = ()) -> Pairs:
    """Old and new folder of everything that moves, longest first; without those that follow from another.

    `absent` are folders that the config names and that are not there yet. Empty where no path changes.
    """
    trees = tuple(trees)
    wanted = {(tree.old, tree.new) for tree in trees} | {each for tree in trees for each in tree.also}
    found: list[tuple[str, str]] = []
    for old, new in sorted(wanted | set(absent), key=lambda pair: (len(pair[0]), pair)):
        if relocated(old, found) != new:
            found.append((old, new))
    return tuple(sorted(found, key=lambda pair: (-len(pair[0]), pair)))


def relocated(path: str, changes: Iterable[tuple[str, str]]) -> str:
    """The path after the move; the longest folder wins, and /home/al is not in /home/alice."""
    for old, new in sorted(changes, key=lambda pair: -len(pair[0])):
        if is_under(path, old):
            return new + path[len(old) :]
    return path


@dataclass(frozen=True, slots=True)
class Placed:
    """A tree as it stands on the machine that is asked."""

    tree: Tree
    at: str
    rules: Sequence[tuple[str, str]] = ()
    """What of it does not move."""

    def asked(self, *, real: bool) -> dict[str, object]:
        return {
            "name": self.tree.name,
            "old": self.tree.old,
            "new": self.tree.new,
            "at": self.at,
            "real": self.tree.real if real else None,
            "rules": [list(rule) for rule in self.rules],
        }


async def relocate(
    helper: Helper,
    placed: Sequence[Placed],
    changes: Sequence[tuple[str, str]],
    *,
    homes: Sequence[str] = (),
    workspaces: Sequence[str] = (),
    pins: Sequence[Pin] = (),
    only_keys: bool = False,
    dry_run: bool = False,
    from_old: bool = False,
) -> Relocation:
    """Rewrites what stands at `placed` (the state directory first) and will stand at its trees' new places.

    What is in `homes` and does not move is told. With `dry_run` nothing is written, and no change means that
    nothing is left to do; what `workspaces` (as on OLD) say of old places is counted then. With `only_keys`
    only what OpenClaw works out from its own place is rewritten. `from_old`: NEW's links are those that the
    trees tell of, not this machine's. Where there is a problem nothing is written at all. Every file is
    replaced whole, the database in one transaction, and nothing is left beside it.
    Raises HelperFailed, LinkLost.
    """
    stays = [(each.tree.old, each.tree.new) for each in placed if each.tree.old == each.tree.new]
    asked = {
        "trees": [each.asked(real=from_old) for each in placed],
        "pairs": [list(pair) for pair in (*changes, *stays)],
        "homes": list(homes),
        "workspaces": list(workspaces),
        "pins": [pin.model_dump(mode="json") for pin in pins],
        "onlyKeys": only_keys,
        "dryRun": dry_run,
        "fromOld": from_old,
    }
    return Relocation.model_validate(await helper.call("oc.relocate", asked, timeout=WALK_TIMEOUT))


# ------------------------------------------------------------------- workspaces

NEWER = "a newer OpenClaw looks for this workspace elsewhere"
LIST_OWNER = "with several agents in a list, a newer OpenClaw gives this agent another workspace (#127802)"


def pins(config: Config, installation: Installation, changes: Pairs, setting: Setting) -> tuple[Pin, ...]:
    """What the config on NEW must say so that every agent keeps its workspace, also after an update.

    `setting` is NEW's, with the version that it gets. Up to 2026.7 a profile's workspace was in the default
    profile's folder (PR #122733); OPENCLAW_WORKSPACE_DIR is not set on NEW.
    """
    found: list[Pin] = []
    for workspace in installation.workspaces:
        keys = configs.workspace_keys(config, workspace.agent)
        if keys is None or not workspace.exists:
            continue
        now = relocated(workspace.path, changes)
        if why := _resolved_elsewhere(config, workspace.agent, now, changes, setting):
            found.append(Pin(keys=keys, value=now, why=why))
    return tuple(found)


def _resolved_elsewhere(config: Config, agent: str, now: str, changes: Pairs, setting: Setting) -> str:
    for version in (setting.written_by, None):
        ruled = configs.workspaces(config, replace(setting, written_by=version)).get(agent)
        if ruled and relocated(ruled[0], changes) != now:
            return NEWER
    listed = lookup(config, "agents", "list")
    several = isinstance(listed, list) and len(listed) > 1
    inherits = lookup(config, "agents", "defaults", "workspace") is not None
    is_first = configs.agents(config)[0] == agent
    return LIST_OWNER if several and inherits and is_first else ""


# -------------------------------------------------------------------- other ways


def link_commands(trees: Iterable[Tree]) -> tuple[str, ...]:
    """What root types on NEW so that the old places lead to the new ones."""
    lines = []
    for tree in trees:
        if tree.old != tree.new:
            parent = tree.old.rpartition("/")[0] or "/"
            made = shlex.join(["mkdir", "-p", parent])
            lines.append(f"{made} && {shlex.join(['ln', '-s', tree.new, tree.old])}")
    return tuple(lines)


async def unlinked(helper: Helper, trees: Iterable[Tree]) -> tuple[str, ...]:
    """The old places that do not lead to the new ones on that machine. Raises HelperFailed."""
    wanted = [tree for tree in trees if tree.old != tree.new]
    asked = {"paths": [path for tree in wanted for path in (tree.old, tree.new)], "sizes": False}
    found: list[Mapping[str, object]] = await helper.call("oc.places", asked)
    real = [str(each["real"]) for each in found]
    return tuple(tree.old for at, tree in enumerate(wanted) if real[2 * at] != real[2 * at + 1])


# ------------------------------------------------------------------- after doctor


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
