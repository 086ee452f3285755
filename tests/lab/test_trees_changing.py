"""Files that change on OLD while they are read: never accepted, named, and right after the next run."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from openclaw_wizard.errors import StepFailed
from openclaw_wizard.hosts import ByteSink, ByteSource, Completed
from openclaw_wizard.hosts.local import LocalHost
from openclaw_wizard.steps.copy import CompareHashes, Stream, TakeManifest
from tests.lab import trees
from tests.lab.carry import Carry
from tests.odd_trees import Wrapped, local_facts, put, seen

pytestmark = pytest.mark.node

MB = 1 << 20
Change = Callable[[Path], None]


def grows(file: Path) -> None:
    with file.open("ab") as out:
        out.write(os.urandom(MB))


def shrinks(file: Path) -> None:
    os.truncate(file, file.stat().st_size - 3 * MB)


def is_replaced(file: Path) -> None:
    other = file.with_name("other")
    other.write_bytes(os.urandom(file.stat().st_size))
    other.rename(file)


def vanishes(file: Path) -> None:
    file.unlink()


def is_renamed(file: Path) -> None:
    file.rename(file.with_name("renamed"))


def is_rewritten(file: Path) -> None:
    """In its place, with the same size and time: a careless copy sees nothing of it."""
    facts = file.stat()
    with file.open("r+b") as out:
        out.seek(facts.st_size - MB)
        out.write(os.urandom(MB))
    os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns))


CHANGES: tuple[Change, ...] = (grows, shrinks, is_replaced, vanishes, is_renamed, is_rewritten)


class At(Wrapped):
    """NEW, at which something happens once that many bytes have come through to it."""

    def __init__(self, bytes: int, happens: Callable[[], None]) -> None:
        super().__init__(LocalHost())
        self.left, self.happens = bytes, happens
        self.happened = False

    @asynccontextmanager
    async def writer(self, argv: Sequence[str]) -> AsyncIterator[ByteSink]:
        async with self.host.writer(argv) as sink:
            yield Passing(self, sink)


class Passing:
    def __init__(self, host: At, sink: ByteSink) -> None:
        self._host, self._sink = host, sink

    async def write(self, data: bytes) -> None:
        self._host.left -= len(data)
        if self._host.left <= 0 and not self._host.happened:
            self._host.happened = True
            self._host.happens()
        await self._sink.write(data)

    async def finish(self) -> Completed:
        return await self._sink.finish()


def busy(place: Path) -> tuple[Path, Path]:
    """A tree of 32 MB, in which the file that will change comes last, and that file."""
    old = place / "old"
    put(old, b"a first", os.urandom(8 * MB))
    return old, put(old, b"b busy", os.urandom(24 * MB))


def carry_with(place: Path, old: Path, new: At, tar: str = "gnu") -> Carry:
    # Without compression the bytes on the wire are those of the files, so that a point is a point.
    plain = local_facts(zstd=False, gzip=False)
    packing = local_facts(zstd=False, gzip=False, tar=tar)
    return Carry(old, place / "new" / "state", hosts=(LocalHost(), new), facts=(packing, plain))


def alike(carry: Carry) -> bool:
    """Whether NEW holds what OLD does now; a resumed copy judges times by the second, and only of files."""
    both = (trees.as_kept_by_any_tar(seen(root)) for root in (carry.old, carry.new))
    return next(both) == next(both)


async def refused_then_right(carry: Carry, name: str) -> StepFailed:
    """The first run refuses and names the file; the second, with nothing changing, moves what is there."""
    with pytest.raises(StepFailed) as caught:
        await carry.run()
    assert name in caught.value.what
    assert not carry.new.exists()
    await carry.run()
    assert alike(carry)
    assert not carry.staging.exists()
    return caught.value


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("at", [MB, 14 * MB], ids=["before-it-is-read", "while-it-is-read"])
@pytest.mark.parametrize("tar", ["gnu", "busybox"], ids=["its-own-tar", "packed-by-node"])
async def test_a_change_during_the_stream_is_never_accepted(
    tmp_path: Path, tar: str, at: int, change: Change
) -> None:
    old, file = busy(tmp_path)
    new = At(at, lambda: change(file))
    carry = carry_with(tmp_path, old, new, tar)
    await refused_then_right(carry, "b busy")
    assert new.happened


@pytest.mark.parametrize("change", CHANGES[:5], ids=lambda change: change.__name__)
async def test_a_change_after_it_was_read_is_found_before_the_switch(tmp_path: Path, change: Change) -> None:
    """The copy is whole and equal to the manifest, and yet no longer what OLD holds."""
    old, file = busy(tmp_path)
    carry = carry_with(tmp_path, old, At(0, lambda: None))
    await carry.does(TakeManifest())
    await carry.does(Stream())
    change(file)
    with pytest.raises(StepFailed, match="changed since they were listed: b busy") as caught:
        await carry.does(CompareHashes())
    assert "still writes" in caught.value.next
    await carry.run()
    assert alike(carry)


async def test_a_new_file_in_between_is_found_too(tmp_path: Path) -> None:
    old, _ = busy(tmp_path)
    carry = carry_with(tmp_path, old, At(MB, lambda: None))
    await carry.does(TakeManifest())
    put(old, b"folder/new", b"new")
    await carry.does(Stream())
    with pytest.raises(StepFailed, match=r"2 entries .*: folder, folder/new"):
        await carry.does(CompareHashes())
    await carry.run()
    assert alike(carry)


async def test_a_torn_copy_with_the_right_size_and_time_is_replaced_by_the_next_run(tmp_path: Path) -> None:
    """What a change left in staging looks whole to a quick look; after a refusal hashes are asked."""
    old, file = busy(tmp_path)
    carry = carry_with(tmp_path, old, At(MB, lambda: None))
    await carry.does(TakeManifest())
    await carry.does(Stream())
    is_rewritten(carry.staging / file.name)
    with pytest.raises(StepFailed, match="1 entry on NEW differ"):
        await carry.does(CompareHashes())
    await carry.run()
    assert alike(carry)


class Restless(Wrapped):
    """OLD, on which a file changes before every command that is run there, while `writes`."""

    def __init__(self, change: Callable[[], None]) -> None:
        super().__init__(LocalHost())
        self.change, self.writes = change, True

    def _stir(self) -> None:
        if self.writes:
            self.change()

    def lines(
        self,
        argv: Sequence[str],
        *,
        input: bytes | AsyncIterable[bytes] = b"",
        timeout: float = 60.0,
        inflate: bool = False,
    ) -> AsyncIterator[bytes]:
        self._stir()
        return super().lines(argv, input=input, timeout=timeout, inflate=inflate)

    def reader(
        self, argv: Sequence[str], *, input: bytes | AsyncIterable[bytes] = b""
    ) -> AbstractAsyncContextManager[ByteSource]:
        self._stir()
        return super().reader(argv, input=input)


def begins_anew(file: Path) -> None:
    file.write_bytes(os.urandom(4 * MB))


def comes_and_goes(file: Path) -> None:
    file.unlink(missing_ok=True)
    file.write_bytes(os.urandom(MB))


def turns_places(file: Path) -> None:
    other = file.with_name("b other")
    file.rename(other)
    other.rename(file)
    os.utime(file)


@pytest.mark.parametrize(
    "change", [grows, is_replaced, begins_anew, comes_and_goes, turns_places], ids=lambda c: c.__name__
)
async def test_a_file_that_never_rests_is_refused_until_it_does(tmp_path: Path, change: Change) -> None:
    old, file = busy(tmp_path)
    host = Restless(lambda: change(file))
    carry = Carry(old, tmp_path / "new" / "state", hosts=(host, LocalHost()))
    for _ in range(3):
        with pytest.raises(StepFailed) as caught:
            await carry.run()
        assert "b busy" in caught.value.what or "b other" in caught.value.what
        assert not carry.new.exists()
    host.writes = False
    await carry.run()
    assert alike(carry)


@contextmanager
def growing(file: Path) -> Iterator[None]:
    """By a megabyte over and over, in a thread of its own."""
    ended = threading.Event()

    def write() -> None:
        while not ended.wait(0.002):
            grows(file)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        ended.set()
        writer.join(20)
        assert not writer.is_alive()


async def test_a_file_that_grows_as_fast_as_it_is_read_holds_nothing_up(tmp_path: Path) -> None:
    old, file = busy(tmp_path)
    carry = Carry(old, tmp_path / "new" / "state")
    with growing(file):
        await asyncio.wait_for(carry.does(TakeManifest()), 120)
    assert {entry.path: entry.size for entry in carry.manifest}[b"b busy"] >= 24 * MB
