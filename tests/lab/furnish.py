"""State made by OpenClaw itself, on a real machine, for any of its eras.

`furnish` makes a machine with what a person would have after some months: several agents with sessions
and tool calls, cron jobs, memory files, Telegram against the stand-in, WhatsApp's credentials, a plugin
with a native module, a named profile, a workspace outside the state directory, a config with an
`$include` and comments, a `.env`; and the gateway's service, which starts with the machine.

What the program cannot make offline is written by hand as a person or a channel would leave it: the
config's providers (an editor), memory files (an editor), WhatsApp's key files (a phone is needed).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from openclaw_wizard.openclaw import command, releases
from tests.lab import programs
from tests.lab.lab import OLD, Lab
from tests.lab.providers import MODEL_URL, TELEGRAM_URL, Providers

PORT: Final = 18789
MODEL: Final = "standin/stand-in"
MODEL_KEY: Final = "sk-stand-in-000000000000"
BOT_TOKEN: Final = "123456789:AAstand_in_token_of_the_lab_0123456789a"
READY_SECONDS: Final = 300
BUSY_SECONDS: Final = 120
FRESH_STARTS: Final = 4
PRE_KEYS: Final = 30
PLUGIN: Final = "lab-notes"
LOADED: Final = "lab-notes loaded its native module:"
NATIVE: Final = "@lydell/node-pty-linux-x64/prebuilds/linux-x64/pty.node"
"""A native module that every era of OpenClaw brings along."""

MEMORY: Final = "# Memory\n\n- Alice's sister is called Mira; her birthday is on 3 May.\n- Old path: {home}\n"


def since(version: str, first: str) -> bool:
    return not releases.is_before(version, first)


def has_telegram(version: str) -> bool:
    """Versions before `apiRoot` reach no stand-in; there the account is only configured."""
    return since(version, "2026.6.1")


class Resident:
    """The person who lives on the machine, and what they type there."""

    def __init__(self, lab: Lab, providers: Providers, version: str, name: str = "old") -> None:
        self.lab, self.providers, self.version, self.name = lab, providers, version, name
        self.machine = lab.machines[name]
        self.state = self.machine.home / ".openclaw"
        self.asked = 0
        """How often a turn was asked for; each that was refused may be kept in the history or not."""

    def says(self, command: str, *, input: str = "", timeout: float = 300) -> str:
        """A shell line of theirs; its output. Raises AssertionError where it fails."""
        return self.lab.ssh(self.name, command, input=input, timeout=timeout)

    def openclaw(self, words: str) -> str:
        return self.says(f"NO_COLOR=1 openclaw {words}")

    def owns(self, file: Path, text: str | bytes, mode: int = 0o600) -> None:
        """Writes a file of theirs, with the folders above it."""
        missing = [each for each in file.parents if not each.exists()]
        for folder in reversed(missing):
            folder.mkdir(mode=0o700)
            os.chown(folder, self.machine.shape.uid, self.machine.shape.uid)
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        file.chmod(mode)
        os.chown(file, self.machine.shape.uid, self.machine.shape.uid)

    # ----------------------------------------------------------- what they do

    def onboard(self) -> None:
        self.openclaw(self._onboarding())
        for agent in ("research", "family"):
            place = f"{self.machine.shape.home}/{agent}-notes"
            self.openclaw(f"agents add {agent} --workspace {place} --model {MODEL} --non-interactive --json")

    def _onboarding(self, profile: str = "", port: int = PORT) -> str:
        skips = ["daemon", "health", "channels", "skills", "ui"]
        skips += ["search"] if since(self.version, "2026.3.1") else []
        return (
            f"{profile} onboard --non-interactive --accept-risk --mode local --flow quickstart "
            f"--auth-choice skip --gateway-port {port} --gateway-bind loopback --gateway-auth token --json "
            + " ".join(f"--skip-{each}" for each in skips)
        )

    def edit_the_config(self) -> None:
        """As a person does in an editor: providers, a channel, a comment, and a part in a file of its own."""
        file = self.state / "openclaw.json"
        config = json.loads(file.read_text())
        defaults = config.setdefault("agents", {}).setdefault("defaults", {})
        defaults |= {"model": {"primary": MODEL}, "heartbeat": {"every": "0m"}}
        config["models"] = {"mode": "merge", "providers": {"standin": provider()}}
        config["channels"] = {"$include": "./channels.json5"}
        config["bindings"] = [{"agentId": "main", "match": {"channel": "telegram", "accountId": "default"}}]
        comment = f"// Changed by hand in {self.machine.shape.home}.\n"
        self.owns(file, comment + json.dumps(config, indent=2))
        telegram = json.dumps(self._telegram(), indent=2)
        self.owns(self.state / "channels.json5", f"{{\n  // the family's bot\n  telegram: {telegram},\n}}\n")
        self.owns(self.state / ".env", f"STANDIN_API_KEY={MODEL_KEY}\nLAB_ONLY_HERE=kept\n")

    def _telegram(self) -> dict[str, Any]:
        telegram: dict[str, Any] = {"enabled": True, "botToken": BOT_TOKEN, "dmPolicy": "pairing"}
        if has_telegram(self.version):
            telegram |= {"apiRoot": TELEGRAM_URL, "network": {"dangerouslyAllowPrivateNetwork": True}}
        return telegram

    def install_plugin(self) -> None:
        here = programs.openclaw(self.version) / "node_modules"
        found = next(p for p in (here / NATIVE, here / "openclaw/node_modules" / NATIVE) if p.exists())
        source = self.machine.home / "src" / PLUGIN
        for name, text in plugin_files().items():
            self.owns(source / name, text, 0o644)
        self.owns(source / "node_modules/lab-native/native.node", found.read_bytes(), 0o755)
        words = " --force" if since(self.version, "2026.6.1") else ""
        words += " --accept-capabilities" if since(self.version, "2026.8.1") else ""
        self.openclaw(f"plugins install{words} ~/src/{PLUGIN}")

    def start_gateway(self) -> None:
        self.says("loginctl enable-linger")
        self.openclaw("gateway install --json")
        self.wait_until_ready()
        assert self.plugin_is_loaded(), "the gateway did not load the plugin"

    def plugin_is_loaded(self) -> bool:
        """Whether the gateway said so since the machine started."""
        return LOADED in self.says("journalctl --user -u openclaw-gateway --no-pager -o cat")

    def wait_until_ready(self) -> None:
        path = "readyz" if since(self.version, "2026.3.1") else ""
        ask = f"curl -fs -o /dev/null -m 3 http://127.0.0.1:{PORT}/{path}"
        self.says(f"for i in $(seq {READY_SECONDS}); do {ask} && exit 0; sleep 1; done; exit 1", timeout=400)

    def live(self) -> None:
        # First what asks for most: 2026.6 grants a new device what it asks for first, and then no more.
        job = "--session isolated --message 'nightly summary'"
        job += " --no-deliver" if since(self.version, "2026.3.1") else ""
        self.openclaw(f"cron add --name nightly --cron '17 3 * * *' --tz Europe/Berlin {job} --json")
        self.openclaw(f"cron add --name weekly --every 7d {job} --agent research --json")
        self.turn("when was the boiler serviced?")
        note = json.dumps({"path": "memory/boiler.md", "content": "Serviced on 12 October.\n"})
        self.turn(f"TOOL write {note}")
        assert (self.state / "workspace/memory/boiler.md").exists(), "the tool call wrote no file"
        self.turn("collect three sources on heat pumps", agent="research")

    def turn(self, message: str, agent: str = "main") -> str:
        """One turn of an agent, and its answer. A gateway that stays busy is started anew (BUSY)."""
        quoted = message.replace("'", "'\\''")
        words = f"NO_COLOR=1 openclaw agent --agent {agent} --message '{quoted}'"
        ran = ""
        for _ in range(FRESH_STARTS):
            deadline = time.monotonic() + BUSY_SECONDS
            while time.monotonic() < deadline:
                self.asked += 1
                ran = self.lab.ssh(self.name, f"{words} 2>&1; echo status=$?", timeout=300)
                if ran.strip().endswith("status=0"):
                    return ran
                assert any(word in ran for word in command.BUSY), f"no turn: {ran}"
                time.sleep(2)
            self.openclaw("gateway restart")
            self.wait_until_ready()
        raise AssertionError(f"the gateway stays busy: {ran}")

    def talk_on_telegram(self) -> None:
        """Paired, one conversation, and one stranger whose request is left open."""
        self.providers.telegram_says("hello bot")
        code = self.until(self._pairing_code)
        self.openclaw(f"pairing approve telegram {code}")
        self.until(self._ask_over_telegram)
        self.providers.telegram_says("a stranger", person=888)
        self.until(self._pairing_code)

    def _ask_over_telegram(self) -> bool:
        """The first approval makes that person the owner, and some versions restart for it: ask again."""
        self.providers.telegram_says("a question over telegram")
        deadline = time.monotonic() + 40
        while not self.providers.telegram_answered() and time.monotonic() < deadline:
            time.sleep(1)
        return self.providers.telegram_answered()

    def _pairing_code(self) -> str | None:
        found = json.loads(self.openclaw("pairing list telegram --json"))
        requests = found.get("requests", []) if isinstance(found, dict) else found
        return next((str(each["code"]) for each in requests), None)

    def until(self, ask: Callable[[], Any]) -> Any:
        """What `ask` answers once that is something. Raises AssertionError after 150 s."""
        deadline = time.monotonic() + 150
        while not (answer := ask()):
            assert time.monotonic() < deadline, f"it never came: {self.providers.telegram_log()}"
            time.sleep(1)
        return answer

    def keep_notes(self) -> None:
        home = self.machine.shape.home
        workspace = self.state / "workspace"
        self.owns(workspace / "MEMORY.md", MEMORY.format(home=home), 0o644)
        self.owns(workspace / "memory/2026-01-12.md", "Talked about the boiler.\n", 0o644)
        self.owns(workspace / "notes with a\nnewline.md", "A name that breaks careless tools.\n", 0o644)
        self.owns(self.machine.home / "research-notes/sources.md", "# Sources\n\n1. The handbook.\n", 0o644)
        for name, content in whatsapp_files().items():
            self.owns(self.state / "credentials/whatsapp/default" / name, content)

    def add_profile(self) -> None:
        self.openclaw(self._onboarding("--profile work", PORT + 1000))
        work = self.machine.home / ".openclaw-work"
        assert (work / "openclaw.json").exists()


def provider() -> dict[str, Any]:
    """The stand-in as a custom provider; its key is only in `.env`, so a lost `.env` is a dead agent."""
    model = {
        "id": "stand-in",
        "name": "Stand-in",
        "contextWindow": 128000,
        "maxTokens": 4096,
        "input": ["text"],
        "cost": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0},
        "reasoning": False,
    }
    key = "${STANDIN_API_KEY}"
    return {"baseUrl": MODEL_URL, "api": "openai-completions", "apiKey": key, "models": [model]}


def plugin_files() -> dict[str, str]:
    """A plugin that loads its native module, and says so in the log."""
    package = {
        "name": PLUGIN,
        "version": "1.0.0",
        "type": "module",
        "openclaw": {"extensions": ["./index.js"]},
    }
    schema = {"type": "object", "additionalProperties": False, "properties": {}}
    source = f"""import {{ createRequire }} from 'node:module';
