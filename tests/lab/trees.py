"""Hostile state directories: described, made on disk, and read back without the code under test.

A tree is a tuple of `Node`, parents first. `trees()` draws one, so that a tree which breaks the move
shrinks to the few entries that matter and can be printed; `make` builds it. What cannot be drawn (very
many, very deep, very large) has a function of its own.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import struct
from collections import defaultdict
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Literal

from hypothesis import strategies as st

from tests.odd_trees import MTIME_NS, seen

Kind = Literal["file", "folder", "link", "name", "sparse", "pipe", "socket"]
IMMOVABLE = {"pipe": "pipe", "socket": "socket"}
"""What cannot move, and the reason that the wizard is to give for it."""
HOLE = 1 << 20
FOLDER_MODES = (0o700, 0o755, 0o500, 0o1777, 0o2750, 0o000)
FILE_MODES = (0o600, 0o644, 0o400, 0o777, 0o4755, 0o2755, 0o200, 0o000)
MTIMES = (MTIME_NS, 0, 1, 999_999_999, 1_700_000_000 * 10**9, 2**32 * 10**9 + 7)
NAMES = (
    *(b"a", b"b", b"-", b"-rf", b"--checkpoint-action=exec=sh", b"-C", b"--", b"-Tlist"),
    *(b"new\nline", b"\n", b".\n.x", b"cr\r", b"tab\t", b" ", b" both ends ", b"\x01\x7f\x1b[31m"),
    *(b"'", b'"', b"q\"uo'te", b"$(touch x)", b"`id`", b"back\\slash", b"\\n", b"*", b"?[x]", b"%s%n"),
    *("🦞".encode(), "👩‍🚀".encode(), b"e\xcc\x81", b"\xc3\xa9", "ünï☃".encode()),
    *(b"\xff", b"\xfe\xff", b"\xc3\x28", b"\xed\xa0\x80", b"latin-\xe9", b"\xf0\x9f"),
    *(b"...", b".hidden", b"~", b"#x#", b"x:y", b"C:\\x", b"@", b"@list", b"=", b"!"),
    *(b"L" * 255, b"m" * 100, b"m" * 101, "é".encode() * 127),
    *(b"s.sqlite", b"s.sqlite-wal", b"s.sqlite-journal", b"GNUSparseFile.0", b"PaxHeaders"),
)
"""Names that break programs: options, shell words, lines, escapes, no UTF-8, tar's own, the longest."""
TARGETS = (
    b".",
    b"..",
    b"/",
    b"/etc/passwd",
    b"../gone",
    b"/nowhere/at all",
    b"../../../../../x",
    b"a/",
    b"./a",
)


@dataclass(frozen=True, slots=True, repr=False)
class Node:
    """One entry. `target` is where a link points, or the path of the file that `name` names again."""

    path: bytes
    kind: Kind = "file"
    mode: int = 0o600
    mtime_ns: int = MTIME_NS
    content: bytes = b""
    target: bytes = b""

    def __repr__(self) -> str:
        """Only what is not as usual: a tree of these is what a failed test shows."""
        odd = [each for each in fields(self)[1:] if getattr(self, each.name) != each.default]
        words = [repr(self.path), *(f"{each.name}={getattr(self, each.name)!r}" for each in odd)]
        return f"Node({', '.join(words)})"


Tree = tuple[Node, ...]

# ------------------------------------------------------------------ drawn


@dataclass(frozen=True, slots=True)
class _Seed:
    """A node before it has a place: `parent` and `other` choose among what stands there already."""

    node: Node
    parent: int
    other: int


def names(*, lines: bool = True) -> st.SearchStrategy[bytes]:
    """Any name that a folder can hold; without `lines`, none with a newline."""
    anything = st.binary(min_size=1, max_size=20).map(lambda name: name.replace(b"/", b"|"))
    return st.one_of(st.sampled_from(NAMES), anything).filter(lambda name: _is_name(name, lines))


def _is_name(name: bytes, lines: bool) -> bool:
    # Shared memory of a database stays behind by its name; tests/test_transfer.py has that.
    allowed = not name.endswith(b"-shm") and b"\0" not in name and name not in (b".", b"..")
    return allowed and (lines or b"\n" not in name)


def trees(*, size: int = 25, lines: bool = True) -> st.SearchStrategy[Tree]:
    """Trees of up to `size` entries; without `lines`, none whose name has a newline."""
    node = st.builds(
        Node,
        path=names(lines=lines),
        kind=st.sampled_from(("file", "folder", "link", "name", "sparse", "pipe", "socket")),
        mode=st.integers(0, 7),
        mtime_ns=st.sampled_from(MTIMES),
        content=st.binary(max_size=40),
        target=st.one_of(st.sampled_from(TARGETS), names(lines=lines)),
    )
    seeds = st.builds(_Seed, node, parent=st.integers(0, 9), other=st.integers(0, 9))
    return st.lists(seeds, max_size=size).map(grown)


