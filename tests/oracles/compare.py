"""Our trades against another library's, one by one, and the differences that the other library's own rules
explain.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from engine.core import codes
from engine.core.machine import Frames, Machine
from tests.oracles import cases
from tests.oracles.cases import Case

Row = list[Any]
"""[entry bar, exit bar, entry price, exit price, pnl] and, for ours, the exit's reason."""

PRICE_SLACK = 2e-8  # our prices lie on a grid of 1e-8; a library's are float64


@dataclass
class Differences:
    equal: int = 0
    explained: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)

    def summary(self) -> str:
        return f"{self.equal} trades equal, {len(self.explained)} explained, {len(self.unexplained)} not"


def run_ours(case: Case, rows: int | None = None) -> tuple[list[Row], dict[str, Any]]:
    """The compiled kernel's trades in research mode, and the bars they were made on."""
    bars = cases.bars_of(case, rows)
    account, instrument, slot, ts, exec_rows, decisions = cases.engine_input(case, bars)
    reports = Machine(account, [instrument], [slot]).run(Frames.of_rows(ts, exec_rows), decisions)
    at = {int(t): k for k, t in enumerate(ts)}
    trades = [
        [
            at[int(t["entry_ts"])],
            at[int(t["exit_ts"])],
            instrument.price(int(t["entry_price"])),
            instrument.price(int(t["exit_price"])),
            instrument.money(int(t["pnl"])),
            codes.PURPOSES[t["reason"]],
        ]
        for t in reports.trades
    ]
    return trades, bars


def differences(library: str, case: Case, bars: dict[str, Any], ours: list[Row], theirs: list[Row]) -> Differences:
    """Trades are matched by their entry bar. `explained` holds those that differ by a rule of the library, and
    which.
    """
    found = Differences()
    rest = {row[0]: row for row in theirs}
    for mine in ours:
        other = rest.pop(mine[0], None)
        if other is None:
            found.unexplained.append(f"only ours: {mine}")
        elif _equal(library, mine, other):
            found.equal += 1
        elif library == "vectorbt" and (why := _vectorbt_rule(case, bars, mine, other)):
            found.explained.append(f"{why}: {mine} {other}")
        else:
            found.unexplained.append(f"ours {mine}, theirs {other}")
    found.unexplained += [f"only theirs: {row}" for row in rest.values()]
    return found


def _equal(library: str, mine: Row, other: Row) -> bool:
    if mine[:2] != other[:2] or abs(mine[2] - other[2]) > PRICE_SLACK + 1e-12 * mine[2]:
        return False
    if abs(mine[3] - other[3]) > PRICE_SLACK + 1e-12 * mine[3]:
        return False
    return abs(mine[4] - other[4] * _scale(library, mine)) <= 1e-5  # a thousand quote units a trade, lots of 1e-8


def _scale(library: str, mine: Row) -> float:
    """backtesting.py's result is of one unit, ours of a fixed amount."""
    return 1.0 if library == "vectorbt" else cases.AMOUNT / float(mine[2])


def _vectorbt_rule(case: Case, bars: dict[str, Any], mine: Row, other: Row) -> str:
    """vectorbt knows one order a bar: nothing leaves in its entry's bar, and a stop inside a bar beats an exit at
    its open.
    """
    entry, leave, price = int(mine[0]), int(mine[1]), float(mine[2])
    side = -1 if case.short else 1
    low, high = ("high", "low") if case.short else ("low", "high")
    stop, target = price * (1 - side * case.stop), price * (1 + side * case.target)
    touched = (bars[low][leave] - stop) * side <= 1e-9 or (bars[high][leave] - target) * side >= -1e-9
    if not touched or abs(mine[2] - other[2]) > 1e-6:
        return ""
    if leave == entry and mine[5] in ("stop", "target") and int(other[1]) > leave:
        return "left in its entry's bar"
    if mine[5] == "exit" and int(other[1]) == leave and min(abs(other[3] - stop), abs(other[3] - target)) < 1e-6:
        return "left at the open, before the stop inside the bar"
    return ""
