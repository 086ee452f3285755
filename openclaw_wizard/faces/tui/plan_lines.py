"""The plan as the review shows it: each section is a list of a short head and a text."""

from __future__ import annotations

from collections.abc import Mapping

from textual.content import Content

from openclaw_wizard.faces.tui import figures
from openclaw_wizard.faces.tui.hosttext import one_line
from openclaw_wizard.faces.tui.scene import Scene
from openclaw_wizard.faces.tui.words import NEVER, NO_RETURN
from openclaw_wizard.model import Plan, Tree

Lines = tuple[tuple[Content, Content], ...]
"""Head (a glyph, a number) and text."""


def sections(scene: Scene) -> Mapping[str, Lines]:
    """By the section's id; a section without lines is not shown."""
    plan = scene.view.plan
    if plan is None:
        return {"blockers": blockers(scene)}
    return {
        "blockers": blockers(scene),
        "trees": trees(plan),
        "will": will(plan),
        "return": ((_sign("▲", "$warning"), Content(NO_RETURN)),),
        "never": tuple((_sign("⊘", "$secondary"), Content(text)) for text in NEVER),
        "paths": path_changes(plan),
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
                (one_line(f.title), "bold"), "\n", _muted(f.evidence or f.why), "\n", one_line(f.remedy)
            ),
        )
        for f in scene.blockers
    )


def trees(plan: Plan) -> Lines:
    return tuple((_sign("▸", "$primary"), _tree(tree)) for tree in plan.trees)


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
    amount = figures.size(sum(t.bytes for t in plan.trees))
    node = f"Node {plan.new.node} is there" if plan.new.node else f"Node {plan.node_range} is installed"
    service = "a systemd user service" if plan.service == "systemd" else f"a {plan.service} process"
    steps = (
        ("Back up", "OLD is counted, its gateway stops, an archive only you can read is made on OLD."),
        ("Install", f"OpenClaw {plan.version} comes on NEW, the same as on OLD; {node}."),
        ("Copy", f"{amount} go to NEW, {plan.route.why}; every file is compared before it takes its place."),
        ("Doctor", f"OpenClaw checks and repairs its config; the gateway becomes {service}."),
        ("Verify", "NEW starts and is counted; when it is ready, OLD is disabled."),
    )
    return tuple(
        (_sign(str(i), "bold $primary"), Content.assemble((name, "bold"), f"  {one_line(text)}"))
        for i, (name, text) in enumerate(steps, 2)
    )


def path_changes(plan: Plan) -> Lines:
    if not plan.path_changes:
        return ((_sign("○", "$muted"), _muted("None: every path is the same on both machines.")),)
    return tuple(
        (_sign("▸", "$primary"), Content.assemble(one_line(old), ("  →  ", "$primary"), one_line(new)))
        for old, new in plan.path_changes
    )


def left_out(plan: Plan) -> Lines:
    if not plan.excluded:
        return ((_sign("○", "$muted"), _muted("Nothing.")),)
    paths: dict[str, list[str]] = {}
    for each in plan.excluded:
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
