"""ccxt's own clients on an exchange in the same process: its HTTP session is answered by `handle`, nothing else changes."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any
from urllib.parse import urlencode, urlsplit

import ccxt
import orjson
import requests
from requests.structures import CaseInsensitiveDict

from engine.sandbox.trading.opening import Opened
from engine.sandbox.trading.prices import SetPrices
from engine.sandbox.trading.wire import NO_ANSWER

START = 1_767_607_200_000  # 2026-01-05 10:00 UTC
BTC = (6_400_000, 6_400_200)
"""Bid and ask of BTC-USD in ticks of a cent."""


class Seam(requests.Session):
    """A session that asks an opened exchange instead of the network. `now` is the exchange's time and the client's."""

    def __init__(self, opened: Opened) -> None:
        super().__init__()
        self.opened, self.now, self.sent = opened, START, 0

    def request(self, method: Any, url: Any, *_: Any, data: Any = None, headers: Any = None, **__: Any) -> Any:
        split = urlsplit(url)
        self.sent += 1
        head = {**(headers or {}), "Host": split.netloc}
        status, back, body = self.opened.door.handle(method, split.path, split.query, head, data or b"", self.now)
        if status == NO_ANSWER:
            raise requests.ReadTimeout("Read timed out") if back["sandbox"] == "silence" else requests.ConnectionError
        made = requests.Response()
        made.status_code, made._content, made.url, made.reason = status, body, url, "sandbox"
        made.headers = CaseInsensitiveDict(back)
        return made


def client(opened: Opened, name: str = "binance", key: int = 0, **options: Any) -> Any:
    """An unmodified ccxt client whose session and clock are the seam's."""
    seam = Seam(opened)
    secret = {"apiKey": opened.keys[key].name, "secret": opened.keys[key].secret}
    made = getattr(ccxt, name)({**secret, "enableRateLimit": False, "maxRetriesOnFailure": 0, **options})
    made.session = seam
    made.milliseconds = lambda: seam.now
    made.seconds = lambda: seam.now // 1000
    return made


def market() -> SetPrices:
    prices = SetPrices()
    prices.set("BTC-USD", *BTC, START - 1000)
    prices.set("ETH-USD", 320_000, 320_100, START - 1000)
    return prices


def signed(opened: Opened, method: str, path: str, now: int = START, **params: Any) -> tuple[int, Any]:
    """A signed request to Binance without ccxt; its answer's status and JSON (or bytes that are none)."""
    key = opened.keys[0]
    query = urlencode({"timestamp": now, **params})
    query += "&signature=" + hmac.new(key.secret.encode(), query.encode(), hashlib.sha256).hexdigest()
    status, _, body = opened.door.handle(method, path, query, {"X-MBX-APIKEY": key.name}, b"", now)
    try:
        return status, orjson.loads(body)
    except orjson.JSONDecodeError:
        return status, body
