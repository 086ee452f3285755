"""The log: what ran on which machine, and what it printed. Text from a host, so never markup."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.events import Resize
from textual.widgets import RichLog


class LogView(RichLog):
    """A short tail where there is room, a drawer when it is opened; written in batches."""

    def __init__(self) -> None:
        super().__init__(max_lines=400, wrap=True, markup=False, highlight=False, min_width=0)
        self._written = 0
        self.border_title = "Log"

    def show(self, lines: Sequence[tuple[str, str]], total: int) -> None:
        """Writes what is new: `total` lines were ever said, `lines` are the last of them (who, text)."""
        fresh = min(total - self._written, len(lines))
        if fresh <= 0:
            return
        for who, text in lines[-fresh:]:
            self.write(Text.assemble((f"{who:<4}", "bold"), text))
        self._written = total

    def on_resize(self, event: Resize) -> None:
        """Opened, closed or resized: the newest line is what matters."""
        self.scroll_end(animate=False)
