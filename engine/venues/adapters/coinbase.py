"""Coinbase Advanced Trade, spot: requests, the table of definitive refusals, and its answers as the port's words.

What it is like: keys are CDP keys (each request carries a token signed with ECDSA or Ed25519). Requests have no expiry of
their own: the token's two minutes are looked at where a request comes in, not where it meets the book, so a lost request is
never proven lost by time. A client id that is used already makes no second order; the first one is answered. Orders
cannot be asked for by client id, so they are listed. Stops are stop-limits only. Times are ISO 8601, fees in quote currency.
No protocol of orders here, and no configuration.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from engine.venues.adapters._ccxt import Answer, Client, Keys, Ms, Nothing, told
from engine.venues.adapters._coinbase_table import (
    FLOWS,
    REFUSED_CANCEL,
    configuration,
    flow_of,
    order_id,
    product_of,
    refused_call,
    refused_order,
    rules_of,
    seen_of,
    stamp,
    told_time,
    trade_of,
)  # fmt: skip
from engine.venues.adapters._reading import (
    Garbled,
    Row,
    amount,
    flag,
    inner,
    iso,
    number,
    row,
    rows,
    text,
    word,
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

NAME = "coinbase"
PACE_MS = 68
"""Half of the 30 private requests a second that Coinbase allows."""
DAY_MS = 86_400_000
PAGES = 200


class Adapter:
    """Satisfies engine.venues.port.Port."""

    name = NAME
    expiry_ms = 0
    native_stop: NativeStop = "stop_limit"

    def __init__(
        self,
        keys: Keys,
        *,
        base_url: str = "",
        transport: Transport | None = None,
        clock: Ms | None = None,
        steady: Ms | None = None,
    ) -> None:
        self._wallets: dict[str, str] = {}
        keys = Keys(keys.key.strip(), keys.secret.strip().replace("\\n", "\n"))
        pace = 0 if transport else PACE_MS
        self.client = Client(
            NAME, keys, base_url=base_url, transport=transport, clock=clock, steady=steady, pace_ms=pace
        )

    # -- orders out

    @told
    def place(self, request: Request) -> Placed:
        if wrong := self.client.unwritable(request):
            return wrong
        body = {
            "client_order_id": request.client_id,
            "product_id": product_of(request.symbol),
            "side": request.side.upper(),
            "order_configuration": configuration(request),
        }
        if not body["order_configuration"]:
            return Refused("unsent", f"Coinbase has no {request.kind} order of this kind on spot", "unsent")
        answer = self.client.ask("v3PrivatePostBrokerageOrders", body)
        return self.client.unsent(answer) or self._placed(answer, request) or Unknown(answer.why, answer.wait_ms)

    def _placed(self, answer: Answer, request: Request) -> Placed | None:
        data = answer.data
        if not answer.good:
            return refused_call(answer)
        if not isinstance(data, dict):
            return None
        made, failed = data.get("success_response"), data.get("error_response")
        if data.get("success") is True and isinstance(made, dict) and not failed:
            same = made.get("client_order_id") in (None, "", request.client_id)
            same &= made.get("product_id") in (None, "", product_of(request.symbol))
            venue_id = order_id(made)
            return Accepted(venue_id, self.client.now()) if same and venue_id else None
        if data.get("success") is False and isinstance(failed, dict) and not made and not data.get("order_id"):
            return refused_order(failed, self.client)
        return None

    @told
    def cancel(self, symbol: str, client_id: str, venue_id: str) -> Placed:
        if not venue_id:
            seen = self.look_up(symbol, client_id, "")
            if isinstance(seen, NotFound):
                return Refused("not_listed", "no order with this client id is listed", "unknown_order")
            if isinstance(seen, Unknown):
                return seen
            venue_id = seen.venue_id
        answer = self.client.ask("v3PrivatePostBrokerageOrdersBatchCancel", {"order_ids": [venue_id]})
        return self.client.unsent(answer) or self._cancelled(answer, venue_id) or Unknown(answer.why, answer.wait_ms)

    def _cancelled(self, answer: Answer, venue_id: str) -> Placed | None:
        data = answer.data
        if not answer.good:
            return refused_call(answer)
        if not isinstance(data, dict):
            return None
        mine = [each for each in rows(data.get("results")) if each.get("order_id") == venue_id]
        if len(mine) != 1:
            return None
        code = str(mine[0].get("failure_reason"))
        # A cancel that is under way already is a cancel that was heard.
        if mine[0].get("success") is True or code == "DUPLICATE_CANCEL_REQUEST":
            return Accepted(venue_id, self.client.now())
        if mine[0].get("success") is False and code in REFUSED_CANCEL:
            return Refused(code, code.replace("_", " ").lower(), REFUSED_CANCEL[code])
        return None

    # -- orders seen

    @told
    def look_up(self, symbol: str, client_id: str, venue_id: str, since: int = 0) -> Seen | NotFound:
        """By the venue's id; where that names no order or another one, by ours: answers have named wrong ids."""
        if venue_id:
            found = self._by_id(symbol, venue_id)
            if not client_id or (isinstance(found, Seen) and found.client_id == client_id):
                return found
        return self._by_client_id(symbol, client_id, since)

    def _by_id(self, symbol: str, venue_id: str) -> Seen | NotFound:
        answer = self.client.ask("v3PrivateGetBrokerageOrdersHistoricalOrderId", {"order_id": venue_id})
        if answer.status == 404 and isinstance(answer.data, dict) and answer.data.get("error") == "NOT_FOUND":
            return NotFound(answer.why)
        if not answer.good:
            raise Nothing(Unknown(answer.why, answer.wait_ms))
        seen = seen_of(inner(row(answer.data), "order"))
        if seen.venue_id != venue_id or seen.symbol != symbol:
            raise Garbled("another order than the one asked for")
        return seen

    def _by_client_id(self, symbol: str, client_id: str, since: int) -> Seen | NotFound:
        listed = [*self._orders(symbol, since or self.client.now() - DAY_MS), *self._orders(symbol, 0, only_open=True)]
        mine = {seen.venue_id: seen for seen in listed if seen.client_id == client_id}
        if len(mine) > 1:
            raise Garbled("two orders with one client id")
        return next(iter(mine.values()), NotFound("no order listed has this client id"))

    @told
    def open_orders(self, symbols: Sequence[str]) -> list[Seen]:
        return [seen for symbol in symbols for seen in self._orders(symbol, 0, only_open=True) if seen.state == "open"]

    @told
    def orders_since(self, symbol: str, ts: int) -> list[Seen]:
        return sorted((s for s in self._orders(symbol, ts) if s.ts >= ts), key=lambda s: (s.ts, s.venue_id))

    def _orders(self, symbol: str, ts: int, only_open: bool = False) -> list[Seen]:
        wanted: Row = {"product_ids": [product_of(symbol)], "limit": 100}
        wanted |= {"order_status": ["OPEN"]} if only_open else {"start_date": stamp(ts)}
        found: dict[str, Seen] = {}
        for page in self._pages("v3PrivateGetBrokerageOrdersHistoricalBatch", wanted):
            for each in rows(page.get("orders")):
                if each.get("product_id") == product_of(symbol):
                    seen = seen_of(each)
                    found[seen.venue_id] = seen
        return list(found.values())

    @told
    def trades_since(self, symbol: str, ts: int) -> list[Trade]:
        wanted = {"product_ids": [product_of(symbol)], "start_sequence_timestamp": stamp(ts), "limit": 100}
        found: dict[str, Trade] = {}
        for page in self._pages("v3PrivateGetBrokerageOrdersHistoricalFills", wanted):
            for each in rows(page.get("fills")):
                if each.get("product_id") == product_of(symbol):
                    trade = trade_of(each)
                    if found.setdefault(trade.trade_id, trade) != trade:
                        raise Garbled("one trade told in two ways")
        return sorted((t for t in found.values() if t.ts >= ts), key=lambda t: (t.ts, t.trade_id))

    def _pages(self, method: str, wanted: Row) -> Iterator[Row]:
        """All pages of a list; Garbled where they do not end."""
        cursors = {""}
        cursor = ""
        for _ in range(PAGES):
            page = row(self.client.read(method, {**wanted, **({"cursor": cursor} if cursor else {})}))
            yield page
            cursor = word(page, "cursor")
            if page.get("has_next") is False or (not cursor and page.get("has_next") is not True):
                return
            if cursor in cursors:
                break
            cursors.add(cursor)
        raise Garbled("a list that does not end")

    # -- the account

    @told
    def balances(self) -> dict[str, Balance]:
        held: dict[str, Balance] = {}
        for account in self._accounts():
            free, hold = amount(inner(account, "available_balance"), "value"), amount(inner(account, "hold"), "value")
            if not free + hold:
                continue
            before = held.get(text(account, "currency"), Balance(Decimal(0), Decimal(0)))
            held[text(account, "currency")] = Balance(before.free + free, before.total + free + hold)
        return held

    def _accounts(self) -> list[Row]:
        pages = self._pages("v3PrivateGetBrokerageAccounts", {"limit": 250})
        return [a for page in pages for a in rows(page.get("accounts")) if a.get("type") != "ACCOUNT_TYPE_VAULT"]

    @told
    def flows_since(self, ts: int, currencies: Sequence[str] = ()) -> list[Flow]:
        if not currencies or not all(one in self._wallets for one in currencies):
            self._wallets = {text(account, "currency"): text(account, "uuid") for account in self._accounts()}
        wanted = [self._wallets[one] for one in currencies or self._wallets if one in self._wallets]
        found = [flow for account in wanted for flow in self._flows(account, ts)]
        return sorted(found, key=lambda flow: (flow.ts, flow.flow_id))

    def _flows(self, account: str, ts: int) -> Iterator[Flow]:
        """Newest first, until older than `ts`."""
        wanted: Row = {"account_id": account, "limit": 100, "order": "desc"}
        for _ in range(PAGES):
            page = row(self.client.read("v2PrivateGetAccountsAccountIdTransactions", wanted))
            entries = rows(page.get("data"))
            for entry in entries:
                if iso(entry, "created_at") < ts:
                    return
                if entry.get("type") in FLOWS and entry.get("status") == "completed":
                    yield flow_of(entry)
            if not entries or not row(page.get("pagination") or {}).get("next_uri"):
                return
            wanted["starting_after"] = text(entries[-1], "id")
        raise Garbled("a list that does not end")

    @told
    def rules(self, symbol: str) -> Rules | NotFound:
        answer = self.client.ask("v3PrivateGetBrokerageProductsProductId", {"product_id": product_of(symbol)})
        if answer.status == 404 and isinstance(answer.data, dict) and answer.data.get("error") == "NOT_FOUND":
            return NotFound(answer.why)
        if not answer.good:
            raise Nothing(Unknown(answer.why, answer.wait_ms))
        self.client.rules[symbol] = rules_of(row(answer.data), symbol)
        return self.client.rules[symbol]

    @told
    def fees(self, symbol: str) -> Fees:
        tier = inner(row(self.client.read("v3PrivateGetBrokerageTransactionSummary")), "fee_tier")
        return Fees(number(tier, "maker_fee_rate"), number(tier, "taker_fee_rate"))

    @told
    def permissions(self) -> Permissions:
        may = row(self.client.read("v3PrivateGetBrokerageKeyPermissions"))
        return Permissions(withdraw=flag(may, "can_transfer"), trade=flag(may, "can_trade"), ip_bound=None)

    @told
    def sync(self) -> Clock:
        return self.client.sync("v3PublicGetBrokerageTime", told_time)

    def now(self) -> int:
        return self.client.now()

    def close(self) -> None:
        self.client.close()
