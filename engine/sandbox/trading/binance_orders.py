"""Binance's private side of trading: new, cancelled and looked-up orders, trades, the account."""

from __future__ import annotations

import re
from typing import Any

from engine.sandbox.trading import binance_words as words
from engine.sandbox.trading.binance_market import instrument
from engine.sandbox.trading.binance_words import BAND, MOST_ORDERS, MOST_STOPS, Wrong
from engine.sandbox.trading.matching import Matching
from engine.sandbox.trading.orders import Seen, seen, shown
from engine.sandbox.trading.terms import BUY, DIGITS, SELL, Ask, Instrument, Kind, Life, Order, Refusal, atoms, uuid
from engine.sandbox.trading.view import View
from engine.sandbox.trading.wire import Request

ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
KINDS: dict[str, Kind] = {"MARKET": "market", "LIMIT": "limit", "LIMIT_MAKER": "limit", "STOP_LOSS": "stop",
                          "STOP_LOSS_LIMIT": "stop_limit"}  # fmt: skip
REFUSALS = {
    "funds": (-2010, "Account has insufficient balance for requested action."),
    "duplicate": (-2010, "Duplicate order sent."),
    "stop": (-2010, "Stop price would trigger immediately."),
    "post_only": (-2010, "Order would immediately match and take."),
    "size": (-1013, "Filter failure: LOT_SIZE"),
    "notional": (-1013, "Filter failure: NOTIONAL"),
    "price": (-1013, "Filter failure: PRICE_FILTER"),
    "halted": (-1013, "Market is closed."),
    "kind": (-1116, "Invalid orderType."),
    "not_open": (-2011, "Unknown order sent."),
}
DAY_MS = 86_400_000


