"""A line of 100 Mbit/s and 20 ms: the kernel limits the rate, this process holds every packet back.

Each machine's cable leads through it: what comes in on one end goes out on the other, later. netem would
do that inside the kernel, but not every kernel has it. `python -m tests.bench.slow MILLISECONDS CABLE...`
runs in the operator's namespace, `--plain CARD` in any.
"""

from __future__ import annotations

import ctypes
import fcntl
import selectors
import socket
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from tests.lab.lab import Lab

ALL_PROTOCOLS: Final = 3
OUTGOING: Final = 4
LARGEST: Final = 1 << 16
SIOCETHTOOL: Final = 0x8946
CHECKSUMS, TCP_SEGMENTS, SEGMENTS = 0x17, 0x1F, 0x24
"""ETHTOOL_STXCSUM, ETHTOOL_STSO and ETHTOOL_SGSO of linux/ethtool.h."""


def forward(delay: float, cables: list[str]) -> None:
    """Between `CABLE` (to the machine) and `CABLE-b` (in the switch); for ever."""
    waiting: deque[tuple[float, socket.socket, bytes]] = deque()
    chooser = selectors.DefaultSelector()
    for cable in cables:
        near, far = _opened(cable), _opened(f"{cable}-b")
        chooser.register(near, selectors.EVENT_READ, far)
        chooser.register(far, selectors.EVENT_READ, near)
    print("forwarding", flush=True)
    while True:
        due = waiting[0][0] - time.monotonic() if waiting else None
        for key, _ in chooser.select(due) if due is None or due > 0 else chooser.select(0):
            _take(key.fileobj, key.data, delay, waiting)  # type: ignore[arg-type]
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, out, packet = waiting.popleft()
            # A full queue drops a packet, as a line does.
            with suppress(BlockingIOError):
                out.send(packet)


def plain(card: str) -> None:
    """Whole packets with their checksums, as they stand on a line: what a card would do is done before."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for command in (CHECKSUMS, TCP_SEGMENTS, SEGMENTS):
            value = ctypes.create_string_buffer(struct.pack("II", command, 0))
            request = struct.pack("16sP", card.encode(), ctypes.addressof(value))
            fcntl.ioctl(any_socket, SIOCETHTOOL, request)


def _opened(name: str) -> socket.socket:
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_PROTOCOLS))
    for buffer in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        opened.setsockopt(socket.SOL_SOCKET, buffer, 8 << 20)
    opened.bind((name, 0))
    opened.setblocking(False)
    return opened


def _take(
    inn: socket.socket, out: socket.socket, delay: float, waiting: deque[tuple[float, socket.socket, bytes]]
) -> None:
    for _ in range(64):
        try:
            packet, address = inn.recvfrom(LARGEST)
        except BlockingIOError:
            return
        # What this process sends is heard by its own socket too.
        if address[2] != OUTGOING:
            waiting.append((time.monotonic() + delay, out, packet))


@contextmanager
def slow(lab: Lab, *, rate: str, round_trip: float) -> Iterator[None]:
    """Until the block ends every machine is `round_trip` seconds from every other, and half from here."""
    operator = lab.network.operator
    cables = [lab.network.cable(name) for name in lab.machines]
    tc = ["root", "tbf", "rate", rate, "burst", "64k", "latency", "60ms"]
    for name, cable in zip(lab.machines, cables, strict=True):
        _ip(operator, "link", "set", cable, "nomaster")
        _ip(operator, "link", "add", f"{cable}-b", "type", "veth", "peer", "name", f"{cable}-c")
        _ip(operator, "link", "set", f"{cable}-c", "master", "br0", "up")
        _ip(operator, "link", "set", f"{cable}-b", "up")
        own = lab.network.namespace_of(name)
        for namespace, card in ((own, "host0"), (operator, cable)):
            _run("ip", "netns", "exec", namespace, "tc", "qdisc", "add", "dev", card, *tc)
        for namespace, card in ((own, "host0"), (operator, f"{cable}-c"), (operator, "br0")):
            _run("ip", "netns", "exec", namespace, sys.executable, "-m", "tests.bench.slow", "--plain", card)
    words = lab.network.inside(sys.executable, "-m", "tests.bench.slow", str(round_trip * 250), *cables)
    with subprocess.Popen(words, stdout=subprocess.PIPE) as forwarding:
        assert forwarding.stdout and forwarding.stdout.readline() == b"forwarding\n"
        try:
            yield
        finally:
            forwarding.kill()


def _ip(namespace: str, *words: str) -> None:
    _run("ip", "-n", namespace, *words)


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True)


if __name__ == "__main__":
    if sys.argv[1] == "--plain":
        plain(sys.argv[2])
        sys.exit()
    forward(float(sys.argv[1]) / 1000, sys.argv[2:])
