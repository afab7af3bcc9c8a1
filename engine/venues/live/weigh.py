"""A port that takes no answer at its word: what cannot be is Unknown, whatever it was meant to say, and nothing is ever raised.

It knows the question and the words of the port, nothing of orders under way; whether a trade fits the order that it names is
`belief`'s. A list with one row that cannot be is no list: to skip the row would be to guess which one is true.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, TypeVar, cast, get_args

from engine.venues.bounds import BIGGEST, EARLIEST, HIGHEST_FEE, LATEST, LONGEST_WAIT_MS, MOST_ROWS
from engine.venues.defects import tell
from engine.venues.port import (
    Accepted,
    Balance,
    Clock,
    Fees,
    Flow,
    NotFound,
    Placed,
    Port,
    Reason,
    Refused,
    Request,
    Rules,
    Seen,
    State,
    Trade,
    Unknown,
)

T = TypeVar("T")

MOST_FLOWS = 1_000
LONGEST_TEXT = 128
_SIDES, _STATES, _REASONS = ("buy", "sell"), get_args(State), get_args(Reason)


class Impossible(Exception):
    """An answer that cannot be; its text says why."""


class Weighed:
    """Everything of `port` that answers, weighed; its attributes as they are."""

    def __init__(self, port: Port) -> None:
        self._port = port

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)

    # ---- orders ------------------------------------------------------------------------------------------------------------
    def place(self, request: Request) -> Placed:
        return self._placed(lambda: self._port.place(request))

    def cancel(self, symbol: str, client_id: str, venue_id: str) -> Placed:
        return self._placed(lambda: self._port.cancel(symbol, client_id, venue_id))

    def look_up(self, symbol: str, client_id: str, venue_id: str, since: int = 0) -> Seen | NotFound | Unknown:
        def check(answer: Any) -> Seen | NotFound:
            if isinstance(answer, NotFound):
                return answer
            seen = _seen(answer, symbol)
            asked = seen.client_id == client_id if client_id and seen.client_id else seen.venue_id == venue_id
            return seen if asked else _no("another order than the one asked for")

        return _weigh(lambda: self._port.look_up(symbol, client_id, venue_id, since), check)

    def open_orders(self, symbols: Sequence[str]) -> list[Seen] | Unknown:
        def check(one: Any) -> Seen:
            seen = _seen(one, "")
            return seen if seen.symbol in symbols else _no("an order of a market that was not asked for")

        return _weigh(lambda: self._port.open_orders(symbols), lambda answer: _each(answer, check))

    def orders_since(self, symbol: str, ts: int) -> list[Seen] | Unknown:
        return _weigh(
            lambda: self._port.orders_since(symbol, ts), lambda answer: _each(answer, lambda one: _seen(one, symbol))
        )

    def trades_since(self, symbol: str, ts: int) -> list[Trade] | Unknown:
        return _weigh(lambda: self._port.trades_since(symbol, ts), lambda answer: _trades(answer, symbol))

    # ---- the account ---------------------------------------------------------------------------------------------------------
    def balances(self) -> dict[str, Balance] | Unknown:
        return _weigh(self._port.balances, _balances)

    def flows_since(self, ts: int, currencies: Sequence[str] = ()) -> list[Flow] | Unknown:
        return _weigh(
            lambda: self._port.flows_since(ts, currencies), lambda answer: _each(answer, _flow, most=MOST_FLOWS)
        )

    def rules(self, symbol: str) -> Rules | NotFound | Unknown:
        def check(answer: Any) -> Rules | NotFound:
            return answer if isinstance(answer, NotFound) else _rules(answer, symbol)

        return _weigh(lambda: self._port.rules(symbol), check)

    def fees(self, symbol: str) -> Fees | Unknown:
        return _weigh(lambda: self._port.fees(symbol), _fees)

    def sync(self) -> Clock | Unknown:
        return _weigh(self._port.sync, _clock)

    def _placed(self, ask: Callable[[], Any]) -> Placed:
        return cast(Placed, _weigh(ask, _placed))


def _weigh(ask: Callable[[], Any], check: Callable[[Any], T]) -> T | Unknown:
    try:
        answer = ask()
        return _unknown(answer) if isinstance(answer, Unknown) else check(answer)
    except Impossible as error:
        return Unknown(f"an answer that cannot be: {error}")
    except Exception as error:  # a fault in an adapter is no fact about an order
        tell("the exchange's adapter", error)
        return Unknown(f"{type(error).__name__} where an answer was expected")


def _no(why: str) -> Any:
    raise Impossible(why)


def _unknown(answer: Unknown) -> Unknown:
    wait: Any = answer.wait_ms
    good = isinstance(wait, int) and not isinstance(wait, bool) and wait > 0
    return Unknown(str(answer.why)[:400], min(wait, LONGEST_WAIT_MS) if good else 0)


# ---- words of the port --------------------------------------------------------------------------------------------------------
def _placed(answer: Any) -> Accepted | Refused:
    if isinstance(answer, Accepted):
        _id(answer.venue_id, "an order's id")
        return answer
    if isinstance(answer, Refused):
        reason: Reason = answer.reason if answer.reason in _REASONS else "other"
        code = str(answer.code)[:LONGEST_TEXT]
        return Refused("venue:guard" if code == "guard" else code, str(answer.words)[:400], reason)
    return cast(Accepted, _no("neither accepted nor refused"))


def _each(answer: Any, check: Callable[[Any], T], most: int = MOST_ROWS) -> list[T]:
    if not isinstance(answer, list):
        _no("no list")
    if len(answer) > most:
        _no(f"a list of more than {most} rows")
    return [check(one) for one in answer]


def _seen(one: Any, symbol: str) -> Seen:
    if not isinstance(one, Seen):
        _no("no order")
    if symbol and one.symbol != symbol:
        _no("an order of another market")
    _id(one.venue_id, "an order's id")
    if not isinstance(one.client_id, str) or one.side not in _SIDES or one.state not in _STATES:
        _no("an order in words that there are not")
    _amount(one.qty, "an order's quantity")
    _amount(one.filled, "what is filled")
    _time(one.ts)
    if one.cost is not None:
        _amount(one.cost, "what was paid")
    if one.fee is not None:
        _finite(one.fee, "a fee")
    if one.filled > one.qty or (one.state == "filled" and one.filled < one.qty):
        _no(f"an order that is {one.state} with {one.filled} of {one.qty}")
    return cast(Seen, one)


def _trades(answer: Any, symbol: str) -> list[Trade]:
    found: dict[str, Trade] = {}
    for one in _each(answer, lambda one: _trade(one, symbol)):
        if found.setdefault(one.trade_id, one) != one:
            _no("one trade told in two ways")
    return list(found.values())


def _trade(one: Any, symbol: str) -> Trade:
    if not isinstance(one, Trade) or one.symbol != symbol:
        _no("no trade of this market")
    _id(one.trade_id, "a trade's id")
    if not isinstance(one.client_id, str) or not isinstance(one.venue_id, str) or not one.client_id + one.venue_id:
        _no("a trade of no order")
    if one.side not in _SIDES or not isinstance(one.maker, bool) or not isinstance(one.fee_currency, str):
        _no("a trade in words that there are not")
    if not _amount(one.qty, "a trade's quantity") or not _amount(one.price, "a trade's price"):
        _no("a trade of nothing")
    _finite(one.fee, "a fee")
    _time(one.ts)
    base, _, quote = symbol.partition("/")
    of = {quote: one.qty * one.price, base: one.qty}.get(one.fee_currency)
    if of is not None and abs(one.fee) > of * HIGHEST_FEE + Decimal("0.01" if one.fee_currency == quote else 0):
        _no(f"a fee of {one.fee} {one.fee_currency} on {one.qty} at {one.price}")
    return cast(Trade, one)


def _balances(answer: Any) -> dict[str, Balance]:
    if not isinstance(answer, dict) or len(answer) > MOST_ROWS:
        _no("no balances")
    for name, one in answer.items():
        if not isinstance(name, str) or not isinstance(one, Balance):
            _no("no balance")
        _finite(one.free, "a balance")
        _amount(one.total, "a balance")
    return cast(dict[str, Balance], answer)


def _flow(one: Any) -> Flow:
    if not isinstance(one, Flow) or not isinstance(one.currency, str):
        _no("no deposit or withdrawal")
    _id(one.flow_id, "an entry's id")
    _finite(one.amount, "an amount")
    _time(one.ts)
    return Flow(one.flow_id, one.currency, one.amount, one.ts, str(one.words)[:200])


def _rules(answer: Any, symbol: str) -> Rules:
    if not isinstance(answer, Rules) or answer.symbol != symbol or not isinstance(answer.trading, bool):
        _no("no rules of this market")
    if f"{answer.base}/{answer.quote}" != symbol:
        _no("the rules of another market")
    for value in (answer.tick, answer.lot, answer.min_qty, answer.max_qty, answer.min_notional):
        _amount(value, "a rule")
    return cast(Rules, answer)


def _fees(answer: Any) -> Fees:
    if not isinstance(answer, Fees) or not all(
        abs(_finite(rate, "a rate")) < 1 for rate in (answer.maker, answer.taker)
    ):
        _no("no fees")
    return cast(Fees, answer)


def _clock(answer: Any) -> Clock:
    if not isinstance(answer, Clock) or not all(type(one) is int for one in (answer.offset_ms, answer.round_trip_ms)):
        _no("no time")
    if not 0 <= answer.round_trip_ms <= LONGEST_WAIT_MS:
        _no("a time from nowhere")
    return cast(Clock, answer)


# ---- values -------------------------------------------------------------------------------------------------------------------
def _finite(value: Any, what: str) -> Decimal:
    if not isinstance(value, Decimal) or not value.is_finite() or abs(value) > BIGGEST:
        _no(f"{what} that is no number")
    return cast(Decimal, value)


def _amount(value: Any, what: str) -> Decimal:
    if _finite(value, what) < 0:
        _no(f"{what} below nothing")
    return cast(Decimal, value)


def _id(value: Any, what: str) -> None:
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_TEXT:
        _no(f"{what} that is none")


def _time(value: Any) -> None:
    if type(value) is not int or not EARLIEST <= value <= LATEST:
        _no("a time that is none")
