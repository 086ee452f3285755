"""Where everything goes, and which paths inside follow: previewed on OLD, done in the copy on NEW."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence

from openclaw_wizard.errors import StepFailed, UsageError
from openclaw_wizard.events import Relocated
from openclaw_wizard.hosts.helper import Helper
from openclaw_wizard.model import Facts, HostFacts, Installation, Plan, StepId, Tree, Workspace
from openclaw_wizard.openclaw import discover, relocate
from openclaw_wizard.openclaw.config import ConfigUnreadable, Setting
from openclaw_wizard.openclaw.found import Place
from openclaw_wizard.openclaw.relocate import Placed
from openclaw_wizard.paths import Paths, Pin, Relocation
from openclaw_wizard.report.kept import CHANGES
from openclaw_wizard.steps import trees
from openclaw_wizard.steps.action import Action, Context, Done

Mark = tuple[str, ...] | None

# ------------------------------------------------------------------- the trees


async def measured(
    helper: Helper, found: tuple[Tree, ...], rules: Sequence[Sequence[tuple[str, str]] | None]
) -> tuple[tuple[Tree, ...], tuple[Mark, ...]]:
    """The trees with their sizes without what `rules` leave out, and marks; None where the size is known."""
    answers = await asyncio.gather(
        *(
            discover.places(helper, [tree.old], each or (), sizes=each is not None)
            for tree, each in zip(found, rules, strict=True)
        )
    )
    places = [place for (place,) in answers]
    sized = [
        tree.model_copy(update={"bytes": place.bytes, "files": place.files, "problem": place.problem})
        if each is not None
        else tree
        for tree, place, each in zip(found, places, rules, strict=True)
    ]
    also = () if places[0].real == found[0].old else ((places[0].real, found[0].new),)
    # What of the state directory cannot be read was told when it was found.
    sized[0] = sized[0].model_copy(update={"also": also, "problem": None})
    return tuple(sized), tuple(place.mark for place in places)


def as_on_new(
    found: Sequence[Tree], marks: Sequence[Mark], places: Sequence[Place]
) -> tuple[tuple[Tree, ...], tuple[str, ...]]:
    """The trees with what stands in their places; and, left out of them, what both machines see."""
    kept: list[Tree] = []
    shared: list[str] = []
    for tree, mark, place in zip(found, marks, places, strict=True):
        if tree.old == tree.new and mark is not None and mark == place.mark:
            shared.append(tree.old)
            continue
        seen = {"occupied": place.exists, "free_bytes": place.free, "real": place.canonical or None}
        kept.append(tree.model_copy(update={**seen, "makeable": place.makeable}))
    if not kept or kept[0].name != "state":
        raise StepFailed(
            what=f"Both machines see the same state directory, {found[0].old}: there is nothing to copy.",
            safe="Nothing was changed on either machine.",
            next="Stop OpenClaw on OLD and start it on NEW; or name another NEW.",
        )
    return tuple(kept), tuple(shared)


def plan_trees(chosen: Installation, old: HostFacts, new: HostFacts, paths: Paths) -> tuple[Tree, ...]:
    """`plan_all` for one that moves by itself."""
    return plan_all((chosen,), old, new, paths)[0]


def plan_all(
    chosen: Sequence[Installation],
    old: HostFacts,
    new: HostFacts,
    paths: Paths,
    real: Mapping[str, str] | None = None,
) -> tuple[tuple[Tree, ...], ...]:
    """Of each its state directory, and all outside that belongs to it, once however many names it has.

    What several share, or what lies in the tree of another, is the tree of one of them alone. `real` are
    the folders that links lead to from the state directories. What lies in the old home goes to the new
    one, unless the same path is wanted. A workspace on a disk of another machine does not move: NEW sees
    the same folder, and moving aside what stands there would take it from OLD. Raises UsageError where a
    state directory lies in another one that moves.
    """

    def place(path: str) -> str:
        return path if paths is Paths.SAME else relocate.moved_home(path, old.home, new.home)

    states = {each.state_dir: (real or {}).get(each.state_dir, each.state_dir) for each in chosen}
    found = [[_state_tree(each, place(each.state_dir))] for each in chosen]
    outside = [w for each in chosen for w in each.workspaces if _moves_by_itself(w, states)]
    kept: list[Tree] = []
    for workspace in sorted(
        outside, key=lambda each: (len(_real(each)), _real(each) != each.path, each.path)
    ):
        if not _is_in_another(workspace, outside, kept):
            name = f"workspace-{len(kept) + 1}"
            kept.append(_tree(name, workspace.path, place(workspace.path), outside))
            owner = next(n for n, each in enumerate(chosen) if workspace in each.workspaces)
            found[owner].append(kept[-1])
    _refuse_nested(states, [_real(w) for w in outside])
    others = states if len(chosen) > 1 else ()
    for owner, tree in _belongings(chosen, place, [*others, *(tree.old for tree in kept)]):
        found[owner].append(tree)
    return tuple(map(tuple, found))


def _state_tree(chosen: Installation, new: str) -> Tree:
    return Tree(
        name="state",
        old=chosen.state_dir,
        new=new,
        bytes=chosen.state_bytes,
        files=chosen.state_files,
        occupied=False,
    )


def _moves_by_itself(workspace: Workspace, states: Mapping[str, str]) -> bool:
    """Not where it lies in the state directory of its own profile, or in that of another which moves."""
    if not workspace.exists or workspace.inside_state or workspace.network:
        return False
    return len(states) == 1 or not _is_in_any(_real(workspace), tuple(states.values()))


def _refuse_nested(states: Mapping[str, str], workspaces: Sequence[str]) -> None:
    for state, real in states.items():
        others = [each for name, each in states.items() if name != state]
        if len(states) > 1 and _is_in_any(real, (*others, *workspaces)):
            raise UsageError(
                what=f"{state} lies within what another of these profiles moves, so they cannot go together.",
                safe="Nothing was changed on either machine.",
                next="Name one of them with --profile; the outer one takes the files of the inner one along.",
            )


def guests(
    chosen: Sequence[Installation], host: Installation, real: Mapping[str, str]
) -> tuple[Workspace, ...]:
    """Workspaces of the other profiles in this one's state directory, under its own name."""
    root = real.get(host.state_dir, host.state_dir)
    inside = [w for each in chosen if each is not host for w in each.workspaces if w.exists]
    return tuple(
        w.model_copy(update={"path": host.state_dir + _real(w)[len(root) :]})
        for w in inside
        if discover.is_under(_real(w), root)
    )


