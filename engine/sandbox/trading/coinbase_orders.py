"""Coinbase's private side of trading: create, cancel in batches, look up and list orders and fills."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from engine.sandbox.trading import coinbase_words as words
from engine.sandbox.trading.coinbase_words import Wrong
from engine.sandbox.trading.matching import Matching
from engine.sandbox.trading.orders import seen, shown
from engine.sandbox.trading.terms import BUY, DIGITS, SELL, Ask, Life, Order, Refusal, atoms
from engine.sandbox.trading.view import View
from engine.sandbox.trading.wire import Request

V3 = "/api/v3/brokerage"
KINDS: dict[str, tuple[str, Life]] = {
    "market_market_ioc": ("market", "IOC"), "limit_limit_gtc": ("limit", "GTC"), "limit_limit_gtd": ("limit", "GTD"),
    "limit_limit_fok": ("limit", "FOK"), "sor_limit_ioc": ("limit", "IOC"),
    "stop_limit_stop_limit_gtc": ("stop_limit", "GTC"), "stop_limit_stop_limit_gtd": ("stop_limit", "GTD"),
}  # fmt: skip
MOST_ORDERS, MOST_FILLS = 1000, 3000


class Trading:
    """Handlers over one account."""

    def __init__(self, matching: Matching, view: View) -> None:
        self.matching, self.venue, self.view = matching, matching.venue, view

    def routes(self) -> dict[tuple[str, str], Any]:
        return {
            ("POST", f"{V3}/orders"): self.create,
            ("POST", f"{V3}/orders/batch_cancel"): self.cancel,
            ("GET", f"{V3}/orders/historical/batch"): self.orders,
            ("GET", f"{V3}/orders/historical/fills"): self.fills,
        }

    # --- orders out --------------------------------------------------------------------------------------------------

    def create(self, request: Request) -> Any:
        body = _body(request)
        client_id = body.get("client_order_id")
        if not isinstance(client_id, str) or not client_id:
            raise Wrong(400, "INVALID_ARGUMENT", "client_order_id is required")
        try:
            ask = self._ask(body, client_id, request.now)
            return words.placed(self._placed(ask), ask)
        except Refusal as refusal:
            why = refusal.why
            if why == "stop":
                why = "stop_up" if ask.stop_up else "stop_down"
            return words.refused(why, str(refusal), body.get("order_configuration"))

    def _placed(self, ask: Ask) -> Order:
        """A client id that was ever used gives back its order and makes none."""
        try:
            return self.matching.place(ask)
        except Refusal as refusal:
            if refusal.why != "duplicate":
                raise
            return self.venue.orders.by_client(ask.client_id)[-1]

    def _ask(self, body: dict[str, Any], client_id: str, now: int) -> Ask:
        one = self.venue.instruments.get(str(body.get("product_id", "")))
        if one is None:
            raise Refusal("product")
        if body.get("side") not in ("BUY", "SELL"):
            raise Refusal("side")
        asked = body.get("order_configuration")
        if not isinstance(asked, dict) or len(asked) != 1 or (name := next(iter(asked))) not in KINDS:
            raise Refusal("kind")
        kind, life = KINDS[name]
        given = asked[name] if isinstance(asked[name], dict) else {}
        ask = Ask(one, client_id, BUY if body["side"] == "BUY" else SELL, kind, life=life)  # type: ignore[arg-type]
        if kind == "market" and "quote_size" in given and ask.side == BUY:
            ask.spend = _amount(given, "quote_size")
            return ask
        ask.lots = _units(given, "base_size", one.coins(1), "size_digits")
        if kind != "market":
            _priced(ask, given, now)
        return ask

    def cancel(self, request: Request) -> Any:
        ids = _body(request).get("order_ids")
        if not isinstance(ids, list) or not ids:
            raise Wrong(400, "INVALID_ARGUMENT", "order_ids is required")
        return {"results": [self._cancelled(str(order_id), request.now) for order_id in ids]}

    def _cancelled(self, order_id: str, now: int) -> dict[str, Any]:
        order, reason = self.venue.orders.by_id(order_id), "UNKNOWN_CANCEL_FAILURE_REASON"
        try:
            if order is None:
                raise Refusal("not_open")
            self.matching.cancel(order, now)
        except Refusal:
            return {"success": False, "failure_reason": "UNKNOWN_CANCEL_ORDER", "order_id": order_id}
        return {"success": True, "failure_reason": reason, "order_id": order_id}

    # --- look-ups ----------------------------------------------------------------------------------------------------

    def order(self, request: Request) -> Any:
        """By the exchange's id only, as there."""
        found = self.venue.orders.by_id(request.path.rpartition("/")[2])
        told = seen(found, self.view.at(request.now, "orders"), request.now) if found else None
        if told is None:
            raise Wrong(404, "NOT_FOUND", "order with this orderID was not found")
        return {"order": words.order(told)}

    def orders(self, request: Request) -> Any:
        """Newest first; `cursor` goes on where a page ended."""
        params = request.params
        wanted, names = request.several("order_status"), _names(request)
        begin, end = _moment(params.get("start_date"), 0), _moment(params.get("end_date"), 2**62)
        at, ids = self.view.at(request.now, "orders"), request.several("order_ids")
        pool = self.venue.orders.in_market(_only(names), begin)
        if wanted == ["OPEN"] and at == request.now:
            pool = list(self.venue.orders.open.values())
        told = [
            one
            for one in shown(reversed(pool), at, request.now)
            if begin <= one.order.created < end and (not names or one.order.instrument.name in names)
            and (not wanted or words.STATES[one.state] in wanted) and (not ids or one.order.id in ids)
            and params.get("order_side") in (None, words.side(one.order.ask.side))
        ]  # fmt: skip
        page, cursor = _page(told, params, MOST_ORDERS)
        return {
            "orders": [words.order(one) for one in page],
            "sequence": "0",
            "has_next": bool(cursor),
            "cursor": cursor,
        }

    def fills(self, request: Request) -> Any:
        params, names = request.params, _names(request)
        begin, end = (_moment(params.get(f"{edge}_sequence_timestamp"), usual) for edge, usual in
                      (("start", 0), ("end", 2**62)))  # fmt: skip
        ids = request.several("order_ids") + request.several("order_id")
        at = min(end, self.view.at(request.now, "trades"))
        found = [
            fill
            for fill in reversed(self.venue.orders.fills_in(_only(names), begin))
            if fill.ts <= at and (not names or fill.order.instrument.name in names)
            and (not ids or fill.order.id in ids)
        ]  # fmt: skip
        page, cursor = _page(found, params, MOST_FILLS)
        return {"fills": [words.fill(one) for one in page], "cursor": cursor}


