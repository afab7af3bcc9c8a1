"""Binance spot's tongue: which request means what, who may send it, and its errors. Shapes are in `binance_words`, market
data in `binance_market`.

Served: what ccxt.binance asks for to load markets, to read balances, fees, permissions and transfers, and to place,
cancel and look up orders and trades.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import orjson

from engine.sandbox.trading import binance_words as words
from engine.sandbox.trading.binance_market import Public
from engine.sandbox.trading.binance_orders import Trading
from engine.sandbox.trading.binance_words import Wrong
from engine.sandbox.trading.keys import Key, hmac_matches
from engine.sandbox.trading.matching import Matching
from engine.sandbox.trading.terms import FIAT, Refusal
from engine.sandbox.trading.view import View
from engine.sandbox.trading.wire import Answer, Request, answer, pairs

MINUTE_MS, RECV_WINDOW_MS, LONGEST_WINDOW_MS, AHEAD_MS = 60_000, 5_000, 60_000, 1_000
WEIGHT_A_MINUTE = 6_000
FIAT_A_MINUTE, FIAT_BACK_MS = 2, 30 * 86_400_000
TIME = "/api/v3/time"
Handler = Callable[[Request], Any]


class Binance:
    """Answers requests on one account. `respond` never raises."""

    name = "binance"

    def __init__(self, matching: Matching, view: View, keys: tuple[Key, ...], weight: int = WEIGHT_A_MINUTE) -> None:
        self.venue, self.view = matching.venue, view
        self.keys = {key.name: key for key in keys}
        self.weight = weight
        self._used: deque[tuple[int, int]] = deque()
        self._spent, self._over = 0, 0
        self._banks: deque[int] = deque()  # when fiat orders were asked for
        self._ahead = 0  # of the machine's clock, when the time was asked last
        public, trading = Public(matching.venue), Trading(matching, view)
        self._open = public.routes()
        self._signed: dict[tuple[str, str], tuple[Handler, int]] = {**trading.routes(), **self._wallet()}

    def place_path(self, method: str, path: str) -> str:
        """`place`, `cancel` or `read`: what a request does, for the faults."""
        if path in ("/api/v3/order", "/api/v3/openOrders") and method != "GET":
            return "place" if method == "POST" else "cancel"
        return "read"

    def private(self, method: str, path: str) -> bool:
        """Whether a path needs a key."""
        return (method, path) in self._signed

    def client_id(self, request: Request) -> str:
        return request.params.get("newClientOrderId", "")

    def failed(self, status: int, wait_s: int) -> Answer:
        """Its own trouble: too many requests, or a gateway that knows nothing of orders (a page, or -1007)."""
        if status in (418, 429):
            return words.error(words.too_many(status, wait_s, self.weight))
        if status == 504:
            said = "Timeout waiting for response from backend server. Send status unknown; execution status unknown."
            return words.error(Wrong(-1007, said, 504))
        return status, {"Content-Type": "text/html"}, b"<html><body><h1>503 Service Unavailable</h1></body></html>"

    def with_id(self, answer: Answer, order_id: str | None) -> Answer:
        status, headers, body = answer
        said = orjson.loads(body)
        if status == 200 and "orderId" in said:
            said["orderId"] = None if order_id is None else int(order_id)
        return status, headers, orjson.dumps(said)

    def respond(self, request: Request) -> Answer:
        try:
            return self._respond(request)
        except Wrong as wrong:
            return words.error(wrong)
        except Refusal as refusal:
            return words.error(Wrong(-1013, f"Market is closed: {refusal}"))
        except (ValueError, OverflowError):
            return words.error(Wrong(-1100, "Illegal characters found in a parameter."))

    def _respond(self, request: Request) -> Answer:
        where = (request.method, request.path)
        if where in self._open:
            handler, weight = self._open[where]
        elif where in self._signed:
            handler, weight = self._signed[where]
        else:
            raise Wrong(-1, f"{request.path} is not served by the sandbox", 404)
        if request.path == TIME:
            self._ahead = request.now - request.clocks[-1]
        spent = self._count(request.now, weight)
        if where in self._signed:
            self._check(request, where)
        data = handler(request)
        return answer(data, 200, {"X-MBX-USED-WEIGHT-1M": str(spent)})

    # --- who may -----------------------------------------------------------------------------------------------------

    def _count(self, now: int, weight: int) -> int:
        """Counts a request's weight; Wrong (429, then 418) beyond the limit of a minute."""
        while self._used and self._used[0][0] <= now - MINUTE_MS:
            self._spent -= self._used.popleft()[1]
        if self._spent + weight > self.weight:
            self._over += 1
            wait = (self._used[0][0] + MINUTE_MS - now) // 1000 + 1 if self._used else 60
            raise words.too_many(418 if self._over > 10 else 429, wait, self.weight)
        self._over = 0
        self._used.append((now, weight))
        self._spent += weight
        return self._spent

    def _check(self, request: Request, where: tuple[str, str]) -> None:
        """Key, signature and time of a signed request, in the exchange's order of complaints."""
        name = request.headers.get("x-mbx-apikey", "")
        if not name:
            raise Wrong(-2014, "API-key format invalid.", 401)
        key = self.keys.get(name)
        if key is None:
            raise Wrong(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        body = request.body.decode("latin-1")
        if body:
            request.params.update(pairs(body))
        _timely(request, (*request.clocks, request.clocks[-1] + self._ahead))
        signature = request.params.get("signature", "")
        if not signature:
            raise Wrong(-1102, "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.")
        payload = _unsigned(request.query, signature) + _unsigned(body, signature)
        if not hmac_matches(key.secret, payload.encode("latin-1"), signature):
            raise Wrong(-1022, "Signature for this request is not valid.")
        if self.place_path(*where) != "read" and not key.trade:
            raise Wrong(-2015, "Invalid API-key, IP, or permissions for action.", 401)

    # --- wallet ------------------------------------------------------------------------------------------------------

    def _wallet(self) -> dict[tuple[str, str], tuple[Handler, int]]:
        sapi = "/sapi/v1"
        return {
            ("GET", f"{sapi}/capital/config/getall"): (self._coins, 10),
            ("GET", f"{sapi}/asset/tradeFee"): (self._fees, 1),
            ("GET", f"{sapi}/account/apiRestrictions"): (self._restrictions, 1),
            ("GET", f"{sapi}/capital/deposit/hisrec"): (self._deposits, 1),
            ("GET", f"{sapi}/capital/withdraw/history"): (self._withdrawals, 1),
            ("GET", f"{sapi}/fiat/orders"): (self._fiat, 1),
            ("GET", f"{sapi}/margin/allPairs"): (_none, 1),
            ("GET", f"{sapi}/margin/isolated/allPairs"): (_none, 1),
        }

    def _coins(self, request: Request) -> Any:
        balances = self.venue.books.shown(self.view.at(request.now, "balances"))
        return [words.coin(asset, free, held) for asset, (free, held) in balances.items()]

    def _fees(self, request: Request) -> Any:
        wanted = request.params.get("symbol")
        if wanted and wanted not in self.venue.instruments:
            raise Wrong(-1121, "Invalid symbol.")
        names = [wanted] if wanted else list(self.venue.instruments)
        return [words.fee(name, self.venue.maker, self.venue.taker) for name in names]

    def _restrictions(self, request: Request) -> Any:
        key = self.keys[request.headers["x-mbx-apikey"]]
        return words.restrictions(key.trade, key.withdraw)

    def _deposits(self, request: Request) -> Any:
        return [words.deposit(one) for one in self._coins_moved(request, 1)]

    def _withdrawals(self, request: Request) -> Any:
        return [words.withdrawal(one) for one in self._coins_moved(request, -1)]

    def _fiat(self, request: Request) -> Any:
        """Money of banks: half of what a minute allows an account, however many rows."""
        while self._banks and self._banks[0] <= request.now - MINUTE_MS:
            self._banks.popleft()
        if len(self._banks) >= FIAT_A_MINUTE:
            raise words.too_many(429, (self._banks[0] + MINUTE_MS - request.now) // 1000 + 1, 180_000)
        self._banks.append(request.now)
        params = request.params
        sign = {"0": 1, "1": -1}.get(params.get("transactionType", ""))
        if sign is None:
            raise Wrong(-1102, "Mandatory parameter 'transactionType' was not sent, was empty/null, or malformed.")
        begin = int(params.get("beginTime", request.now - FIAT_BACK_MS))
        found = [one for one in self._moved(request, sign, begin) if one.asset in FIAT]
        many = min(int(params.get("rows", 100)), 500)
        first = (int(params.get("page", 1)) - 1) * many
        return words.fiat_orders([words.fiat_order(one) for one in found[first : first + many]], len(found))

    def _coins_moved(self, request: Request, sign: int) -> list[Any]:
        params = request.params
        found = self._moved(request, sign, int(params.get("startTime", 0)))
        mine = [one for one in found if one.asset not in FIAT and params.get("coin") in (None, one.asset)]
        offset, limit = int(params.get("offset", 0)), int(params.get("limit", 1000))
        return mine[offset : offset + limit]

    def _moved(self, request: Request, sign: int, begin: int) -> list[Any]:
        """Transfers of one direction in the window that is asked for, newest first."""
        end = min(int(request.params.get("endTime", 2**62)), self.view.at(request.now, "transfers"))
        found = [one for one in self.venue.transfers if one.amount * sign > 0 and begin <= one.ts <= end]
        return found[::-1]


def _none(_request: Request) -> Any:
    return []


def _timely(request: Request, clocks: tuple[int, ...]) -> None:
    """recvWindow as documented: not more than a second ahead, not older than the window. By any of `clocks`: a client that has
    asked for the time goes on from there by its machine's, however fast the exchange's runs."""
    window, stamp = request.params.get("recvWindow", str(RECV_WINDOW_MS)), request.params.get("timestamp", "")
    if not window.isdigit() or int(window) > LONGEST_WINDOW_MS:
        raise Wrong(-1131, "recvWindow must be less than 60000.")
    if not stamp.isdigit():
        raise Wrong(-1102, "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed.")
    sent = int(stamp)
    if any(sent < now + AHEAD_MS and now - sent <= int(window) for now in clocks):
        return
    if sent >= request.now + AHEAD_MS:
        raise Wrong(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    raise Wrong(-1021, "Timestamp for this request is outside of the recvWindow.")


def _unsigned(text: str, signature: str) -> str:
    """What was signed: the text without its signature, which stands last."""
    head, found, _ = text.rpartition(f"signature={signature}")
    return head.removesuffix("&") if found else text
