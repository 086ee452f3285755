"""The clock of this machine, as actions see it."""

from __future__ import annotations

import asyncio
import time as wall


class SystemClock:
    def time(self) -> float:
        return wall.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
