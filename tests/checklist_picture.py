"""Pictures of the checklist: `python -m tests.checklist_picture OUT_DIR`.

A real survey of two practice hosts by the terminal app; on OLD much is planted that a move trips over. Needs
what screenshots.py needs.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from openclaw_wizard.faces.tui.app import WizardApp
from tests.planted import plant, silent_port, stub
from tests.screenshots import SIZES, Driver, capture
from tests.two_hosts import TwoHosts


async def picture(hosts: TwoHosts, size: tuple[int, int], out: Path) -> None:
    wizard = hosts.wizard(interactive=True)
    app = WizardApp(wizard)
    async with app.run_test(size=size) as pilot:
        driver = Driver(app, pilot)
        await driver.prepare(hosts.old, hosts.new)
        await driver.until(lambda: driver.scene.view.plan is not None, patience=120)
        await pilot.press("enter")
        await driver.settle()
        await pilot.press("c")
        await driver.settle()
        await capture(app, out, f"15-checklist-{size[0]}x{size[1]}")
    await wizard.aclose()


async def main(out: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        hosts = TwoHosts(Path(folder))
        stub(Path(folder) / "bin", "openclaw", "echo OpenClaw 2026.8.3")
        plant(hosts.old_home, silent_port())
        try:
            for size in SIZES:
                await picture(hosts, size, out)
        finally:
            await hosts.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
