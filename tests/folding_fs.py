"""A file system that keeps names as they were written, but tells neither case nor Unicode's forms apart.

Run by Debian's own Python, which has fusepy: `folding_fs.py FOLDER MOUNT_POINT`. All is passed on to FOLDER.
"""

from __future__ import annotations

import importlib
import os
import sys
import unicodedata
from pathlib import Path
from typing import Any


def folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


class Folding:
    use_ns = True

    def __init__(self, root: str) -> None:
        self.root = Path(root)

    def real(self, path: str) -> Path:
        """Where `path` stands under whatever name; as it is asked for where nothing does."""
        full = self.root
        for part in filter(None, path.split("/")):
            names = [each.name for each in full.iterdir()] if full.is_dir() else []
            full /= next((name for name in names if folded(name) == folded(part)), part)
        return full

    def __call__(self, operation: str, path: str, *args: Any) -> Any:
        return getattr(self, operation)(self.real(path), *args)

    def getattr(self, path: Path, handle: int | None = None) -> dict[str, Any]:
        found = path.lstat()
        names = ("st_mode", "st_nlink", "st_size", "st_uid", "st_gid", "st_ino", "st_blocks")
        times = {f"st_{each}time": getattr(found, f"st_{each}time_ns") for each in "amc"}
        return {**{name: getattr(found, name) for name in names}, **times}

    def readdir(self, path: Path, handle: int) -> list[str]:
        return [".", "..", *(each.name for each in path.iterdir())]

    def create(self, path: Path, mode: int, info: Any = None) -> int:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)

    def open(self, path: Path, flags: int) -> int:
        return os.open(path, flags)

    def read(self, path: Path, size: int, offset: int, handle: int) -> bytes:
        return os.pread(handle, size, offset)

    def write(self, path: Path, data: bytes, offset: int, handle: int) -> int:
        return os.pwrite(handle, data, offset)

    def truncate(self, path: Path, length: int, handle: int | None = None) -> None:
        os.truncate(path, length)

    def release(self, path: Path, handle: int) -> None:
        os.close(handle)

    def symlink(self, path: Path, target: str) -> None:
        path.symlink_to(target)

    def link(self, path: Path, first: str) -> None:
        os.link(self.real(first), path, follow_symlinks=False)

    def rename(self, path: Path, new: str) -> None:
        path.rename(self.real(new))

    def utimens(self, path: Path, times: tuple[int, int]) -> None:
        os.utime(path, ns=times, follow_symlinks=False)

    def mkdir(self, path: Path, mode: int) -> None:
        path.mkdir(mode)

    def chmod(self, path: Path, mode: int) -> None:
        path.chmod(mode)

    def chown(self, path: Path, uid: int, gid: int) -> None:
        os.chown(path, uid, gid, follow_symlinks=False)

    def rmdir(self, path: Path) -> None:
        path.rmdir()

    def unlink(self, path: Path) -> None:
        path.unlink()

    def readlink(self, path: Path) -> str:
        return str(path.readlink())

    def statfs(self, path: Path) -> dict[str, int]:
        found = os.statvfs(path)
        names = ("f_bavail", "f_bfree", "f_blocks", "f_bsize", "f_frsize")
        return {name: getattr(found, name) for name in names}


FUSE = importlib.import_module("fusepy").FUSE
FUSE(
    *(Folding(sys.argv[1]), sys.argv[2]),
    nothreads=True,
    use_ino=True,
    hard_remove=True,
    default_permissions=True,
    attr_timeout=0,
    entry_timeout=0,
)
