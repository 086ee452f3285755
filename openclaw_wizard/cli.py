"""The command line: arguments, signals, exit codes, the choice of a face.

Heavy imports stay inside functions, so that `--help` is quick.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openclaw_wizard import __version__, wishes
from openclaw_wizard.errors import ExitCode, UsageError, WizardError

if TYPE_CHECKING:
    from openclaw_wizard.events import QuestionAsked
    from openclaw_wizard.session import Wizard

SIGNALS = {
    signal.SIGINT: ExitCode.INTERRUPTED,
    signal.SIGTERM: ExitCode.TERMINATED,
    signal.SIGHUP: ExitCode.HANGUP,
}

EPILOG = """\
HOST is `local` (this machine), an alias of your ssh_config, or [user@]host[:port]; USER/HOST where you
log in as root (or as one who may use sudo without a password) and OpenClaw is USER's.

Exit codes: 0 done, 1 failed (resumable), 2 usage, 3 done with problems, 4 blocked by a pitfall,
5 a question needs a person, 6 a host cannot be reached, 70 a bug, 129/130/143 stopped by a signal
(resumable). Without a command the wizard opens on the whole terminal."""


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="openclaw-wizard",
        description="Moves an OpenClaw installation from an OLD machine to a NEW one, step by step.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"openclaw-wizard {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", title="commands")

    def add(name: str, text: str, *, faces: bool = True) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        if faces:
            face = made.add_mutually_exclusive_group()
            face.add_argument("--json", action="store_true", help="one event a line on standard output")
            face.add_argument("--plain", action="store_true", help="lines of text, no full screen")
        return made

    check = add("check", "Read one machine and say what would go wrong; writes nothing on it.")
    check.add_argument("--host", metavar="HOST", required=True, help="the machine to look at")
    check.add_argument("--profile", metavar="NAME", help="only this profile (default: all)")
    check.add_argument("--all", action="store_true", help="also list what is clear or not yet known")

    plan = add("plan", "Read both machines and say what would be done; writes nothing on them.")
    _hosts(plan, required=True)
    wishes.add_to(plan)
    plan.add_argument("--out", metavar="FILE", type=Path, help="keep the plan for `run`")

    run = add("run", "Move: survey, then all six steps.")
    run.add_argument("plan", nargs="?", metavar="PLAN", type=Path, help="a plan kept by `plan --out`")
    _hosts(run, required=False)
    wishes.add_to(run)
    _answers(run)

    resume = add("resume", "Go on with a move that stopped (the newest, or ID).")
    resume.add_argument("id", nargs="?", metavar="ID")
    _answers(resume)
    undo = add("undo", "Put everything back: OLD runs again, NEW is as it was.")
    undo.add_argument("id", nargs="?", metavar="ID")

    status = add("status", "What moves this machine knows, and how far they are.", faces=False)
    status.add_argument("id", nargs="?", metavar="ID")
    status.add_argument("--json", action="store_true")
    report = add("report", "Print the report of a move.", faces=False)
    report.add_argument("id", nargs="?", metavar="ID")
    report.add_argument("--format", choices=("html", "md", "json"), default="md")
    report.add_argument("--names", action="store_true", help="with real paths, hosts and users: not to post")

    demo = add("demo", "Practise: a real OpenClaw moves between two practice hosts on this machine.")
    demo.add_argument("--fresh", action="store_true", help="set the practice hosts up anew")
    demo.add_argument("--clean", action="store_true", help="remove what the demo made (its cache stays)")
    return top


def _hosts(command: argparse.ArgumentParser, *, required: bool) -> None:
    command.add_argument("--from", dest="old", metavar="HOST", required=required, help="the OLD machine")
    command.add_argument("--to", dest="new", metavar="HOST", required=required, help="the NEW machine")
    command.add_argument(
        "--profile",
        metavar="NAME",
        action="append",
        dest="profiles",
        default=[],
        help="a profile that moves, may be said again; `all` for every one (default: the default one)",
    )


def _answers(command: argparse.ArgumentParser) -> None:
    command.add_argument("--yes", action="store_true", help="answer every question with yes")
    command.add_argument("--answers", metavar="FILE", type=Path, help='JSON, such as {"start-new": "yes"}')
    command.add_argument(
        "--accept", metavar="PITFALL", action="append", default=[], help="accept a finding that says look"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Parses, runs, and returns the exit code."""
    options = parser().parse_args(argv)
    try:
        return int(asyncio.run(_main(options)))
    except WizardError as problem:
        # A failure inside the session was shown by its face already.
        if not problem.shown:
            sys.stderr.write(f"{problem.what}\n  safe: {problem.safe}\n  next: {problem.next}\n")
        return int(problem.exit_code)
    except BrokenPipeError:
        # The reader of our output went away (`| head`); the move's own state is in the journal.
        sys.stderr.close()
        return int(ExitCode.FAILED)


