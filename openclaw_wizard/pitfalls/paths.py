"""Pitfalls of absolute paths: what would not be found on NEW, and the ways to have it found."""

from __future__ import annotations

from openclaw_wizard.model import Facts, Severity, Tree
from openclaw_wizard.paths import Paths, Relocation
from openclaw_wizard.pitfalls.rule import Judgement, Needs, Pitfall, blocks, clear, look, unknown

# ------------------------------------------------------------------- paths-inside


def _inside(facts: Facts) -> Judgement:
    found = facts.relocation
    if found is None:
        return unknown()
    if found.problems:
        return blocks("; ".join(found.problems[:3]))
    if found.left:
        places = [f"{each.file} {each.where}".strip() for each in found.left[:3]]
        count = sum(each.count for each in found.left)
        more = f", and {count - len(places)} more" if count > len(places) else ""
        return look(f"left as it is: {', '.join(places)}{more}{_written(found)}")
    return clear(f"{found.count} will be rewritten{_written(found)}")


def _written(found: Relocation) -> str:
    named = found.mentions
    if not named.count:
        return ""
    least = "at least " if named.partial else ""
    return f"; texts that people wrote name old places ({least}{named.count} times) and stay as they are"


PATHS_INSIDE = Pitfall(
    id="paths-inside",
    subject="data",
    title="Paths of the old place inside the state",
    why=(
        "OpenClaw keeps absolute paths in its config and databases, and its doctor mends none of them: cron "
        "jobs vanish and workspaces come up empty without a word. What names an old place and cannot be "
        "rewritten safely is left for you."
    ),
    source="#90072, #62632, #15696; measured",
    severity=Severity.BLOCKS,
    remedy=(
        "Read the list in the review. What blocks is mended on OLD; what is left is looked at on NEW, "
        "after the move."
    ),
    judge=_inside,
    needs=Needs.BOTH,
)

# ------------------------------------------------------------------ paths-another-way


def _another_way(facts: Facts) -> Judgement:
    if facts.paths is None or facts.trees is None:
        return unknown()
    match facts.paths:
        case Paths.SAME:
            return _same(facts.trees, facts)
        case Paths.LINK if changed := _changed(facts.trees):
            places = ", ".join(tree.old for tree in changed)
            return look(f"root must link {places} to the new places before NEW starts")
        case Paths.KEEP if _changed(facts.trees):
            return look("no path is rewritten, and nothing leads from the old places to the new ones")
        case _:
            return clear("paths follow to their new places")


def _changed(trees: tuple[Tree, ...]) -> list[Tree]:
    return [tree for tree in trees if tree.old != tree.new]


def _same(trees: tuple[Tree, ...], facts: Facts) -> Judgement:
    if any(tree.makeable is None for tree in trees):
        return unknown("it is not known what NEW's user may make there")
    if closed := [tree.new for tree in trees if not tree.makeable]:
        return blocks(f"NEW's user may not make {', '.join(closed)}")
    home = facts.new.home if facts.new else "NEW's home"
    return look(
        f"{trees[0].new} is not where OpenClaw looks by itself on NEW: each command and service needs "
        f"OPENCLAW_STATE_DIR, and `~` in the config means {home}"
    )


PATHS_ANOTHER_WAY = Pitfall(
    id="paths-another-way",
    subject="data",
    title="Paths are not rewritten",
    why=(
        "Without rewriting, everything must be found at the path that it had on OLD: at the very same place "
        "or through a link. Where neither is true, cron jobs vanish and workspaces come up empty."
    ),
    source="#62632; measured",
    severity=Severity.BLOCKS,
    remedy=(
        "Use --paths rewrite; or let root prepare NEW: for --paths same a folder that its user may write, "
        "for --paths link the links that the review names. --paths keep is for who will mend paths by hand, "
        "and must be accepted."
    ),
    judge=_another_way,
    needs=Needs.BOTH,
    must_accept=lambda facts: facts.paths is Paths.KEEP,
)

# ------------------------------------------------------------------ shared-workspace


def _shared(facts: Facts) -> Judgement:
    if facts.shared is None:
        return unknown()
    if facts.shared:
        return look(f"both machines see {', '.join(facts.shared)}: it stays there and is not copied")
    return clear("the machines share no folder that moves")


SHARED_WORKSPACE = Pitfall(
    id="shared-workspace",
    subject="data",
    title="A workspace that both machines see",
    why=(
        "A workspace on a NAS needs no copy, and moving aside what stands at its place on NEW would take it "
        "away from OLD."
    ),
    source="measured",
    severity=Severity.LOOK,
    remedy="Nothing to do; see that NEW mounts it before its gateway starts, also after a reboot.",
    judge=_shared,
    needs=Needs.BOTH,
)
