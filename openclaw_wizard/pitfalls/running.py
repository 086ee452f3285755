"""Pitfalls of what runs: remote mode, profiles, and two gateways with the same credentials."""

from __future__ import annotations

from openclaw_wizard.model import Facts, GatewayState, Installation, Severity
from openclaw_wizard.pitfalls.rule import Judgement, Needs, Pitfall, blocks, clear, look, unknown

# -------------------------------------------------------------------- remote-mode

LOOPBACK = ("127.", "localhost", "[::1]")


def _remote(facts: Facts) -> Judgement:
    found = facts.installation
    if found is None:
        return unknown()
    if found.mode == "remote":
        return blocks(_owner(found))
    if found.mode is not None:
        return clear(f"gateway.mode is {found.mode}")
    if found.config_problem:
        return unknown("the config could not be read")
    return unknown("the config does not say where its gateway is")


def _owner(found: Installation) -> str:
    """Which machine has the state, and how it is named as OLD."""
    if host := _owner_host(found):
        return f"the gateway is {host}: `--from {_without_port(host)}`"
    if found.remote_url:
        return "the gateway is another machine, at the far end of a tunnel"
    return "another machine has it"


def _owner_host(found: Installation) -> str:
    """An address of this machine itself is one end of a tunnel."""
    config = found.signs.config if found.signs else None
    url = _host_of(found.remote_url)
    return (config.remote if config else "") or ("" if url.startswith(LOOPBACK) else url)


def _owner_address(facts: Facts) -> str:
    return _without_port(_owner_host(facts.installation)) if facts.installation else ""


def _without_port(host: str) -> str:
    return host.rpartition(":")[0] if _has_port(host) else host


def _has_port(host: str) -> bool:
    return host.rpartition(":")[2].isdigit()


def _host_of(url: str | None) -> str:
    return (url or "").partition("://")[2].partition("/")[0].rpartition("@")[2]


REMOTE_MODE = Pitfall(
    id="remote-mode",
    subject="running",
    title="OLD only points at a remote gateway",
    why=(
        "In remote mode sessions and workspace belong to the machine that the gateway runs on; moving this "
        "one would move neither."
    ),
    source="docs install/migrating.md, gateway/remote.md",
    severity=Severity.BLOCKS,
    remedy="Name the machine that the gateway runs on as OLD.",
    judge=_remote,
    instead=_owner_address,
)

# --------------------------------------------------------------- profile-mismatch


def _profile(facts: Facts) -> Judgement:
    found = facts.installation
    if found is None:
        return unknown()
    if trouble := _placed_elsewhere(found):
        return blocks(trouble)
    if facts.other_profiles is None:
        return unknown("not yet known whether there are other profiles")
    if facts.other_profiles:
        return look(f"stays behind: {', '.join(facts.other_profiles)}")
    return clear("there is one profile")


def _placed_elsewhere(found: Installation) -> str:
    """Why the gateway works with another state or config than the one that moves."""
    named = found.gateway.environment.get("OPENCLAW_STATE_DIR", "").rstrip("/")
    if named.startswith("/") and named != found.state_dir:
        return f"its gateway has OPENCLAW_STATE_DIR={named}, but {found.state_dir} would move"
    if not found.config_path.startswith(f"{found.state_dir}/"):
        return f"its config is {found.config_path}, outside the state directory"
    return ""


PROFILE_MISMATCH = Pitfall(
    id="profile-mismatch",
    subject="running",
    title="Another profile or state directory",
    why=(
        "A gateway that starts with another profile or OPENCLAW_STATE_DIR than the one that was moved shows "
        "no sessions, no channels and no changes to its config."
    ),
    source="docs install/migrating.md; #28236; measured",
    severity=Severity.BLOCKS,
    remedy="Take them along with --profile all (or --profile for each); a move of their own is as good.",
    judge=_profile,
)

# ----------------------------------------------------------- gateway-still-running

UP = frozenset(
    {GatewayState.RUNNING, GatewayState.STARTING, GatewayState.READY, GatewayState.STOPPING},
)
DOWN = frozenset({GatewayState.STOPPED, GatewayState.DISABLED, GatewayState.ABSENT})


def _running(facts: Facts) -> Judgement:
    target = facts.target_gateway.state if facts.target_gateway else None
    old = facts.old_gateway
    if target in UP and old in UP:
        return blocks("both gateways run")
    if target in UP and facts.staged is None:
        return blocks("a gateway runs on NEW at the place that the state goes to")
    if old is None or old is GatewayState.UNKNOWN:
        return unknown(_not_proven(facts.installation))
    if old in UP:
        started = facts.archive is not None or facts.staged is not None
        return look("OLD's gateway runs again since its copy") if started else unknown("not stopped yet")
    if target is None or target is GatewayState.UNKNOWN:
        return unknown("NEW's gateway is not known yet")
    return clear("OLD's gateway is proven to be down")


def _not_proven(found: Installation | None) -> str:
    if found is None:
        return ""
    return "it is stopped and proven down in the step Back up"


GATEWAY_STILL_RUNNING = Pitfall(
    id="gateway-still-running",
    subject="running",
    title="A gateway that still runs",
    why=(
        "Databases that are copied while a gateway writes to them are damaged, and two gateways with the "
        "same credentials push each other out (Telegram 409, WhatsApp 440). `gateway stop` returns before "
        "the process is gone."
    ),
    source="#101290, #8762, #45474, #119756; measured",
    severity=Severity.BLOCKS,
    remedy="Stop the gateway on NEW (`openclaw gateway stop --force`); OLD's is stopped by the wizard.",
    judge=_running,
    needs=Needs.BOTH,
)

# ------------------------------------------------------------------ already-moved


def _moved(facts: Facts) -> Judgement:
    found = facts.installation
    if found is None:
        return unknown(Needs.OLD)
    if not found.moved:
        return clear("no mark of an earlier move")
    last = found.moved[-1]
    return look(
        f"{found.state_dir} moved to {last.address} ({last.to}) on {last.when}, with the move {last.move}"
    )


ALREADY_MOVED = Pitfall(
    id="already-moved",
    subject="running",
    title="OLD was moved before",
    why=(
        "What stands on OLD is as old as that move. Its gateway, or a second copy of it, would fight with "
        "the one on NEW over the same channels."
    ),
    source="the mark that the wizard leaves; #8762, #45474",
    severity=Severity.BLOCKS,
    remedy=(
        "Move from the machine that it moved to. Or `undo` that move, which takes the mark away; or accept, "
        "where OLD's copy is what you want."
    ),
    judge=_moved,
    must_accept=lambda _: True,
)

# ------------------------------------------------------------- comes-back-at-boot


def _comes_back(facts: Facts) -> Judgement:
    found = facts.installation
    if found is None:
        return unknown(Needs.OLD)
    if found.starts:
        return look(f"OLD's gateway would start again by {'; '.join(found.starts)}")
    return clear("nothing but its own unit starts it at boot")


COMES_BACK = Pitfall(
    id="comes-back-at-boot",
    subject="running",
    title="OLD's gateway would come back",
    why=(
        "The wizard disables OLD's own user unit when the move is done. What else starts its gateway would "
        "bring it back at the next boot, and two gateways with one login push each other out."
    ),
    source="docs gateway/multiple-gateways.md; #8762, #45474",
    severity=Severity.BLOCKS,
    remedy="End it on OLD as the finding says, then look again; or accept, and do it before OLD boots.",
    judge=_comes_back,
    must_accept=lambda _: True,
)
