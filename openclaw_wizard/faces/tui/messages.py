"""What screens and widgets ask of the app. Messages bubble up; nothing below the app calls the session."""

from __future__ import annotations

from textual.message import Message


class Look(Message):
    """Show this screen; it changes nothing."""

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place = place


class Survey(Message):
    """Read both machines."""

    def __init__(self, old: str, new: str, profile: str | None) -> None:
        super().__init__()
        self.old, self.new, self.profile = old, new, profile


class Resume(Message):
    def __init__(self, move: str) -> None:
        super().__init__()
        self.move = move


class PutBack(Message):
    """Asked for; the app lets the person confirm it first."""

    def __init__(self, move: str | None, name: str) -> None:
        super().__init__()
        self.move, self.name = move, name


class FindingChosen(Message):
    def __init__(self, pitfall: str) -> None:
        super().__init__()
        self.pitfall = pitfall
