"""The events of one realistic move, chapter by chapter, for the screens to show."""

from __future__ import annotations

from typing import Any, Final

from openclaw_wizard.events import (
    ActionDone,
    ActionFailed,
    ActionName,
    ActionReverted,
    ActionStarted,
    Advanced,
    Compared,
    Event,
    FindingAccepted,
    FindingsChanged,
    GatewayChanged,
    MoveCreated,
    MoveFinished,
    QuestionAsked,
    Said,
    Surveyed,
    Surveying,
    UndoStarted,
)
from openclaw_wizard.model import (
    Excluded,
    Finding,
    GatewayFacts,
    GatewayState,
    Installation,
    MoveSummary,
    Outcome,
    Part,
    Plan,
    Role,
    Row,
    RowState,
    StaysBehind,
    StepId,
    Tree,
    Verdict,
    Workspace,
)
from openclaw_wizard.paths import Mention, Mentions, PathChange, PathLeft, Relocation
from tests.builders import host_facts, installation, plan

GB: Final = 1_000_000_000
MOVE: Final = "20261123-140205"
OLD_HOME, NEW_HOME = "/home/maria", "/home/claw"

ACTIONS: Final = (
    ("old.inventory", StepId.BACK_UP, "Count what OLD holds", "14 sessions, 3,902 messages, 3 cron jobs"),
    (
        "old.stop",
        StepId.BACK_UP,
        "Stop OLD's gateway, and wait until it really has stopped",
        "stopped after 6 s",
    ),
    (
        "old.check-databases",
        StepId.BACK_UP,
        "Check OLD's databases and take the final count",
        "4 intact; 14 sessions, 3,905 messages, 3 cron jobs",
    ),
    (
        "old.archive",
        StepId.BACK_UP,
        "Keep a safety copy on OLD, readable by its user alone",
        "1.1 GB, 4,302 entries",
    ),
    ("new.node", StepId.INSTALL, "Node in the range that this OpenClaw asks for", ""),
    ("new.openclaw", StepId.INSTALL, "The same OpenClaw version", "2026.9.6 in /home/claw/.npm-global"),
    ("copy.manifest", StepId.COPY, "List and hash every file on OLD", "2.1 GB in 4,211 files"),
    ("copy.stream", StepId.COPY, "Copy into a staging folder on NEW", "2.1 GB sent"),
    ("copy.compare", StepId.COPY, "Compare every file with OLD, by hash", "4,211 of 4,211 files equal"),
    ("new.relocate", StepId.COPY, "Let paths inside the state follow the new home", "12 paths in 4 files"),
    ("new.own", StepId.COPY, "Owned by the gateway's user, closed to everybody else", "user claw, 0700"),
    ("new.switch", StepId.COPY, "Switch by rename; what stood there is moved aside", "2 folders switched"),
    (
        "new.validate",
        StepId.DOCTOR,
        "Ask OpenClaw, reading only, what it thinks of the moved state",
        "config valid, 3 findings",
    ),
    (
        "new.doctor",
        StepId.DOCTOR,
        "Let OpenClaw's doctor repair what it finds",
        "repaired; 31 skills kept on",
    ),
    ("new.service", StepId.DOCTOR, "Prepare the service on NEW", "linger on"),
    ("new.start", StepId.VERIFY, "Start the gateway on NEW", "by systemd"),
    ("new.ready", StepId.VERIFY, "Wait until NEW's gateway is ready", "port 18789"),
    ("new.compare", StepId.VERIFY, "Count NEW, and compare with OLD", "nothing was lost"),
    ("old.disable", StepId.VERIFY, "Keep OLD from coming back, and mark it", "its unit is disabled"),
)
SECONDS: Final = {
    "old.stop": 6.0,
    "copy.stream": 51.0,
    "copy.manifest": 9.0,
    "new.openclaw": 38.0,
    "new.doctor": 11.0,
}
GATEWAYS: Final = {
    "old.stop": (Role.OLD, GatewayState.STOPPING, GatewayState.STOPPED),
    "new.start": (Role.NEW, GatewayState.STARTING, GatewayState.RUNNING),
    "new.ready": (Role.NEW, GatewayState.STARTING, GatewayState.READY),
    "old.disable": (Role.OLD, GatewayState.STOPPED, GatewayState.DISABLED),
}

