"""Getting into a machine by SSH, on a real OpenSSH server: nothing is ever accepted silently."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from openclaw_wizard.errors import (
    ExitCode,
    HostError,
    HostKeyChanged,
    HostKeyUnknown,
    LoginRefused,
    UsageError,
)
from openclaw_wizard.hosts import connect
from openclaw_wizard.hosts.ssh import connect_ssh
from openclaw_wizard.hosts.ssh_login import parse_address
from tests.conftest import Sshd, Until, new_key, start_sshd, stop_sshd

pytestmark = pytest.mark.sshd


def known_hosts(home: Path) -> Path:
    return home / ".ssh" / "known_hosts"


def write_config(home: Path, text: str) -> None:
    (home / ".ssh").mkdir(exist_ok=True)
    (home / ".ssh" / "config").write_text(text)


def lock(key: Path) -> None:
    """Protects a key file by a passphrase."""
    words = ["ssh-keygen", "-q", "-p", "-N", "some words", "-f", str(key)]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


class TestAddress:
    @pytest.mark.parametrize(
        ("address", "user", "host", "port"),
        [
            ("box", None, "box", None),
            ("me@box", "me", "box", None),
            ("box:2222", None, "box", 2222),
            ("me@box.example:22", "me", "box.example", 22),
            ("a@b@box", "a@b", "box", None),
            ("[2001:db8::1]:2222", None, "2001:db8::1", 2222),
            ("me@[2001:db8::1]", "me", "2001:db8::1", None),
            ("2001:db8::1", None, "2001:db8::1", None),
        ],
    )
    def test_is_taken_apart(self, address: str, user: str | None, host: str, port: int | None) -> None:
        login = parse_address(address)
        assert (login.label, login.user, login.host, login.port) == (address, user, host, port)

    @pytest.mark.parametrize(
        "address",
        [
            "",
            "@box",
            "me@",
            "box:",
            "box:0",
            "box:70000",
            "box:ssh",
            "-oProxyCommand=x",
            "a b",
            "[::1",
        ],
    )
    async def test_that_is_none_is_a_usage_error(self, address: str) -> None:
        with pytest.raises(UsageError, match="is no host") as caught:
            await connect(address)
        assert caught.value.exit_code is ExitCode.USAGE


class TestHostKey:
    async def test_known_is_kept_with_the_host(self, sshd: Sshd) -> None:
        host = await connect(sshd.address)
        assert host.host_key == sshd.fingerprint
        await host.aclose()

    async def test_unknown(self, sshd: Sshd, home: Path) -> None:
        known_hosts(home).unlink()
        with pytest.raises(HostKeyUnknown) as caught:
            await connect(sshd.address)
        assert caught.value.fields["fingerprint"] == sshd.fingerprint
        assert not known_hosts(home).exists()

    @pytest.mark.parametrize("hashed", [False, True])
    @pytest.mark.parametrize("kind", ["ed25519", "rsa"])
    async def test_changed(self, sshd: Sshd, home: Path, tmp_path: Path, hashed: bool, kind: str) -> None:
        other = tmp_path / "other"
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", other], check=True)
        before = f"[127.0.0.1]:{sshd.port} {other.with_suffix('.pub').read_text()}"
        known_hosts(home).write_text(before)
        if hashed:
            subprocess.run(
                ["ssh-keygen", "-q", "-H", "-f", known_hosts(home)], check=True, capture_output=True
            )
            assert "127.0.0.1" not in known_hosts(home).read_text()
        with pytest.raises(HostKeyChanged) as caught:
            await connect(sshd.address)
        assert caught.value.fields["fingerprint"] == sshd.fingerprint
        assert f"ssh-keygen -R '[127.0.0.1]:{sshd.port}'" in caught.value.next

    async def test_known_in_a_hashed_file(self, sshd: Sshd, home: Path) -> None:
        subprocess.run(["ssh-keygen", "-q", "-H", "-f", known_hosts(home)], check=True, capture_output=True)
        host = await connect(sshd.address)
        assert host.host_key == sshd.fingerprint
        await host.aclose()

    async def test_one_of_several_known_keys(self, sshd: Sshd, home: Path, tmp_path: Path) -> None:
        other = new_key(tmp_path / "other")
        entry = known_hosts(home).read_text()
        known_hosts(home).write_text(f"# mine\nnot a line\n[127.0.0.1]:{sshd.port} {other}{entry}")
        host = await connect(sshd.address)
        await host.aclose()
        assert host.host_key == sshd.fingerprint

    async def test_another_port_of_a_known_name_is_unknown_not_changed(
        self, sshd: Sshd, home: Path, tmp_path: Path
    ) -> None:
        known_hosts(home).write_text(f"127.0.0.1 {new_key(tmp_path / 'other')}")
        with pytest.raises(HostKeyUnknown):
            await connect(sshd.address)

    async def test_known_for_the_address_is_not_known_for_the_name(self, sshd: Sshd) -> None:
        with pytest.raises(HostKeyUnknown):
            await connect(f"root@localhost:{sshd.port}")

    @pytest.mark.parametrize(
        "setting", ["UserKnownHostsFile none", "UserKnownHostsFile /dev/null", "StrictHostKeyChecking no"]
    )
    async def test_no_setting_switches_the_check_off(self, sshd: Sshd, home: Path, setting: str) -> None:
        known_hosts(home).unlink()
        write_config(home, f"Host *\n  {setting}\n  GlobalKnownHostsFile /dev/null\n")
        with pytest.raises(HostKeyUnknown):
            await connect(sshd.address)

    async def test_revoked(self, sshd: Sshd, home: Path) -> None:
        with known_hosts(home).open("a") as file:
            file.write(f"@revoked * {sshd.host_key}\n")
        with pytest.raises(HostError, match="revoked"):
            await connect(sshd.address)

    async def test_another_file_is_named_by_the_settings(self, sshd: Sshd, home: Path) -> None:
        known_hosts(home).rename(home / "elsewhere")
        write_config(home, "UserKnownHostsFile ~/missing ~/elsewhere\n")
        host = await connect(sshd.address)
        assert host.host_key == sshd.fingerprint
        await host.aclose()

    async def test_changed_while_away(self, own_sshd: Sshd, home: Path) -> None:
        host = await connect(own_sshd.address)
        stop_sshd(own_sshd)
        new_key(own_sshd.folder / "host_key")
        again = start_sshd(own_sshd.folder, own_sshd.port)
        own_sshd.process = again.process
        with pytest.raises(HostKeyChanged):
            await host.reconnect()
        # Even where the new key was accepted meanwhile: this host was another machine.
        again.trust(home)
        with pytest.raises(HostKeyChanged):
            await host.reconnect()
        await host.aclose()


class TestLogin:
    async def test_by_an_alias_of_ssh_config(self, sshd: Sshd, home: Path) -> None:
        (home / ".ssh" / "id_ed25519").rename(home / "a key")
        write_config(
            home,
            f'Host box\n  HostName 127.0.0.1\n  Port {sshd.port}\n  User root\n  IdentityFile "~/a key"\n'
            "  IdentityFile ~/.ssh/missing\n  Compression yes\n  RequestTTY force\n  RemoteCommand false\n",
        )
        host = await connect("box")
        assert (await host.run(["printf", "in"])).stdout == b"in"
        assert host.label == "box"
        await host.aclose()

    async def test_refused_key(self, sshd: Sshd, home: Path) -> None:
        new_key(home / ".ssh" / "id_ed25519")
        with pytest.raises(
            LoginRefused, match="refused the login of root: it accepted none of the 1 keys"
        ) as caught:
            await connect(sshd.address)
        assert caught.value.exit_code is ExitCode.UNREACHABLE

    async def test_no_key_at_all(self, sshd: Sshd, home: Path) -> None:
        (home / ".ssh" / "id_ed25519").unlink()
        with pytest.raises(LoginRefused, match="no key to offer"):
            await connect(sshd.address)

    @pytest.mark.parametrize("named", [False, True])
    async def test_a_key_with_a_passphrase(self, sshd: Sshd, home: Path, named: bool) -> None:
        lock(home / ".ssh" / "id_ed25519")
        if named:
            write_config(home, "IdentityFile ~/.ssh/id_ed25519\n")
        with pytest.raises(LoginRefused, match="id_ed25519 needs a passphrase") as caught:
            await connect(sshd.address)
        assert "ssh-add" in str(caught.value)

    @pytest.mark.parametrize("only", ["yes", "no"])
    async def test_a_key_with_a_passphrase_in_the_agent(
        self, sshd: Sshd, home: Path, monkeypatch: pytest.MonkeyPatch, until: Until, only: str
    ) -> None:
        key = home / ".ssh" / "id_ed25519"
        socket = home / "agent"
        with subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL) as agent:
            try:
                monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
                # Its socket is there before it listens; 2 is "no agent answers".
                await until(lambda: subprocess.run(["ssh-add", "-ql"], check=False).returncode != 2)
                for number in range(6):
                    other = home / f"other{number}"
                    new_key(other)
                    subprocess.run(["ssh-add", "-q", other], check=True)
                subprocess.run(["ssh-add", "-q", key], check=True)
                lock(key)
                (home / ".ssh" / "id_ed25519.pub").write_text((sshd.folder / "client_key.pub").read_text())
                # Without the .pub file the seventh key would be one too many for the server.
                write_config(home, f"IdentityFile ~/.ssh/id_ed25519\nIdentitiesOnly {only}\n")
                host = await connect(sshd.address)
                assert (await host.run(["true"])).status == 0
                await host.aclose()
            finally:
                agent.terminate()

    async def test_a_stale_agent_is_passed_over(
        self, sshd: Sshd, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(home / "gone"))
        host = await connect(sshd.address)
        assert (await host.run(["true"])).status == 0
        await host.aclose()

    async def test_too_many_keys(self, sshd: Sshd, home: Path) -> None:
        names = [f"key{number}" for number in range(9)]
        for name in names:
            new_key(home / ".ssh" / name)
        write_config(home, "".join(f"IdentityFile ~/.ssh/{name}\n" for name in names))
        with pytest.raises(LoginRefused):
            await connect(sshd.address)

    async def test_nothing_of_the_person_is_used_where_all_is_given(self, sshd: Sshd, home: Path) -> None:
        files = [(home / ".ssh" / name).rename(home / name) for name in ("id_ed25519", "known_hosts")]
        write_config(home, "Host *\n  ProxyCommand false\n  User nobody\n")
        host = await connect_ssh(
            sshd.address, own_settings=False, client_keys=files[:1], known_hosts=files[1:], agent=False
        )
        assert (await host.run(["true"])).status == 0
        await host.aclose()

    async def test_an_account_that_runs_no_commands(self, own_sshd: Sshd) -> None:
        keys = own_sshd.folder / "authorized_keys"
        keys.write_text(f'command="echo This account is not available." {keys.read_text()}')
        host = await connect(own_sshd.address)
        with pytest.raises(HostError, match=r"runs no commands \(This account is not available"):
            await host.run(["true"])
        await host.aclose()


class TestJumpHost:
    def config(self, sshd: Sshd, home: Path, far: str) -> None:
        port = f"  HostName 127.0.0.1\n  Port {sshd.port}\n  User root\n"
        write_config(home, f"Host near\n{port}Host far\n{port}  HostKeyAlias {far}\n  ProxyJump near\n")

    async def test_leads_on(self, sshd: Sshd, home: Path) -> None:
        self.config(sshd, home, "far-alias")
        with known_hosts(home).open("a") as file:
            file.write(f"far-alias {sshd.host_key}\n")
        host = await connect("far")
        async with host.reader(["printf", "through"]) as source:
            assert await source.read() == b"through"
        await host.aclose()

    async def test_the_far_key_must_be_known(self, sshd: Sshd, home: Path) -> None:
        self.config(sshd, home, "far-alias")
        with pytest.raises(HostKeyUnknown, match=r"^far shows"):
            await connect("far")

    async def test_the_near_key_must_be_known(self, sshd: Sshd, home: Path) -> None:
        self.config(sshd, home, "far-alias")
        known_hosts(home).write_text(f"far-alias {sshd.host_key}\n")
        with pytest.raises(HostKeyUnknown, match=r"^near \(on the way to far\) shows"):
            await connect("far")

    async def test_named_for_itself_is_no_jump(self, sshd: Sshd, home: Path) -> None:
        write_config(home, f"Host *\n  ProxyJump 127.0.0.1:{sshd.port}\n")
        host = await connect(sshd.address)
        assert (await host.run(["true"])).status == 0
        await host.aclose()
