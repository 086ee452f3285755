"""How the demo furnishes OLD where a gateway does not let it."""

from __future__ import annotations

import pytest

from openclaw_wizard.demo import ground
from openclaw_wizard.errors import CommandFailed
from openclaw_wizard.openclaw import command


class Gateway:
    """Refuses with `says` until it was started anew `needs` times."""

    def __init__(self, needs: int, says: str = command.BUSY[-1]) -> None:
        self.needs, self.says = needs, says
        self.starts, self.did = 0, list[tuple[str, ...]]()

    async def openclaw(self, *words: str, input: bytes = b"") -> str:
        if self.starts < self.needs:
            raise CommandFailed(host="OLD", command="openclaw", status=1, output=self.says)
        self.did.append(words)
        return ""

    async def start_anew(self) -> None:
        self.starts += 1


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ground, "BUSY_SECONDS", 0)
    monkeypatch.setattr(ground, "ASK_AGAIN_SECONDS", 0)


@pytest.mark.parametrize("needs", [0, 1, ground.FRESH_STARTS])
async def test_a_gateway_that_stays_busy_is_started_anew(needs: int) -> None:
    gateway = Gateway(needs)
    await ground.patiently(gateway.openclaw, gateway.start_anew, "agent", "--message", "hello")
    assert gateway.did == [("agent", "--message", "hello")]
    assert gateway.starts == needs


async def test_one_that_never_lets_is_given_up_with_its_words() -> None:
    gateway = Gateway(ground.FRESH_STARTS + 1)
    with pytest.raises(CommandFailed, match=command.BUSY[-1]):
        await ground.patiently(gateway.openclaw, gateway.start_anew, "agent")
    assert gateway.starts == ground.FRESH_STARTS


async def test_any_other_failure_is_final() -> None:
    gateway = Gateway(1, says="no such agent")
    with pytest.raises(CommandFailed, match="no such agent"):
        await ground.patiently(gateway.openclaw, gateway.start_anew, "agent")
    assert gateway.starts == 0