class Trading:
    """Handlers over one account."""

    def __init__(self, matching: Matching, view: View) -> None:
        self.matching, self.venue, self.view = matching, matching.venue, view

    def routes(self) -> dict[tuple[str, str], Any]:
        api = "/api/v3"
        return {
            ("POST", f"{api}/order"): (self.place, 1),
            ("POST", f"{api}/order/test"): (self.test, 1),
            ("DELETE", f"{api}/order"): (self.cancel, 1),
            ("DELETE", f"{api}/openOrders"): (self.cancel_all, 1),
            ("GET", f"{api}/order"): (self.order, 4),
            ("GET", f"{api}/openOrders"): (self.open_orders, 6),
            ("GET", f"{api}/allOrders"): (self.all_orders, 20),
            ("GET", f"{api}/myTrades"): (self.trades, 20),
            ("GET", f"{api}/account"): (self.account, 20),
            ("GET", f"{api}/account/commission"): (self.commission, 20),
        }

    # --- orders out --------------------------------------------------------------------------------------------------

    def place(self, request: Request) -> Any:
        form = request.params.get("newOrderRespType", "")
        ask = self._ask(request)
        self._filtered(ask)
        try:
            order = self.matching.place(ask)
        except Refusal as refusal:
            raise refused(refusal) from None
        form = form or ("FULL" if ask.kind in ("market", "limit") else "ACK")
        told = None if self.view.quiet() else seen(order, request.now, request.now)
        return words.placed(told or _fresh(order), form)

    def test(self, request: Request) -> Any:
        self._ask(request)
        return {}

    def cancel(self, request: Request) -> Any:
        order = self._named(request)
        if order is None or order.state != "open":
            raise Wrong(-2011, "Unknown order sent.")
        return self._cancelled(order, request)

    def cancel_all(self, request: Request) -> Any:
        one = instrument(self.venue, request)
        found = [order for order in self.venue.orders.open.values() if order.instrument is one]
        if not found:
            raise Wrong(-2011, "Unknown order sent.")
        return [self._cancelled(order, request) for order in found]

    def _cancelled(self, order: Order, request: Request) -> Any:
        try:
            self.matching.cancel(order, request.now)
        except Refusal as refusal:
            raise refused(refusal) from None
        client_id = request.params.get("newClientOrderId") or uuid(self.venue.seed, "cancel", order.number)[:22]
        told = Seen(
            order, order.state, order.filled, sum(f.value for f in order.fills), order.fills, request.now, False
        )
        return words.cancelled(told, client_id, request.now)

    def _ask(self, request: Request) -> Ask:
        """The order as asked for; Wrong for what is missing, malformed or off the grid."""
        params, one = request.params, instrument(self.venue, request)
        name, side = params.get("type", ""), params.get("side", "")
        if name not in KINDS:
            raise Wrong(-1116, "Invalid orderType.")
        if side not in ("BUY", "SELL"):
            raise Wrong(-1117, "Invalid side.")
        number = len(self.venue.orders.all) + 1
        client_id = params.get("newClientOrderId") or uuid(self.venue.seed, "client", number).replace("-", "")[:22]
        if not ID.fullmatch(client_id):
            raise Wrong(-1100, "Illegal characters found in parameter 'newClientOrderId'; legal range is "
                               "'^[\\.A-Z\\:/a-z0-9_-]{1,36}$'.")  # fmt: skip
        ask = Ask(one, client_id, BUY if side == "BUY" else SELL, KINDS[name], post_only=name == "LIMIT_MAKER")
        if name == "MARKET" and "quoteOrderQty" in params and "quantity" not in params:
            self._by_money(ask, params["quoteOrderQty"])
        else:
            ask.lots = _lots(one, _needed(params, "quantity"))
        if name in ("LIMIT", "LIMIT_MAKER", "STOP_LOSS_LIMIT"):
            ask.limit = _ticks(one, "price", _needed(params, "price"))
        if name in ("STOP_LOSS", "STOP_LOSS_LIMIT"):
            ask.stop, ask.stop_up = _ticks(one, "stopPrice", _needed(params, "stopPrice")), ask.side == BUY
        ask.life = _life(params, name)
        return ask

    def _by_money(self, ask: Ask, value: str) -> None:
        """A market order for an amount of quote currency: a buyer spends it, a seller sells what brings it at the quote."""
        money = _amount("quoteOrderQty", value)
        if ask.side == BUY:
            ask.spend = money
            return
        one = ask.instrument
        ask.lots = money // one.value(self.venue.standing(one, self.venue.now).bid, 1) // one.step * one.step

    def _filtered(self, ask: Ask) -> None:
        """The market's filters beyond its grid: how far a limit may be from the price, how many orders may be open."""
        if ask.limit:
            low, high = (self.venue.standing(ask.instrument, self.venue.now).price * share // 10 for share in BAND)
            if not low <= ask.limit <= high:
                raise Wrong(-1013, "Filter failure: PERCENT_PRICE_BY_SIDE")
        mine = [order for order in self.venue.orders.open.values() if order.instrument is ask.instrument]
        if len(mine) >= MOST_ORDERS:
            raise Wrong(-1013, "Filter failure: MAX_NUM_ORDERS")
        if ask.stop and sum(order.ask.stop > 0 for order in mine) >= MOST_STOPS:
            raise Wrong(-1013, "Filter failure: MAX_NUM_ALGO_ORDERS")

    # --- look-ups ----------------------------------------------------------------------------------------------------

    def _named(self, request: Request) -> Order | None:
        """The order by the exchange's id, else the newest one that carried the client's."""
        one, params = instrument(self.venue, request), request.params
        number, client_id = params.get("orderId", ""), params.get("origClientOrderId", "")
        if number.isdigit() and 0 < int(number) <= len(self.venue.orders.all):
            found = [self.venue.orders.all[int(number) - 1]]
        elif not number and not client_id:
            raise Wrong(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
        else:
            found = [] if number else self.venue.orders.by_client(client_id)
        mine = [order for order in found if order.instrument is one]
        return mine[-1] if mine else None

    def order(self, request: Request) -> Any:
        order = self._named(request)
        told = seen(order, self.view.at(request.now, "orders"), request.now) if order else None
        if told is None:
            raise Wrong(-2013, "Order does not exist.")
        return words.listed(told)

    def open_orders(self, request: Request) -> Any:
        name, at = request.params.get("symbol", ""), self.view.at(request.now, "orders")
        orders = self.venue.orders
        if name:
            instrument(self.venue, request)
        # As of now only open ones can be open; as of a while ago any may have been.
        pool = orders.open.values() if at == request.now else orders.in_market(name)
        told = shown((o for o in pool if not name or o.instrument.name == name), at, request.now)
        return [words.listed(one) for one in told if one.state == "open"]

    def all_orders(self, request: Request) -> Any:
        """Oldest first from `orderId` or `startTime` on; without either the newest ones."""
        one, begin, end, limit = self._window(request)
        at, first = self.view.at(request.now, "orders"), int(request.params.get("orderId", 0))
        told = [
            row
            for row in shown(self.venue.orders.in_market(one.name, begin), at, request.now)
            if row.order.number >= first and row.order.created <= end
        ]
        from_start = first or "startTime" in request.params
        return [words.listed(row) for row in (told[:limit] if from_start else told[-limit:])]

    def trades(self, request: Request) -> Any:
        """Oldest first from `fromId` or `startTime` on, else the newest; ids are unique within a market only, as there."""
        one, begin, end, limit = self._window(request)
        at, params = min(end, self.view.at(request.now, "trades")), request.params
        first, wanted = int(params.get("fromId", 0)), int(params.get("orderId", 0))
        found = [
            fill
            for fill in self.venue.orders.fills_in(one.name, begin)
            if fill.ts <= at and fill.serial >= first and wanted in (0, fill.order.number)
        ]
        from_start = first or "startTime" in params
        return [words.trade(fill) for fill in (found[:limit] if from_start else found[-limit:])]

    def _window(self, request: Request) -> tuple[Instrument, int, int, int]:
        one, params = instrument(self.venue, request), request.params
        begin, end = int(params.get("startTime", 0)), int(params.get("endTime", 2**62))
        if "startTime" in params and "endTime" in params and end - begin > DAY_MS:
            raise Wrong(-1127, "More than 24 hours between startTime and endTime.")
        return one, begin, end, min(max(int(params.get("limit", 500)), 1), 1000)

    def account(self, request: Request) -> Any:
        balances = self.venue.books.shown(self.view.at(request.now, "balances"))
        if request.params.get("omitZeroBalances") == "true":
            balances = {asset: row for asset, row in balances.items() if any(row)}
        return words.account(self.venue.maker, self.venue.taker, balances, request.now)

    def commission(self, request: Request) -> Any:
        one = instrument(self.venue, request)
        rates = {"maker": words.share(self.venue.maker), "taker": words.share(self.venue.taker),
                 "buyer": words.share(0), "seller": words.share(0)}  # fmt: skip
        return {"symbol": one.name, "standardCommission": rates}


def refused(refusal: Refusal) -> Wrong:
    return Wrong(*REFUSALS[refusal.why])


def _fresh(order: Order) -> Seen:
    return Seen(order, "open", 0, 0, [], order.created, False)


def _needed(params: dict[str, str], name: str) -> str:
    if not params.get(name):
        raise Wrong(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
    return params[name]


def _amount(name: str, value: str) -> int:
    """Atoms above zero, at most eight digits after the point."""
    try:
        made = atoms(value)
    except ValueError:
        raise Wrong(-1100, f"Illegal characters found in parameter '{name}'; legal range is "
                           "'^([0-9]{1,20})(\\.[0-9]{1,20})?$'.") from None  # fmt: skip
    if made % 10 ** (DIGITS - 8):
        raise Wrong(-1111, f"Parameter '{name}' has too much precision.")
    if made <= 0:
        raise Wrong(-1013, f"Invalid {name}.")
    return made


def _lots(one: Instrument, value: str) -> int:
    lots, rest = divmod(_amount("quantity", value), one.coins(1))
    if rest or lots % one.step or not one.least <= lots <= one.most:
        raise Wrong(-1013, "Filter failure: LOT_SIZE")
    return lots


def _ticks(one: Instrument, name: str, value: str) -> int:
    ticks, rest = divmod(_amount(name, value), int(10 ** (DIGITS - one.price_digits)))
    if rest or not ticks:
        raise Wrong(-1013, "Filter failure: PRICE_FILTER")
    return ticks


def _life(params: dict[str, str], name: str) -> Life:
    if name in ("LIMIT", "STOP_LOSS_LIMIT"):
        life = _needed(params, "timeInForce")
        if life not in ("GTC", "IOC", "FOK"):
            raise Wrong(-1115, "Invalid timeInForce.")
        return life  # type: ignore[return-value]
    return "IOC" if name == "MARKET" else "GTC"
