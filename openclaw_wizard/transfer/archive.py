"""The safety copy: an archive of everything on OLD, kept on OLD, for its user alone, read back once."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any, Final

from openclaw_wizard.errors import StepFailed
from openclaw_wizard.hosts import Host
from openclaw_wizard.hosts.helper import Helper, HelperFailed
from openclaw_wizard.model import Archive, HostFacts, Tree
from openclaw_wizard.transfer import tar
from openclaw_wizard.transfer.manifest import Entry, take, weights
from openclaw_wizard.transfer.stream import pack_helper

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
    on_progress: Callable[[int, int], None] | None = None,
) -> Archive:
    """Packs all of every tree (`Tree.old`, nothing excluded but sockets and the like) into `folder`.

    `name` gets the suffix of the compression. Names in it are absolute paths without the first slash.
    The folder is made with mode 0700, the file has 0600 from its first byte and gets its name only
    when it was read back and holds every entry. `on_progress` gets bytes done and in all.
    Raises StepFailed (a tar failed, the disk is full, it did not read back), HelperFailed, LinkLost.
    """
    await helper.call("mkdir", {"path": folder, "mode": 0o700})
    entries = await _everything(helper, [tree.old for tree in trees])
    params = _request(facts, f"{folder}/{name}", entries)
    until = [0, *accumulate(weights(entries))]
    made: dict[str, Any] = {}
    try:
        async for made in pack_helper(host, facts).stream("archive", params, timeout=LONGEST):
            if on_progress is not None:
                on_progress(until[min(made["entries"], len(entries))], until[-1])
    except HelperFailed as failed:
        raise _explained(failed, host.label) from failed
    return Archive(
        path=str(params["path"]),
        bytes=made["size"],
        entries=len(entries),
        mode=made["mode"],
        sha256=made["sha256"],
    )


async def archive_holds(host: Host, helper: Helper, facts: HostFacts, archive: Archive) -> bool:
    """Whether the archive is there with that size, mode and content. Raises HelperFailed, LinkLost."""
    (stat,) = await helper.call("stat", {"paths": [archive.path]})
    if stat is None or stat["kind"] != "f" or stat["size"] != archive.bytes or stat["mode"] != archive.mode:
        return False
    found = await pack_helper(host, facts).call("digest", {"path": archive.path}, timeout=LONGEST)
    return bool(found["sha256"] == archive.sha256)


async def _everything(helper: Helper, roots: Sequence[str]) -> list[Entry]:
    """The entries of all trees, their paths made absolute and without the first slash."""
    found: list[Entry] = []
    for root in await helper.call("realpath", {"paths": list(roots)}):
        above = b64decode(root)
        taken = await take(helper, above, hashes=False)
        found += (_below(above.strip(b"/"), entry) for entry in taken.entries.values())
    return found


def _below(root: bytes, entry: Entry) -> Entry:
    return replace(entry, path=root + b"/" + entry.path if entry.path else root)


def _request(facts: HostFacts, path: str, entries: Sequence[Entry]) -> dict[str, object]:
    packed = tar.kept_compression(facts)
    names = [entry.path for entry in entries]
    return {
        "path": path + packed.suffix,
        **tar.packing(facts.tar, facts.tar, "/", names),
        "compress": list(packed.compress) or None,
        "decompress": list(packed.decompress) or None,
        "list": ["tar", "-t", "-f", "-"],
        "lines": tar.lines_listed(names, facts.tar),
    }


def _explained(failed: HelperFailed, host: str) -> StepFailed:
    said = str(failed.fields["output"])
    if failed.error_code == "ENOSPC" or "No space left" in said:
        what = f"The disk of OLD ({host}) has no room for the safety copy."
    else:
        what = f"The safety copy on OLD ({host}) failed: {said}"
    return StepFailed(what=what, safe=SAFE, next="Resume; the safety copy is made again.")
