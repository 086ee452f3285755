"""The safety copy: an archive of everything on OLD, kept on OLD, for its user alone, read back once."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from openclaw_wizard.errors import StepFailed
from openclaw_wizard.hosts import Host
from openclaw_wizard.hosts.helper import Helper, HelperFailed
from openclaw_wizard.model import Archive, HostFacts, Tree
from openclaw_wizard.transfer import compare, manifest, tar
from openclaw_wizard.transfer.stream import pack_helper, requests

LONGEST: Final = 12 * 3600.0
"""Seconds; only there so that an archive cannot take for ever."""
SAFE: Final = "OLD's data is untouched; an unfinished archive was removed."


async def make_archive(
    host: Host,
    helper: Helper,
    facts: HostFacts,
    trees: Sequence[Tree],
    folder: str,
    name: str,
    scratch: Path,
    on_progress: Callable[[int, int], None] | None = None,
) -> Archive:
    """Packs all of every tree (`Tree.old`, nothing excluded but sockets and the like) into `folder`.

    `name` gets the suffix of the compression. Names in it are absolute paths without the first slash.
    What the disk cannot read is named in the answer, and is not whole in the archive.
    The folder is made with mode 0700, the file has 0600 from its first byte and gets its name only
    when it was read back and holds every entry. `on_progress` gets bytes done and in all; `scratch` is
    a folder of the wizard's for the lists. Raises StepFailed (the disk is full, it did not read back),
    HelperFailed, LinkLost.
    """
    await helper.call("mkdir", {"path": folder, "mode": 0o700})
    everything = await _everything(helper, trees, scratch)
    total = sum(taken.bytes for _, taken in everything)
    params = _request(facts, f"{folder}/{name}", everything)
    made: dict[str, Any] = {}
    lost = [above + b"/" + entry.path for above, taken in everything for entry in taken.losses]
    try:
        packing = pack_helper(host, facts).stream(
            "archive", params, more=requests(_names(everything)), timeout=LONGEST
        )
        async for made in packing:
            if "lost" in made:
                lost.append(b64decode(made["lost"]))
            if on_progress is not None and "bytes" in made:
                on_progress(min(made["bytes"], total), total)
    except HelperFailed as failed:
        raise _explained(failed, host.label) from failed
    finally:
        for _, taken in everything:
            taken.path.unlink(missing_ok=True)
    return Archive(
        path=str(params["path"]),
        bytes=made["size"],
        entries=sum(len(taken) - taken.lost for _, taken in everything),
        mode=made["mode"],
        sha256=made["sha256"],
        unread=tuple(f"/{path.decode(errors='replace')}" for path in lost),
    )


async def archive_holds(host: Host, helper: Helper, facts: HostFacts, archive: Archive) -> bool:
    """Whether the archive is there with that size, mode and content. Raises HelperFailed, LinkLost."""
    (stat,) = await helper.call("stat", {"paths": [archive.path]})
    if stat is None or stat["kind"] != "f" or stat["size"] != archive.bytes or stat["mode"] != archive.mode:
        return False
    found = await pack_helper(host, facts).call("digest", {"path": archive.path}, timeout=LONGEST)
    return bool(found["sha256"] == archive.sha256)


async def _everything(
    helper: Helper, trees: Sequence[Tree], scratch: Path
) -> list[tuple[bytes, manifest.Manifest]]:
    """Every tree with its place, absolute and without the first slash."""
    found: list[tuple[bytes, manifest.Manifest]] = []
    roots = await helper.call("realpath", {"paths": [tree.root for tree in trees]})
    for number, (tree, root) in enumerate(zip(trees, roots, strict=True)):
        above, to = b64decode(root), scratch / f"archive-{number}.jsonl"
        taken = await manifest.take(helper, above, to=to, hashes=False, losses=True, only=tree.only)
        found.append((above.strip(b"/"), taken))
    return found


def _names(everything: Sequence[tuple[bytes, manifest.Manifest]]) -> Iterator[bytes]:
    for above, taken in everything:
        yield from (above + b"/" + entry.path if entry.path else above for entry in compare.moving(taken))


def _request(
    facts: HostFacts, path: str, everything: Sequence[tuple[bytes, manifest.Manifest]]
) -> dict[str, object]:
    packed = tar.kept_compression(facts)
    return {
        "path": path + packed.suffix,
        "root": "/",
        "dialect": tar.dialect(facts.tar) | {"open": False},
        "live": False,
        "compress": packed.compress,
        "decompress": packed.decompress,
        "list": ["tar", "-t", "-f", "-"],
        "lines": tar.lines_listed(_names(everything), facts.tar),
    }


def _explained(failed: HelperFailed, host: str) -> StepFailed:
    said = str(failed.fields["output"])
    if failed.error_code == "ENOSPC" or "No space left" in said:
        what = f"The disk of OLD ({host}) has no room for the safety copy."
    else:
        what = f"The safety copy on OLD ({host}) failed: {said}"
    return StepFailed(what=what, safe=SAFE, next="Resume; the safety copy is made again.")
