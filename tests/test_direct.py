"""OLD sends to NEW by its own ssh, to a real sshd: no data passes the wizard, failures have their words."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from openclaw_wizard.errors import LinkLost, StepFailed, UsageError
from openclaw_wizard.events import ActionDone, Event, HostLost, Said
from openclaw_wizard.faces import plain
from openclaw_wizard.hosts import ByteSource, Completed
from openclaw_wizard.hosts.practice import read_settings
from openclaw_wizard.model import HostFacts, Outcome, Role, Route, Wishes
from openclaw_wizard.steps import routing, sending
from openclaw_wizard.transfer import compare, relay, trial
from tests.conftest import Sshd, Until
from tests.odd_trees import (
    Wrapped,
    build,
    lacking,
    local_facts,
    names_in,
    put,
    route,
    seen,
    sent,
    taken,
)
from tests.test_stream import big_tree, sessions_of, small_disk, staging, with_program
from tests.two_hosts import COPYING, TwoHosts

pytestmark = [pytest.mark.node, pytest.mark.sshd]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


def own_ssh(folder: Path, key: Path, *options: str) -> str:
    """A PATH with OLD's ssh: OpenSSH's, which would look in the home of the account database."""
    words = " ".join(f"-o '{option}'" for option in options)
    # The first value that ssh hears of an option counts.
    return with_program(folder / "ssh", "ssh", f'exec /usr/bin/ssh -F none -i "{key}" {words} "$@"\n')


def path_of_old(folder: Path, sshd: Sshd) -> str:
    key = folder / "key"
    key.write_bytes((sshd.folder / "client_key").read_bytes())
    key.chmod(0o600)
    known = folder / "known_hosts"
    known.write_text(f"[127.0.0.1]:{sshd.port} {sshd.host_key}\n")
    return own_ssh(folder, key, f"UserKnownHostsFile={known}", "IdentitiesOnly=yes", "IdentityAgent=none")


class Counting(Wrapped):
    """Counts the frames that its packing helper prints, by kind."""

    def __init__(self) -> None:
        super().__init__()
        self.place = "alice@old:22"
        self.output = bytearray()

    def kinds(self) -> set[bytes]:
        found, at = set(), 0
        while at < len(self.output):
            kind, length = relay.HEAD.unpack_from(self.output, at)
            found.add(kind)
            at += relay.HEAD.size + length
        return found

    @asynccontextmanager
    async def reader(
        self, argv: Sequence[str], *, input: bytes | AsyncIterable[bytes] = b""
    ) -> AsyncIterator[ByteSource]:
        async with self.host.reader(argv, input=input) as source:
            yield CountingSource(self.output, source)


class CountingSource:
    def __init__(self, output: bytearray, source: ByteSource) -> None:
        self._output, self._source = output, source

    async def read(self, limit: int = 1 << 18) -> bytes:
        part = await self._source.read(limit)
        self._output += part
        return part

    async def finish(self) -> Completed:
        return await self._source.finish()


@pytest.fixture
def way(place: Path, sshd: Sshd) -> relay.Route:
    """From `place/old` directly to the staging folder, as this machine's sshd reaches it."""
    facts = local_facts(path=path_of_old(place.parent, sshd))
    direct = route(place / "old", staging(place), old_facts=facts, direct=sshd.address)
    return replace(direct, old=Counting())


# ------------------------------------------------------------------ everything arrives


@pytest.mark.parametrize("plain", [{}, {"zstd": False}, {"zstd": False, "node": "22.12.0"}], ids=str)
async def test_all_arrives_and_no_data_passes_the_wizard(
    place: Path, way: relay.Route, plain: dict[str, Any]
) -> None:
    old, to = build(place / "old"), staging(place)
    told: list[relay.Moment] = []
    facts = [each.model_copy(update=plain) for each in (way.old_facts, way.new_facts)]
    _, packed = await sent(replace(way, old_facts=facts[0], new_facts=facts[1]), tell=told.append)
    assert seen(to) == seen(old)
    assert compare.compare(packed, await taken(to)).equal
    source = await taken(old)
    assert told[-1] == relay.Moment(b"", source.bytes, len(source))
    assert isinstance(way.old, Counting) and way.old.kinds() == {b"J"}


async def test_only_the_blocks_that_differ_go_directly_too(place: Path, way: relay.Route) -> None:
    old, to = place / "old", staging(place)
    large = put(old, b"large", os.urandom(8 << 20))
    await sent(way)
    with large.open("r+b") as file:
        file.seek(3 << 20)
        file.write(b"changed")
    todo, _ = await sent(way)
    assert todo.patched.files == 1
    assert seen(to) == seen(old)
    assert isinstance(way.old, Counting) and way.old.kinds() == {b"J"}


