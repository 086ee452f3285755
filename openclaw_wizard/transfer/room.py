"""Whether NEW has room for what is to be sent, in bytes and in entries (inodes)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
from humanize import intcomma, naturalsize

from openclaw_wizard.errors import NoRoom
from openclaw_wizard.hosts.helper import Helper
from openclaw_wizard.transfer import compare
from openclaw_wizard.transfer.manifest import LONGEST_WALK, Entry, Manifest
from openclaw_wizard.transfer.relay import RESUME, SAFE

FULL: Final = ("ENOSPC", "EDQUOT")
"""What a host says that has no room or no inodes, or whose user has used up a quota."""
MAKE_ROOM: Final = f"Make room there. {RESUME}"


@dataclass(slots=True)
class Need:
    """The least that the work of one tree takes on NEW; how much a file with holes takes is not known."""

    bytes: int = 0
    entries: int = 0
    _groups: set[str] = field(default_factory=set)

    def counted(self, work: Iterable[compare.Work]) -> Iterator[compare.Work]:
        """The same work; what it needs is known when it is through."""
        for each in work:
            if isinstance(each, compare.Send):
                self._add(each.entry, each.staged)
            yield each

    def _add(self, entry: Entry, staged: Entry | None) -> None:
        if entry.group is not None:
            if entry.group in self._groups:
                return
            self._groups.add(entry.group)
        self.entries += staged is None
        if entry.kind == "f" and not entry.sparse:
            self.bytes += max(0, entry.size - (staged.size if staged else 0))


class Room(msgspec.Struct, frozen=True):
    """What is free on the file system `dev`; `inodes` is None where it counts none."""

    bytes: int
    inodes: int | None
    dev: str


def room_from(answer: object) -> Room:
    """The helper's word for it."""
    return msgspec.convert(answer, Room)


def check(host: str, wanted: Sequence[tuple[Room, Need]]) -> None:
    """Those on one file system share its room. Raises NoRoom."""
    needs: dict[str, Need] = {}
    found: dict[str, Room] = {}
    for room, need in wanted:
        total = needs.setdefault(room.dev, Need())
        total.bytes, total.entries = total.bytes + need.bytes, total.entries + need.entries
        found[room.dev] = room
    for device, need in needs.items():
        if lack := lacking(need, found[device]):
            raise no_room(host, lack)


async def explained(helper: Helper, folder: str, source: Manifest) -> NoRoom:
    """What to say where NEW was full while `source` came into `folder`. Raises HelperFailed, LinkLost."""
    standing = await helper.call("sizes", {"root": folder, "rules": []}, timeout=LONGEST_WALK)
    entries = sum(standing[kind] for kind in ("files", "dirs", "links"))
    left = Need(max(0, source.bytes - standing["bytes"]), max(0, len(source) - source.lost - entries))
    lack = lacking(left, room_from(await helper.call("room", {"path": folder})))
    return no_room(helper.host.label, lack or f"{naturalsize(left.bytes)} are still to come (a quota?)")


def lacking(need: Need, room: Room) -> str:
    """What is missing, for a person; empty where nothing is known to be."""
    entries, free = room.inodes, room.bytes
    if entries is not None and entries < need.entries:
        return f"it takes no more than {intcomma(entries)} of {intcomma(need.entries)} entries (inodes)"
    return f"about {naturalsize(need.bytes - free)} are missing" if free < need.bytes else ""


def no_room(host: str, lack: str) -> NoRoom:
    return NoRoom(what=f"The disk of NEW ({host}) is full: {lack}.", safe=SAFE, next=MAKE_ROOM)
