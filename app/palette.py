"""Colours, in one place, light and dark: both designed, the same meaning everywhere.

Gain and loss are teal and orange, a pair that colour-blind people can tell, and never stand without a sign or a shape.
.streamlit/config.toml repeats some of them for Streamlit's own widgets; a test holds the two equal.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Palette:
    """What a thing is called, not what it looks like."""

    ground: str
    panel: str
    text: str
    muted: str
    grid: str
    border: str
    accent: str
    gain: str
    loss: str
    outage: str
    paper: str
    live: str
    backtest: str
    imported: str
    demo: str
    on_badge: str


LIGHT = Palette(
    ground="#f8f9fb",
    panel="#eef1f5",
    text="#1c2530",
    muted="#5d6b7a",
    grid="#e3e8ee",
    border="#d6dce4",
    accent="#3454b4",
    gain="#0b7a75",
    loss="#b6480f",
    outage="#8694a3",
    paper="#3454b4",
    live="#a3174f",
    backtest="#55636f",
    imported="#6b4c9a",
    demo="#8a6200",
    on_badge="#ffffff",
)

DARK = Palette(
    ground="#11161d",
    panel="#1a212b",
    text="#dbe2ea",
    muted="#8b99a8",
    grid="#222c38",
    border="#2c3745",
    accent="#8ea8f7",
    gain="#45c1b4",
    loss="#f08c54",
    outage="#6f7e8e",
    paper="#8ea8f7",
    live="#ff6b9d",
    backtest="#a3b1bf",
    imported="#b99ae6",
    demo="#e2b64a",
    on_badge="#11161d",
)


def palette(theme: str | None) -> Palette:
    """The palette of Streamlit's theme type, light when unknown."""
    return DARK if theme == "dark" else LIGHT
