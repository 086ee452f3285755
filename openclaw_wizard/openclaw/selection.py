"""What a person leaves behind or takes along (`--exclude`, `--include`), on top of what layout.py says.

A pattern is one of layout.py, relative to the state directory on OLD; one that begins with `/` means that
place on OLD, in whichever tree it lies.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from openclaw_wizard.errors import UsageError
from openclaw_wizard.openclaw import layout
from openclaw_wizard.openclaw.layout import covers, segment_fits

Rules = tuple[tuple[str, str], ...]
"""Pattern and reason, the first that matches decides; an empty reason keeps (helper.mjs)."""

BY_WISH: Final = "excluded by --exclude"
KEEP: Final = ""
_FAMILY: Final = ("", *layout.DATABASE_LOGS)
_DATABASES: Final = tuple(f"**/*.sqlite{part}" for part in _FAMILY)
_MUST_MOVE: Final = (
    *layout.CONFIG_NAMES,
    layout.ENV_FILE,
    f"{layout.CREDENTIALS}/**/*",
    "agents/*/sessions/**/*",
    *(f"state/*.sqlite{part}" for part in _FAMILY),
    *(f"agents/*/agent/*.sqlite{part}" for part in _FAMILY),
)
"""What makes an installation itself: its config, its keys, its sessions and their databases."""


def check(exclude: Iterable[str], include: Iterable[str], agents: Sequence[str] = ("main",)) -> None:
    """Raises UsageError for what is no pattern, or would leave out or take along what must not be."""
    for pattern in (*exclude, *include):
        _check_form(pattern)
    for pattern in exclude:
        if not pattern.startswith("/") and (kept := _must_move(pattern, agents)):
            raise _refused(pattern, kept)
        if _names_database(pattern):
            raise _refused(pattern, "a database or its log")
    for pattern in include:
        if any(covers(never, pattern.rstrip("/")) for never, _ in layout.NEVER):
            what = f"--include {pattern!r} names what belongs to a process on OLD and would hold up NEW's."
            raise UsageError(what=what, next="Leave it out; OpenClaw makes its own on NEW.")


def check_trees(exclude: Iterable[str], state: str, others: Iterable[str], agents: Sequence[str]) -> None:
    """`check` of what begins with `/`, once it is known where the trees lie on OLD. Raises UsageError."""
    for pattern in exclude:
        for tree in (state, *others):
            if pattern.startswith("/") and covers(pattern[1:], tree[1:]):
                what = f"--exclude {pattern!r} would leave out all of {tree}."
                raise UsageError(what=what, next="Name what is in it, such as a folder below it.")
        for part in within(pattern, state, is_state=True):
            if kept := _must_move(part, agents):
                raise _refused(pattern, kept)


def _check_form(pattern: str) -> None:
    parts = pattern.strip("/").split("/")
    why = ""
    if not pattern.strip("/"):
        why = "is empty"
    elif "\0" in pattern or "" in parts:
        why = "has an empty part"
    elif {".", ".."} & set(parts):
        why = "has `.` or `..` in it"
    elif pattern.startswith("~"):
        why = "begins with `~`, which only a shell on OLD knows"
    if why:
        next = "Give it relative to the state directory (`workspace/**/node_modules/`), or from `/` on."
        raise UsageError(what=f"The pattern {pattern!r} {why}.", next=next)


def _refused(pattern: str, kept: str) -> UsageError:
    what = f"--exclude {pattern!r} would leave out {kept}, without which OpenClaw on NEW is not the same."
    return UsageError(what=what, next="Name something narrower, or leave it out.")


def _must_move(pattern: str, agents: Sequence[str]) -> str:
    """What `pattern` asks for of that which must move; empty where nothing.

    A name anywhere (`**/node_modules/`) is judged by the usual files alone; what it finds in such places
    is kept all the same (`rules`).
    """
    if found := next((path for path in _usual(agents) if covers(pattern, path)), ""):
        return found
    parts = pattern.rstrip("/").split("/")
    for must in _MUST_MOVE:
        wanted = must.split("/")
        if "**" in parts:
            lead, root = parts[: parts.index("**")], [part for part in wanted if part != "**"][:-1]
            if "**" in wanted and len(lead) >= len(root) and all(map(_overlap, lead, root)):
                return must
        elif _meet([*parts, "**"] if pattern.endswith("/") else parts, wanted):
            return must
    return ""


def _usual(agents: Sequence[str]) -> Iterator[str]:
    yield from (*layout.CONFIG_NAMES, layout.ENV_FILE, f"{layout.CREDENTIALS}/oauth.json")
    databases = [layout.STATE_DATABASE]
    for agent in agents:
        yield from (f"agents/{agent}/sessions/{name}" for name in ("sessions.json", "0.jsonl"))
        databases.append(layout.AGENT_DATABASE.format(agent=agent))
    yield from (f"{database}{part}" for database in databases for part in _FAMILY)


def _names_database(pattern: str) -> bool:
    tail = pattern.rpartition("/")[2].rpartition("*")[2]
    return tail.endswith(tuple(f".sqlite{part}" for part in _FAMILY))


def _meet(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether some path fits both."""
    if not one or not other:
        return all(part == "**" for part in (*one, *other))
    if one[0] == "**":
        return _meet(one[1:], other) or _meet(one, other[1:])
    if other[0] == "**":
        return _meet(other, one)
    return _overlap(one[0], other[0]) and _meet(one[1:], other[1:])


