"""The base of every word that crosses a border or is kept."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Word(BaseModel):
    """Base of every model: frozen, and strict about fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")