def grown(seeds: Iterable[_Seed]) -> Tree:
    """Gives every seed a place and a name of its own."""
    tree: dict[bytes, Node] = {}
    for seed in seeds:
        folders = [b"", *(node.path for node in tree.values() if node.kind == "folder")]
        files = [node.path for node in tree.values() if node.kind in ("file", "sparse")]
        parent = folders[seed.parent % len(folders)]
        node = _placed(seed, b"/".join(filter(None, (parent, seed.node.path))), files)
        if node.path not in tree:
            tree[node.path] = node
    return tuple(tree.values())


def _placed(seed: _Seed, path: bytes, files: list[bytes]) -> Node:
    node = replace(seed.node, path=path)
    if node.kind == "folder":
        return Node(path, "folder", FOLDER_MODES[node.mode % len(FOLDER_MODES)], node.mtime_ns)
    if node.kind == "link":
        return Node(path, "link", target=node.target)
    if node.kind == "name" and files:
        return Node(path, "name", target=files[seed.other % len(files)])
    if node.kind in IMMOVABLE:
        return Node(path, node.kind)
    kind: Kind = "sparse" if node.kind == "sparse" else "file"
    return Node(path, kind, FILE_MODES[node.mode], node.mtime_ns, node.content)


EVERYTHING: Tree = (
    Node(b"to nowhere", "link", target=b"gone"),
    Node(b"absolute", "link", target=b"/etc/passwd"),
    *(Node(b"round a", "link", target=b"round b"), Node(b"round b", "link", target=b"round a")),
    Node(b"itself", "link", target=b"itself"),
    Node(b"folder", "folder", 0o755),
    *(Node(b"folder/up", "link", target=b".."), Node(b"folder/here", "link", target=b".")),
    *(Node(b"one file", content=b"three names"), Node(b"folder/again", "name", target=b"one file")),
    *(Node(b"far", "folder"), Node(b"far/away", "folder"), Node(b"far/away/too", "name", target=b"one file")),
    *(Node(b"holes", "sparse", content=b"island"), Node(b"all hole", "sparse")),
    *(Node(b"holes too", "name", target=b"holes"), Node(b"none", content=b"")),
    *(Node(b"pipe", "pipe"), Node(b"folder/socket", "socket"), Node(b"\xff\n pipe", "pipe")),
    *(Node(name, content=name) for name in NAMES),
    *(Node(b"m%04o" % mode, mode=mode, content=b"x") for mode in FILE_MODES),
    *(Node(b"d%04o" % mode, "folder", mode) for mode in FOLDER_MODES),
    *(Node(b"d%04o/inside" % mode, content=b"x") for mode in FOLDER_MODES),
    *(Node(b"t%d" % mtime, mtime_ns=mtime) for mtime in MTIMES),
    *(Node(b"dt%d" % mtime, "folder", mtime_ns=mtime) for mtime in MTIMES),
)
"""One of each, always tried."""

# ------------------------------------------------------------------ made


def make(tree: Tree, root: Path) -> Path:
    """Builds it below `root`, which is made. Modes and times of folders come last, the deepest first."""
    root.mkdir(mode=0o700)
    for node in tree:
        _make(node, root)
    for node in (node for node in reversed(tree) if node.kind == "folder"):
        _finish(node, _at(root, node.path))
    os.utime(root, ns=(MTIME_NS, MTIME_NS))
    return root


def _at(root: Path, path: bytes) -> Path:
    return root / os.fsdecode(path)


def _make(node: Node, root: Path) -> None:
    full = _at(root, node.path)
    if node.kind == "folder":
        full.mkdir(mode=0o700)
    elif node.kind == "link":
        full.symlink_to(os.fsdecode(node.target))
    elif node.kind == "name":
        full.hardlink_to(_at(root, node.target))
    elif node.kind in IMMOVABLE:
        os.mknod(full, (stat.S_IFIFO if node.kind == "pipe" else stat.S_IFSOCK) | 0o600)
    else:
        _make_file(node, full)


def _make_file(node: Node, full: Path) -> None:
    with full.open("wb") as file:
        if node.kind == "sparse":
            file.truncate(2 * HOLE)
            file.seek(HOLE)
        file.write(node.content)
    _finish(node, full)


def _finish(node: Node, full: Path) -> None:
    os.utime(full, ns=(node.mtime_ns, node.mtime_ns))
    full.chmod(node.mode)


def immovable(tree: Tree) -> list[tuple[str, str]]:
    """What the wizard has to name, with its reason, as text."""
    left = [node for node in tree if node.kind in IMMOVABLE]
    return sorted((node.path.decode(errors="replace"), IMMOVABLE[node.kind]) for node in left)


