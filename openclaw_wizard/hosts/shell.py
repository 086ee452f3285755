"""The one place that quotes for a shell, and the scripts that wrap every remote command.

A command line goes to the login shell of the account, which may be sh, bash, zsh, fish or csh. So
only characters that mean the same to all of them are sent; everything else travels as an octal
escape, and `printf` of a plain `sh` turns it back (measured with dash, bash, zsh, mksh, busybox
ash, fish and tcsh).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Final

from openclaw_wizard.errors import UsageError

ENVIRONMENT: Final = {"LC_ALL": "C", "NO_COLOR": "1"}
"""What every command gets on top of its user's environment."""

GRACE = 2.0
"""Seconds between TERM and KILL."""

_PLAIN: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _./=:,+@-")

_GROUP_KILL: Final = """
kill -s TERM -- "-$1" 2>/dev/null || kill -s TERM "$1" 2>/dev/null || exit 0
tries=0
while kill -s 0 -- "-$1" 2>/dev/null || kill -s 0 "$1" 2>/dev/null; do
  tries=$((tries + 1))
  if [ "$tries" -gt "$2" ]; then
    kill -s KILL -- "-$1" 2>/dev/null || kill -s KILL "$1" 2>/dev/null
    exit 0
  fi
  sleep 0.1 2>/dev/null || sleep 1
done
"""


def encode_argv(argv: Sequence[str]) -> list[bytes]:
    """The arguments as a kernel takes them; file names that are not UTF-8 come as surrogate escapes.

    Raises UsageError for an empty list and for a NUL, which no argument can hold.
    """
    if not argv:
        raise UsageError(what="A command needs at least its own name.")
    words = [word.encode("utf-8", "surrogateescape") for word in argv]
    if any(b"\0" in word for word in words):
        raise UsageError(what="An argument of a command cannot hold a NUL byte.")
    return words


def quote(words: Sequence[bytes]) -> bytes:
    """The words as one line of POSIX shell."""
    return b" ".join(_quote_word(word) for word in words)


def _quote_word(word: bytes) -> bytes:
    return shlex.quote(word.decode("latin-1")).encode("latin-1")


def login_shell_line(script: bytes) -> str:
    """A line for any login shell that lets a plain `sh` run `script`, in the same process."""
    text = "".join(chr(byte) if byte in _PLAIN else f"\\{byte:03o}" for byte in script)
    return f'exec sh -c \'eval "$(printf "{text}")"\''


def wrapped(argv: Sequence[str], mark: str) -> str:
    """The login shell's line for a command that first says `MARK PID` on its standard output.

    What stands before the mark is noise of the shell's start-up files and is to be dropped; PID is
    the command's own, which sshd made the leader of a process group.
    """
    names = " ".join(ENVIRONMENT)
    values = " ".join(f"{name}={value}" for name, value in ENVIRONMENT.items())
    start = f"cd 2>/dev/null; printf '%s %s\\n' {mark} $$; {values}; export {names}; exec "
    return login_shell_line(start.encode() + quote(encode_argv(argv)))


def forward_command(address: str, port: int) -> str | None:
    """What a person types to reach `port` of that machine here; None where it is this machine's already."""
    if address == "local" or address.startswith("practice:"):
        return None
    user, at, place = address.rpartition("@")
    found = re.fullmatch(r"\[([^\]]+)\](?::(\d+))?|([^:]+)(?::(\d+))?", place)
    host, number = (found[1] or found[3], found[2] or found[4]) if found else (place, None)
    words = ["ssh", "-N", "-L", f"{port}:127.0.0.1:{port}", *(["-p", number] if number else [])]
    return quote([word.encode() for word in (*words, f"{user}{at}{host}")]).decode()


def group_kill(pid: int) -> str:
    """The login shell's line that ends the process group of `pid`: TERM, and KILL after the grace."""
    script = quote([b"sh", b"-c", _GROUP_KILL.encode(), b"sh", str(pid).encode(), b"%d" % (GRACE * 10)])
    return login_shell_line(b"exec " + script)


def find_mark(output: bytes, mark: str) -> tuple[int, bytes] | None:
    """The pid after the mark and what follows its line, or None while that line is not complete."""
    found = re.search(mark.encode() + rb" (\d+)\r?\n", output)
    return (int(found[1]), output[found.end() :]) if found else None


def typed(data: bytes) -> bytes:
    """`data` as it is typed at a terminal, with the end of input: lines must stay under 4096 bytes."""
    return data + (b"\x04" if not data or data.endswith(b"\n") else b"\x04\x04")