async def test_a_limit_holds_there_too_and_its_pauses_are_no_silence(place: Path, way: relay.Route) -> None:
    old, to = place / "old", staging(place)
    put(old, b"x", os.urandom(300_000))
    told: list[relay.Moment] = []
    await sent(replace(way, bwlimit=150_000), tell=told.append)
    assert seen(to) == seen(old)
    # Told again and again while nothing may pass.
    assert [now.entries for now in told].count(told[-1].entries) > 2


# ------------------------------------------------------------------ what fails, and how it says so


async def test_a_link_cut_in_the_middle_is_a_lost_link_and_is_resumed(
    place: Path, way: relay.Route, sshd: Sshd
) -> None:
    old, to = big_tree(place / "old"), staging(place)

    def cut(now: relay.Moment) -> None:
        if now.bytes > 5 << 20 and len(names_in(to)) > 5:
            for pid in sessions_of(sshd.process.pid):
                os.kill(pid, signal.SIGKILL)

    with pytest.raises(LinkLost, match="directly") as caught:
        await sent(way, tell=cut)
    assert caught.value.fields["direct"]
    assert 0 < len(await lacking(old, to)) < 40
    await sent(way)
    assert compare.compare(await taken(old), await taken(to)).equal


async def test_a_cancelled_send_leaves_nothing_running_on_either_side(
    place: Path, way: relay.Route, until: Until
) -> None:
    old, to = big_tree(place / "old"), staging(place)

    def cancel(now: relay.Moment) -> None:
        task.cancel()

    task = asyncio.create_task(sent(way, tell=cancel))
    with pytest.raises(asyncio.CancelledError):
        await task
    # OLD's helper and its ssh went with the task; NEW's tar sees its channel close.
    await until(lambda: busy(str(place.parent)) == "")
    assert await lacking(old, to)
    await sent(way)
    assert compare.compare(await taken(old), await taken(to)).equal


def busy(words: str) -> str:
    return subprocess.run(["pgrep", "-af", words], capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("zstd", [True, False], ids=["by-itself", "under-the-helper"])
@pytest.mark.parametrize(
    "script", ["echo tar: boom >&2; exit 2", "cat >/dev/null; echo tar: boom >&2; exit 2"]
)
async def test_what_fails_on_new_is_told_with_its_words(
    place: Path, way: relay.Route, script: str, zstd: bool
) -> None:
    big_tree(place / "old", 5)
    facts = local_facts(path=with_program(place / "bin", "tar", script), zstd=zstd)
    with pytest.raises(StepFailed, match=r"Unpacking on NEW.*ended with.*2: tar: boom"):
        await sent(replace(way, new_facts=facts))


async def test_what_fails_on_old_is_told_as_olds(place: Path, way: relay.Route) -> None:
    old, to = build(place / "old"), staging(place)
    source = await taken(old)
    (old / "plain.txt").unlink()
    with pytest.raises(StepFailed, match=r"Packing on OLD.*plain\.txt.*ENOENT") as caught:
        await sent(way, source=source)
    assert caught.value.fields["side"] is Role.OLD
    await sent(way, source=source, live=True)
    assert "plain.txt" not in names_in(to) and "readable" in names_in(to)


@pytest.mark.root
async def test_a_full_disk_is_news(place: Path, way: relay.Route) -> None:
    old = big_tree(place / "old", 8)
    with small_disk(place / "disk", "5m") as disk:
        to = disk / "state.incoming-m1"
        to.mkdir(mode=0o700)
        with pytest.raises(StepFailed, match=r"The disk of NEW \(local\) is full"):
            await sent(replace(way, staging=str(to)))
        subprocess.run(["mount", "-o", "remount,size=100m", str(disk)], check=True)
        await sent(replace(way, staging=str(to)))
        assert compare.compare(await taken(old), await taken(to)).equal


async def test_a_link_that_moves_nothing_counts_as_lost(place: Path, way: relay.Route) -> None:
    big_tree(place / "old", 5)
    stuck = local_facts(path=with_program(place / "stuck", "ssh", "exec sleep 600"))
    with pytest.raises(LinkLost, match="not a byte") as caught:
        await sent(replace(way, old_facts=stuck, patience=0.5))
    assert caught.value.fields["direct"]


# ------------------------------------------------------------------ which way it will be


async def chosen(way: relay.Route, wish: str | None, **new: Any) -> Route:
    facts: HostFacts = way.new_facts.model_copy(
        update={
            "machine_id": Path("/etc/machine-id").read_text().strip() or None,
            "user": subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip(),
            **new,
        }
    )
    return await routing.choose(way.old, way.new, (way.old_facts, facts), Wishes(direct=wish))


async def test_the_very_machine_and_user_are_taken(way: relay.Route, sshd: Sshd) -> None:
    found = await chosen(way, sshd.address)
    assert found.direct == sshd.address and "directly" in found.why


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"machine_id": "m-other"}, "another machine than NEW"),
        ({"machine_id": None}, "cannot be told"),
        ({"user": "nobody-else"}, "and not as nobody-else"),
    ],
)
async def test_another_machine_or_user_is_not(
    way: relay.Route, sshd: Sshd, changes: dict[str, Any], why: str
) -> None:
    found = await chosen(way, sshd.address, **changes)
    assert found.direct is None and why in found.why and found.why.startswith("through the wizard, since")