FINDINGS: Final = (
    ("gateway-still-running", "The gateway on OLD still runs", Verdict.UNKNOWN),
    ("target-not-empty", "Something stands already where the state goes on NEW", Verdict.LOOK),
    ("profile-mismatch", "NEW would use another profile or state directory", Verdict.CLEAR),
    ("config-only", "Only openclaw.json would be copied", Verdict.CLEAR),
    ("ownership", "Files on NEW would belong to the wrong user", Verdict.UNKNOWN),
    ("remote-mode", "OLD points at a gateway on another machine", Verdict.CLEAR),
    ("secrets-readable", "The safety copy could be read by others", Verdict.UNKNOWN),
    ("room-on-new", "There is not enough room on NEW", Verdict.CLEAR),
    ("room-for-archive", "There is not enough room on OLD for the safety copy", Verdict.CLEAR),
)


def finding(name: str, title: str, verdict: Verdict, **changes: Any) -> Finding:
    made = Finding(
        pitfall=name,
        title=title,
        verdict=verdict,
        evidence="/home/claw/.openclaw holds 41 files; OpenClaw 2026.9.6 was onboarded there on 2 November.",
        why="Two state directories merged into one leave sessions that nothing points to.",
        remedy="Nothing to do: the wizard moves it aside. Accept the finding when that is what you want.",
    )
    return made.model_copy(update=changes)


def findings() -> tuple[Finding, ...]:
    return tuple(finding(*each) for each in FINDINGS)


PARTS: Final = tuple(
    Part(path=path, bytes=size, files=files, stays="" if files else "temporary files")
    for path, size, files in (
        (".", 210_000, 14),
        ("agents", 1_240 * 10**6, 2107),
        ("agents/main", 1_100 * 10**6, 1890),
        ("agents/ops", 140 * 10**6, 217),
        ("browser", 84 * 10**6, 310),
        ("browser/office", 84 * 10**6, 310),
        ("credentials", 4_100_000, 812),
        ("media", 388 * 10**6, 290),
        ("media/inbound", 360 * 10**6, 201),
        ("memory", 61 * 10**6, 2),
        ("skills", 900_000, 31),
        ("state", 96 * 10**6, 1),
        ("workspace", 126 * 10**6, 412),
        ("cron", 40_000, 6),
        ("canvas", 20_000, 2),
        ("tmp", 0, 0),
    )
)

STAYS: Final = (
    StaysBehind(
        what="OPENAI_API_KEY, BRAVE_TOKEN (set in /home/maria/.bashrc)",
        reason="units and shells do not move, and neither .env nor the config has it",
        remedy="add it to .env in the state directory on NEW, or set it there in the same way",
    ),
    StaysBehind(
        what="the models of ollama (127.0.0.1:11434)",
        reason="they are served by a program on OLD and can be many gigabytes",
        remedy="install that program and its models on NEW, so that 127.0.0.1:11434 answers there",
    ),
)


def old_installation() -> Installation:
    state = f"{OLD_HOME}/.openclaw"
    return installation(
        state_dir=state,
        config_path=f"{state}/openclaw.json",
        agents=("main", "ops"),
        channels=("whatsapp", "telegram"),
        workspaces=(
            Workspace(agent="main", path=f"{state}/workspace", inside_state=True, exists=True),
            Workspace(agent="ops", path=f"{OLD_HOME}/ops-notes", inside_state=False, exists=True),
        ),
        state_bytes=2 * GB,
        state_files=3987,
        found_by=("the home folder", "unit openclaw-gateway.service", "process 4711"),
        parts=PARTS,
        stays=STAYS,
        gateway=GatewayFacts(
            state=GatewayState.RUNNING, pid=4711, port=18789, unit="openclaw-gateway.service"
        ),
    )


def the_plan(**changes: Any) -> Plan:
    installed = "installed code; npm puts it there again for this machine"
    made = plan(
        old=host_facts(address="maria@atlas", hostname="atlas", user="maria", home=OLD_HOME, node="24.16.0"),
        new=host_facts(
            address="claw@hetzner-2:2222",
            hostname="hetzner-2",
            arch="aarch64",
            user="claw",
            home=NEW_HOME,
            node="24.19.0",
            openclaw=None,
            free_bytes=71 * GB,
            user_bus=True,
        ),
        installation=old_installation(),
        trees=(
            Tree(
                name="state",
                old=f"{OLD_HOME}/.openclaw",
                new=f"{NEW_HOME}/.openclaw",
                bytes=2 * GB,
                files=3987,
                occupied=True,
                free_bytes=71 * GB,
            ),
            Tree(
                name="outside-1",
                old=f"{OLD_HOME}/.config/openclaw",
                new=f"{NEW_HOME}/.config/openclaw",
                bytes=1_300,
                files=2,
                occupied=False,
            ),
            Tree(
                name="workspace-1",
                old=f"{OLD_HOME}/ops-notes",
                new=f"{NEW_HOME}/ops-notes",
                bytes=GB // 10,
                files=224,
                occupied=False,
            ),
        ),
        excluded=(
            Excluded(path="npm/", reason=installed),
            Excluded(path="tools/", reason=installed),
            Excluded(path="extensions/*/node_modules/", reason=installed),
            Excluded(path="tmp/", reason="temporary files and the locks of running processes"),
            Excluded(path="logs/", reason="logs of the old machine"),
        ),
        path_changes=((f"{OLD_HOME}/.openclaw", f"{NEW_HOME}/.openclaw"), (OLD_HOME, NEW_HOME)),
        relocation=relocation(),
        service="systemd",
        findings=findings(),
        stays=STAYS,
        others=(installation(profile="rescue", state_dir=f"{OLD_HOME}/.openclaw-rescue", parts=()),),
        noticed=("unit openclaw-gateway-far.service names /mnt/far, which is not there",),
    )
    return made.model_copy(update=changes)