async def _main(options: argparse.Namespace) -> ExitCode:
    match options.command:
        case None:
            return await _tui()
        case "status":
            return _status(options)
        case "report":
            return _report(options)
        case "demo":
            return await _demo(options)
        case "check":
            from openclaw_wizard import check

            return await stoppable(lambda: check.run(options))
        case _:
            return await _headless(options)


# ---------------------------------------------------------------- composition


def make_wizard(**policy: Any) -> Wizard:
    """The core with this project's own steps handed to it."""

    from openclaw_wizard.journal import wizard_home
    from openclaw_wizard.pitfalls import judge_all
    from openclaw_wizard.session import Policy, Survey, Wizard
    from openclaw_wizard.steps import order, reading, survey

    handed = Survey(
        read=survey.survey,
        again=survey.again,
        judge=judge_all,
        actions=order.actions_for,
        helper=reading.helper,
    )
    return Wizard(wizard_home(), handed, policy=Policy(**policy))


def _answers_of(options: argparse.Namespace) -> dict[str, str]:
    path: Path | None = getattr(options, "answers", None)
    if path is None:
        return {}
    from pydantic import TypeAdapter

    try:
        return TypeAdapter(dict[str, str]).validate_json(path.read_bytes())
    except (OSError, ValueError) as problem:
        raise UsageError(
            what=f"The answers file {path} cannot be used.",
            next="It is one JSON object of question to answer.",
        ) from problem


# ------------------------------------------------------------------ headless


async def _headless(options: argparse.Namespace) -> ExitCode:
    wizard = make_wizard(
        yes=getattr(options, "yes", False),
        answers=_answers_of(options),
        accept=frozenset(getattr(options, "accept", ())),
        interactive=not options.json and sys.stdin.isatty(),
    )
    _attach_face(wizard, options)
    work = {"plan": _plan, "run": _run, "resume": _resume, "undo": _undo}[options.command]
    return await carry_out(wizard, lambda: work(wizard, options))


def _attach_face(wizard: Wizard, options: argparse.Namespace) -> None:
    if options.json:
        from openclaw_wizard.faces.jsonlines import JsonFace

        wizard.subscribe(JsonFace(sys.stdout.buffer, sys.stderr))
    else:
        from openclaw_wizard.faces.plain import PlainFace

        asking = sys.stdin.isatty()
        ask = (lambda q: _ask_on_terminal(wizard, q)) if asking else None
        face = PlainFace(
            sys.stdout,
            sys.stderr,
            terminal=sys.stdout.isatty(),
            title=lambda action: wizard.view.action(action).title,
            ask=ask,
        )
        wizard.subscribe(face)


def _ask_on_terminal(wizard: Wizard, question: QuestionAsked) -> None:
    """Reads the answer without stopping the loop; anything but a choice asks again."""
    loop = asyncio.get_running_loop()

    def line_came() -> None:
        loop.remove_reader(sys.stdin.fileno())
        said = sys.stdin.readline().strip()
        if choice := chosen(question.choices, said):
            wizard.answer(question.question, choice)
        else:
            _ask_on_terminal(wizard, question)

    sys.stdout.write(f"[{'/'.join(question.choices)}] ")
    sys.stdout.flush()
    loop.add_reader(sys.stdin.fileno(), line_came)


def chosen(choices: Sequence[str], said: str) -> str | None:
    """The choice that was typed, in whole or its beginning; None where it is none, or more than one."""
    if said in choices:
        return said
    begun = [each for each in choices if said and each.lower().startswith(said.lower())]
    return begun[0] if len(begun) == 1 else None


async def carry_out(wizard: Wizard, work: Callable[[], Awaitable[ExitCode]]) -> ExitCode:
    """Runs `work` under our signal handlers; a signal stops it at a safe point, resumable."""

    def stopping(reason: str) -> None:
        wizard.stop_reason = reason

    try:
        return await stoppable(work, stopping)
    finally:
        await wizard.aclose()