def _belongings(
    chosen: Sequence[Installation], place: Callable[[str], str], covered: Sequence[str]
) -> Iterator[tuple[int, Tree]]:
    """Folders and single files outside that are no workspaces, each with the number of whose it is."""
    owner = {each.path: n for n, one in reversed(list(enumerate(chosen))) for each in one.outside}
    belong = [each for one in chosen for each in one.outside]
    folders: list[str] = []
    for path in sorted({each.path for each in belong if each.folder}):
        if not _is_in_any(path, (*covered, *folders)):
            folders.append(path)
    files = sorted({each.path for each in belong if not each.folder})
    files = [path for path in files if not _is_in_any(path, (*covered, *folders))]
    for number, path in enumerate((*folders, *files), 1):
        yield (
            owner[path],
            Tree(
                name=f"outside-{number}",
                old=path,
                new=place(path),
                bytes=0,
                files=0,
                occupied=False,
                file=path in files,
            ),
        )


def _is_in_any(path: str, folders: Sequence[str]) -> bool:
    return any(discover.is_under(path, each) for each in folders)


def _real(workspace: Workspace) -> str:
    return workspace.real or workspace.path


def _is_in_another(workspace: Workspace, outside: Sequence[Workspace], kept: Sequence[Tree]) -> bool:
    """Whether a tree that moves already holds it, by its own name or by where links lead."""
    real = {_real(each) for each in outside if any(each.path == tree.old for tree in kept)}
    return any(discover.is_under(_real(workspace), each) for each in real)


def _tree(name: str, old: str, new: str, outside: Sequence[Workspace]) -> Tree:
    (real,) = {_real(each) for each in outside if each.path == old}
    inside = [(each.path, _real(each)) for each in outside if discover.is_under(_real(each), real)]
    names = {(path, new + target[len(real) :]) for path, target in inside} | {(real, new)}
    also = tuple(sorted(each for each in names if each != (old, new)))
    return Tree(name=name, old=old, new=new, bytes=0, files=0, occupied=False, also=also)


def path_changes(facts: Facts) -> relocate.Pairs:
    """Old and new folder of everything that moves, and of workspaces that configs name and lack.

    One list for all profiles that move: each may name what another one carries.
    """
    old, new = facts.old, facts.new
    assert old and new
    missing = [
        w for each in facts.each if each.installation for w in each.installation.workspaces if not w.exists
    ]
    rewrite = facts.paths is not Paths.SAME
    absent = [(w.path, relocate.moved_home(w.path, old.home, new.home)) for w in missing if rewrite]
    return relocate.pairs([tree for each in facts.each for tree in each.trees or ()], absent)


def links(facts: Facts) -> tuple[str, ...]:
    """What root types on NEW where the person wants links instead of new paths."""
    return relocate.link_commands(facts.trees or ()) if facts.paths is Paths.LINK else ()


# ------------------------------------------------------------------- the preview