def relocation() -> Relocation:
    """Some of what the old home is named in."""
    cron = ".openclaw/cron/jobs.json"
    changes = (
        ("openclaw.json", "agents.entries.ops.workspace", "ops-notes", 1),
        ("state/openclaw.sqlite", "cron_jobs.store_key", cron, 9),
    )
    stays, plugin = "it points at something that does not move", f"{OLD_HOME}/src/my-plugin"
    first = (Mention(file="workspace/MEMORY.md", count=3),)
    return Relocation(
        changes=tuple(
            PathChange(file=f, where=w, old=f"{OLD_HOME}/{p}", new=f"{NEW_HOME}/{p}", count=c)
            for f, w, p, c in changes
        ),
        left=(PathLeft(file="openclaw.json", where="plugins.load.paths.0", why=stays, old=plugin),),
        mentions=Mentions(first=first, files=1, count=3),
    )


def survey(*, finish: bool = True, **plan_changes: Any) -> list[Event]:
    """Reading both machines."""
    events: list[Event] = [
        Surveying(role=Role.OLD, what="connecting to maria@atlas"),
        Surveying(role=Role.NEW, what="connecting to claw@hetzner-2:2222"),
        Surveying(what="reading both machines"),
        GatewayChanged(role=Role.OLD, state=GatewayState.RUNNING),
        GatewayChanged(role=Role.NEW, state=GatewayState.ABSENT),
        Surveying(role=Role.OLD, what="looking for OpenClaw and measuring it"),
        FindingsChanged(findings=findings()),
    ]
    if finish:
        events += [
            Surveying(role=Role.NEW, what="looking at what stands there"),
            Surveyed(plan=the_plan(**plan_changes)),
        ]
    return events


def created() -> Event:
    return MoveCreated(
        format=1,
        wizard="0.1.0",
        move=MOVE,
        old="maria@atlas",
        new="claw@hetzner-2:2222",
        context={},
        plan_sha256="0" * 64,
        actions=tuple(ActionName(id=a, step=s, title=t) for a, s, t, _ in ACTIONS),
    )


def done(name: str) -> list[tuple[float, Event]]:
    """One action from start to end, with the seconds before each event."""
    fact = next(a[3] for a in ACTIONS if a[0] == name)
    events: list[tuple[float, Event]] = [(0.2, ActionStarted(action=name))]
    if name in GATEWAYS:
        role, during, _ = GATEWAYS[name]
        events.append((0.0, GatewayChanged(role=role, state=during)))
    events.append(
        (0.0, Said(role=Role.NEW if name.startswith("new") else Role.OLD, text=f"{name}: openclaw …"))
    )
    events.append((SECONDS.get(name, 1.4), ActionDone(action=name, fact=fact, found=name == "new.node")))
    if name in GATEWAYS:
        events.append((0.0, GatewayChanged(role=GATEWAYS[name][0], state=GATEWAYS[name][2])))
    if name == "old.archive":
        changed = [f for f in findings() if f.pitfall in ("secrets-readable", "gateway-still-running")]
        cleared = tuple(f.model_copy(update={"verdict": Verdict.CLEAR}) for f in changed)
        events.append((0.0, FindingsChanged(findings=cleared)))
    return events


def until(name: str) -> list[tuple[float, Event]]:
    """All actions before `name`."""
    names = [a[0] for a in ACTIONS]
    stop = names.index(name) if name in names else len(names)
    return [(0.1, created()), *(pair for each in names[:stop] for pair in done(each))]


