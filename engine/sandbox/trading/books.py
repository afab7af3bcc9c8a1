"""The venue's books, by double entry: every amount leaves one account and enters another, so each asset sums to zero.

Accounts: `free` and `held` are the customer's and never negative; `market` is everybody it trades with, `fees` the
venue's income, `outside` where deposits come from and withdrawals go. Amounts are atoms.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Literal, NamedTuple

from engine.sandbox.trading.terms import Refusal

Account = Literal["free", "held", "market", "fees", "outside"]
OWN: tuple[Account, ...] = ("free", "held")


class Entry(NamedTuple):
    """`amount` > 0 of `asset` went from one account to another."""

    ts: int
    asset: str
    source: Account
    target: Account
    amount: int
    why: str


class Books:
    """Balances and the journal they are the sum of."""

    def __init__(self) -> None:
        self.journal: list[Entry] = []
        self._balances: dict[tuple[str, Account], int] = defaultdict(int)
        self.assets: list[str] = []

    def open(self, asset: str) -> None:
        """Lists an asset, so that its empty balance is shown."""
        if asset not in self.assets:
            self.assets.append(asset)

    def balance(self, asset: str, account: Account) -> int:
        return self._balances[asset, account]

    def move(self, ts: int, asset: str, source: Account, target: Account, amount: int, why: str) -> None:
        """Moves `amount` >= 0. Refusal(`funds`) where the customer has not got it; nothing is moved then."""
        if amount < 0:
            raise ValueError(f"{amount} atoms cannot be moved; turn source and target around")
        if source in OWN and self._balances[asset, source] < amount:
            raise Refusal("funds", f"{asset}: {source} is less than asked for")
        if amount == 0:
            return
        self._balances[asset, source] -= amount
        self._balances[asset, target] += amount
        self.journal.append(Entry(ts, asset, source, target, amount, why))

    def shown(self, at: int) -> dict[str, tuple[int, int]]:
        """(free, held) of every listed asset as of `at`."""
        rows = {asset: [self._balances[asset, "free"], self._balances[asset, "held"]] for asset in self.assets}
        for entry in reversed(self.journal):
            if entry.ts <= at:
                break
            row = rows[entry.asset]
            if entry.source in OWN:
                row[OWN.index(entry.source)] += entry.amount
            if entry.target in OWN:
                row[OWN.index(entry.target)] -= entry.amount
        return {asset: (free, held) for asset, (free, held) in rows.items()}