const require = createRequire(import.meta.url);
export default {{
  id: '{PLUGIN}',
  name: 'Lab notes',
  register(api) {{
    const native = require('lab-native');
    api.logger.info(`{LOADED} ${{Object.keys(native)}}`);
  }},
}};
"""
    # Newer gateways load a plugin only when it is used, unless it says that it wants to be there.
    manifest = {"id": PLUGIN, "name": "Lab notes", "configSchema": schema, "activation": {"onStartup": True}}
    native = {"name": "lab-native", "version": "1.0.0", "main": "native.node"}
    return {
        "package.json": json.dumps(package),
        "node_modules/lab-native/package.json": json.dumps(native),
        "openclaw.plugin.json": json.dumps(manifest),
        "index.js": source,
    }


def whatsapp_files() -> dict[str, str]:
    """What linking a phone leaves behind, in shape: the keys open nothing."""

    def buffer(length: int) -> dict[str, str]:
        import base64

        return {"type": "Buffer", "data": base64.b64encode(os.urandom(length)).decode()}

    def pair() -> dict[str, Any]:
        return {"private": buffer(32), "public": buffer(32)}

    creds = {
        **{name: pair() for name in ("noiseKey", "pairingEphemeralKeyPair", "signedIdentityKey")},
        "signedPreKey": {"keyPair": pair(), "signature": buffer(64), "keyId": 1},
        "registrationId": 1234,
        "nextPreKeyId": PRE_KEYS + 1,
        "me": {"id": "15555550100:7@s.whatsapp.net", "name": "Lab"},
        "platform": "android",
        "registered": False,
    }
    keys = {f"pre-key-{number}.json": json.dumps(pair()) for number in range(1, PRE_KEYS + 1)}
    session = {"session-15555550101.0.json": json.dumps({"_sessions": {}})}
    return {"creds.json": json.dumps(creds), **keys, **session}


def furnish(made: Lab, version: str, say: Callable[[str], None] = print) -> Resident:
    """A machine `old` with all of it, its gateway running. Raises AssertionError with what a command said."""
    made.add(replace(OLD, openclaw=programs.openclaw(version)))
    person = Resident(made, Providers(made), version)
    began = time.monotonic()
    for step in (
        person.onboard,
        person.install_plugin,
        person.edit_the_config,
        person.keep_notes,
        person.start_gateway,
        person.live,
        *([person.talk_on_telegram] if has_telegram(version) else []),
        person.add_profile,
    ):
        step()
        say(f"  {time.monotonic() - began:6.1f} s  {step.__name__.replace('_', ' ')}")
    return person