def copying(share: float = 0.62, seconds: float = 32.0, already: int = 0) -> list[tuple[float, Event]]:
    """The stream on its way: it gets up to speed, dips once and goes on, as links do."""
    total, ticks, entries = 2_100_000_000, 40, 4_302
    paces = [0.4 + 0.6 * min(1.0, i / 12) - (0.5 if 22 <= i < 27 else 0.1 * (i % 3)) for i in range(ticks)]
    events: list[tuple[float, Event]] = [(0.2, ActionStarted(action="copy.stream"))]
    for i in range(ticks + 1):
        so_far = share * sum(paces[:i]) / sum(paces)
        advanced = Advanced(
            action="copy.stream",
            done=int(total * so_far),
            total=total,
            entries=int(entries * so_far),
            of_entries=entries,
            already=already,
            path=f"agents/main/sessions/2026-09-{i % 30 + 1:02}T14-02-05-7f3a1c9e-{i:04}.jsonl",
        )
        events.append((seconds / ticks, advanced))
        if i % 5 == 0:
            events.append((0.0, Said(role=Role.OLD, text=f"tar: chunk {i} of the state directory")))
    return events


QUESTION: Final = QuestionAsked(
    question="start-new",
    prompt=(
        "Start the gateway on NEW? From that moment its channels are live there. "
        "You can still put everything back, but messages that arrive in between stay on NEW."
    ),
    choices=("yes", "no"),
    answered_by="--yes",
    irreversible=True,
)

FAILED: Final = ActionFailed(
    action="copy.stream",
    code="HostUnreachable",
    what="claw@hetzner-2:2222 cannot be reached: the connection was refused for 5 minutes.",
    safe="OLD is stopped and its data is untouched. NEW's previous state is untouched.",
    next="Check the network and that its SSH server runs; then resume. What is there is not sent again.",
    exit_code=6,
    retryable=True,
)

ROWS: Final = (
    ("OpenClaw version", "2026.9.6", "2026.9.6", RowState.EQUAL, ""),
    ("Agents", "2", "2", RowState.EQUAL, ""),
    ("Sessions", "14", "14", RowState.EQUAL, ""),
    ("Messages", "3,905", "3,907", RowState.GREW, "2 new in main/telegram"),
    ("Cron jobs", "3", "3", RowState.EQUAL, ""),
    ("Channels", "2", "2", RowState.EQUAL, ""),
    ("Sign-ins", "6", "6", RowState.EQUAL, ""),
    ("Paired devices", "3", "3", RowState.EQUAL, ""),
    ("Config keys", "87", "87", RowState.EQUAL, ""),
    ("Environment names", "9", "9", RowState.EQUAL, ""),
    ("Workspace files", "412", "412", RowState.EQUAL, ""),
    ("Databases intact", "4", "4", RowState.EQUAL, ""),
    ("gateway", "2026.9.6, answers", "2026.9.6, answers", RowState.EQUAL, ""),
    ("sessions in the dashboard", "14", "14", RowState.EQUAL, ""),
)


WAY_IN: Final = "ssh -N -L 18789:127.0.0.1:18789 -p 2222 claw@hetzner-2"


def finish(outcome: Outcome = Outcome.DONE) -> list[tuple[float, Event]]:
    rows = tuple(Row(subject=s, old=o, new=n, state=state, detail=d) for s, o, n, state, d in ROWS)
    return [
        (0.1, Compared(rows=rows)),
        (0.1, MoveFinished(outcome=outcome, downtime=187.4, dashboard=WAY_IN, exit_code=0)),
    ]


def summaries(now: float) -> list[MoveSummary]:
    base = {"old": "maria@atlas", "new": "claw@hetzner-2:2222", "profile": None, "actions": 19}
    return [
        MoveSummary(
            id=MOVE,
            started=now - 3600,
            step=StepId.COPY,
            actions_done=7,
            outcome=None,
            **base,  # type: ignore[arg-type]
        ),
        MoveSummary(
            id="20261120-0911",
            started=now - 3 * 86400,
            step=None,
            actions_done=19,
            outcome=Outcome.DONE,
            **base,  # type: ignore[arg-type]
        ),
    ]


def undoing() -> list[tuple[float, Event]]:
    """The first of what is put back."""
    return [
        (0.1, UndoStarted()),
        (0.5, ActionReverted(action="old.disable", fact="OLD may start by itself again")),
        (0.5, ActionReverted(action="new.compare")),
        (0.5, ActionReverted(action="new.ready")),
    ]


def gateways(state: GatewayState) -> list[Event]:
    """Both in the same state."""
    return [GatewayChanged(role=role, state=state) for role in Role]


def judged(*findings_now: Finding) -> Event:
    """These findings, judged anew."""
    return FindingsChanged(findings=findings_now)


def accepted(pitfall: str) -> Event:
    return FindingAccepted(pitfall=pitfall)