# ------------------------------------------------------------------ read back

Facts = dict[bytes, tuple[object, ...]]


def read_back(root: Path) -> tuple[Facts, set[tuple[bytes, ...]]]:
    """Kind, mode, mtime and content or target of all that can move, and which names are one file."""
    return seen(root), same_files(root)


def same_files(root: Path) -> set[tuple[bytes, ...]]:
    top = os.fsencode(root)
    found: dict[tuple[int, int], list[bytes]] = defaultdict(list)
    for folder, _, files in os.walk(top):
        for name in files:
            facts = os.lstat(folder + b"/" + name)
            if stat.S_ISREG(facts.st_mode) and facts.st_nlink > 1:
                found[facts.st_dev, facts.st_ino].append(os.path.relpath(folder + b"/" + name, top))
    return {tuple(sorted(each)) for each in found.values()}


def as_kept_by_any_tar(facts: Facts) -> Facts:
    """Without what bsd's and busybox's tars lose: fractions of a second, and the mtimes of folders."""
    return {path: _kept(*each) for path, each in facts.items()}


def _kept(kind: object, what: object, mtime_ns: object = 0, *content: object) -> tuple[object, ...]:
    assert isinstance(mtime_ns, int)
    return (kind, what, mtime_ns // 10**9 if kind == "f" else None, *content)


# ------------------------------------------------------- many, deep, large


def many(root: Path, count: int) -> Path:
    """`count` small files, 500 to a folder, every one another content."""
    for number in range(count):
        folder = root / f"{number // 500:04}"
        if number % 500 == 0:
            folder.mkdir(parents=True)
        (folder / f"{number:06}.jsonl").write_bytes(b'{"message": %d}\n' % number)
    return root


def deep(root: Path, length: int, *, name: bytes = b"d" * 200) -> bytes:
    """Folders within folders until a file's path below `root` has `length` bytes; that path.

    Made by relative steps, so it may go beyond PATH_MAX.
    """
    root.mkdir(parents=True)
    levels = (length - 1) // (len(name) + 1)
    last = b"f" * (length - levels * (len(name) + 1))
    here = os.open(root, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir(name, dir_fd=here)
        below = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    file = os.open(last, os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=here)
    os.write(file, b"at the bottom")
    os.close(file)
    os.close(here)
    return (name + b"/") * levels + last


PAGE = 65536
LOCK_BYTE = 1 << 30
"""The page at this offset is never used by SQLite [fileformat2, section 1.4]."""


def vast_database(file: Path, size: int, *, rows: int = 1000) -> Path:
    """A database of `size` bytes that hardly takes room: after its rows there are free pages, in holes.

    They are on SQLite's own free list, as after a large DELETE: only its trunk pages hold something
    [fileformat2, section 1.5], so that `integrity_check` passes and the next rows go there.
    """
    with closing(sqlite3.connect(file)) as db:
        db.execute(f"PRAGMA page_size = {PAGE}")
        db.execute("CREATE TABLE message (id INTEGER PRIMARY KEY, text TEXT)")
        db.executemany("INSERT INTO message (text) VALUES (?)", ((f"message {n}",) for n in range(rows)))
        db.commit()
    used, pages = file.stat().st_size // PAGE, size // PAGE
    free = [page for page in range(used + 1, pages + 1) if page != LOCK_BYTE // PAGE + 1]
    trunks, leaves = _trunks(free)
    with file.open("r+b") as out:
        out.truncate(pages * PAGE)
        for at, trunk in enumerate(trunks):
            following = trunks[at + 1] if at + 1 < len(trunks) else 0
            out.seek((trunk - 1) * PAGE)
            out.write(struct.pack(f">II{len(leaves[at])}I", following, len(leaves[at]), *leaves[at]))
        out.seek(28)
        out.write(struct.pack(">III", pages, trunks[0], len(free)))
    return file


def _trunks(free: list[int]) -> tuple[list[int], list[list[int]]]:
    """Which free pages list the others, and which each of them lists."""
    # Older SQLite misread the last six places of a trunk page; they are left empty, as it does.
    room = PAGE // 4 - 8
    groups = [free[at : at + room + 1] for at in range(0, len(free), room + 1)]
    return [group[0] for group in groups], [group[1:] for group in groups]


def rows_of(file: Path) -> tuple[str, int, int]:
    """What `integrity_check` says, how many messages there are, and the pages that are free."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
        (said,) = db.execute("PRAGMA integrity_check").fetchone()
        (count,) = db.execute("SELECT count(*) FROM message").fetchone()
        (free,) = db.execute("PRAGMA freelist_count").fetchone()
    return str(said), int(count), int(free)
