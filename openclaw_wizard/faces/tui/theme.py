"""The two colour themes. Colour only ever repeats what a glyph and a word already say."""

from __future__ import annotations

from typing import Final

from textual.theme import Theme

EXTRA: Final = {
    "muted": "#8796a8",
    "faint": "#5a6878",
    "line": "#263241",
    "rail": "#111923",
    "claw": "#ff8d6b",
}
"""Colours that wizard.tcss uses beyond Textual's own; a foreign theme gets these."""

DARK: Final = Theme(
    name="wizard-dark",
    primary="#5cc8c2",
    secondary="#7aa7ff",
    accent="#ff8d6b",
    foreground="#d8e1ea",
    background="#0c1219",
    surface="#131c27",
    panel="#1a2532",
    success="#79d295",
    warning="#eac06a",
    error="#ff6b78",
    dark=True,
    variables={
        **EXTRA,
        "footer-background": "#111923",
        "footer-key-foreground": "#5cc8c2",
        "footer-description-foreground": "#8796a8",
        "block-cursor-background": "#20394a",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-blurred-background": "#1a2532",
        "block-cursor-blurred-foreground": "#d8e1ea",
        "input-selection-background": "#5cc8c2 30%",
        "scrollbar": "#263241",
        "scrollbar-background": "#0c1219",
        "scrollbar-corner-color": "#0c1219",
        "border": "#33506a",
        "border-blurred": "#263241",
    },
)

LIGHT: Final = Theme(
    name="wizard-light",
    primary="#0b7873",
    secondary="#2f5fc4",
    accent="#c24e2b",
    foreground="#1c2733",
    background="#f7f9fb",
    surface="#ffffff",
    panel="#e8edf3",
    success="#1c7a3f",
    warning="#8a5b00",
    error="#b3202f",
    dark=False,
    variables={
        "muted": "#566473",
        "faint": "#8593a2",
        "line": "#d3dce5",
        "rail": "#edf1f5",
        "claw": "#c24e2b",
        "footer-background": "#edf1f5",
        "footer-key-foreground": "#0b7873",
        "footer-description-foreground": "#566473",
        "block-cursor-background": "#cfe6e4",
        "block-cursor-foreground": "#0d1720",
        "block-cursor-blurred-background": "#e8edf3",
        "block-cursor-blurred-foreground": "#1c2733",
        "scrollbar": "#c3ced9",
        "scrollbar-background": "#f7f9fb",
        "scrollbar-corner-color": "#f7f9fb",
        "border": "#7fb0ad",
        "border-blurred": "#c3ced9",
    },
)
