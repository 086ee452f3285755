"""Another user's commands through this login: root's, or one that may use sudo without a password.

Each command becomes that user's in place (`setpriv`), so that a signal to its process group still ends
it, and gets what a login of that user would give it: home, name, shell, nothing of root's environment.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final

from openclaw_wizard.errors import HostError, UsageError
from openclaw_wizard.hosts import ByteSink, ByteSource, Completed, Host
from openclaw_wizard.hosts.shell import ENVIRONMENT

USER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?")
PATH: Final = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
"""What a command starts with; the probe asks the user's login shell for more."""

_ASK: Final = """
ids=$(id -u "$1" 2>/dev/null && id -g "$1") || { echo no-user; exit 0; }
shell=$(getent passwd "$1" 2>/dev/null || grep "^$1:" /etc/passwd)
eval "home=~$1"
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null 2>&1; then way=setpriv
elif [ "$(id -u)" = 0 ] && command -v runuser >/dev/null 2>&1; then way=runuser
elif command -v sudo >/dev/null 2>&1 && sudo -n -u "$1" true >/dev/null 2>&1; then way=sudo
else echo no-way; exit 0; fi
printf '%s\\n' "$way" $ids "$home" "${shell##*:}"
"""
_ENTER: Final = 'cd 2>/dev/null || cd /; exec "$@"'


@dataclass(frozen=True, slots=True)
class Account:
    """Whose commands they are, and how they become theirs."""

    user: str
    way: str
    """`setpriv`, `runuser` or `sudo`."""
    uid: str
    gid: str
    home: str
    shell: str

    def argv(self, argv: Sequence[str]) -> list[str]:
        known = {
            "HOME": self.home,
            "USER": self.user,
            "LOGNAME": self.user,
            "SHELL": self.shell,
            "PATH": PATH,
        }
        variables = [f"{name}={value}" for name, value in {**known, **ENVIRONMENT}.items()]
        return [*self._become(), "env", "-i", *variables, "sh", "-c", _ENTER, "sh", *argv]

    def _become(self) -> list[str]:
        match self.way:
            case "setpriv":
                return ["setpriv", f"--reuid={self.uid}", f"--regid={self.gid}", "--init-groups"]
            case "runuser":
                return ["runuser", "-u", self.user, "--"]
            case _:
                return ["sudo", "-n", "-H", "-u", self.user, "--"]


class AsUser:
    """A Host whose commands run as another user of the machine behind `inner`."""

    def __init__(self, inner: Host, account: Account, label: str) -> None:
        self._inner = inner
        self._account = account
        # One name for both, so that an error of the inner one names this host.
        self.label = inner.label = label
        self.host_key = inner.host_key
        self.place = inner.place

    async def run(
        self, argv: Sequence[str], *, input: bytes = b"", timeout: float = 60.0, pty: bool = False
    ) -> Completed:
        return await self._inner.run(self._account.argv(argv), input=input, timeout=timeout, pty=pty)

    def lines(
        self,
        argv: Sequence[str],
        *,
        input: bytes | AsyncIterable[bytes] = b"",
        timeout: float = 60.0,
        inflate: bool = False,
    ) -> AsyncIterator[bytes]:
        return self._inner.lines(self._account.argv(argv), input=input, timeout=timeout, inflate=inflate)

    def reader(
        self, argv: Sequence[str], *, input: bytes | AsyncIterable[bytes] = b""
    ) -> AbstractAsyncContextManager[ByteSource]:
        return self._inner.reader(self._account.argv(argv), input=input)

    def writer(self, argv: Sequence[str]) -> AbstractAsyncContextManager[ByteSink]:
        return self._inner.writer(self._account.argv(argv))

    async def forward(self, port: int) -> int:
        return await self._inner.forward(port)

    async def reconnect(self) -> None:
        await self._inner.reconnect()

    async def aclose(self) -> None:
        await self._inner.aclose()


def split(address: str) -> tuple[str, str] | None:
    """The user and the login of `USER/HOST`, or None for an address that names no other user.

    Raises UsageError where what stands before the slash cannot be a user.
    """
    user, slash, login = address.partition("/")
    if not slash or ":" in user:
        return None
    if not USER.fullmatch(user) or not login:
        what = f"{address!r} is no address."
        raise UsageError(what=what, next="Give USER/HOST, such as alice/root@old-server.")
    return user, login


async def as_user(inner: Host, user: str, address: str) -> AsUser:
    """`inner` as that user. Raises HostError where there is no such user, or no way to become it."""
    said = (await inner.run(["sh", "-c", _ASK, "sh", user])).check().text.splitlines()
    if said[:1] == ["no-user"]:
        raise HostError(host=address, what=f"there is no user {user} on that machine")
    if len(said) != 5:
        what = f"this login cannot become {user}: that needs root, or sudo without a password"
        raise HostError(host=address, what=what, next=f"Log in as {user}, or as root.")
    way, uid, gid, home, shell = said
    return AsUser(inner, Account(user, way, uid, gid, home, shell or "/bin/sh"), address)
