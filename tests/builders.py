"""Plain values that many tests start from; each is valid by itself and can be changed by keyword."""

from __future__ import annotations

from typing import Any

from openclaw_wizard.model import (
    GatewayFacts,
    GatewayState,
    HostFacts,
    Installation,
    Plan,
    Tree,
    Workspace,
)


def host_facts(**changes: Any) -> HostFacts:
    facts = HostFacts(
        address="old",
        hostname="old-box",
        system="Linux",
        arch="x86_64",
        user="alice",
        uid=1001,
        home="/home/alice",
        machine_id="m-old",
        path="/usr/bin:/bin",
        node="24.19.0",
        npm="11.17.0",
        npm_prefix="/home/alice/.npm-global",
        openclaw="2026.9.6",
        tar="gnu",
        zstd=True,
        gzip=True,
        free_bytes=50_000_000_000,
        user_bus=False,
        linger=None,
        clock=1_800_000_000.0,
        round_trip=0.05,
    )
    return facts.model_copy(update=changes)


def new_facts(**changes: Any) -> HostFacts:
    moved = {
        "address": "new",
        "hostname": "new-box",
        "user": "bob",
        "uid": 1005,
        "home": "/srv/bob",
        "machine_id": "m-new",
        "openclaw": None,
        "npm_prefix": "/srv/bob/.npm-global",
    }
    return host_facts(**{**moved, **changes})


def installation(**changes: Any) -> Installation:
    state = "/home/alice/.openclaw"
    made = Installation(
        profile=None,
        state_dir=state,
        config_path=f"{state}/openclaw.json",
        version="2026.9.6",
        mode="local",
        port=18789,
        agents=("main",),
        channels=("telegram",),
        workspaces=(Workspace(agent="main", path=f"{state}/workspace", inside_state=True, exists=True),),
        state_bytes=2_000_000,
        state_files=120,
        has_agents=True,
        has_credentials=True,
        gateway=GatewayFacts(state=GatewayState.RUNNING, pid=4711, port=18789),
    )
    return made.model_copy(update=changes)


def tree(**changes: Any) -> Tree:
    made = Tree(
        name="state",
        old="/home/alice/.openclaw",
        new="/srv/bob/.openclaw",
        bytes=2_000_000,
        files=120,
        occupied=False,
        free_bytes=50_000_000_000,
    )
    return made.model_copy(update=changes)


def plan(**changes: Any) -> Plan:
    made = Plan(
        old=host_facts(),
        new=new_facts(),
        installation=installation(),
        version="2026.9.6",
        node_range=">=24.16.0 <25 || >=26.1.0",
        trees=(tree(),),
        excluded=(),
        path_changes=(("/home/alice/.openclaw", "/srv/bob/.openclaw"),),
        service="detached",
    )
    return made.model_copy(update=changes)


def workspace(agent: str, path: str, **changes: Any) -> Workspace:
    made = Workspace(agent=agent, path=path, inside_state=False, exists=True)
    return made.model_copy(update=changes)
