"""How each kind of tar is asked for the same thing, and which compression both ends have.

Only between two GNU tars nothing is lost. Elsewhere the old GNU format is used: it keeps names as the
bytes that they are and every tar reads it, at the cost of mtimes below the second and of holes in
sparse files (measured between GNU, bsd and busybox tars; facts/transfer "Fidelity of tar").

busybox only unpacks. Not every one takes a list of what to pack (Debian's does not, Alpine's does), and
none a name with a newline; the helper packs for it, with the host's Node (tar.mjs).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from openclaw_wizard.errors import StepFailed
from openclaw_wizard.model import HostFacts
from openclaw_wizard.transfer.manifest import Manifest

GNU: Final = "gnu"
BSD: Final = "bsd"
BUSYBOX: Final = "busybox"
LIVE_STATUSES: Final = [0, 1]
"""What a tar of a living tree may end with: 1 is said of files that changed or vanished under its hands."""


@dataclass(frozen=True, slots=True)
class Compression:
    """`compress` and `decompress` are filters; `suffix` is what a file made so is called."""

    suffix: str
    compress: tuple[str, ...] = ()
    decompress: tuple[str, ...] = ()


NONE: Final = Compression(".tar")


def zstd(level: int) -> Compression:
    return Compression(".tar.zst", ("zstd", "-q", "-c", f"-{level}", "-T0"), ("zstd", "-q", "-d", "-c"))


def gzip(level: int) -> Compression:
    return Compression(".tar.gz", ("gzip", "-c", f"-{level}"), ("gzip", "-d", "-c"))


def compression(old: HostFacts, new: HostFacts) -> Compression:
    """For the wire: the cheapest that both have. busybox's tar cannot unpack zstd."""
    if old.zstd and new.zstd and new.tar != BUSYBOX:
        return zstd(1)
    return gzip(1) if old.gzip and new.gzip else NONE


def kept_compression(facts: HostFacts) -> Compression:
    """For a file that stays on that machine."""
    if facts.zstd:
        return zstd(3)
    return gzip(6) if facts.gzip else NONE


def environment(facts: HostFacts) -> list[str]:
    """The words before the command."""
    return ["env", f"PATH={facts.path}"]


def packing(
    flavour: str | None, reader: str | None, root: str, names: Iterable[bytes], *, live: bool = False
) -> dict[str, object]:
    """What the helper is asked so that it packs these entries of `root`; with `live`, some may vanish.

    `reader` is the kind of tar that will unpack it. Raises StepFailed where there is no tar.
    """
    listed = {"names": b64encode(name_list(names)).decode("ascii")}
    if flavour == BUSYBOX:
        return {**listed, "tar": None, "root": root, "fine": reader != BUSYBOX, "live": live}
    accept = LIVE_STATUSES if live else [0]
    return {**listed, "tar": pack_argv(flavour, reader, root, live=live), "accept": accept}


def pack_argv(flavour: str | None, reader: str | None, root: str, *, live: bool = False) -> list[str]:
    """Writes the entries named on stdin to stdout and lists each on stderr when it begins it.

    `reader` is the kind of tar that will unpack it. With `live`, entries that vanish are no error.
    Raises StepFailed where there is no tar that can.
    """
    argv = ["tar", "-c", "-v", "-f", "-"]
    match flavour:
        case "gnu":
            both = ["--format=posix", "--pax-option=delete=atime,delete=ctime", "-S"]
            argv += both if reader == GNU else ["--format=gnu"]
            argv += ["--ignore-failed-read"] if live else []
            return [*argv, "--no-recursion", "--null", "--no-unquote", "-C", root, "-T", "-"]
        case "bsd":
            return [*argv, "--format", "gnutar", "-n", "-C", root, "--null", "-T", "-"]
        case _:
            raise StepFailed(what="There is no tar that the wizard knows (GNU, bsd or busybox).")


def unpack_argv(flavour: str | None, staging: str, packed: Compression) -> list[str]:
    """Unpacks stdin into `staging`: modes and mtimes as they were, owned by whoever runs it.

    Raises StepFailed where there is no tar.
    """
    match flavour:
        case "gnu":
            argv = ["tar", "-x", "-p", "--no-same-owner", "--delay-directory-restore"]
            filters = ["-I", packed.decompress[0]] if packed.decompress else []
        case "bsd":
            argv = ["tar", "-x", "-p", "-o"]
            filters = ["--use-compress-program", " ".join(packed.decompress)] if packed.decompress else []
        case "busybox":
            argv = ["tar", "-x", "-p", "-o"]
            filters = ["-z"] if packed.decompress else []
        case _:
            raise StepFailed(what="There is no tar that the wizard knows (GNU, bsd or busybox).")
    return [*argv, *filters, "-f", "-", "-C", staging]


def in_order(paths: Sequence[bytes], manifest: Manifest, reader: str | None) -> tuple[bytes, ...]:
    """The order in which to pack: as it is, but folders last, deepest first, where busybox unpacks.

    It closes a folder to its owner (0500) as soon as it sees it, and could then put nothing in.
    """
    if reader != BUSYBOX:
        return tuple(paths)
    folders = [path for path in paths if manifest.entries[path].kind == "d"]
    others = [path for path in paths if manifest.entries[path].kind != "d"]
    return (*others, *reversed(folders))


def name_list(paths: Iterable[bytes]) -> bytes:
    """The list of what to pack, every name begun with `./` so that none can be an option."""
    return b"".join(b"./" + path + b"\0" for path in paths)


def lines_listed(paths: Iterable[bytes], flavour: str | None) -> int:
    """How many lines `tar -t` prints for these: GNU and bsd escape a newline in a name, busybox does not."""
    names = list(paths)
    return len(names) + (sum(name.count(b"\n") for name in names) if flavour == BUSYBOX else 0)
