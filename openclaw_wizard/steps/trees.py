"""What several steps need to know about the trees that move: names of side files, manifests, the switch."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice

from openclaw_wizard.errors import StepFailed
from openclaw_wizard.events import (
    Advanced,
    GatewayChanged,
)
from openclaw_wizard.model import GatewayState, Inventory, Plan, Role, Tree, Wishes
from openclaw_wizard.openclaw import inventory, layout, selection
from openclaw_wizard.steps import gateway
from openclaw_wizard.steps.action import Context
from openclaw_wizard.transfer import compare, manifest
from openclaw_wizard.transfer.aside import aside
from openclaw_wizard.transfer.manifest import Manifest

COMPARED = "compared.json"
SWITCHING = "switching.json"
BEFORE, OLD_INVENTORY = "inventory-before.json", "inventory-old.json"
"""What OLD held while its gateway ran, and what it held when it was stopped."""


def manifest_name(tree: Tree) -> str:
    return f"manifest-{tree.name}.jsonl"


def manifest_names(plan: Plan) -> tuple[str, ...]:
    return tuple(manifest_name(tree) for tree in plan.trees)


def source_manifest(ctx: Context, tree: Tree) -> Manifest:
    """The manifest taken on OLD after the stop. Raises StepFailed where its side file is gone."""
    try:
        return manifest.load(ctx.shelf.file(manifest_name(tree)))
    except ValueError as problem:
        raise StepFailed(what=f"The manifest of {tree.old} is missing from the move's folder.") from problem


def is_listed(ctx: Context, tree: Tree) -> bool:
    return kept(ctx, manifest_name(tree)) is not None


def kept(ctx: Context, name: str) -> Manifest | None:
    """The manifest that is kept under that name, None where there is none that can be read."""
    try:
        return manifest.load(ctx.shelf.file(name))
    except ValueError:
        return None


def ahead_name(tree: Tree) -> str:
    """What the copy ahead packed, with hashes, as OLD was then."""
    return f"ahead-{tree.name}.jsonl"


def arrived_name(tree: Tree) -> str:
    """What stood in staging after the copy ahead, with hashes."""
    return f"arrived-{tree.name}.jsonl"


def staged_name(tree: Tree) -> str:
    """What stood in staging when it was last looked at there; before the switch with all hashes."""
    return f"staged-{tree.name}.jsonl"


async def keep_ahead(ctx: Context, tree: Tree, listed: Manifest, parts: Sequence[Manifest]) -> None:
    """Keeps what was packed while OLD worked; what was not packed is kept as it was listed."""
    await aside(compare.merged, listed, parts, ctx.shelf.file(ahead_name(tree)))


def each(ctx: Context) -> Iterator[tuple[Tree, Manifest]]:
    for tree in ctx.plan.trees:
        yield tree, source_manifest(ctx, tree)


def rules(plan: Plan, tree: Tree) -> tuple[tuple[str, str], ...]:
    """What stays behind: rebuildable and host-bound parts of a state directory, and what the person wants."""
    inside = [w.path for w in plan.installation.workspaces if w.inside_state]
    inside += [w.path for w in plan.guests]
    stays = [(each.path, each.reason) for each in plan.excluded if each.reason != selection.BY_WISH]
    return rules_of(tree, stays, inside, plan.wishes)


def rules_of(
    tree: Tree, stays: Iterable[tuple[str, str]], inside: Iterable[str], wishes: Wishes
) -> tuple[tuple[str, str], ...]:
    """`rules`, where there is no plan yet: `stays` of the state directory, the workspaces `inside` of it."""
    is_state = tree.name == "state"
    below = (path.removeprefix(f"{tree.old}/") for path in inside)
    defaults = layout.keeping(stays, below) if is_state else layout.WORKSPACE_EXCLUDED
    exclude, include = (
        selection.all_within(wanted, tree.old, is_state=is_state)
        for wanted in (wishes.exclude, wishes.include)
    )
    return selection.rules(defaults, exclude, include, is_state=is_state)


async def drift(ctx: Context) -> list[bytes]:
    """What changed on OLD since its manifests were taken, the first of them. Raises as `manifest.take`."""
    found: list[bytes] = []
    for tree, source in each(ctx):
        now = await list_old(ctx, tree, f"now-{tree.name}.jsonl", hashes=False)
        found += await first(compare.drifted(source, now))
    return found


async def list_old(
    ctx: Context,
    tree: Tree,
    name: str,
    *,
    hashes: bool,
    on_progress: Callable[[int, int], None] | None = None,
    also: Sequence[tuple[str, str]] = (),
) -> Manifest:
    """What stands on OLD now of what moves, kept as the side file `name`; `also` are more rules."""
    return await manifest.take(
        ctx.old_helper,
        tree.root,
        (*rules(ctx.plan, tree), *also),
        to=ctx.shelf.file(name),
        hashes=hashes,
        only=tree.only,
        losses=True,
        on_progress=on_progress,
    )


def list_again(ctx: Context) -> None:
    """Forgets all manifests: a resume that kept to them would copy and refuse the same for ever.

    What the copy ahead knew goes too, so that on both machines everything is read again.
    """
    for tree in ctx.plan.trees:
        for name in (manifest_name(tree), ahead_name(tree), arrived_name(tree)):
            ctx.shelf.save(name, b"")


def moved_on(ctx: Context, paths: Sequence[bytes]) -> StepFailed:
    """The error for what changed on OLD under the wizard's hands; the next run lists OLD again."""
    list_again(ctx)
    return StepFailed(
        what=f"{how_many(paths)} on OLD changed since they were listed: {named(paths)}",
        next=(
            "Something still writes there (an editor, a sync, another gateway): end it, then resume. "
            "All is listed again, and what differs is copied again."
        ),
    )