async def test_what_ssh_refuses_is_said_and_nothing_is_remembered(
    place: Path, way: relay.Route, sshd: Sshd, unused_port: int
) -> None:
    known, key = place.parent / "known_hosts", place.parent / "key"
    trusted = known.read_text()
    known.write_text("")
    assert "is not in known_hosts" in (await chosen(way, sshd.address)).why
    assert known.read_text() == ""
    other = (sshd.folder / "client_key.pub").read_text()
    known.write_text(f"[127.0.0.1]:{sshd.port} {other}")
    assert "another host key is known there" in (await chosen(way, sshd.address)).why
    known.write_text(trusted)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(place / "new-key")], check=True)
    key.write_bytes((place / "new-key").read_bytes())
    assert "accepts none of the keys" in (await chosen(way, sshd.address)).why
    assert "cannot be reached" in (await chosen(way, f"root@127.0.0.1:{unused_port}")).why
    bare = replace(
        way, old_facts=local_facts(path=with_program(place / "bare", "env", 'exec /usr/bin/env "$@"'))
    )
    bare = replace(bare, old_facts=bare.old_facts.model_copy(update={"path": str(place / "bare")}))
    assert "no ssh on its PATH" in (await chosen(bare, sshd.address)).why
    assert known.read_text() == trusted


async def test_without_a_wish_or_a_second_machine_it_is_the_wizard(way: relay.Route) -> None:
    assert await chosen(way, None) == Route()
    assert "no other way is shorter" in (await chosen(way, "")).why


@pytest.mark.parametrize("address", ["local", "practice:/tmp/x", "a b", "host:99999"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(UsageError):
        routing.check(address)


# ------------------------------------------------------------------ how fast it is


async def test_both_ways_are_measured_by_what_arrives(place: Path, way: relay.Route) -> None:
    assert await trial.rate(way) > 0
    assert await trial.rate(replace(way, direct=None)) > 0


async def test_a_way_that_is_not_there_cannot_be_measured(place: Path, way: relay.Route) -> None:
    (place.parent / "known_hosts").write_text("")
    with pytest.raises(LinkLost, match="Host key verification failed") as caught:
        await trial.rate(way)
    assert caught.value.fields["direct"]


# ------------------------------------------------------------------ a whole move


@pytest.fixture
async def hosts(tmp_path: Path) -> AsyncIterator[TwoHosts]:
    made = TwoHosts(tmp_path)
    yield made
    await made.close()


def introduce(hosts: TwoHosts) -> Path:
    """OLD may log in to NEW by its own ssh; the program that stands for it."""
    new = hosts.folder / "new"
    options = (
        f"UserKnownHostsFile={new / 'known_hosts'}",
        f"HostKeyAlias={read_settings(new).alias}",
        "IdentityAgent=none",
    )
    own_ssh(hosts.folder, new / "client_key", *options)
    ssh = hosts.folder / "bin" / "ssh"
    ssh.symlink_to(hosts.folder / "ssh" / "ssh")
    return ssh


async def test_a_move_goes_directly_and_says_so(hosts: TwoHosts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "WORTH_MEASURING", 1)
    hosts.furnish()
    introduce(hosts)
    events: list[Event] = []
    wizard = hosts.wizard(events, actions=COPYING)
    plan = await wizard.survey(hosts.old, hosts.new, (), Wishes(direct=""))
    assert plan.route.direct and plan.route.direct.startswith("bob@127.0.0.1:")
    assert f"from OLD to NEW directly, by OLD's own ssh to {plan.route.direct}" in plain.plan_text(plan)
    assert await wizard.run() is Outcome.DONE
    await wizard.aclose()
    (fact,) = [e.fact for e in events if isinstance(e, ActionDone) and e.action == "copy.stream"]
    assert "(directly, zstd" in fact and "link" in fact


async def test_where_the_direct_link_stays_lost_the_wizard_carries_it(hosts: TwoHosts) -> None:
    hosts.furnish()
    ssh = introduce(hosts)
    events: list[Event] = []
    wizard = hosts.wizard(events, actions=COPYING)
    plan = await wizard.survey(hosts.old, hosts.new, (), Wishes(direct=""))
    assert plan.route.direct
    ssh.unlink()
    ssh.write_text("#!/bin/sh\necho the cable is out >&2; exit 255\n")
    ssh.chmod(0o755)
    assert await wizard.run() is Outcome.DONE
    await wizard.aclose()
    lost = [e.why for e in events if isinstance(e, HostLost)]
    assert len(lost) == sending.TRIES and "the cable is out" in lost[0]
    assert any(isinstance(e, Said) and "through the wizard from now on" in e.text for e in events)
    (fact,) = [e.fact for e in events if isinstance(e, ActionDone) and e.action == "copy.stream"]
    assert "(relayed, zstd" in fact