async def stoppable(
    work: Callable[[], Awaitable[ExitCode]], stopping: Callable[[str], object] = lambda _: None
) -> ExitCode:
    """The exit code of `work`, or that of the signal that ended it; `stopping` is told the signal's name."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work())
    got: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        got.append(number)
        stopping(number.name)
        task.cancel()

    for number in SIGNALS:
        loop.add_signal_handler(number, stop, number)
    try:
        return await task
    except asyncio.CancelledError:
        return SIGNALS[got[0]] if got else ExitCode.FAILED
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)


async def _plan(wizard: Wizard, options: argparse.Namespace) -> ExitCode:
    from openclaw_wizard.journal import save
    from openclaw_wizard.model import Verdict

    plan = await wizard.survey(options.old, options.new, tuple(options.profiles), wishes.of(options))
    if options.out is not None:
        save(options.out, plan.model_dump_json(indent=1).encode())
    blocked = any(f.verdict is Verdict.BLOCKS for f in plan.findings)
    return ExitCode.BLOCKED if blocked else ExitCode.DONE


async def _run(wizard: Wizard, options: argparse.Namespace) -> ExitCode:
    from openclaw_wizard.session import load_plan

    if options.plan is not None:
        if options.old or options.new or options.profiles or wishes.are_given(options):
            what = "A plan file names its machines itself, and how to copy and what."
            raise UsageError(what=what, next="Give it alone, or make a new plan with these options.")
        try:
            content = options.plan.read_bytes()
        except OSError as problem:
            raise UsageError(
                what=f"The plan {options.plan} cannot be read.", next="Check its name."
            ) from problem
        await wizard.survey_as_planned(load_plan(content, str(options.plan)))
    else:
        if not (options.old and options.new):
            raise UsageError(what="Which machines?", next="Name them: run --from HOST --to HOST.")
        await wizard.survey(options.old, options.new, tuple(options.profiles), wishes.of(options))
    await wizard.confirm_plan()
    await wizard.run()
    return ExitCode(wizard.view.exit_code or 0)


async def _resume(wizard: Wizard, options: argparse.Namespace) -> ExitCode:
    await wizard.resume(options.id)
    return ExitCode(wizard.view.exit_code or 0)


async def _undo(wizard: Wizard, options: argparse.Namespace) -> ExitCode:
    await wizard.undo(options.id)
    return ExitCode(wizard.view.exit_code or 0)


# --------------------------------------------------------------------- others


def _status(options: argparse.Namespace) -> ExitCode:
    import json
    from datetime import datetime

    wizard = make_wizard()
    found = wizard.moves()
    if options.id is not None:
        wizard.store.folder_of(options.id)
        found = [each for each in found if each.id == options.id]
    if options.json:
        sys.stdout.write(json.dumps([each.model_dump(mode="json") for each in found], indent=1) + "\n")
        return ExitCode.DONE
    for each in found:
        began = f"{datetime.fromtimestamp(each.started):%Y-%m-%d %H:%M}" if each.started else "?"
        state = each.problem or each.outcome or f"stopped in {each.step}, resumable"
        done = f"{each.actions_done}/{each.actions}"
        sys.stdout.write(f"{each.id}  {began}  {each.old} → {each.new}  {done}  {state}\n")
    if not found:
        sys.stdout.write("No moves yet.\n")
    return ExitCode.DONE


def _report(options: argparse.Namespace) -> ExitCode:
    from openclaw_wizard import report
    from openclaw_wizard.session import records

    view, plan, folder = records.view_of(make_wizard().store, options.id)
    render = {"md": report.markdown, "html": report.html, "json": report.as_json}[options.format]
    said = render(view, plan, report.Kept.of(folder, plan), names=options.names)
    sys.stdout.write(said.rstrip("\n") + "\n")
    return ExitCode.DONE


async def _tui(old: str = "", new: str = "") -> ExitCode:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            what="The full-screen wizard needs a terminal.",
            safe="Nothing was done.",
            next="Use a command with --plain or --json (see --help), or run it in a terminal.",
        )
    from openclaw_wizard.faces.tui.app import run_tui

    wizard = make_wizard(interactive=True, answers={"confirm-plan": "yes"})
    return await carry_out(wizard, lambda: run_tui(wizard, old=old, new=new))


async def _demo(options: argparse.Namespace) -> ExitCode:
    from openclaw_wizard import demo

    if options.clean:
        await demo.clean(_narrate)
        return ExitCode.DONE
    wizard = make_wizard(yes=True)
    unfinished = None if options.fresh else demo.unfinished(wizard.moves())
    if unfinished is None:
        hosts = await demo.build(_narrate)
    else:
        hosts = demo.addresses()
    if not (options.json or options.plain):
        return await _tui(*hosts)
    _attach_face(wizard, options)

    async def move() -> ExitCode:
        if unfinished is not None:
            await wizard.resume(unfinished)
        else:
            await wizard.survey(*hosts)
            await wizard.run()
        return ExitCode(wizard.view.exit_code or 0)

    return await carry_out(wizard, move)


def _narrate(text: str) -> None:
    sys.stderr.write(f"demo  {text}\n")
    sys.stderr.flush()