async def first(found: Iterator[bytes]) -> list[bytes]:
    """As many of these paths as are named."""
    return await aside(lambda: list(islice(found, compare.NAMED)))


def how_many(paths: Sequence[bytes]) -> str:
    if len(paths) >= compare.NAMED:
        return f"{compare.NAMED} entries or more"
    return "1 entry" if len(paths) == 1 else f"{len(paths)} entries"


def named(paths: Sequence[bytes]) -> str:
    return ", ".join(manifest.shown(path) for path in paths[:5])


def keepsakes(ctx: Context) -> str:
    """The folder on OLD in which the wizard leaves the safety copy and its mark, beside no data."""
    return f"{ctx.plan.old.home}/.openclaw-wizard/{ctx.move}/{ctx.plan.folder}".rstrip("/")


async def list_staged(
    ctx: Context,
    tree: Tree,
    action: str,
    *,
    hashes: bool,
    name: str | None = None,
    since: Mapping[str, str] | None = None,
) -> Manifest:
    """What stands in the staging folder on NEW; with `since` only what changed after that is hashed."""

    def progress(files: int, size: int) -> None:
        label = f"{'hashes' if hashes else 'lists'} what is on NEW already: {files:,} files"
        ctx.tell(Advanced(action=action, done=size, total=tree.bytes, unit="bytes", label=label))

    return await manifest.take(
        ctx.new_helper,
        tree.staging(ctx.move),
        to=ctx.shelf.file(name or staged_name(tree)),
        hashes=hashes,
        since=since,
        everything=True,
        on_progress=progress,
    )


async def list_standing(ctx: Context, tree: Tree, action: str) -> Manifest:
    """What stands in the staging folder, with all hashes; kept as `staged_name`.

    What the copy ahead left there was hashed then; where nobody touched it since, it is not read again.
    """
    ahead = kept(ctx, arrived_name(tree))
    if ahead is not None:
        name, since = f"standing-{tree.name}.jsonl", compare.since(ahead)
        listed = await list_staged(ctx, tree, action, hashes=True, name=name, since=since)
        standing = await aside(compare.carried, listed, ahead, ctx.shelf.file(staged_name(tree)))
        if standing.hashed:
            return standing
    return await list_staged(ctx, tree, action, hashes=True)


async def inventory_of(ctx: Context, role: Role) -> Inventory:
    """What one machine holds of the installation that moves."""
    facts = gateway.facts_of(ctx, role)
    version = facts.openclaw or ctx.plan.version if role is Role.OLD else ctx.plan.version
    return await inventory.take(ctx.helper(role), gateway.installation(ctx, role), facts, version=version)


def counted(ctx: Context, name: str) -> Inventory:
    """An inventory that was kept. Raises StepFailed where it is gone."""
    kept = ctx.shelf.load(name)
    if not kept:
        raise StepFailed(what="OLD's inventory is missing from the move's folder.")
    return Inventory.model_validate_json(kept)


async def switched(ctx: Context) -> bool:
    """Whether every staged tree stands at its target: the very folder (by inode) that was staged.

    The inodes are kept before the first rename, so that a kill between rename and record is seen.
    """
    kept = ctx.shelf.load(SWITCHING)
    if not kept:
        return False
    inodes: dict[str, str] = json.loads(kept)
    found = await identities(ctx, [t.new for t in ctx.plan.trees])
    return all(found.get(t.new) == inodes.get(t.name) for t in ctx.plan.trees)


async def identities(ctx: Context, paths: list[str]) -> dict[str, str | None]:
    """`device:inode` of each path on NEW, None where nothing stands there."""
    answer = await ctx.new_helper.call("stat", {"paths": paths})
    return {path: (f"{s['dev']}:{s['ino']}" if s else None) for path, s in zip(paths, answer, strict=True)}


def tell_gateway(ctx: Context, role: Role, state: GatewayState) -> None:
    ctx.tell(GatewayChanged(role=role, state=state))
