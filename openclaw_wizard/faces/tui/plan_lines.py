"""The plan as the review shows it: each section is a list of a short head and a text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from textual.content import Content

from openclaw_wizard.faces import diff, figures
from openclaw_wizard.faces.tui.hosttext import one_line
from openclaw_wizard.faces.tui.scene import Scene
from openclaw_wizard.faces.tui.words import NEVER, NO_RETURN
from openclaw_wizard.model import Finding, Plan, Tree
from openclaw_wizard.paths import Paths

Lines = tuple[tuple[Content, Content], ...]
"""Head (a glyph, a number) and text."""

STAYS: Final = "Belongs to it and does not move"
NOTICED: Final = "Could not be read or followed"


def sections(scene: Scene) -> Mapping[str, Lines]:
    """By the section's id; a section without lines is not shown."""
    plan = scene.view.plan
    if plan is None:
        return {"blockers": blockers(scene)}
    return {
        "blockers": blockers(scene),
        "trees": trees(plan),
        "will": (*will(plan), *mended(scene)),
        "return": ((_sign("▲", "$warning"), Content(NO_RETURN)),),
        "never": tuple((_sign("⊘", "$secondary"), Content(text)) for text in NEVER),
        "paths": path_changes(plan),
        "look": left_as_it_is(plan),
        "stays": stays(plan),
        "noticed": noticed(plan),
        "left": left_out(plan),
    }


def _sign(glyph: str, colour: str) -> Content:
    return Content.styled(glyph, colour)


def _muted(text: str) -> Content:
    return Content.styled(one_line(text), "$muted")


def blockers(scene: Scene) -> Lines:
    return tuple(
        (
            _sign("✖", "$error"),
            Content.assemble(
                (one_line(f.title), "bold"), "\n", _muted(f.evidence or f.why), "\n", one_line(_way_out(f))
            ),
        )
        for f in scene.blockers
    )


def _way_out(finding: Finding) -> str:
    if finding.fixes:
        says = "; ".join(fix.says() for fix in finding.fixes)
        return f"Open it in the checklist and press X: the move mends it ({says})."
    return finding.remedy


def trees(plan: Plan) -> Lines:
    return tuple((_sign("▸", "$primary"), _tree(tree)) for tree in plan.all_trees)


def _tree(tree: Tree) -> Content:
    moved = "\nWhat stands there now is moved aside." if tree.occupied else ""
    return Content.assemble(
        (one_line(tree.old), "bold"),
        ("\n→ ", "$primary"),
        (one_line(tree.new), "bold"),
        ("\n" + f"{figures.size(tree.bytes)} in {figures.files(tree.files)}", "$muted"),
        (moved, "$warning"),
    )


def will(plan: Plan) -> Lines:
    """One line for every step that changes something."""
    amount = figures.size(sum(t.bytes for t in plan.all_trees))
    node = f"Node {plan.new.node} is there" if plan.new.node else f"Node {plan.node_range} is installed"
    service = "a systemd user service" if plan.service == "systemd" else f"a {plan.service} process"
    several = f" Each of these goes for every profile: {plan.profiles}." if plan.beside else ""
    steps = (
        (
            "Back up",
            "OLD is counted, its gateway stops, an archive only you can read is made on OLD." + several,
        ),
        ("Install", f"OpenClaw {plan.version} comes on NEW, the same as on OLD; {node}."),
        ("Copy", f"{amount} go to NEW, {plan.route.why}; every file is compared before it takes its place."),
        ("Doctor", f"OpenClaw checks and repairs its config; the gateway becomes {service}."),
        ("Verify", "NEW starts and is counted; when it is ready, OLD is disabled."),
    )
    return tuple(
        (_sign(str(i), "bold $primary"), Content.assemble((name, "bold"), f"  {one_line(text)}"))
        for i, (name, text) in enumerate(steps, 2)
    )


def mended(scene: Scene) -> Lines:
    """What the person had the move mend, or would have it."""
    wanted = (fix for finding in scene.findings if finding.fixing for fix in finding.fixes)
    return tuple(
        (_sign("◆", "$primary"), Content(one_line(f"Mended before Install, {fix.says()}."))) for fix in wanted
    )


MOST_HUNKS: Final = 40


def path_changes(plan: Plan) -> Lines:
    """The folders that move, and every value in OpenClaw's files that follows, as a diff."""
    found = [
        (_sign("○", "$muted"), _muted(f"{path} is seen by both machines and stays."))
        for each in plan.each
        for path in each.shared
    ]
    if not plan.path_changes and plan.wishes.paths is Paths.REWRITE:
        return (*found, (_sign("○", "$muted"), _muted("None: every path is the same on both machines.")))
    found += [
        (_sign("▸", "$primary"), Content.assemble(one_line(old), ("  →  ", "$primary"), one_line(new)))
        for old, new in plan.path_changes
    ]
    found.append((_sign("○", "$muted"), _muted(f"Here {diff.WAYS[plan.wishes.paths]}. P: another way.")))
    links = dict.fromkeys(line for each in plan.each for line in each.links)
    found += [(_sign("▲", "$warning"), Content(f"As root on NEW: {one_line(line)}")) for line in links]
    relocation = plan.all_relocation
    shown, more = diff.hunks(relocation, MOST_HUNKS) if relocation else ([], 0)
    found += [(_sign("@", "$secondary"), _hunk(hunk)) for hunk in shown]
    if more:
        found.append((_sign("…", "$muted"), _muted(f"and {more:,} more, all of them in the report")))
    return tuple(found)


def _hunk(hunk: diff.Hunk) -> Content:
    old, new = f"\n- {one_line(hunk.old)}", f"\n+ {one_line(hunk.new)}"
    return Content.assemble((one_line(hunk.where), "bold"), (old, "$error"), (new, "$success"))


def left_as_it_is(plan: Plan) -> Lines:
    """What names an old place and is for the person to look at."""
    relocation = plan.all_relocation
    if relocation is None:
        return ()
    problems = [(_sign("✖", "$error"), Content(one_line(each))) for each in relocation.problems]
    left = [(_sign("▲", "$warning"), Content(one_line(diff.left(each)))) for each in relocation.left]
    said = diff.written(relocation.mentions)
    return (*problems, *left, *([(_sign("○", "$muted"), _muted(said))] if said else []))


def stays(plan: Plan) -> Lines:
    return tuple(
        (
            _sign("○", "$warning"),
            Content.assemble(
                (one_line(each.what), "bold"), "\n", _muted(each.reason), "\n→ ", one_line(each.remedy)
            ),
        )
        for one in plan.each
        for each in one.stays
    )


def noticed(plan: Plan) -> Lines:
    return tuple((_sign("▲", "$warning"), Content(one_line(text))) for text in plan.noticed)


def left_out(plan: Plan) -> Lines:
    excluded = dict.fromkeys(each for one in plan.each for each in one.excluded)
    if not excluded:
        return ((_sign("○", "$muted"), _muted("Nothing.")),)
    paths: dict[str, list[str]] = {}
    for each in excluded:
        paths.setdefault(each.reason, []).append(one_line(each.path))
    left = tuple(
        (_sign("○", "$muted"), Content.assemble("  ".join(named), "\n", _muted(reason)))
        for reason, named in paths.items()
    )
    wanted = (
        ("taken along by --include", plan.wishes.include),
        ("asked for, but nothing on OLD matches it", plan.unmatched),
    )
    return left + tuple(
        (_sign("▸", "$primary"), Content.assemble("  ".join(map(one_line, named)), "\n", _muted(text)))
        for text, named in wanted
        if named
    )
