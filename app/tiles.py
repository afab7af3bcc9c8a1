"""Numbers in a row: each with its name, what it compares to, its convention on hover, and how much of a limit it uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

HIGH = 0.75
"""Above this share of a limit the bar takes the colour of losses."""


@dataclass(frozen=True)
class Tile:
    """`note` stands below the value. With `sign` it is a gain (above zero) or a loss, coloured and with an arrow; without,
    it is grey. `share` is how much of a limit is used, 0 to 1, drawn as a bar. `faint` greys out what says little yet."""

    label: str
    value: str
    note: str | None = None
    help: str | None = None
    sign: float | None = None
    share: float | None = None
    faint: bool = False


def tiles(items: Sequence[Tile], key: str, least: int = 150) -> None:
    """Bordered tiles, at least `least` pixels wide each, in a row that breaks where the screen is narrow."""
    with st.grid("auto", min_column_width=least, gap="small", key=f"tiles_{key}"):
        for number, item in enumerate(items):
            with st.container(border=True, height="stretch", key=f"tile_{'few_' if item.faint else ''}{key}_{number}"):
                metric(item)
                if item.share is not None:
                    _bar(item.share)


def numbers(items: Sequence[Tile], key: str) -> None:
    """Numbers without borders, in as many columns as there is room for; three on a phone."""
    with st.grid("auto", min_column_width=105, gap="small", key=f"numbers_{key}"):
        for item in items:
            metric(item)


def halves(key: str) -> tuple[Any, Any]:
    """Two places side by side, below each other where the screen is narrow."""
    grid = st.grid("auto", min_column_width=430, gap="medium", key=f"halves_{key}")
    return grid.container(), grid.container()


def metric(item: Tile) -> None:
    """The number itself."""
    gain, plain = (item.sign or 0) > 0, not item.sign
    st.metric(
        item.label,
        item.value,
        item.note,
        help=item.help,
        delta_color="off" if plain else "normal" if gain else "inverse",
        delta_arrow="off" if plain else "up" if gain else "down",
    )


def _bar(share: float) -> None:
    width = min(max(share, 0.0), 1.0) * 100
    st.html(f'<div class="ek-bar {"high" if share > HIGH else ""}"><i style="width:{width:.1f}%"></i></div>')
