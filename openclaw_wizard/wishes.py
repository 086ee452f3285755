"""The options that say how the copy is to be made, and of what.

Heavy imports stay inside functions, as in cli.py.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from openclaw_wizard.errors import UsageError

if TYPE_CHECKING:
    from openclaw_wizard.model import Wishes


def add_to(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--no-ahead", action="store_true", help="copy nothing while OLD's gateway still works"
    )
    command.add_argument(
        "--bwlimit", metavar="RATE", help="the most that goes to NEW in a second, such as 500KB or 4MB"
    )
    command.add_argument(
        "--paths",
        choices=("rewrite", "same", "link", "keep"),
        help="paths inside: rewrite them (default), keep the same places, link from the old ones, or keep",
    )
    command.add_argument(
        "--exclude",
        metavar="PATTERN",
        action="append",
        default=[],
        help="leave more behind (repeatable): relative to the state directory, or from / on for a workspace "
        "elsewhere on OLD; * within a name, ** any folders, a final / for a folder with all in it, "
        "such as 'workspace/**/node_modules/'",
    )
    command.add_argument(
        "--include",
        metavar="PATTERN",
        action="append",
        default=[],
        help="take along what would stay behind (repeatable), such as logs/ or 'cache/models/'",
    )
    command.add_argument(
        "--fix",
        metavar="PITFALL",
        action="append",
        default=[],
        help="let the move mend that finding on NEW (repeatable); it says how, and putting back undoes it",
    )
    command.add_argument(
        "--direct",
        metavar="HOST",
        nargs="?",
        const="",
        help="let OLD stream to NEW itself, by its own ssh and keys, at HOST ([user@]host[:port] as OLD "
        "reaches NEW; default: as this machine does); through the wizard where OLD cannot",
    )


def of(options: argparse.Namespace) -> Wishes:
    """Raises UsageError for a rate that is none, and for a pattern that cannot be followed."""
    from pydantic import ByteSize, TypeAdapter, ValidationError

    from openclaw_wizard.model import Paths, Wishes
    from openclaw_wizard.openclaw import selection

    selection.check(options.exclude, options.include)
    _check_fixes(options.fix)
    if options.direct:
        from openclaw_wizard.steps import routing

        routing.check(options.direct)
    limit = None
    if options.bwlimit is not None:
        try:
            limit = int(TypeAdapter(ByteSize).validate_python(options.bwlimit))
        except ValidationError:
            limit = 0
        if limit < 1:
            what = f"{options.bwlimit!r} is no rate."
            raise UsageError(what=what, next="Give bytes a second: --bwlimit 500KB, or 4MB.")
    return Wishes(
        ahead=not options.no_ahead,
        bwlimit=limit,
        exclude=tuple(options.exclude),
        include=tuple(options.include),
        direct=options.direct,
        paths=Paths(options.paths or "rewrite"),
        fix=tuple(options.fix),
    )


def _check_fixes(wanted: list[str]) -> None:
    """Raises UsageError for what the move cannot mend."""
    from openclaw_wizard.pitfalls import PITFALLS
    from openclaw_wizard.pitfalls.rule import nothing

    known = [each.id for each in PITFALLS if each.fixes is not nothing]
    for name in wanted:
        if name not in known:
            raise UsageError(
                what=f"The move cannot mend {name!r}.", next=f"What it can mend: {', '.join(known)}."
            )


def are_given(options: argparse.Namespace) -> bool:
    given = (options.no_ahead, options.bwlimit, options.exclude, options.include, options.paths, options.fix)
    return any(given) or options.direct is not None
