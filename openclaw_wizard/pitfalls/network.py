"""Pitfalls of addresses, ports and of what else runs: what collides, or answers at OLD alone."""

from __future__ import annotations

from ipaddress import ip_address

from openclaw_wizard.model import Facts, GatewayState, Installation, Severity, There
from openclaw_wizard.pitfalls.rule import (
    Judgement,
    Needs,
    Pitfall,
    blocks,
    clear,
    look,
    look_at,
    of_config,
    of_new,
    of_old,
    unknown,
)
from openclaw_wizard.pitfalls.running import UP
from openclaw_wizard.signs import ConfigSigns, Signs

# ------------------------------------------------------------------------ addresses


def _webhook(config: ConfigSigns, _: Facts) -> Judgement:
    return look_at(config.webhooks, "{}", "no channel is called at an address")


WEBHOOK = Pitfall(
    id="webhook",
    subject="network",
    title="A channel that calls an address",
    why="The service sends messages to that address until it is told another one: to OLD, not to NEW.",
    source="docs channels/telegram/transports.md",
    severity=Severity.LOOK,
    remedy="Let the name or the proxy lead to NEW after the move, or set the new address in the config.",
    judge=of_config(_webhook),
)


def _tailscale(config: ConfigSigns, _: Facts) -> Judgement:
    return (
        look("the gateway is reached over Tailscale") if config.tailscale else clear("Tailscale is not used")
    )


TAILSCALE = Pitfall(
    id="tailscale",
    subject="network",
    title="The gateway is reached over Tailscale",
    why=(
        "The identity belongs to the machine: NEW has another name and address there, and without Tailscale "
        "its gateway does not bind."
    ),
    source="docs gateway/tailscale.md",
    severity=Severity.LOOK,
    remedy="`tailscale up` on NEW before its gateway starts; tell clients the new name.",
    judge=of_config(_tailscale),
)


def _bind(config: ConfigSigns, facts: Facts) -> Judgement:
    if config.bind != "custom" or not config.bind_host:
        return clear("the gateway binds to no address of its own")
    if _is_everywhere(config.bind_host):
        return clear(f"{config.bind_host} is on every machine")
    if facts.there is None:
        return unknown(f"known once NEW is read: whether it has {config.bind_host}")
    if config.bind_host in facts.there.addresses:
        return clear(f"NEW has {config.bind_host}")
    return look(f"the gateway binds to {config.bind_host}, which NEW does not have")


