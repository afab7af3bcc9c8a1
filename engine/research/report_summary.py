"""A day, or another stretch of an account, in a few plain lines: for a mail, a chat, a log. Values in, text out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.analytics.definitions import Account
from engine.analytics.values import Ints
from engine.research import report_words as words


def summary(
    name: str,
    kind: str,
    quote: str,
    account: Account,
    symbols: Sequence[str],
    trips: Sequence[str] = (),
    blocked: Mapping[str, int] | None = None,
) -> str:
    """What an account earned over its span, by which trades, and what held it back. `symbols` are those of the closed trades in
    order, `trips` the breakers that tripped, `blocked` how many entry signals each rule refused."""
    curve, trades = account.curve, account.trades
    pnl = curve.final - curve.start - curve.net_flow
    grown = float(curve.levels[-1]) / curve.start - 1
    lines = [
        f"{name} ({kind}), {words.when(curve.begun)} to {words.when(curve.ended)} UTC",
        f"{'Earned' if pnl >= 0 else 'Lost'} {words.number(abs(pnl))} {quote} ({words.percent(grown, sign=True)}); equity "
        f"{words.number(curve.final)} {quote}.",
    ]
    if account.market is not None:
        held = float(account.market.levels[-1]) / account.market.start - 1
        lines.append(f"Holding the market made {words.percent(held, sign=True)}.")
    lines.append(_trades(account, quote))
    if len(trades):
        lines.append(_extremes(trades.pnl.argsort(kind="stable"), account, symbols, quote))
    if account.open_trades:
        lines.append(f"{words.many(account.open_trades, 'position')} open.")
    if trips:
        lines.append(f"Breakers tripped: {', '.join(trips)}.")
    if blocked:
        told = ", ".join(f"{count} by {words.words(rule)}" for rule, count in blocked.items())
        lines.append(f"Signals blocked: {told}.")
    return "\n".join(lines) + "\n"


def _trades(account: Account, quote: str) -> str:
    pnl = account.trades.pnl
    if not pnl.size:
        return "No trade was closed."
    won = int((pnl > 0).sum())
    fees, made = words.number(float(account.trades.fees.sum())), words.number(float(pnl.sum()), sign=True)
    return f"{words.many(pnl.size, 'trade')} closed, {won} won; together {made} {quote}, fees {fees}."


def _extremes(order: Ints, account: Account, symbols: Sequence[str], quote: str) -> str:
    pnl = account.trades.pnl
    best, worst = int(order[-1]), int(order[0])
    told = f"Best {symbols[best]} {words.number(float(pnl[best]), sign=True)} {quote}"
    if best == worst:
        return f"{told}."
    return f"{told}, worst {symbols[worst]} {words.number(float(pnl[worst]), sign=True)} {quote}."