async def previewed(helper: Helper, plan: Plan) -> Plan:
    """The plan with what would be rewritten, read from OLD's own files. Raises HelperFailed, LinkLost."""
    pins = await _pins(helper, plan)
    plan = plan.model_copy(update={"pins": pins})
    placed = [Placed(tree, tree.old, trees.rules(plan, tree)) for tree in plan.trees]
    workspaces = [tree.old for tree in plan.trees[1:]]
    workspaces += [w.path for w in plan.installation.workspaces if w.inside_state and w.exists]
    workspaces += [w.path for w in plan.guests]
    found = await _asked(helper, plan, placed, dry_run=True, from_old=True, workspaces=workspaces)
    return plan.model_copy(update={"relocation": found})


async def _pins(helper: Helper, plan: Plan) -> tuple[Pin, ...]:
    if plan.wishes.paths not in (Paths.REWRITE, Paths.SAME):
        return ()
    try:
        config = await discover.read_config(helper, plan.installation)
    except ConfigUnreadable:
        return ()
    setting = Setting(plan.trees[0].new, plan.new.home, plan.installation.profile, plan.version)
    return relocate.pins(config, plan.installation, plan.path_changes, setting)


async def _asked(
    helper: Helper,
    plan: Plan,
    placed: Sequence[Placed],
    *,
    dry_run: bool,
    from_old: bool = False,
    workspaces: Sequence[str] = (),
) -> Relocation:
    """As the person wants it; with a link, keys that OpenClaw works out itself follow all the same."""
    if plan.wishes.paths is Paths.KEEP:
        return Relocation()
    return await relocate.relocate(
        helper,
        placed,
        plan.path_changes,
        homes=[plan.old.home] if plan.path_changes else [],
        workspaces=sorted(set(workspaces)),
        pins=plan.pins,
        only_keys=plan.wishes.paths is Paths.LINK,
        dry_run=dry_run,
        from_old=from_old,
    )


# ------------------------------------------------------------------- the actions


class Relocate(Action):
    """Paths in OpenClaw's own files follow to the new place; nothing else ever mends them [measured]."""

    id = "new.relocate"
    step = StepId.COPY
    title = "Let paths inside the state follow to the new place"
    safe = (
        "OLD is stopped and its data untouched; NEW's previous state is untouched, "
        "the copy is in a folder of its own."
    )

    async def holds(self, ctx: Context) -> bool:
        if not (ctx.plan.path_changes or ctx.plan.pins) or await trees.switched(ctx):
            return True
        found = await self._found(ctx, dry_run=True)
        return not found.changes and not found.problems

    async def apply(self, ctx: Context) -> Done:
        """What is going to be changed is kept before it is changed, so that a kill loses no line of it."""
        planned = await self._found(ctx, dry_run=True)
        if planned.problems:
            raise StepFailed(
                what=f"The paths of the copy cannot be rewritten: {planned.problems[0]}.",
                next="Mend that on OLD and start a new move; or put this one back.",
            )
        kept = _joined(_kept(ctx), planned)
        ctx.shelf.save(CHANGES, kept.model_dump_json(indent=1).encode())
        ctx.tell(Relocated(relocation=kept))
        await self._found(ctx, dry_run=False)
        files = len({change.file for change in planned.changes})
        return Done(fact=f"{planned.count} paths in {files} files; {len(planned.left)} left as they are")

    async def _found(self, ctx: Context, *, dry_run: bool) -> Relocation:
        placed = [Placed(t, t.staged(ctx.move), trees.rules(ctx.plan, t)) for t in ctx.plan.trees]
        return await _asked(ctx.new_helper, ctx.plan, placed, dry_run=dry_run)


def _kept(ctx: Context) -> Relocation | None:
    """What an earlier attempt was about to change."""
    content = ctx.shelf.load(CHANGES)
    return Relocation.model_validate_json(content) if content else None


def _joined(before: Relocation | None, now: Relocation) -> Relocation:
    if before is None:
        return now
    known = {(each.file, each.where, each.old) for each in before.changes}
    more = [each for each in now.changes if (each.file, each.where, each.old) not in known]
    return before.model_copy(update={"changes": (*before.changes, *more)})


class CheckLink(Action):
    """Without the link that the person wanted instead of new paths, nothing on NEW would find its files."""

    id = "new.link"
    step = StepId.DOCTOR
    title = "See that the old place leads to the new one on NEW"
    safe = "OLD is stopped and its data untouched; the moved state is complete on NEW."

    async def holds(self, ctx: Context) -> bool:
        return not await relocate.unlinked(ctx.new_helper, ctx.plan.trees)

    async def apply(self, ctx: Context) -> Done:
        missing = await relocate.unlinked(ctx.new_helper, ctx.plan.trees)
        if missing:
            commands = relocate.link_commands(t for t in ctx.plan.trees if t.old in missing)
            raise StepFailed(
                what=f"On NEW {', '.join(missing)} does not lead to the moved copy.",
                next=f"On NEW, as root: {'; '.join(commands)}. Then resume.",
            )
        return Done(fact="the old paths lead to the copy")