def _overlap(one: str, other: str) -> bool:
    """Whether some name fits both; where both have a star, only their ends can contradict each other."""
    if "*" not in one:
        return segment_fits(other, one)
    if "*" not in other:
        return segment_fits(one, other)
    heads, tails = (
        [each.partition("*")[0] for each in (one, other)],
        [each.rpartition("*")[2] for each in (one, other)],
    )
    begins = heads[0].startswith(heads[1]) or heads[1].startswith(heads[0])
    return begins and (tails[0].endswith(tails[1]) or tails[1].endswith(tails[0]))


# ------------------------------------------------------------------ what follows


def within(pattern: str, folder: str, *, is_state: bool) -> tuple[str, ...]:
    """What `pattern` means inside `folder` (absolute, on OLD): patterns relative to it."""
    if not pattern.startswith("/"):
        return (pattern,) if is_state else ()
    if covers(pattern[1:], folder[1:]):
        return ("**", "**/")
    end = "/" if pattern.endswith("/") else ""
    rests = _rests(pattern.strip("/").split("/"), folder.strip("/").split("/"))
    return tuple(dict.fromkeys("/".join(rest) + end for rest in rests if rest))


def all_within(patterns: Iterable[str], folder: str, *, is_state: bool) -> tuple[str, ...]:
    return tuple(part for each in patterns for part in within(each, folder, is_state=is_state))


def _rests(parts: list[str], names: list[str]) -> Iterator[list[str]]:
    """What is left of a pattern once it has matched these names."""
    if not names:
        yield parts
    elif parts and parts[0] == "**":
        yield from _rests(parts[1:], names)
        yield from _rests(parts, names[1:])
    elif parts and segment_fits(parts[0], names[0]):
        yield from _rests(parts[1:], names[1:])


def staying(defaults: Rules, include: Iterable[str]) -> Rules:
    """The default rules without those that `include` (relative) takes along as a whole."""
    wanted = tuple(include)
    return tuple(rule for rule in defaults if not any(_takes(pattern, rule[0]) for pattern in wanted))


def _takes(include: str, rule: str) -> bool:
    whole = include.endswith(("/", "**"))
    return covers(include, rule.rstrip("/")) and (whole or not rule.endswith("/"))


def rules(defaults: Rules, exclude: Sequence[str], include: Sequence[str], *, is_state: bool) -> Rules:
    """All rules for one tree; both lists are relative to it. What was asked for goes before the defaults."""
    if not exclude and not include:
        return defaults
    left = staying(defaults, include)
    kept = [*_DATABASES, *(_MUST_MOVE if is_state else ())]
    kept += [f"{must}/" for must in kept if must.endswith("**/*")]
    return (
        *(layout.NEVER if is_state else ()),
        *(((pattern, KEEP) for pattern in kept) if exclude else ()),
        *((pattern, BY_WISH) for pattern in exclude),
        *(rule for pattern in include for rule in _taken_along(pattern, left)),
        *left,
    )


def _taken_along(include: str, left: Rules) -> Iterator[tuple[str, str]]:
    """Keeps what is wanted; of a folder that stays behind only the way to it is entered."""
    yield include, KEEP
    if include.endswith("/"):
        yield from ((f"{include}**", KEEP), (f"{include}**/", KEEP))
    names = include.rstrip("/").split("/")
    for pattern, reason in left:
        if not pattern.endswith("/") or not covers(pattern, include.rstrip("/")):
            continue
        ways = ["/".join(names[:length]) for length in range(1, len(names))]
        for way in (way for way in ways if covers(pattern, way)):
            yield from ((f"{way}/", KEEP), (f"{way}/*", reason), (f"{way}/*/", reason))
