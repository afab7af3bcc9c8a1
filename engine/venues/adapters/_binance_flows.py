"""Binance's deposits and withdrawals, coins and fiat, as the port's flows. No orders here.

Fiat has a list of its own that costs half of what a minute allows, so it is asked seldom, and only for accounts that hold fiat.
A flow counts from when it was completed; the lists go by when it was begun, so they are read from well before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.venues.adapters._binance_table import PAGE
from engine.venues.adapters._ccxt import Client, Nothing
from engine.venues.adapters._reading import Garbled, Row, amount, iso, millis, positive, row, rows, text
from engine.venues.port import Flow

DAY_MS = 86_400_000
WINDOW_MS = 89 * DAY_MS
FIAT_BACK_MS = 7 * DAY_MS
"""How long a bank may take between an order's beginning and its end."""
FIAT_EVERY_MS, FIAT_APART_MS = 600_000, 150_000
"""How often each direction is asked for; and between any two requests: each costs 90,000 of 180,000 a minute."""
FIAT_PAGE = 500
FIAT_DONE = ("Successful", "Finished")


@dataclass
class Direction:
    """Deposits (0) or withdrawals (1) of fiat: when they were asked for, from when on they were wanted then, what was told."""

    kind: int
    asked: int = -FIAT_EVERY_MS
    wanted: int = 0
    found: tuple[Flow, ...] = ()
    late: frozenset[str] = frozenset()


class Flows:
    """`since` asks."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._fiat = (Direction(0), Direction(1))

    def since(self, ts: int, currencies: Sequence[str]) -> list[Flow]:
        """Completed at or after `ts`, oldest first; fiat as it was told last, at most ten minutes ago, and what has
        been completed since it was wanted before."""
        found = {flow.flow_id: flow for flow in self._coins(ts) if flow.ts >= ts}
        legal = self.client.made.options.get("legalMoney") or {}
        if not currencies or any(one in legal for one in currencies):
            found |= {flow.flow_id: flow for flow in self._money(ts)}
        mine = (flow for flow in found.values() if not currencies or flow.currency in currencies)
        return sorted(mine, key=lambda flow: (flow.ts, flow.flow_id))

    # -- coins

    def _coins(self, ts: int) -> Iterator[Flow]:
        end = self.client.now() + 1
        for start in range(ts - DAY_MS, end, WINDOW_MS):
            window: Row = {"startTime": start, "endTime": min(start + WINDOW_MS, end), "limit": PAGE}
            for deposit in self._rows("sapiGetCapitalDepositHisrec", {**window, "status": 1}):
                yield _deposit(deposit)
            for withdrawal in self._rows("sapiGetCapitalWithdrawHistory", {**window, "status": 6}):
                yield _withdrawal(withdrawal)

    def _rows(self, method: str, wanted: Row) -> list[Row]:
        listed = rows(self.client.read(method, wanted))
        if len(listed) >= PAGE:
            raise Garbled("more deposits or withdrawals than one page holds: ask from a later time")
        return [one for one in listed if str(one.get("status")) == str(wanted["status"])]

    # -- fiat

    def _money(self, ts: int) -> Iterator[Flow]:
        now = self.client.steady()
        due = min(self._fiat, key=lambda one: one.asked)
        if now >= due.asked + FIAT_EVERY_MS and now >= max(one.asked for one in self._fiat) + FIAT_APART_MS:
            due.asked = now  # an answer that does not come is not asked for again at once either
            self._ask(due, ts)
        for one in self._fiat:
            yield from (flow for flow in one.found if flow.ts >= ts or flow.flow_id in one.late)

    def _ask(self, one: Direction, ts: int) -> None:
        """What is told anew counts even where it was completed before `ts`, but after what was wanted the last time."""
        wanted = min(ts, one.wanted) if one.wanted else ts
        try:
            listed = self._orders(one.kind, wanted - FIAT_BACK_MS)
        except Nothing:
            return
        before = {flow.flow_id for flow in one.found}
        one.found = tuple(flow for flow in listed if flow.ts >= wanted)
        one.late = frozenset(flow.flow_id for flow in one.found) - before
        one.wanted = ts

    def _orders(self, kind: int, begin: int) -> list[Flow]:
        wanted = {"transactionType": str(kind), "beginTime": begin, "endTime": self.client.now() + 1, "rows": FIAT_PAGE}
        told = row(self.client.read("sapiGetFiatOrders", wanted))
        listed = rows(told.get("data"))
        if told.get("success") is not True or len(listed) >= FIAT_PAGE or str(told.get("total")) != str(len(listed)):
            raise Garbled("fiat orders that are not told whole")
        return [_fiat(one, kind) for one in listed if one.get("status") in FIAT_DONE]


def _deposit(one: Row) -> Flow:
    done = millis(one, "completeTime") if one.get("completeTime") else millis(one, "insertTime")
    return Flow(f"d{text(one, 'id')}", text(one, "coin"), positive(one, "amount"), done, "deposit")


def _withdrawal(one: Row) -> Flow:
    fee = amount(one, "transactionFee") if one.get("transactionFee") else 0
    done = iso(one, "completeTime" if one.get("completeTime") else "applyTime")
    return Flow(f"w{text(one, 'id')}", text(one, "coin"), -positive(one, "amount") - fee, done, "withdrawal")


def _fiat(one: Row, kind: int) -> Flow:
    """Of a deposit `amount` arrives; of a withdrawal it reaches the bank, and the fee leaves the account besides."""
    moved, fee = positive(one, "amount"), amount(one, "totalFee") if one.get("totalFee") else 0
    words = "withdrawal" if kind else "deposit"
    signed = -moved - fee if kind else moved
    return Flow(
        f"f{words[0]}{text(one, 'orderNo')}", text(one, "fiatCurrency"), signed, millis(one, "updateTime"), words
    )
