"""Disks that are not as one wishes: mounted for the time of a test, and certainly unmounted. As root."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SUPERBLOCK = 96
"""Bytes before the first block of a file in a squashfs."""


def _run(*argv: str | Path) -> None:
    subprocess.run(list(map(str, argv)), check=True, capture_output=True)


@contextmanager
def mounted(*argv: str | Path, at: Path) -> Iterator[Path]:
    """`argv` without the mount point, which is made and comes last."""
    at.mkdir(parents=True, exist_ok=True)
    _run(*argv, at)
    try:
        yield at
    finally:
        _run("umount", "-l", at)


@contextmanager
def small(at: Path, **options: str) -> Iterator[Path]:
    """A disk in memory with `size` or `nr_inodes`."""
    wanted = ",".join(f"{name}={value}" for name, value in options.items())
    with mounted("mount", "-t", "tmpfs", "-o", wanted, "tmpfs", at=at) as disk:
        yield disk


@contextmanager
def damaged(tree: Path, at: Path) -> Iterator[Path]:
    """A read-only disk with what is in `tree`; what its largest file holds in the middle cannot be read."""
    image = at.with_name(f"{at.name}.squashfs")
    # By its size the largest file has the middle of the disk.
    _run("mksquashfs", tree, image, "-noappend", "-no-progress", "-processors", "1", "-no-fragments")
    with image.open("r+b") as disk:
        disk.seek(SUPERBLOCK + image.stat().st_size // 2)
        disk.write(b"\xa5" * 4096)
    with mounted("mount", "-o", "loop,ro", image, at=at) as disk_there:
        yield disk_there


@contextmanager
def one_for_two(at: Path) -> Iterator[Path]:
    """A disk that keeps names as they are written, but tells neither case nor forms of Unicode apart."""
    behind = at.with_name(f"{at.name}.behind")
    behind.mkdir()
    script = Path(__file__).with_name("folding_fs.py")
    with mounted("/usr/bin/python3", script, behind, at=at) as disk:
        yield disk


@contextmanager
def folding(at: Path) -> Iterator[Path]:
    """A disk to which names that differ by case are the same, and that refuses what Windows does."""
    image = at.with_name(f"{at.name}.ntfs")
    with image.open("wb") as disk:
        disk.truncate(16 << 20)
    _run("mkfs.ntfs", "-q", "-F", image)
    with mounted("lowntfs-3g", "-o", "ignore_case,windows_names,permissions", image, at=at) as disk_there:
        yield disk_there
