"""The two stand-ins at the operator's address: a model provider, and Telegram's Bot API.

Neither can exist offline; both machines reach the same ones, as they would reach the real ones.
"""

from __future__ import annotations

import json
import time
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from openclaw_wizard.demo.runtime import find_node
from tests.lab.lab import Lab
from tests.lab.network import OPERATOR

MODEL_PORT: Final = 18999
TELEGRAM_PORT: Final = 18998
MODEL_URL: Final = f"http://{OPERATOR}:{MODEL_PORT}/v1"
TELEGRAM_URL: Final = f"http://{OPERATOR}:{TELEGRAM_PORT}"


class Providers:
    """Started with the lab and ended with it."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        node = str(find_node()[0])
        model = files("openclaw_wizard.demo").joinpath("model_stand_in.mjs")
        telegram = Path(__file__).parent / "telegram_stand_in.mjs"
        lab.starts(node, str(model), str(MODEL_PORT), str(lab.folder), OPERATOR)
        lab.starts(node, str(telegram), OPERATOR, str(TELEGRAM_PORT))
        for url in (f"{MODEL_URL}/models", f"{TELEGRAM_URL}/lab/log"):
            self._until_it_answers(url)

    def telegram_says(self, text: str, person: int = 777) -> None:
        """A message of that person to the bot."""
        self.lab.http(f"{TELEGRAM_URL}/lab/inject", json.dumps({"from": person, "text": text}))

    def telegram_log(self) -> dict[str, Any]:
        """`polls` by address, `sent` messages, `conflicts`: meetings of two gateways on one token."""
        log: dict[str, Any] = json.loads(self.lab.http(f"{TELEGRAM_URL}/lab/log"))
        return log

    def telegram_answered(self, person: int = 777) -> bool:
        """Whether an agent's turn came back to that person."""
        said = [each for each in self.telegram_log()["sent"] if int(each["chat"]) == person]
        return any((each["text"] or "").startswith("turn ") for each in said)

    def _until_it_answers(self, url: str) -> None:
        for _ in range(100):
            try:
                self.lab.http(url)
            except AssertionError:
                time.sleep(0.1)
            else:
                return
        self.lab.http(url)
