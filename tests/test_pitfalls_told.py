"""The pitfalls that small signs tell: each hit, unknown where its fact is missing, none where all is well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from openclaw_wizard.model import (
    Facts,
    GatewayFacts,
    GatewayState,
    Installation,
    LooseKey,
    Severity,
    There,
    Verdict,
)
from openclaw_wizard.pitfalls import PITFALLS, SUBJECTS, judge_all
from openclaw_wizard.pitfalls.listed import table
from openclaw_wizard.signs import Listed
from tests.builders import host_facts, installation, new_facts
from tests.test_pitfalls import CASES, GOOD, HITS, facts, gateway

CLEAR, LOOK, BLOCKS, UNKNOWN = Verdict.CLEAR, Verdict.LOOK, Verdict.BLOCKS, Verdict.UNKNOWN


def signs(config: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """The facts where these signs were read of OLD."""
    said = GOOD.config and GOOD.config.model_copy(update=config or {})
    return {"installation": installation(signs=GOOD.model_copy(update={"config": said, **changes}))}


def config(**changes: Any) -> dict[str, Any]:
    return signs(changes)


def runs(version: str, **changes: Any) -> dict[str, Any]:
    return {"old": host_facts(openclaw=version), **signs(**changes)}


def there(**changes: Any) -> dict[str, Any]:
    return {"there": There(account_home="/srv/bob").model_copy(update=changes)}


def found(**changes: Any) -> dict[str, Any]:
    return {"installation": installation(signs=GOOD, **changes)}


def keys(*names: str, where: str = "unit openclaw-gateway.service") -> dict[str, Any]:
    return found(loose_keys=tuple(LooseKey(name=name, where=where) for name in names))


def neighbour(state: GatewayState, **changes: Any) -> dict[str, tuple[Installation, ...]]:
    other = installation(state_dir="/srv/bob/.openclaw-x", gateway=GatewayFacts(state=state), **changes)
    return {"neighbours": (other,)}


def profile_without_whatsapp() -> dict[str, Any]:
    said = GOOD.config and GOOD.config.model_copy(update={"whatsapp": True})
    default = installation(signs=GOOD.model_copy(update={"whatsapp": ("default",)}))
    work = installation(profile="work", signs=GOOD.model_copy(update={"config": said}))
    return {"installation": work, "installations": (default, work)}


NO_TOKEN = signs({"has_auth": False})["installation"].signs
TOKEN_ALONE = {
    "installation": keys("OPENCLAW_GATEWAY_TOKEN")["installation"].model_copy(update={"signs": NO_TOKEN})
}
UP, READY = GatewayState.RUNNING, GatewayState.READY
TWO = Listed(count=5, first=("a", "b", "c"))
IN_STATE = "/srv/bob/.openclaw/bin:/usr/bin"

TOLD: tuple[tuple[str, Verdict, dict[str, Any], str], ...] = (
    # --- what runs
    ("two-gateways", LOOK, signs(gateways=2), "2 processes"),
    ("two-gateways", UNKNOWN, signs(gateways=None), "cannot be seen"),
    ("neighbour-with-channels", LOOK, neighbour(UP), "/srv/bob/.openclaw-x (telegram)"),
    ("neighbour-with-channels", CLEAR, neighbour(GatewayState.STOPPED), "no other"),
    ("neighbour-with-channels", CLEAR, neighbour(UP, channels=("slack",)), "no other"),
    ("neighbour-with-channels", UNKNOWN, {"neighbours": None}, "once OLD and NEW"),
    ("node-host", LOOK, signs(node_units=("openclaw-node.service",)), "openclaw-node.service"),
    (
        "placing-variables",
        LOOK,
        found(gateway=gateway(UP, OPENCLAW_OAUTH_DIR="/srv/keys", HOME="/home/alice")),
        "OPENCLAW_OAUTH_DIR=/srv/keys",
    ),
    (
        "placing-variables",
        CLEAR,
        found(gateway=gateway(UP, OPENCLAW_CONFIG_PATH="/home/alice/.openclaw/openclaw.json")),
        "no variable",
    ),
    ("placing-variables", UNKNOWN, found(gateway=gateway(GatewayState.UNKNOWN)), "what runs OLD's"),
    # --- the program
    ("newer-config", BLOCKS, {"old": host_facts(openclaw="2026.7.1")}, "2026.9.6 wrote the config"),
    ("newer-config", CLEAR, {"old": host_facts(openclaw="2026.10.1")}, "2026.10.1 reads it"),
    ("newer-config", UNKNOWN, {"old": host_facts(openclaw=None)}, "both OLD's command and its config"),
    ("program-in-state", BLOCKS, {"new": new_facts(path=IN_STATE)}, "/srv/bob/.openclaw/bin, which is moved"),
    (
        "program-in-state",
        LOOK,
        {"old": host_facts(path="/home/alice/.openclaw/tools/node/bin")},
        "do not move",
    ),
    ("program-in-state", CLEAR, {"new": new_facts(path="/srv/bob/.openclaw-x/bin")}, "no program"),
    ("no-openclaw-command", LOOK, {"old": host_facts(openclaw=None)}, "not on the PATH of alice"),
    ("not-a-release", LOOK, runs("2026.9.7-dev.3"), "2026.9.7-dev.3 was built"),
    ("not-a-release", LOOK, runs("2026.9.7+g1234567"), "built from source"),
    ("not-a-release", CLEAR, runs("2026.7.1-2"), "is a release"),
    ("not-a-release", CLEAR, runs("2026.9.1-beta.2"), "is a release"),
    ("auto-update", LOOK, config(auto_update=True), "update.auto.enabled"),
    ("other-kind-of-machine", LOOK, {"new": new_facts(arch="aarch64")}, "NEW is Linux aarch64"),
    ("other-kind-of-machine", LOOK, {"new": new_facts(node="26.1.0")}, "Node 26.1.0"),
    ("other-kind-of-machine", CLEAR, {"new": new_facts(node="24.1.0")}, "one major version"),
    ("other-kind-of-machine", UNKNOWN, {"new": new_facts(node=None)}, "both machines have Node"),
    ("no-service", LOOK, {"new": new_facts(user_bus=False)}, "does not answer"),
    ("no-linger", LOOK, {"new": new_facts(user_bus=True, linger=False)}, "bob's services end"),
    ("no-linger", CLEAR, {"new": new_facts(user_bus=False, linger=False)}, "no service"),
    ("no-linger", UNKNOWN, {"new": new_facts(user_bus=True, linger=None)}, "does not say"),
    ("home-differs", LOOK, there(account_home="/home/bob"), "the account's home is /home/bob"),
    ("home-differs", UNKNOWN, there(account_home=""), "does not say"),
    ("service-folder-open", LOOK, there(unit_folder_mode=0o775), "mode 0775"),
    ("service-folder-open", CLEAR, there(unit_folder_mode=0o755), "only its user"),
    ("plugin-not-installed", LOOK, signs(plugins_unknown=("matrix",)), "matrix"),
    ("plugin-not-installed", UNKNOWN, signs(plugins_unknown=None), "no list"),
    ("plugin-elsewhere", LOOK, signs(plugins_elsewhere=("notes in /old/notes",)), "notes in /old/notes"),
    ("plugin-elsewhere", UNKNOWN, signs(plugins_elsewhere=None), "cannot be read"),
    ("doctor-needs-a-terminal", LOOK, runs("2026.8.1"), "OLD runs 2026.8.1"),
    ("doctor-needs-a-terminal", CLEAR, runs("2026.8.2"), "2026.8.2 does not have it"),
    ("doctor-hangs", LOOK, runs("2026.2.15"), "2026.2.15"),
    ("doctor-overwrites-config", LOOK, runs("2026.2.6"), "2026.2.6"),
    ("doctor-overwrites-config", CLEAR, runs("2026.2.7"), "does not have it"),
    ("doctor-puts-chats-away", LOOK, runs("2026.5.2", transcripts=7), "7 conversations"),
    ("doctor-puts-chats-away", CLEAR, runs("2026.5.2"), "no conversations in files"),
    ("doctor-puts-chats-away", CLEAR, runs("2026.5.28", transcripts=7), "does not have it"),
    ("approvals-deadlock", LOOK, runs("2026.8.1", special=("exec-approvals.json",)), "exec-approvals.json"),
    ("approvals-deadlock", CLEAR, runs("2026.8.1"), "no exec-approvals"),
    ("session-files-refused", LOOK, runs("2026.2.13", sessions_elsewhere=TWO), "5 name a file"),
    ("session-files-refused", CLEAR, runs("2026.2.13"), "no conversation names"),
    # --- the data
    ("read-only-config", BLOCKS, signs(read_only="it is /nix/store/x"), "/nix/store/x"),
    ("read-only-config", BLOCKS, keys("OPENCLAW_NIX_MODE"), "OPENCLAW_NIX_MODE is set in unit"),
    ("foreign-owned", LOOK, signs(foreign=TWO), "5 belong to another user: a, b, c and 2 more"),
    ("open-to-others", LOOK, signs(open_to_others=TWO), "every user can read a, b, c and 2 more"),
    ("stray-logs", LOOK, signs(stray_logs=Listed(count=1, first=("x.sqlite-wal",))), "x.sqlite-wal"),
    ("state-on-network", LOOK, signs(network="nfs4 nas:/claw"), "nfs4 nas:/claw"),
    ("target-on-network", LOOK, there(networks=("cifs //nas/x",)), "cifs //nas/x"),
    ("legacy-folder", LOOK, signs(legacy=("/home/alice/.moltbot",)), ".moltbot"),
    ("legacy-folder-on-new", LOOK, there(legacy=("/srv/bob/.clawdbot",)), ".clawdbot on NEW"),
    (
        "legacy-folder-on-new",
        BLOCKS,
        {**runs("2026.7.1"), **there(legacy=("/srv/bob/.clawdbot",))},
        ".clawdbot on NEW",
    ),
    ("legacy-name", LOOK, found(state_dir="/home/alice/.clawdbot"), ".clawdbot"),
    ("migration-leftovers", LOOK, signs(leftovers=("update-check.json",)), "update-check.json"),
    ("dead-paths", LOOK, config(dead_paths=("/home/al/tls.pem",)), "/home/al/tls.pem"),
    ("container-paths", LOOK, config(container_paths=("agents.defaults.workspace",)), "/home/node in agents"),
    (
        "container-paths",
        CLEAR,
        {**config(container_paths=("a.b",)), "old": host_facts(home="/home/node")},
        "own home",
    ),
    ("workspace-redirected", LOOK, signs(redirected=("/home/alice/ws/main",)), "/home/alice/ws/main"),
    ("profile-workspace", LOOK, signs(profile_workspace="/home/alice/.openclaw/workspace-w"), "workspace-w"),
    ("worktrees", LOOK, signs(special=("worktrees",)), "worktrees/"),
    # --- conversations and cron jobs
    ("chats-missing", LOOK, signs(without_chats=("main",)), "the index of main"),
    ("chats-missing", UNKNOWN, signs(chats_closed=True), "cannot all be read"),
    ("doctor-puts-chats-away", UNKNOWN, runs("2026.5.2", chats_closed=True), "cannot all be read"),
    ("chats-put-away", LOOK, signs(put_away=TWO), "5 of the index"),
    ("chats-not-imported", LOOK, runs("2026.9.6", indexed=3), "names 3 conversations"),
    ("chats-not-imported", CLEAR, runs("2026.7.1", indexed=3), "does not have it"),
    (
        "official-backup",
        LOOK,
        signs(archives=("x-openclaw-backup.tar.gz",), transcripts=4),
        "4 conversations",
    ),
    ("official-backup", CLEAR, signs(archives=("x-openclaw-backup.tar.gz",)), "in databases"),
    ("cron-elsewhere", LOOK, signs(cron_elsewhere=("9 under /old/cron/jobs.json",)), "9 under /old"),
    ("cron-elsewhere", UNKNOWN, signs(cron_elsewhere=None), "cannot be read"),
    ("cron-not-imported", LOOK, signs(cron_unimported=2), "2 jobs"),
    ("cron-not-imported", UNKNOWN, signs(cron_unimported=None), "cannot be read"),
    # --- logins, keys, channels
    ("keys-left-behind", LOOK, keys("BRAVE_KEY", "OPENCLAW_GATEWAY_TOKEN"), "alone: BRAVE_KEY"),
    (
        "keys-left-behind",
        CLEAR,
        keys("NODE_OPTIONS", "OPENCLAW_NIX_MODE", "OPENCLAW_NO_RESPAWN"),
        "every key",
    ),
    ("token-in-unit", LOOK, TOKEN_ALONE, "only OPENCLAW_GATEWAY_TOKEN in unit openclaw"),
    ("token-in-unit", CLEAR, keys("OPENCLAW_GATEWAY_TOKEN"), "the config holds"),
    ("legacy-variables", LOOK, keys("CLAWDBOT_STATE_DIR"), "CLAWDBOT_STATE_DIR"),
    ("unset-variables", LOOK, config(unset=("STANDIN_API_KEY",)), "${STANDIN_API_KEY}"),
    ("identity-gone", LOOK, signs(paired=2), "2 paired"),
    ("identity-gone", CLEAR, signs(paired=2, identity=True), "belong together"),
    ("whatsapp-not-linked", LOOK, config(whatsapp=True), "holds no login"),
    ("whatsapp-not-linked", CLEAR, signs({"whatsapp": True}, whatsapp=("default",)), "linked: default"),
    ("whatsapp-not-linked", CLEAR, profile_without_whatsapp(), "in the default profile"),
    ("whatsapp-not-linked", UNKNOWN, signs({"whatsapp": True}, whatsapp=None), "credentials cannot be read"),
    ("whatsapp-in-default", LOOK, profile_without_whatsapp(), "the default profile has one"),
    ("whatsapp-in-default", UNKNOWN, {"installations": None}, "every profile"),
    ("channel-switched-off", LOOK, config(switched_off=("whatsapp",)), "whatsapp"),
    ("keychain-logins", LOOK, signs(keychain=("anthropic:claude-cli",)), "anthropic:claude-cli"),
    ("sealed-logins", LOOK, signs(sealed=2), "2 in credentials"),
    ("browser-logins", LOOK, signs(browsers=("openclaw",)), "openclaw"),
    ("program-logins", LOOK, signs(beside=(".codex/auth.json", "clawd")), "~/.codex/auth.json"),
    ("program-logins", CLEAR, signs(beside=("clawd",)), "no other program"),
    # --- addresses and ports
    ("port-taken", LOOK, signs(port_taken_by="node (process 7)"), "node (process 7) listens on port 18789"),
    ("port-taken-on-new", BLOCKS, there(listening="nginx (process 7)", listener=7), "nginx"),
    ("port-taken-on-new", CLEAR, there(listening="node (process 4711)", listener=4711), "OLD's own"),
    (
        "port-taken-on-new",
        CLEAR,
        {**there(listening="a program of another user"), "new": new_facts(machine_id="m-old")},
        "OLD's own",
    ),
    (
        "port-taken-on-new",
        CLEAR,
        {**there(listening="node (process 7)", listener=7), "target_gateway": gateway(READY)},
        "at the target",
    ),
    ("port-of-a-neighbour", LOOK, neighbour(GatewayState.STOPPED), "has port 18789 as well"),
    ("port-of-a-neighbour", CLEAR, neighbour(GatewayState.STOPPED, port=19000), "no other"),
    ("port-of-a-neighbour", UNKNOWN, {"neighbours": None}, "once OLD and NEW"),
    ("webhook", LOOK, config(webhooks=("telegram (bot.example.org)",)), "bot.example.org"),
    ("tailscale", LOOK, config(tailscale=True), "over Tailscale"),
    ("bind-address", LOOK, config(bind="custom", bind_host="10.0.0.4"), "binds to 10.0.0.4"),
    ("bind-address", CLEAR, config(bind="custom", bind_host="127.0.0.2"), "every machine"),
    (
        "bind-address",
        CLEAR,
        {**config(bind="custom", bind_host="10.0.0.4"), **there(addresses=("10.0.0.4",))},
        "NEW has",
    ),
    (
        "bind-address",
        UNKNOWN,
        {**config(bind="custom", bind_host="10.0.0.4"), "there": None},
        "once NEW is read: whether it has 10.0.0.4",
    ),
    ("allowed-origins", LOOK, config(origins=("old-box.lan", "claw.example.org")), "old-box.lan is"),
    ("allowed-origins", CLEAR, config(origins=("claw.example.org",)), "no allowed origin"),
    ("local-models", LOOK, config(local_models=("127.0.0.1:11434",)), "127.0.0.1:11434 does not answer"),
    (
        "local-models",
        CLEAR,
        {**config(local_models=("127.0.0.1:11434",)), **there(answering=("127.0.0.1:11434",))},
        "they answer",
    ),
    (
        "local-models",
        UNKNOWN,
        {**config(local_models=("127.0.0.1:11434",)), "there": None},
        "whether 127.0.0.1:11434 answers",
    ),
)


@pytest.mark.parametrize(("pitfall", "verdict", "changes", "said"), TOLD)
def test_what_the_signs_say(pitfall: str, verdict: Verdict, changes: dict[str, Any], said: str) -> None:
    judged = judge_all(facts(**changes))[pitfall]
    assert (judged.verdict, said in judged.evidence) == (verdict, True), judged.evidence


@pytest.mark.parametrize("each", PITFALLS, ids=lambda each: each.id)
def test_every_pitfall_is_tried_as_hit_and_says_what_it_waits_for(each: Any) -> None:
    cases = [(v, c) for name, v, c, _ in (*HITS, *CASES, *TOLD) if name == each.id]
    assert {LOOK, BLOCKS} & {v for v, _ in cases}, "never tried as hit"
    nothing = judge_all(Facts())[each.id]
    assert nothing.verdict is UNKNOWN
    assert "known once" in nothing.evidence
    assert each.severity is Severity.BLOCKS or BLOCKS not in {v for v, _ in cases}


def test_what_was_read_without_the_signs_is_unknown_and_never_clear() -> None:
    before = judge_all(facts(installation=installation()))
    told = {name for name, finding in before.items() if "read it again" in finding.evidence}
    assert len(told) > 30
    assert {before[name].verdict for name in told} == {UNKNOWN}


def test_a_config_that_cannot_be_read_leaves_its_rules_unknown() -> None:
    unread = judge_all(facts(installation=installation(signs=GOOD.model_copy(update={"config": None}))))
    told = {name for name, finding in unread.items() if "config cannot be read" in finding.evidence}
    assert {"dead-paths", "unset-variables", "webhook", "local-models", "token-in-unit"} <= told
    assert {unread[name].verdict for name in told} == {UNKNOWN}


def test_without_new_its_rules_wait_for_it() -> None:
    alone = facts(new=None, there=None, neighbours=None, trees=None, target_gateway=None)
    waiting = {name for name, f in judge_all(alone).items() if f.verdict is UNKNOWN and "NEW" in f.evidence}
    assert {
        "no-service",
        "no-linger",
        "port-taken-on-new",
        "target-on-network",
        "legacy-folder-on-new",
    } <= waiting
    assert not {f.verdict for f in judge_all(alone).values()} & {LOOK, BLOCKS}


def test_each_subject_has_a_heading() -> None:
    assert {each.subject for each in PITFALLS} == set(SUBJECTS)


def test_the_readme_lists_them_all() -> None:
    """`python -m openclaw_wizard.pitfalls` prints what stands between the marks."""
    said = (Path(__file__).parent.parent / "README.md").read_text()
    listed = said.partition("<!-- pitfalls -->\n")[2].partition("<!-- /pitfalls -->")[0]
    assert listed == table()
    assert all(f"| `{each.id}`: " in listed for each in PITFALLS)
