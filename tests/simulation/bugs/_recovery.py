"""Parts of seeded bugs. Nothing here is right."""

from typing import Any


def without_open_bars(right: Any) -> Any:
    return lambda trader, state, layout, extra: right(trader, state, layout, {**extra, "resamplers": {}})


def numbered_anew(right: Any) -> Any:
    return lambda trader, state, layout, extra: right(trader, state, layout, {**extra, "signals": 0})


def changed(right: Any, field: str) -> Any:
    def restore(trader: Any, state: bytes, layout: Any, extra: Any) -> None:
        right(trader, state, layout, extra)
        trader.machine.slots[field] = 0

    return restore


def unlatched(right: Any) -> Any:
    def restore(trader: Any, state: bytes, layout: Any, extra: Any) -> None:
        right(trader, state, layout, extra)
        trader.machine.account["operator"] = 0

    return restore
