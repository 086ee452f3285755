"""A login that becomes another user: their commands, their surroundings, and nothing of root's."""

from __future__ import annotations

import os
import pwd
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from openclaw_wizard.errors import CommandTimedOut, HostError, UsageError
from openclaw_wizard.hosts import Host, connect
from openclaw_wizard.hosts.as_user import split
from openclaw_wizard.hosts.facts import probe
from tests.conftest import Until

pytestmark = pytest.mark.root
USER = "games"
"""A user that every Debian has, who may do nothing special."""


@pytest.fixture
async def host(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Host]:
    monkeypatch.setenv("ROOTS_OWN_TOKEN", "s3cret")
    connected = await connect(f"{USER}/local")
    yield connected
    await connected.aclose()


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("alice/root@old:2222", ("alice", "root@old:2222")),
        ("alice/local", ("alice", "local")),
        ("root@old", None),
        ("practice:/tmp/x", None),
        ("old", None),
    ],
)
def test_an_address_may_name_whose_commands_they_are(address: str, parts: tuple[str, str] | None) -> None:
    assert split(address) == parts


@pytest.mark.parametrize("address", ["a b/local", "/local", "alice/", "$(id)/local"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="no address"):
        split(address)


async def test_a_command_is_theirs_alone(host: Host) -> None:
    them = pwd.getpwnam(USER)
    told = await host.run(["sh", "-c", "id -u; id -g; id -G; echo $HOME $USER $LOGNAME $SHELL; env"])
    uid, gid, groups, names, *environment = told.text.splitlines()
    assert (uid, gid, groups) == (str(them.pw_uid), str(them.pw_gid), str(them.pw_gid))
    assert names == f"{them.pw_dir} {USER} {USER} {them.pw_shell}"
    assert not [line for line in environment if "s3cret" in line or "/root" in line]
    assert "NO_COLOR=1" in environment and "LC_ALL=C" in environment


async def test_input_output_and_status_arrive(host: Host) -> None:
    data = os.urandom(3_000_000)
    assert (await host.run(["cat"], input=data)).stdout == data
    assert (await host.run(["sh", "-c", 'printf "%s" "$1"; exit 7', "sh", "a b\n'"])).status == 7
    assert (await host.run(["tty"], pty=True)).text.startswith("/dev/")
    async with host.writer(["wc", "-c"]) as sink:
        await sink.write(data)
        assert (await sink.finish()).text.strip() == "3000000"


async def test_what_is_given_up_leaves_nothing_running(
    host: Host, dead: Callable[[int], bool], until: Until
) -> None:
    with pytest.raises(CommandTimedOut):
        await host.run(["sh", "-c", "sleep 987 & wait"], timeout=1)
    left = [p for p in Path("/proc").glob("[0-9]*") if _is_the_sleep(p)]
    await until(lambda: all(dead(int(each.name)) for each in left))


def _is_the_sleep(process: Path) -> bool:
    try:
        return (process / "cmdline").read_bytes() == b"sleep\0" + b"987\0"
    except OSError:
        return False


async def test_the_probe_tells_of_them(host: Host) -> None:
    facts = await probe(host)
    assert (facts.address, facts.user, facts.home) == ("games/local", USER, pwd.getpwnam(USER).pw_dir)


async def test_who_cannot_become_them_is_told() -> None:
    with pytest.raises(HostError, match="there is no user nobody-at-all"):
        await connect("nobody-at-all/local")
    with pytest.raises(HostError, match="this login cannot become root: that needs root, or sudo"):
        await connect(f"root/{USER}/local")
