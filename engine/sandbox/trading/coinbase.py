"""Coinbase Advanced Trade's tongue: which request means what, who may send it, and its errors. Shapes are in
`coinbase_words`, orders in `coinbase_orders`, market data in `coinbase_market`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from engine.sandbox.trading import coinbase_words as words
from engine.sandbox.trading.coinbase_market import Public
from engine.sandbox.trading.coinbase_orders import V3, Trading
from engine.sandbox.trading.coinbase_words import Wrong
from engine.sandbox.trading.keys import Key, Locked, Tokens
from engine.sandbox.trading.matching import Matching
from engine.sandbox.trading.terms import FIAT, Refusal
from engine.sandbox.trading.view import View
from engine.sandbox.trading.wire import Answer, Request, answer

Handler = Callable[[Request], Any]
ACCOUNTS = "/v2/accounts"


class Coinbase:
    """Answers requests on one account. `respond` never raises."""

    name = "coinbase"

    def __init__(self, matching: Matching, view: View, keys: tuple[Key, ...]) -> None:
        self.venue, self.view, self.tokens = matching.venue, view, Tokens(keys)
        self.public, self.trading = Public(matching.venue), Trading(matching, view)
        self._open = self.public.routes()
        self._signed: dict[tuple[str, str], Handler] = {
            **self.trading.routes(),
            ("GET", f"{V3}/accounts"): self.accounts,
            ("GET", f"{V3}/transaction_summary"): lambda _r: words.summary(self.venue.maker, self.venue.taker),
            ("GET", f"{V3}/key_permissions"): self.permissions,
            ("GET", f"{V3}/portfolios"): lambda _r: {"portfolios": [words.portfolio()]},
            ("GET", ACCOUNTS): self.wallets,
        }

    def place_path(self, method: str, path: str) -> str:
        """`place`, `cancel` or `read`: what a request does, for the faults."""
        if method == "POST" and path in (f"{V3}/orders", f"{V3}/orders/batch_cancel"):
            return "place" if path == f"{V3}/orders" else "cancel"
        return "read"

    def private(self, method: str, path: str) -> bool:
        """Whether a path needs a key."""
        return self._private(method, path) is not None

    def client_id(self, request: Request) -> str:
        try:
            said = orjson.loads(request.body)
        except orjson.JSONDecodeError:
            return ""
        return str(said.get("client_order_id", "")) if isinstance(said, dict) else ""

    def failed(self, status: int, wait_s: int) -> Answer:
        """Its own trouble: too many requests, or errors that know nothing of orders."""
        if status in (418, 429):
            said = answer({"error": "rate_limit_exceeded", "message": "too many requests"}, status)
            return said[0], {**said[1], "Retry-After": str(wait_s)}, said[2]
        return answer({"error": "internal", "message": "something went wrong"}, status)

    def with_id(self, answer: Answer, order_id: str | None) -> Answer:
        status, headers, body = answer
        said = orjson.loads(body)
        if "success_response" in said:
            said["success_response"]["order_id"] = order_id or ""
        return status, headers, orjson.dumps(said)

    def respond(self, request: Request) -> Answer:
        try:
            handler = self._open.get((request.method, request.path))
            if handler is None:
                handler = self._private(request.method, request.path)
                if handler is not None:
                    self._let_in(request)
                elif request.method == "GET" and request.path.startswith((f"{V3}/market/products/", f"{V3}/products/")):
                    handler = self.public.product
                else:
                    raise Wrong(404, "NOT_FOUND", f"{request.path} is not served by the sandbox")
            return answer(handler(request))
        except Wrong as wrong:
            return words.error(wrong)
        except Locked as locked:
            return words.error(Wrong(401, "unauthorized", str(locked)))
        except (Refusal, ValueError, OverflowError) as error:
            return words.error(Wrong(400, "INVALID_ARGUMENT", str(error)))

    def _private(self, method: str, path: str) -> Handler | None:
        found = self._signed.get((method, path))
        if found is not None or method != "GET":
            return found
        if path.startswith(f"{V3}/orders/historical/"):
            return self.trading.order
        if path.startswith(f"{V3}/accounts/"):
            return self.account
        return self.history if path.startswith(f"{ACCOUNTS}/") else None

    def _let_in(self, request: Request) -> Key:
        what = f"{request.method} {request.path}"
        host = request.headers.get("host", "")
        key = self.tokens.check(request.headers.get("authorization", ""), what, host, request.clocks)
        if self.place_path(request.method, request.path) != "read" and not key.trade:
            raise Wrong(403, "PERMISSION_DENIED", "the key may not trade")
        return key

    # --- the account -------------------------------------------------------------------------------------------------

    def _balances(self, request: Request) -> dict[str, tuple[int, int]]:
        return self.venue.books.shown(self.view.at(request.now, "balances"))

    def accounts(self, request: Request) -> Any:
        rows = [words.account(asset, free, held) for asset, (free, held) in self._balances(request).items()]
        limit, cursor = (request.params.get(name, "") for name in ("limit", "cursor"))
        begin = int(cursor) if cursor.isdigit() else 0
        end = begin + (min(int(limit), 250) if limit.isdigit() and int(limit) else 49)
        more = end < len(rows)
        return {"accounts": rows[begin:end], "has_next": more, "cursor": str(end) if more else "",
                "size": len(rows[begin:end])}  # fmt: skip

    def account(self, request: Request) -> Any:
        asset = self._asset(request.path.rpartition("/")[2])
        return {"account": words.account(asset, *self._balances(request)[asset])}

    def _asset(self, account_id: str) -> str:
        for asset in self.venue.books.assets:
            if account_id in (words.account_id(asset), asset):
                return asset
        raise Wrong(404, "not_found", "Not found")

    def permissions(self, request: Request) -> Any:
        key = self._let_in(request)
        return {"can_view": True, "can_trade": key.trade, "can_transfer": key.withdraw,
                "portfolio_uuid": words.PORTFOLIO, "portfolio_type": "DEFAULT"}  # fmt: skip

    # --- the older interface: accounts and what moved in them --------------------------------------------------------

    def wallets(self, request: Request) -> Any:
        return _paged([words.wallet(asset, sum(row)) for asset, row in self._balances(request).items()], request)

    def history(self, request: Request) -> Any:
        """.../transactions, .../deposits and .../withdrawals of one account, newest first."""
        account_id, _, what = request.path.removeprefix(f"{ACCOUNTS}/").partition("/")
        asset, at = self._asset(account_id), self.view.at(request.now, "transfers")
        moved = [one for one in self.venue.transfers if one.asset == asset and one.ts <= at]
        if what == "transactions":
            rows = [(one.ts, words.moved(one)) for one in moved]
            rows += [
                (entry.ts, words.traded(entry, asset, number))
                for number, entry in enumerate(self.venue.books.journal)
                if entry.asset == asset and entry.why.startswith("fill") and entry.ts <= at
            ]
            rows.sort(key=lambda row: row[0])
            return _paged([row for _, row in reversed(rows)], request)
        if what in ("deposits", "withdrawals") and asset in FIAT:
            sign = 1 if what == "deposits" else -1
            return _paged([words.payment(one) for one in reversed(moved) if one.amount * sign > 0], request)
        if what in ("deposits", "withdrawals"):
            return _paged([], request)
        raise Wrong(404, "not_found", "Not found")


def _paged(rows: list[dict[str, Any]], request: Request) -> dict[str, Any]:
    """A page of 25 unless `limit` asks for more (300 at most), after the row that `starting_after` names."""
    limit, after = (request.params.get(name, "") for name in ("limit", "starting_after"))
    size = min(int(limit), 300) if limit.isdigit() and int(limit) else 25
    begin = next((place + 1 for place, row in enumerate(rows) if row["id"] == after), 0) if after else 0
    page = rows[begin : begin + size]
    more = page[-1]["id"] if begin + size < len(rows) else None
    uri = f"{request.path}?limit={size}&starting_after={more}" if more else None
    head = {"ending_before": None, "starting_after": after or None, "previous_ending_before": None,
            "next_starting_after": more, "limit": size, "order": "desc", "previous_uri": None, "next_uri": uri}  # fmt: skip
    return {"pagination": head, "data": page}