def _is_everywhere(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost"
    return address.is_loopback or address.is_unspecified


BIND_ADDRESS = Pitfall(
    id="bind-address",
    subject="network",
    title="The gateway binds to an address of OLD",
    why="`gateway.customBindHost` names an address; where the machine does not have it, the start fails.",
    source="docs gateway/config-gateway.md",
    severity=Severity.LOOK,
    remedy=(
        "On NEW: `openclaw config set gateway.customBindHost …` with its own address, or `gateway.bind lan`."
    ),
    judge=of_config(_bind),
    needs=Needs.BOTH,
)


def _origins(config: ConfigSigns, facts: Facts) -> Judgement:
    if facts.old is None:
        return unknown()
    names = {facts.old.hostname.lower(), facts.old.hostname.lower().partition(".")[0]}
    own = [
        host for host in config.origins if host.lower() in names or host.partition(".")[0].lower() in names
    ]
    return look_at(own, "{} is OLD's own name", "no allowed origin is OLD's own name")


ORIGINS = Pitfall(
    id="allowed-origins",
    subject="network",
    title="The dashboard is allowed at OLD's name alone",
    why="A browser that opens it at NEW's name is refused, since that is no allowed origin.",
    source="docs gateway/config-gateway.md (controlUi.allowedOrigins)",
    severity=Severity.LOOK,
    remedy="Add NEW's name to gateway.controlUi.allowedOrigins.",
    judge=of_config(_origins),
)


def _models(config: ConfigSigns, facts: Facts) -> Judgement:
    if not config.local_models:
        return clear("no model is served by the machine itself")
    if facts.there is None:
        return unknown(f"known once NEW is read: whether {', '.join(config.local_models)} answers there")
    silent = [each for each in config.local_models if each not in facts.there.answering]
    return look_at(silent, "{} does not answer on NEW", "they answer on NEW")


LOCAL_MODELS = Pitfall(
    id="local-models",
    subject="network",
    title="Models on the machine itself",
    why="They are served by a program of OLD, such as Ollama: an agent without its model answers nothing.",
    source="docs providers/ollama.md",
    severity=Severity.LOOK,
    remedy="Install that program and its models on NEW, so that it answers at the same port.",
    judge=of_config(_models),
    needs=Needs.BOTH,
)

# ---------------------------------------------------------------------------- ports


def _port(found: Installation, signs: Signs) -> Judgement:
    if signs.port_taken_by:
        return look(f"{signs.port_taken_by} listens on port {found.port}")
    return clear(f"port {found.port} is the gateway's or free")


PORT_TAKEN = Pitfall(
    id="port-taken",
    subject="network",
    title="Another program has OLD's port",
    why="The gateway cannot start beside it, so OLD would not come back if the move is put back.",
    source="docs help/faq/gateway-ports-and-remote-mode.md",
    severity=Severity.LOOK,
    remedy="End that program on OLD, or give the gateway another port.",
    judge=of_old(_port),
)


def _port_there(there: There, facts: Facts) -> Judgement:
    standing = facts.target_gateway
    if not there.listening:
        return clear("the port is free on NEW")
    if _is_olds(there, facts):
        return clear("that is OLD's own gateway, which is stopped before NEW starts")
    if standing is not None and standing.state in UP:
        return clear("that is the gateway at the target")
    return blocks(f"{there.listening} listens on it")


def _is_olds(there: There, facts: Facts) -> bool:
    """Whether both are one machine, whose OLD and NEW are two users or two practice hosts."""
    gateway = facts.installation.gateway if facts.installation else None
    if gateway is None or gateway.state not in UP:
        return False
    ids = [machine.machine_id for machine in (facts.old, facts.new) if machine is not None]
    is_one = len(ids) == 2 and ids[0] is not None and ids[0] == ids[1]
    return is_one or (there.listener is not None and there.listener == gateway.pid)


PORT_TAKEN_THERE = Pitfall(
    id="port-taken-on-new",
    subject="network",
    title="Another program has the port on NEW",
    why="The gateway cannot start there, after OLD was stopped already.",
    source="docs help/faq/gateway-ports-and-remote-mode.md",
    severity=Severity.BLOCKS,
    remedy="End that program on NEW, or give OLD's gateway another port before the move.",
    judge=of_new(_port_there),
    needs=Needs.NEW,
)


def _same_port(facts: Facts) -> Judgement:
    if facts.neighbours is None or facts.installation is None:
        return unknown()
    port = facts.installation.port
    same = [each.state_dir for each in facts.neighbours if each.port == port]
    return look_at(same, "{} has " + f"port {port} as well", "no other installation on NEW has its port")


SAME_PORT = Pitfall(
    id="port-of-a-neighbour",
    subject="network",
    title="Another installation on NEW has the same port",
    why="Of two gateways with one port only the first that starts runs, after a reboot a matter of luck.",
    source="docs gateway/multiple-gateways.md",
    severity=Severity.LOOK,
    remedy="Give one of them another `gateway.port`, with room for the ports beside it.",
    judge=_same_port,
    needs=Needs.BOTH,
)


def _same_channels(facts: Facts) -> Judgement:
    if facts.neighbours is None or facts.installation is None:
        return unknown()
    ours = set(facts.installation.channels)
    found = [
        f"{each.state_dir} ({', '.join(shared)})"
        for each in facts.neighbours
        if each.gateway.state in UP and (shared := sorted(ours & set(each.channels)))
    ]
    return look_at(found, "runs on NEW with the same channels: {}", "no other gateway runs on NEW")


SAME_CHANNELS = Pitfall(
    id="neighbour-with-channels",
    subject="running",
    title="A gateway on NEW with the same kinds of channels",
    why=(
        "Where it has the same bot or account, the two push each other out: Telegram answers 409, WhatsApp "
        "440, Discord doubles every answer."
    ),
    source="#8762, #45474, #69304",
    severity=Severity.LOOK,
    remedy="See that each has accounts of its own; stop the one that is not wanted.",
    judge=_same_channels,
    needs=Needs.BOTH,
)

# ----------------------------------------------------------------------- what runs


def _gateways(_: Installation, signs: Signs) -> Judgement:
    if signs.gateways is None:
        return unknown("OLD's processes cannot be seen")
    if signs.gateways > 1:
        return look(f"{signs.gateways} processes run a gateway of this state directory")
    return clear("not more than one gateway runs")


TWO_GATEWAYS = Pitfall(
    id="two-gateways",
    subject="running",
    title="Two gateways of one state directory",
    why=(
        "Old and new versions do not keep each other out: both write to the same databases, and stopping one "
        "leaves the other."
    ),
    source="docs gateway/gateway-lock.md; #72942",
    severity=Severity.LOOK,
    remedy="End the one that its service does not run (`ps -ef | grep openclaw`), then look again.",
    judge=of_old(_gateways),
)


def _nodes(_: Installation, signs: Signs) -> Judgement:
    return look_at(signs.node_units, "{}", "OLD is no node of a gateway")


NODE_HOST = Pitfall(
    id="node-host",
    subject="running",
    title="OLD is also a node",
    why=(
        "A node is no gateway: its unit runs on after the move and reaches for the gateway where it was, "
        "mostly on OLD itself."
    ),
    source="docs cli/node.md",
    severity=Severity.LOOK,
    remedy="After the move point it at NEW (`openclaw node install --host …`), or disable its unit.",
    judge=of_old(_nodes),
)

_PLACING = ("OPENCLAW_OAUTH_DIR", "OPENCLAW_WORKSPACE_DIR", "OPENCLAW_HOME", "OPENCLAW_CONFIG_PATH")


def _placing(facts: Facts) -> Judgement:
    found = facts.installation
    if found is None:
        return unknown()
    if found.gateway.state is GatewayState.UNKNOWN:
        return unknown("known once it is seen what runs OLD's gateway")
    usual = {
        "OPENCLAW_CONFIG_PATH": f"{found.state_dir}/openclaw.json",
        "OPENCLAW_OAUTH_DIR": f"{found.state_dir}/credentials",
        "OPENCLAW_HOME": facts.old.home if facts.old else "",
    }
    there = {name: found.gateway.environment.get(name, "").rstrip("/") for name in _PLACING}
    named = [f"{name}={value}" for name, value in there.items() if value not in ("", usual.get(name))]
    return look_at(named, "{}", "no variable leads elsewhere")


PLACING = Pitfall(
    id="placing-variables",
    subject="running",
    title="Variables that lead the gateway elsewhere",
    why=(
        "They place logins, workspaces or the config, and are set where the gateway is started. On NEW its "
        "service does not have them, and looks at the usual places."
    ),
    source="docs help/environment.md; #28236",
    severity=Severity.LOOK,
    remedy="Set them on NEW too (`systemctl --user edit openclaw-gateway`), with NEW's paths.",
    judge=_placing,
)
