"""The switch: the staged tree takes the target's place by rename, what stood there is kept beside it.

Nothing is ever deleted or replaced. Every function can be repeated after a kill between any two renames.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from openclaw_wizard.errors import StepFailed
from openclaw_wizard.hosts.helper import Helper, HelperFailed
from openclaw_wizard.model import Tree

OTHER_DISK: Final = ("EXDEV", "EBUSY")
"""What rename says where the target is a mount point of its own."""


async def switch(helper: Helper, trees: Sequence[Tree], move: str) -> dict[str, str]:
    """Puts every staged tree at its target; the answer is where, by tree name, the previous one is kept.

    A tree that has no staging folder any more and stands at its target is taken as switched already.
    Raises StepFailed (nothing staged, or the target cannot be renamed), HelperFailed, LinkLost.
    """
    for tree in trees:
        staged, there = await _exist(helper, tree.staged(move), tree.new)
        if staged and there:
            await rename(helper, tree.new, await _free_name(helper, tree.aside(move)))
        if staged:
            await rename(helper, tree.staged(move), tree.new)
        elif not there:
            raise StepFailed(
                what=f"Nothing is staged for {tree.new} on {helper.host.label}.",
                safe="Nothing was replaced.",
                next="Resume; the copy is made again.",
            )
        if tree.file:
            emptied = {"path": tree.staging(move), "mustContain": f".incoming-{move}"}
            await helper.call("remove_tree", emptied)
    aside = await _exist(helper, *(tree.aside(move) for tree in trees))
    return {tree.name: tree.aside(move) for tree, kept in zip(trees, aside, strict=True) if kept}


async def switched(helper: Helper, trees: Sequence[Tree], move: str) -> bool:
    """Whether every tree stands at its target and, where something stood there, that is kept aside.

    True can be wrong only for a target that was free at planning, was never staged, and was filled by
    somebody else since: who needs to be sure keeps the inode of the staging folder.
    """
    for tree in trees:
        staged, there, aside = await _exist(helper, tree.staged(move), tree.new, tree.aside(move))
        if staged or not there or (tree.occupied and not aside):
            return False
    return True


async def unswitch(helper: Helper, trees: Sequence[Tree], move: str) -> None:
    """Moves every switched tree to its `undone` name and what stood there before back to its place.

    A tree that was not switched stays as it is. Raises StepFailed, HelperFailed, LinkLost.
    """
    for tree in reversed(trees):
        staged, there, aside = await _exist(helper, tree.staged(move), tree.new, tree.aside(move))
        ours = there and (aside or not (tree.occupied or staged))
        if ours:
            await rename(helper, tree.new, await _free_name(helper, tree.undone(move)))
        if aside:
            await rename(helper, tree.aside(move), tree.new)


async def _exist(helper: Helper, *paths: str) -> list[bool]:
    """Whether something stands there, a dangling link too."""
    found: list[bool] = await helper.call("exists", {"paths": list(paths)})
    return found


async def _free_name(helper: Helper, wanted: str) -> str:
    name, number = wanted, 1
    while (await _exist(helper, name))[0]:
        number += 1
        name = f"{wanted}-{number}"
    return name


async def rename(helper: Helper, source: str, target: str) -> None:
    """Never takes the place of something. Raises StepFailed with the reason, HelperFailed, LinkLost."""
    try:
        await helper.call("rename", {"from": source, "to": target})
    except HelperFailed as failed:
        raise _explained(failed, helper.host.label, source, target) from failed


def _explained(failed: HelperFailed, host: str, source: str, target: str) -> Exception:
    if failed.error_code in OTHER_DISK:
        why = "it is a mount point, or on another disk than its folder"
    elif failed.error_code == "EEXIST":
        why = "something stands there already, and nothing is ever replaced"
    elif failed.error_code in ("EACCES", "EPERM", "EROFS"):
        why = "this user may not change that folder"
    else:
        return failed
    return StepFailed(
        what=f"{host}: {source} cannot become {target}: {why} ({failed.error_code}).",
        safe="Nothing was replaced or deleted; both folders are where they were.",
        next="Mend that on the machine, then resume.",
    )
