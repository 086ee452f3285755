"""What each kind of tar unpacks, and which compression both ends have.

OLD packs with the helper (tar.mjs), whatever tar it has; NEW unpacks with its own, because Node cannot
set a time to the nanosecond. GNU's tar loses nothing. bsdtar does not read the holes of a sparse file
whose name is not ASCII; busybox reads no holes and no fractions of a second (measured between GNU, bsd
and busybox tars; facts/transfer "Fidelity of tar").
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from openclaw_wizard.errors import StepFailed
from openclaw_wizard.model import HostFacts

GNU: Final = "gnu"
BSD: Final = "bsd"
BUSYBOX: Final = "busybox"
NODE_ZSTD: Final = (22, 15)
"""The first Node whose zlib has zstd (23.8 on the odd line)."""
SECOND_NS: Final = 1_000_000_000

Filter = Mapping[str, object]
"""What the helper takes as `compress` or `decompress`; see pack.mjs."""


@dataclass(frozen=True, slots=True)
class Compression:
    """`compress` and `decompress` are the helper's filters; `suffix` is what a file made so is called.

    `program` decompresses without the helper; empty where NEW has none.
    """

    suffix: str
    compress: Filter | None = None
    decompress: Filter | None = None
    program: tuple[str, ...] = ()
    name: str = "not compressed"
    """As a person reads it, such as `zstd 3`."""


@dataclass(frozen=True, slots=True)
class Level:
    """What one level does with such data: bytes a second that a slow core takes in, and the ratio."""

    number: int
    speed: float
    ratio: float


NONE: Final = Compression(".tar")


def zstd(level: int, *, packs: bool = True, unpacks: bool = True) -> Compression:
    """`packs` and `unpacks` tell on which side the program is there; else Node's zlib does it."""
    options = {"params": {"100": level}}
    """ZSTD_c_compressionLevel is 100 in zstd's API."""
    return Compression(
        ".tar.zst",
        {"argv": ["zstd", "-q", "-c", f"-{level}", "-T0"]}
        if packs
        else {"zlib": "createZstdCompress", "options": options},
        {"argv": ["zstd", "-q", "-d", "-c"]} if unpacks else {"zlib": "createZstdDecompress"},
        ("zstd", "-q", "-d", "-c") if unpacks else (),
        f"zstd {level}",
    )


def gzip(level: int, *, unpacks: bool = True) -> Compression:
    return Compression(
        ".tar.gz",
        {"zlib": "createGzip", "options": {"level": level}},
        {"zlib": "createGunzip"},
        ("gzip", "-d", "-c") if unpacks else (),
        f"gzip {level}",
    )


def has_zstd(facts: HostFacts) -> bool:
    """Whether it has zstd in any form: the program, or in Node's zlib."""
    if facts.zstd or facts.node is None:
        return facts.zstd
    major, minor = (int(part) for part in facts.node.split(".")[:2])
    return (major, minor) >= NODE_ZSTD and (major, minor) not in {(23, odd) for odd in range(8)}


ZSTD_LEVELS: Final = (Level(9, 25e6, 2.4), Level(3, 130e6, 2.25))
GZIP_LEVELS: Final = (Level(6, 15e6, 2.2), Level(1, 50e6, 2.0))
"""Strongest first; of text, databases and media mixed, on one slow core (zstd 1.5, zlib; measured).

zstd 1 is not among them: of the bench's 631 MB it makes 285 MB in the time in which 3 makes 220 (measured).
"""
SPARE: Final = 2.0
"""How much faster than the link a level must be: the same core reads, hashes and encrypts as well."""


def level(levels: Iterable[Level], rate: float | None) -> int:
    """The strongest level that keeps a link of `rate` bytes a second busy; the lightest where none does.

    A level takes in `rate * ratio` to fill the link. An unknown rate counts as a fast link.
    """
    *strong, lightest = levels
    for each in strong:
        if rate is not None and each.speed >= SPARE * rate * each.ratio:
            return each.number
    return lightest.number


def compression(old: HostFacts, new: HostFacts, rate: float | None = None) -> Compression:
    """For the wire: what both have, at the level that a link of `rate` bytes a second needs."""
    if has_zstd(old) and has_zstd(new):
        # busybox's tar takes no filter but its own gzip.
        number = level(ZSTD_LEVELS, rate)
        return zstd(number, packs=old.zstd, unpacks=new.zstd and new.tar != BUSYBOX)
    return gzip(level(GZIP_LEVELS, rate), unpacks=new.gzip)


def kept_compression(facts: HostFacts) -> Compression:
    """For a file that stays on that machine."""
    if facts.zstd:
        return zstd(3)
    return gzip(6)


def environment(facts: HostFacts) -> list[str]:
    """The words before the command."""
    return ["env", f"PATH={facts.path}"]


def dialect(reader: str | None) -> dict[str, object]:
    """What that kind of tar understands, for tar.mjs. Raises StepFailed where there is none."""
    match reader:
        case "gnu":
            return {"fine": True, "sparse": "all"}
        case "bsd":
            return {"fine": True, "sparse": "ascii"}
        case "busybox":
            return {"fine": False, "sparse": "none", "open": True}
        case _:
            raise StepFailed(what="There is no tar that the wizard knows (GNU, bsd or busybox).")


def precision(reader: str | None) -> int:
    """The nanoseconds to which that kind of tar sets times."""
    return SECOND_NS if reader == BUSYBOX else 1


def unpack_argv(flavour: str | None, staging: str, packed: Compression | None) -> list[str]:
    """Unpacks stdin into `staging`: modes and mtimes as they were, owned by whoever runs it.

    Raises StepFailed where there is no tar.
    """
    program = packed.program if packed else ()
    match flavour:
        case "gnu":
            argv = ["tar", "-x", "-p", "--no-same-owner", "--delay-directory-restore"]
            filters = ["-I", program[0]] if program else []
        case "bsd":
            argv = ["tar", "-x", "-p", "-o"]
            filters = ["--use-compress-program", " ".join(program)] if program else []
        case "busybox":
            argv = ["tar", "-x", "-p", "-o"]
            filters = ["-z"] if program else []
        case _:
            raise StepFailed(what="There is no tar that the wizard knows (GNU, bsd or busybox).")
    return [*argv, *filters, "-f", "-", "-C", staging]


def text(path: bytes) -> str:
    """A path as the helper takes it in lists."""
    return b64encode(path).decode("ascii")


def lines_listed(paths: Iterable[bytes], flavour: str | None) -> int:
    """How many lines `tar -t` prints for these: GNU and bsd escape a newline in a name, busybox does not."""
    return sum(1 + (name.count(b"\n") if flavour == BUSYBOX else 0) for name in paths)
