"""Pictures of a real move: `python tests/screenshots.py OUT_DIR --demo FOLDER [--size 80x24]...`

Drives the terminal app through a whole move on the demo's practice ground and keeps the most telling
moment of every screen as SVG and PNG. Pictures need `rsvg-convert` (Debian: librsvg2-bin) and DejaVu
Sans Mono (fonts-dejavu-core).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input

from openclaw_wizard.errors import ExitCode
from openclaw_wizard.faces.tui.app import WizardApp
from openclaw_wizard.faces.tui.scene import Scene
from openclaw_wizard.faces.tui.screens.question import QuestionDialog
from openclaw_wizard.faces.tui.signs import Phase
from openclaw_wizard.faces.wizard import Wizard
from openclaw_wizard.model import Outcome, StepId

SIZES: Final = ((80, 24), (120, 36))
NAMES: Final = {
    "welcome": "01-welcome",
    "machines": "02-machines",
    "reading": "03-reading",
    "identify": "04-identify",
    "review": "05-review",
    "back_up": "06-back-up",
    "install": "07-install",
    "copy": "08-copy",
    "doctor": "09-doctor",
    "question": "10-question",
    "verify": "11-verify",
    "done": "12-done",
    "failure": "13-failure",
    "put_back": "14-put-back",
}
PATIENCE: Final = 1800.0
"""Seconds that a whole move may take."""
TRIES: Final = 3
DRAWN: Final = 20
"""Pieces of text that a screen has at least; one that is just being built has fewer."""
STEPS: Final = frozenset(step.value for step in StepId)


async def capture(app: App[ExitCode], out: Path, name: str) -> list[Path]:
    """Writes what the app shows now as SVG and PNG. Raises FileNotFoundError without rsvg-convert."""
    return await write(cleaned(app.export_screenshot()), out, name)


def cleaned(svg: str) -> str:
    """Textual's picture with a font that is on every Debian, and nothing fetched from anywhere.

    The size makes that font's advance the 12.2 px of Textual's grid; without `xml:space` rsvg drops
    leading blanks (measured).
    """
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font-family: ?Fira Code(, ?monospace)?", "font-family: DejaVu Sans Mono, monospace", svg)
    svg = svg.replace("font-size: 20px", "font-size: 20.264px")
    return svg.replace("<svg ", '<svg xml:space="preserve" ', 1)


async def write(svg: str, out: Path, name: str) -> list[Path]:
    out.mkdir(parents=True, exist_ok=True)
    drawn, painted = out / f"{name}.svg", out / f"{name}.png"
    drawn.write_text(svg)
    convert = await asyncio.create_subprocess_exec("rsvg-convert", "-o", str(painted), str(drawn))
    if await convert.wait() != 0:
        raise RuntimeError(f"rsvg-convert could not paint {drawn}")
    return [drawn, painted]


class Driver:
    """A person at the keyboard who photographs each screen at its best moment."""

    def __init__(self, app: WizardApp, pilot: Pilot[ExitCode]) -> None:
        self.app, self.pilot = app, pilot
        self.kept: dict[str, tuple[float, str]] = {}
        """The best picture so far by the name of the moment, with how telling it is."""
        self._failures = 0

    def keep(self, moment: str, telling: float = 1.0) -> None:
        if telling <= self.kept.get(moment, (0.0, ""))[0]:
            return
        picture = cleaned(self.app.export_screenshot())
        if picture.count("<text") > DRAWN:
            self.kept[moment] = (telling, picture)

    async def until(self, holds: Callable[[], bool], patience: float = PATIENCE) -> None:
        """Looks ten times a second until `holds`, or raises TimeoutError."""
        async with asyncio.timeout(patience):
            while not holds():
                await self.pilot.pause(0.1)

    async def settle(self) -> None:
        """Two repaints, so that what happened is on the screen."""
        for _ in range(2):
            await self.pilot.pause(0.15)

    @property
    def scene(self) -> Scene:
        return self.app.scene()

    async def move(self, old: str, new: str) -> None:
        """From Welcome to Done, with a mistyped machine on the way."""
        await self.prepare(old, f"{new}-mistyped")
        await self.until(lambda: self.scene.failure is not None and not self.scene.working, patience=60)
        await self.settle()
        self.keep("failure")
        await self.pilot.press("m")
        await self.name_machines(old, new)
        await self.until(lambda: self.scene.view.plan is not None or self._look_at_reading())
        await self.settle()
        if self.scene.view.plan is None:
            raise RuntimeError("the machines could not be read; see the picture of the failure")
        self.keep("identify")
        await self.pilot.press("enter")
        await self.settle()
        self.keep("review")
        await self.pilot.press("s")
        await self.until(lambda: self.app.current_mode != "review", patience=60)
        while self.scene.outcome is None:
            await self.pilot.pause(0.1)
            await self.work()
        await self.until(self._is_reported, patience=60)
        await self.settle()
        self.keep("done")

    async def put_back(self) -> None:
        """From Done, as a person who changed their mind."""
        await self.pilot.press("u")
        await self.settle()
        await self.pilot.press("2")
        await self.until(lambda: self.scene.view.outcome is Outcome.PUT_BACK)
        await self.settle()
        self.keep("put_back")

    def _is_reported(self) -> bool:
        return self.app.current_mode == "done" and bool(self.scene.report_path)

    async def prepare(self, old: str, new: str) -> None:
        await self.settle()
        self.keep("welcome")
        await self.pilot.press("enter")
        await self.name_machines(old, new)

    async def name_machines(self, old: str, new: str) -> None:
        await self.until(lambda: self.app.current_mode == "machines", patience=60)
        await self.settle()
        self.app.screen.query_one("#old", Input).value = old
        self.app.screen.query_one("#new", Input).value = new
        await self.settle()
        self.keep("machines")
        await self.pilot.press("enter")

    def _look_at_reading(self) -> bool:
        """Keeps the picture of reading; True where that failed."""
        if self.scene.failure is not None and not self.scene.working:
            self.keep("failure")
            return True
        if self.app.current_mode == "identify" and self.scene.reading:
            self.keep("reading", 1.0 + len(self.scene.read))
        return False

    async def work(self) -> None:
        """One look at the move that runs: answers, tries again, keeps what is telling."""
        screen, scene = self.app.screen, self.scene
        if isinstance(screen, QuestionDialog):
            await self.settle()
            self.keep("question")
            await self.pilot.press(str(affirmative(screen.asked.choices)))
            await self.until(lambda: self.app.screen is not screen, patience=60)
        elif scene.failure is not None and not scene.working:
            await self.settle()
            self.keep("failure")
            self._failures += 1
            if self._failures > TRIES:
                raise RuntimeError(f"the move failed: {scene.failure.what}")
            await self.pilot.press("r")
            await self.settle()
        elif scene.place in STEPS and scene.place == scene.target:
            self.keep(scene.place, telling(scene))

    async def write(self, out: Path, size: tuple[int, int]) -> list[Path]:
        written: list[Path] = []
        for moment, (_, svg) in sorted(self.kept.items(), key=lambda item: NAMES[item[0]]):
            written += await write(svg, out, f"{NAMES[moment]}-{size[0]}x{size[1]}")
        return written


def affirmative(choices: tuple[str, ...]) -> int:
    """The number of the choice that goes on: `yes` where there is one, else the first."""
    return choices.index("yes") + 1 if "yes" in choices else 1


def telling(scene: Scene) -> float:
    """How much a step shows: finished actions beside one that runs, and best a bar in the middle."""
    marks = scene.marks(StepId(scene.place))
    done = sum(m.phase in (Phase.DONE, Phase.FOUND) for m in marks)
    running = any(m.phase is Phase.RUNNING for m in marks)
    progress = scene.view.progress
    share = progress.done / progress.total if progress and progress.total else 0.0
    middle = 10.0 - abs(share - 0.6) * 10 if share else 0.0
    return 0.1 + done * 0.5 + running + middle


async def record(wizard: Wizard, out: Path, size: tuple[int, int], old: str, new: str) -> list[Path]:
    """Moves `old` to `new` through the app at `size` (columns, rows); the pictures, SVG and PNG.

    What was seen before a failure is written as well, and the failure raised then.
    """
    app = WizardApp(wizard)
    async with app.run_test(size=size) as pilot:
        driver = Driver(app, pilot)
        try:
            await driver.move(old, new)
            await driver.put_back()
        finally:
            written = await driver.write(out, size)
    return written


async def main(out: Path, folder: Path, sizes: list[tuple[int, int]]) -> None:
    """One demo move for each size, each from a ground built anew; the last one is cleared away."""
    from openclaw_wizard import demo
    from openclaw_wizard.cli import make_wizard

    os.environ["OPENCLAW_WIZARD_HOME"] = str(folder)
    try:
        for size in sizes:
            old, new = await demo.build(_narrate)
            wizard = make_wizard(interactive=True, answers={"confirm-plan": "yes"})
            try:
                for path in await record(wizard, out, size, old, new):
                    print(path)
            finally:
                await wizard.aclose()
    finally:
        await demo.clean(_narrate)


def _narrate(text: str) -> None:
    print(text, file=sys.stderr)


def size_of(text: str) -> tuple[int, int]:
    columns, _, rows = text.partition("x")
    return int(columns), int(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--demo", type=Path, required=True, help="folder for the practice ground")
    parser.add_argument("--size", type=size_of, action="append", help="such as 80x24; can be repeated")
    chosen = parser.parse_args()
    asyncio.run(main(chosen.out, chosen.demo, chosen.size or list(SIZES)))
