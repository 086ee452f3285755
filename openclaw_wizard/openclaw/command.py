"""The commands that the wizard runs on a host for OpenClaw, as argv lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from openclaw_wizard.model import HostFacts
from openclaw_wizard.openclaw import layout, releases

DOCTOR_FIX: Final = ("doctor", "--fix", "--non-interactive")
"""64 s the first time, 28 s after, on 2 cores [measured]; no JSON."""
DOCTOR_LINT: Final = ("doctor", "--lint", "--json", "--severity-min", "error")
"""Read only; status 0 clean, 1 findings, 2 could not run."""
VALIDATE: Final = ("config", "validate", "--json")
"""`{"valid": bool, "path", "warnings"}`."""

PATIENT: Final = ("--timeout", "60000")
"""Milliseconds; a call gives up after 10 s by itself [`--help`, 2026.1.30 to 2026.7.1]."""
GATEWAY_STATUS: Final = ("gateway", "status", "--json", *PATIENT)
"""With a probe of the RPC: `{"rpc": {"ok": bool}, "gateway": {"version"}}`, also in 2026.1.30 [old docs]."""
GATEWAY_RPC: Final = (*GATEWAY_STATUS, "--require-rpc")
"""A probe that also reads; its status is not 0 where that fails."""
CHANNELS_STATUS: Final = ("channels", "status", "--json", "--probe", "--timeout", "15000")
"""`{"channelAccounts": {channel: [account]}}`; since 2026.1.30 [old docs/channels/troubleshooting.md]."""
SESSIONS_LIST: Final = (
    *("gateway", "call", "sessions.list", "--json", *PATIENT),
    *("--params", '{"limit":100000}'),
)
"""What the dashboard shows: `{"sessions": [{"key"}]}`; without a limit 2026.9.6 gives 100 [measured]."""

SINCE: Final = {VALIDATE: "2026.3.13", DOCTOR_LINT: "2026.6.11", GATEWAY_RPC: "2026.6.11"}
"""The oldest release in which a command was seen; 2026.1.30 has none of them, 2026.3.13 no `--lint` and no
`--require-rpc` [measured, old docs]."""

READS_WITHOUT_PAIRING_SINCE: Final = "2026.8.0"
"""From here on a question makes no new device [doc cli/channels.md, measured in 2026.9.6]. Before, the first
one did [old 2026.1.30 gateway/call.js], and 2026.6 never gave that device more than it first asked for
[measured]."""

BUSY: Final = ("state-lifecycle", "Agent database cleanup failed")
"""What a young gateway of 2026.9.6 says to a turn while it still verifies its databases [measured]."""

GATEWAY_RUN: Final = ("gateway", "run")
GATEWAY_INSTALL: Final = ("gateway", "install", "--json")
"""Installs the service and starts it; status 1 where there is no service manager."""

GATEWAY_UNINSTALL: Final = ("gateway", "uninstall", "--json")
"""Removes the registration and keeps the data [doc cli/gateway.md]."""

_PLACING: Final = ("OPENCLAW_STATE_DIR", "OPENCLAW_CONFIG_PATH", "OPENCLAW_PROFILE", "OPENCLAW_HOME")
"""Unset: a login's own must not choose another state (#28236).

Setting them to nothing is not enough: with OPENCLAW_HOME empty, `gateway install` of 2026.9.6 refuses
as "non-default state dir" [measured on a systemd host].
"""


def openclaw(
    facts: HostFacts,
    *words: str,
    profile: str | None = None,
    state_dir: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> list[str]:
    """`openclaw [--profile P] WORDS` for exactly this state directory, with no update on the side.

    A state directory that is not the profile's own is given as OPENCLAW_STATE_DIR, which wins over
    `--profile` [measured].
    """
    variables: dict[str, str] = {}
    if state_dir is not None and state_dir != layout.canonical_state_dir(facts.home, profile):
        variables["OPENCLAW_STATE_DIR"] = state_dir
    variables |= {"OPENCLAW_NO_AUTO_UPDATE": "1", **(environment or {})}
    named = [] if profile is None else ["--profile", profile]
    unset = [word for name in _PLACING if name not in variables for word in ("-u", name)]
    path, *rest = _env(facts, variables)[1:]
    return ["env", *unset, path, *rest, "openclaw", *named, *words]


def is_known(words: tuple[str, ...], version: str) -> bool:
    """Whether that OpenClaw has this command. Raises ValueError where it is no version."""
    return words not in SINCE or not releases.is_before(version, SINCE[words])


def gateway_status(version: str) -> tuple[str, ...]:
    """The best that this OpenClaw has. Raises ValueError where it is no version."""
    return GATEWAY_RPC if is_known(GATEWAY_RPC, version) else GATEWAY_STATUS


def npm_install(facts: HostFacts, version: str, prefix: str) -> list[str]:
    """Installs exactly this version into `prefix`; 48 s and 647 MB for 2026.9.6 [measured].

    Versions for which `releases.npm_install_supported` is false need an override of libsignal in the
    installing package.json, which this does not write.
    """
    words = ["npm", "install", "-g", f"openclaw@{version}", "--prefix", prefix, "--no-fund", "--no-audit"]
    return [*_env(facts, {}), *words]


def npm_uninstall(facts: HostFacts, prefix: str) -> list[str]:
    """Removes what `npm_install` put into `prefix`."""
    return [
        *_env(facts, {}),
        "npm",
        "uninstall",
        "-g",
        "openclaw",
        "--prefix",
        prefix,
        "--no-fund",
        "--no-audit",
    ]


def systemctl(facts: HostFacts, *words: str) -> list[str]:
    """`systemctl --user WORDS`; over SSH the bus must be named [measured]."""
    runtime = f"/run/user/{facts.uid}"
    bus = {"XDG_RUNTIME_DIR": runtime, "DBUS_SESSION_BUS_ADDRESS": f"unix:path={runtime}/bus"}
    return [*_env(facts, bus), "systemctl", "--user", *words]


# A job of its own (`set -m`) where there is no setsid: the end of the login must not end the gateway. The
# trap is what nohup does, which busybox may lack.
_DETACH: Final = """log=$1; shift
(umask 077; mkdir -p "${log%/*}" && : >>"$log" && chmod 600 "$log") || exit 1
trap '' HUP
if command -v setsid >/dev/null 2>&1; then
  setsid "$@" >>"$log" 2>&1 </dev/null &
else
  set -m
  "$@" >>"$log" 2>&1 </dev/null &
fi
"""


def start_detached(
    facts: HostFacts,
    *,
    state_dir: str,
    profile: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> list[str]:
    """Starts `openclaw gateway run` so that it outlives the login, and returns at once.

    What it prints goes to `<state_dir>/tmp/openclaw-wizard-gateway.log` (0600). Whether it came up is
    for the caller to see: `/healthz` answers after about 35 s, `/readyz` after 80 s [measured].
    """
    run = openclaw(facts, *GATEWAY_RUN, profile=profile, state_dir=state_dir, environment=environment)
    return detached(f"{state_dir}/{layout.DETACHED_LOG}", run)


def detached(log: str, argv: Sequence[str]) -> list[str]:
    """Starts `argv` in the background, away from the login; its output is added to `log` (0600)."""
    return ["sh", "-c", _DETACH, "sh", log, *argv]


def _env(facts: HostFacts, variables: Mapping[str, str]) -> list[str]:
    return ["env", f"PATH={facts.path}", *(f"{name}={value}" for name, value in variables.items())]
