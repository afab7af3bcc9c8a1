"""Binance, spot: requests, the table of definitive refusals, and its answers as the port's words.

What it is like: keys are HMAC (or Ed25519) keys; each signed request carries its time and a life (recvWindow) after which
it is refused: that is the request's expiry. Client ids are unique among open orders only, so an id can be used again after
a fast fill: it is for looking up, never a licence to send twice. Errors are HTTP 4xx with a number and words; the number
alone says too little for -2010. Stops are kept at the venue as market orders. Lists reach 24 hours a question.
No protocol of orders here, and no configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TypeVar

from engine.venues.adapters._binance_flows import Flows
from engine.venues.adapters._binance_table import (
    PAGE,
    market_of,
    opening_of,
    order_id,
    order_of,
    refused,
    rules_of,
    seen_of,
    time_of,
    trade_of,
    which,
)  # fmt: skip
from engine.venues.adapters._ccxt import Answer, Client, Keys, Ms, Nothing, told
from engine.venues.adapters._reading import (
    Garbled,
    Row,
    amount,
    flag,
    millis,
    number,
    row,
    rows,
    text,
)  # fmt: skip
from engine.venues.adapters._wire import Transport
from engine.venues.port import (
    Accepted,
    Balance,
    Clock,
    Fees,
    Flow,
    NativeStop,
    NotFound,
    Permissions,
    Placed,
    Refused,
    Request,
    Rules,
    Seen,
    Trade,
    Unknown,
)  # fmt: skip

NAME = "binance"
PACE_MS = 50
"""A fifth of the published weight a minute."""
EXPIRY_MS = 5000
DAY_MS = 86_400_000
PAGES = 400
MINUTE_MS, KEPT_PRICES, TRIES = 60_000, 1000, 4

Told = TypeVar("Told", bound=Seen | Trade)


class Adapter:
    """Satisfies engine.venues.port.Port."""

    name = NAME
    expiry_ms = EXPIRY_MS
    native_stop: NativeStop = "stop"

    def __init__(
        self,
        keys: Keys,
        *,
        base_url: str = "",
        transport: Transport | None = None,
        clock: Ms | None = None,
        steady: Ms | None = None,
    ) -> None:
        self.client = Client(
            NAME,
            Keys(keys.key.strip(), keys.secret.strip().replace("\\n", "\n")),
            base_url=base_url,
            transport=transport,
            clock=clock,
            steady=steady,
            pace_ms=0 if transport else PACE_MS,
            options={"recvWindow": EXPIRY_MS},
        )
        self._flows = Flows(self.client)
        self._prices: dict[tuple[str, str, int], Decimal | None] = {}
        self._untold = 0

    # -- orders out

    @told
    def place(self, request: Request) -> Placed:
        if wrong := self.client.unwritable(request):
            return wrong
        order = order_of(request)
        if not order:
            return Refused("unsent", f"a {request.kind} order with a price missing", "unsent")
        life = min(EXPIRY_MS, request.expires_ts - self.client.now()) if request.expires_ts else EXPIRY_MS
        if life <= 0:
            return Refused("unsent", "the request had expired before it was sent", "expired")
        # The time is written here, not when ccxt signs: waiting for its turn must not lengthen the request's life.
        answer = self.client.ask("privatePostOrder", order | {"timestamp": self.client.signing(), "recvWindow": life})
        return self.client.unsent(answer) or self._placed(answer, request) or Unknown(answer.why, answer.wait_ms)

    def _placed(self, answer: Answer, request: Request) -> Placed | None:
        data = answer.data
        if not isinstance(data, dict):
            return None
        if not answer.good:
            return refused(answer, self.client)
        same = data.get("clientOrderId") == request.client_id and data.get("symbol") == market_of(request.symbol)
        venue_id = order_id(data)
        return Accepted(venue_id, time_of(data, self.client.now())) if same and venue_id else None

    @told
    def cancel(self, symbol: str, client_id: str, venue_id: str) -> Placed:
        answer = self.client.ask("privateDeleteOrder", {"symbol": market_of(symbol), **which(client_id, venue_id)})
        return self.client.unsent(answer) or self._cancelled(answer, venue_id) or Unknown(answer.why, answer.wait_ms)

    def _cancelled(self, answer: Answer, venue_id: str) -> Placed | None:
        data = answer.data
        if not isinstance(data, dict):
            return None
        if not answer.good:
            return refused(answer, self.client)
        found = order_id(data)
        return Accepted(found, time_of(data, self.client.now())) if found and found == (venue_id or found) else None

    # -- orders seen

    @told
    def look_up(self, symbol: str, client_id: str, venue_id: str, since: int = 0) -> Seen | NotFound:
        """By the venue's id; where that names no order or another one, by ours: answers have named wrong ids."""
        if venue_id:
            found = self._found(symbol, "", venue_id)
            if not client_id or (isinstance(found, Seen) and found.client_id == client_id):
                return found
        return self._found(symbol, client_id, "")

    def _found(self, symbol: str, client_id: str, venue_id: str) -> Seen | NotFound:
        answer = self.client.ask("privateGetOrder", {"symbol": market_of(symbol), **which(client_id, venue_id)})
        if answer.status == 400 and isinstance(answer.data, dict) and str(answer.data.get("code")) == "-2013":
            return NotFound(answer.why)
        if not answer.good:
            raise Nothing(Unknown(answer.why, answer.wait_ms))
        seen = seen_of(row(answer.data), symbol)
        if (venue_id and seen.venue_id != venue_id) or (client_id and seen.client_id != client_id):
            raise Garbled("another order than the one asked for")
        return seen

    @told
    def open_orders(self, symbols: Sequence[str]) -> list[Seen]:
        listed = ((s, rows(self.client.read("privateGetOpenOrders", {"symbol": market_of(s)}))) for s in symbols)
        return [seen for s, orders in listed for seen in (seen_of(o, s) for o in orders) if seen.state == "open"]

    @told
    def orders_since(self, symbol: str, ts: int) -> list[Seen]:
        found = self._windows("privateGetAllOrders", symbol, ts, lambda each: seen_of(each, symbol))
        return sorted((s for s in found.values() if s.ts >= ts), key=lambda s: (s.ts, s.venue_id))

    @told
    def trades_since(self, symbol: str, ts: int) -> list[Trade]:
        found = self._windows("privateGetMyTrades", symbol, ts, lambda each: self._valued(trade_of(each, symbol)))
        return sorted((t for t in found.values() if t.ts >= ts), key=lambda t: (t.ts, t.trade_id))

    def _valued(self, trade: Trade) -> Trade:
        """With a fee in a third coin (BNB) also in quote currency, by the opening price of the coin's minute of the trade: a
        figure that is the same whenever it is asked for."""
        base, _, quote = trade.symbol.partition("/")
        if trade.fee_currency in (base, quote) or not trade.fee:
            return trade
        key = (trade.fee_currency, quote, trade.ts // MINUTE_MS)
        if key not in self._prices:
            if len(self._prices) > KEPT_PRICES:
                self._prices.clear()
            self._prices[key] = self._asked(trade.fee_currency, quote, trade.ts)
        price = self._prices[key]
        return trade if price is None else replace(trade, fee_value=trade.fee * price)

    def _asked(self, coin: str, quote: str, ts: int) -> Decimal | None:
        """The price; a venue that does not tell it keeps a trade out of the books for a few questions, not for ever."""
        try:
            found = self._price(coin, quote, ts)
        except (Nothing, Garbled):
            self._untold += 1
            if self._untold < TRIES:
                raise
            found = None
        self._untold = 0
        return found

    def _price(self, coin: str, quote: str, ts: int) -> Decimal | None:
        """One coin in quote currency at `ts`, from the market of the two in either direction; None: there is none."""
        straight = self._opening(coin + quote, ts)
        if straight is not None:
            return straight
        turned = self._opening(quote + coin, ts)
        return 1 / turned if turned else None

    def _opening(self, market: str, ts: int) -> Decimal | None:
        """The open of the minute of `ts`, or of the last one before it that has any; None: no such market, or nothing then."""
        answer = self.client.ask("publicGetKlines", {"symbol": market, "interval": "1m", "endTime": ts, "limit": 1})
        if answer.status == 400 and isinstance(answer.data, dict) and str(answer.data.get("code")) == "-1121":
            return None
        if not answer.good or not isinstance(answer.data, list):
            raise Nothing(Unknown(answer.why, answer.wait_ms))
        return opening_of(answer.data)

    def _windows(self, method: str, symbol: str, ts: int, read: Callable[[Row], Told]) -> dict[str, Told]:
        """All rows from `ts` to now, in windows of a day.

        A window whose page is full is halved, so that it does not matter which end of it the venue cut off.
        """
        end = self.client.now() + 60_000  # past now: the venue's clock may be ahead of what we believe
        windows = [(start, start + DAY_MS - 1) for start in range(ts, end, DAY_MS)][::-1]
        found: dict[str, Told] = {}
        for _ in range(PAGES):
            if not windows:
                return found
            first, last = windows.pop()
            wanted = {"symbol": market_of(symbol), "startTime": first, "endTime": last, "limit": PAGE}
            page = rows(self.client.read(method, wanted))
            if len(page) < PAGE:
                for one in map(read, page):
                    key = one.trade_id if isinstance(one, Trade) else one.venue_id
                    if found.setdefault(key, one) != one:
                        raise Garbled("one row told in two ways")
            elif first == last:
                raise Garbled("more in one millisecond than a page holds")
            else:
                half = (first + last) // 2
                windows += [(half + 1, last), (first, half)]
        raise Garbled("a list that does not end: ask from a later time")

    # -- the account

    @told
    def balances(self) -> dict[str, Balance]:
        account = row(self.client.read("privateGetAccount", {"omitZeroBalances": "true"}))
        held: dict[str, Balance] = {}
        for each in rows(account.get("balances")):
            free, locked = amount(each, "free"), amount(each, "locked")
            if free + locked:
                held[text(each, "asset")] = Balance(free, free + locked)
        return held

    @told
    def flows_since(self, ts: int, currencies: Sequence[str] = ()) -> list[Flow]:
        return self._flows.since(ts, currencies)

    @told
    def rules(self, symbol: str) -> Rules | NotFound:
        answer = self.client.ask("publicGetExchangeInfo", {"symbol": market_of(symbol)})
        if answer.status == 400 and isinstance(answer.data, dict) and str(answer.data.get("code")) == "-1121":
            return NotFound(answer.why)
        if not answer.good:
            raise Nothing(Unknown(answer.why, answer.wait_ms))
        mine = [each for each in rows(row(answer.data).get("symbols")) if each.get("symbol") == market_of(symbol)]
        if len(mine) != 1:
            raise Garbled("not the one market asked for")
        self.client.rules[symbol] = rules_of(mine[0], symbol)
        return self.client.rules[symbol]

    @told
    def fees(self, symbol: str) -> Fees:
        listed = rows(self.client.read("sapiGetAssetTradeFee", {"symbol": market_of(symbol)}))
        mine = [each for each in listed if each.get("symbol") == market_of(symbol)]
        if len(mine) != 1:
            raise Garbled("not the one market asked for")
        return Fees(number(mine[0], "makerCommission"), number(mine[0], "takerCommission"))

    @told
    def permissions(self) -> Permissions:
        may = row(self.client.read("sapiGetAccountApiRestrictions"))
        # Moving coins to another account inside Binance is a way out too.
        inside = any(may.get(key) is True for key in ("enableInternalTransfer", "permitsUniversalTransfer"))
        out = flag(may, "enableWithdrawals") or inside
        return Permissions(out, flag(may, "enableSpotAndMarginTrading"), flag(may, "ipRestrict"))

    @told
    def sync(self) -> Clock:
        return self.client.sync("publicGetTime", lambda data: millis(row(data), "serverTime"))

    def now(self) -> int:
        return self.client.now()

    def close(self) -> None:
        self.client.close()
