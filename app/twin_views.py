"""What real orders cost against the model's fills of the same decisions: in sum, and by trade."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app import formats, go_live_data, tables, ui
from app.tiles import Tile, tiles
from engine.analytics.twin import Gap
from engine.research.twins import Pair, twin_of


def twin(page: ui.Page) -> None:
    """What real orders cost against the model's fills of the same decisions, in sum and by trade."""
    number = twin_of(page.engine, page.run_id)
    found = None if number is None else go_live_data.beside(page.engine, page.run_id, number)
    if found is None:
        words = "A dry run's fills are the model's own: there is nothing to compare." if page.run["dry"] else ""
        ui.empty(
            "This run has no twin", words or "A live account gets one at its first start: the same slots on paper."
        )
        return
    if not found.pairs:
        ui.empty("No trade has closed yet", "Live and paper trades of the same decision are put side by side here.")
        return
    _cost(page, found.cost, found.pairs)
    _pairs(page, found.pairs)


def _cost(page: ui.Page, cost: Gap, pairs: Sequence[Pair]) -> None:
    both = [pair for pair in pairs if pair.live and pair.twin]
    late = sorted(pair.latency_ms or 0 for pair in both)
    missed = sum(pair.live is None for pair in pairs)
    slip = cost.entry_slip + cost.exit_slip
    shown = [
        Tile(
            "Live less paper",
            formats.money(-cost.total, page.quote, sign=True),
            f"{len(both):,} trades on both",
            sign=-cost.total,
        ),
        Tile(
            "Slippage",
            formats.money(-slip, page.quote, sign=True),
            _basis(both, slip),
            "fills worse (\u2212) or better (+) than the model's",
        ),
        Tile("Fees", formats.money(-cost.fees, page.quote, sign=True), "against the model's"),
        Tile(
            "Missed fills",
            formats.money(-cost.missed, page.quote, sign=True),
            formats.many(missed, "decision"),
            "what the twin made on them",
        ),
        Tile(
            "Other",
            formats.money(-cost.exit_elsewhere - cost.size - cost.alone, page.quote, sign=True),
            "exits and sizes",
            "exits for another reason, sizes that drifted apart, and decisions that the twin did not fill",
        ),
        Tile("Later than the model", formats.duration(late[len(late) // 2]) if late else formats.DASH, "median entry"),
    ]
    tiles(shown, "twin")


def _basis(both: Sequence[Pair], slip: float) -> str:
    """Slippage in hundredths of a percent of what was bought and sold."""
    traded = sum(pair.live.qty * (pair.live.entry_price + pair.live.exit_price) for pair in both if pair.live)
    return f"{formats.number(slip / traded * 1e4, 1)} bp of the turnover" if traded else ""


def _pairs(page: ui.Page, pairs: Sequence[Pair]) -> None:
    names = ["decided", "slot", "entry", "entry_twin", "late", "slip", "fees", "left", "pnl", "pnl_twin", "gap", "why"]
    frame = tables.frame_of([_told(pair) for pair in pairs], names)
    help_ = "one row a decision, the newest first; at the live account's size"
    tables.heading("By trade", "twin-trades", frame, help_)
    columns = {
        "decided": tables.short_moment("Decided"), "slot": tables.text("Slot", width="medium"),
        "entry": tables.figure("Entry"), "entry_twin": tables.figure("on paper"), "late": tables.figure("Later"),
        "slip": tables.amount("Slippage", "entry and exit, a cost above zero", digits=4, sign=True),
        "fees": tables.amount("Fees", "more than on paper", digits=4, sign=True), "left": tables.text("Left by"),
        "pnl": tables.amount("P&L", page.quote, sign=True), "pnl_twin": tables.amount("on paper", page.quote, sign=True),
        "gap": tables.amount("Cost", "paper less live", sign=True), "why": tables.text("Not filled because", width="medium"),
    }  # fmt: skip
    shown = frame.assign(decided=tables.utc(frame["decided"]))
    tables.table(shown, columns, key="golive_pairs", height=tables.tall(len(frame)))


def _told(pair: Pair) -> dict[str, Any]:
    live, twin = pair.live, pair.twin
    left = live or twin
    assert left is not None
    reasons = [formats.exit_reason(one.reason) for one in (live, twin) if one]
    return {
        "decided": pair.decided_ts, "slot": formats.slot(pair.strategy, pair.symbol, pair.label),
        "entry": formats.price(live.entry_price if live else None),
        "entry_twin": formats.price(twin.entry_price if twin else None),
        "late": formats.DASH if pair.latency_ms is None else formats.duration(pair.latency_ms),
        "slip": pair.gap.entry_slip + pair.gap.exit_slip if live and twin else None,
        "fees": pair.gap.fees if live and twin else None,
        "left": reasons[0] if len(set(reasons)) == 1 else " / ".join(reasons),
        "pnl": live.pnl if live else None, "pnl_twin": twin.pnl if twin else None, "gap": pair.gap.total,
        "why": pair.why or ("" if twin else "the twin did not fill"),
    }  # fmt: skip