def _priced(ask: Ask, given: dict[str, Any], now: int) -> None:
    tick = 10 ** (DIGITS - ask.instrument.price_digits)
    ask.limit = _units(given, "limit_price", tick, "price")
    ask.post_only = given.get("post_only") is True
    if ask.kind == "stop_limit":
        ask.stop = _units(given, "stop_price", tick, "price")
        ask.stop_up = given.get("stop_direction") == "STOP_DIRECTION_STOP_UP"
    if ask.life == "GTD":
        ask.end = _moment(given.get("end_time"), 0)
        if ask.end <= now:
            raise Refusal("end")


def _body(request: Request) -> dict[str, Any]:
    try:
        found = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise Wrong(400, "INVALID_ARGUMENT", "the body is not a JSON object")
    return found


def _amount(given: dict[str, Any], name: str) -> int:
    try:
        made = atoms(str(given.get(name, "")))
    except ValueError:
        raise Wrong(400, "INVALID_ARGUMENT", f"{name} is not a decimal number") from None
    if made <= 0:
        raise Refusal("size")
    return made


def _units(given: dict[str, Any], name: str, unit: int, why: str) -> int:
    made, rest = divmod(_amount(given, name), unit)
    if rest:
        raise Refusal(why)
    return made


def _names(request: Request) -> set[str]:
    return {*request.several("product_ids"), *request.several("product_id")}


def _only(names: set[str]) -> str:
    """The one market that is asked for, or none."""
    return next(iter(names)) if len(names) == 1 else ""


def _moment(given: object, usual: int) -> int:
    """ms UTC of RFC 3339 text, or the usual one where nothing is given."""
    if not given:
        return usual
    try:
        moment = datetime.fromisoformat(str(given))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Wrong(400, "INVALID_ARGUMENT", f"{given} is no RFC 3339 time")
    return round(moment.timestamp() * 1000)


def _page(rows: list[Any], params: dict[str, str], most: int) -> tuple[list[Any], str]:
    """One page and where the next begins. A cursor counts from the oldest row, so new ones do not shift it."""
    limit, cursor = params.get("limit", ""), params.get("cursor", "")
    size = min(int(limit), most) if limit.isdigit() and int(limit) else min(100, most)
    left = min(int(cursor), len(rows)) if cursor.isdigit() else len(rows)
    page = rows[len(rows) - left :][:size]
    return page, str(left - size) if left > size else ""
