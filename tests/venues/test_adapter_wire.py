"""How requests leave: built as ccxt builds them, once, by TLS that is checked, within bounds, and without a word of a secret."""

from __future__ import annotations

import datetime
import json
import logging
import ssl
import threading
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import ccxt
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.venues import adapters
from engine.venues.adapters import _wire
from engine.venues.adapters._reading import plain
from engine.venues.adapters._wire import Incoming, Internet, NoAnswer, Outgoing
from engine.venues.port import Refused, Unknown

from . import played
from .played import NOW, OURS, SYMBOL, VENUES, Hands, always, asked, opened, order

SIGNED = {"timestamp", "recvWindow", "signature", "newOrderRespType"}
"""What differs from request to request, or is only how the answer is wanted."""


class Written(Exception):
    """Stops ccxt once it has written the request."""


def by_ccxt(venue: str, *order_: Any, **params: Any) -> dict[str, Any]:
    """What ccxt's own create_order sends for the same order."""
    made = getattr(ccxt, venue)(dict(zip(("apiKey", "secret"), played.keys(venue), strict=True)))
    made.number = str
    if venue == "coinbase":
        product = {
            "product_id": "BTC-USD", "base_currency_id": "BTC", "quote_currency_id": "USD", "product_type": "SPOT",
            "base_increment": "0.00000001", "quote_increment": "0.01", "price_increment": "0.01",
        }  # fmt: skip
        made.set_markets([made.parse_spot_market(product, {})])
    else:
        filters = [
            {"filterType": "LOT_SIZE", "stepSize": "0.00001", "minQty": "0.00001", "maxQty": "9000"},
            {"filterType": "PRICE_FILTER", "tickSize": "0.01", "minPrice": "0.01", "maxPrice": "1000000"},
        ]
        kinds = ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT"]
        names = {"symbol": "BTCUSDT", "baseAsset": "BTC", "quoteAsset": "USDT", "status": "TRADING"}
        made.options |= {"crossMarginPairsData": [], "isolatedMarginPairsData": []}
        made.set_markets([made.parse_market(names | {"orderTypes": kinds, "filters": filters})])
    written: list[Outgoing] = []

    def stop(url: str, method: str, headers: Any, body: str) -> None:
        written.append(Outgoing(method, url, headers, (body or "").encode()))
        raise Written

    made.fetch = stop
    with pytest.raises(Written):
        made.create_order(SYMBOL[venue], *order_, params=params)
    return asked(written[0])


def by_us(venue: str, **changed: Any) -> dict[str, Any]:
    port, wire = opened(venue, always(500, b""))
    port.place(order(venue, **changed))
    (out,) = wire.heard
    return {key: value for key, value in asked(out).items() if key not in SIGNED}


ORDERS: dict[str, tuple[dict[str, Any], tuple[Any, ...], dict[str, Any]]] = {
    "limit": ({}, ("limit", "sell", "0.0125", "30500.50"), {}),
    "post-only": ({"post_only": True, "side": "buy"}, ("limit", "buy", "0.0125", "30500.50"), {"postOnly": True}),
    "market sell": ({"kind": "market", "limit": None}, ("market", "sell", "0.0125"), {}),
    "worst price": ({"kind": "market"}, ("limit", "sell", "0.0125", "30500.50"), {"timeInForce": "IOC"}),
    "stop to sell": (
        {"kind": "stop_limit", "stop": Decimal("30600")},
        ("limit", "sell", "0.0125", "30500.50"), {"stopLossPrice": "30600"},
    ),
    "stop to buy": (
        {"kind": "stop_limit", "stop": Decimal("30400"), "side": "buy"},
        ("limit", "buy", "0.0125", "30500.50"), {"stopLossPrice": "30400"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("venue", VENUES)
def test_an_order_is_written_as_ccxt_writes_it(venue: str, name: str) -> None:
    """ccxt's unified call is the oracle where it can say the same; it cannot look up by what it drops (Coinbase's client id)."""
    changed, theirs, params = ORDERS[name]
    own = {"client_order_id": OURS} if venue == "coinbase" else {"clientOrderId": OURS}
    wanted = {key: value for key, value in by_ccxt(venue, *theirs, **params, **own).items() if key not in SIGNED}
    assert by_us(venue, **changed) == wanted


def test_what_ccxt_cannot_say() -> None:
    """A Coinbase market buy of a quantity (ccxt sends an amount of money), and Binance's stop at the market's price."""
    buy = by_us("coinbase", kind="market", limit=None, side="buy")
    assert buy["order_configuration"] == {"market_market_ioc": {"base_size": "0.0125"}}
    stop = by_us("binance", kind="stop", limit=None, stop=Decimal("30000.10"))
    assert (stop["type"], stop["stopPrice"], "price" in stop) == ("STOP_LOSS", "30000.1", False)
    port, wire = opened("coinbase", always(200, {}))
    for odd in ({"symbol": "BTC/USDT:USDT"}, {"symbol": "BTC-USD"}, {"client_id": ""}, {"client_id": "a b"}):
        assert isinstance(port.place(order("coinbase", **odd)), Refused)
    told = port.place(order("coinbase", kind="stop", limit=None, stop=Decimal(1)))
    assert isinstance(told, Refused)
    assert (told.code, wire.heard) == ("unsent", [])


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.decimals(min_value="1e-12", max_value="1e12", places=12, allow_nan=False))
def test_a_number_is_written_as_it_is(value: Decimal) -> None:
    text = plain(value)
    assert Decimal(text) == value
    assert set(text) <= set("0123456789.")
    assert not text.endswith(".")


@pytest.mark.parametrize(("life", "window"), [(5_000, 5_000), (60_000, 5_000), (1_200, 1_200), (1, 1)])
def test_a_binance_request_ends_when_it_was_said_to(life: int, window: int) -> None:
    port, wire = opened("binance", always(500, b""))
    port.place(order("binance", expires_ts=NOW + life))
    told = asked(wire.heard[0])
    assert (int(told["timestamp"]), int(told["recvWindow"])) == (NOW, window)
    for gone in (0, 1, 10_000):
        refused = port.place(order("binance", expires_ts=NOW - gone))
        assert isinstance(refused, Refused)
        assert refused.reason == "expired"
    assert len(wire.heard) == 1


@pytest.mark.parametrize("venue", VENUES)
def test_the_venue_time_is_kept_when_the_wall_clock_is_set(venue: str) -> None:
    hands = Hands()
    body = {"serverTime": NOW + 2_000, "iso": "2026-09-21T14:13:22Z", "epochMillis": str(NOW + 2_000)}
    port, _ = opened(venue, always(200, body), hands)
    assert port.now() == NOW
    port.sync()
    known = port.now()
    assert known - NOW in (2_000, 1_877)  # one venue tells whole seconds
    hands.wall -= 3_600_000
    assert port.now() == known
    hands.pass_ms(10_000)
    assert port.now() == known + 10_000


def test_a_sandbox_that_runs_faster_than_life_is_signed_for_by_the_wall_clock() -> None:
    hands = Hands()
    told: list[str] = []

    def say(*asked_: Any) -> Any:
        told.append(str(asked_))
        return 200, {"serverTime": NOW + 7_200_000}, {}

    port, _ = opened("binance", say, hands)
    port.client.by_machine = True  # type: ignore[attr-defined]
    port.sync()
    assert port.now() == NOW + 7_200_000
    port.balances()
    assert str(NOW) in told[-1]
    assert str(NOW + 7_200_000) not in told[-1]


# -- silence


@pytest.mark.parametrize(
    ("status", "headers", "body", "wait"),
    [
        (429, {"Retry-After": "7"}, b"", 7_000), (418, {"retry-after": "120"}, b"", 120_000), (429, {}, b"", 5_000),
        (418, {}, b'{"code":-1003,"msg":"banned until 1790000060123."}', 60_000), (418, {}, b"", 120_000),
        (503, {}, b"", 0), (503, {"Retry-After": "3"}, b"", 3_000), (429, {"Retry-After": "-5"}, b"", 5_000),
        (429, {"Retry-After": "99999999"}, b"", 259_200_000), (429, {"Retry-After": "1e9"}, b"", 5_000),
        (429, {"Retry-After": "Mon, 21 Sep 2026 14:13:30 GMT"}, b"", 9_877), (500, {"Retry-After": "9"}, b"", 0),
    ],
)  # fmt: skip
def test_silence_is_kept_as_long_as_asked(status: int, headers: dict[str, str], body: bytes, wait: int) -> None:
    hands = Hands()
    port, wire = opened("binance", always(status, body, headers), hands)
    told = port.balances()
    assert isinstance(told, Unknown)
    assert told.wait_ms == wait
    if wait:
        hands.pass_ms(wait - 1)
        hands.wall += 10**9  # a clock that is set does not end a ban
        port.balances()
        assert len(wire.heard) == 1
        hands.pass_ms(1)
    port.balances()
    assert len(wire.heard) == 2


# -- secrets


@pytest.mark.parametrize("venue", VENUES)
def test_no_answer_error_or_log_shows_a_secret(venue: str, caplog: pytest.LogCaptureFixture) -> None:
    key, secret = played.keys(venue)
    lines = [line for line in secret.splitlines() if len(line) > 20]
    seen: list[str] = []

    def echo(method: str, path: str, said: Any) -> Any:
        # A venue, or something before it, that sends back all it got, and a transport that fails with all of it.
        out = wire.heard[-1]
        everything = json.dumps([out.url, dict(out.headers), out.body.decode(), key, secret])
        if len(wire.heard) % 2:
            return requests.ConnectionError(everything)
        return 400, {"error": everything, "message": everything, "code": -1, "msg": everything}

    with caplog.at_level(logging.DEBUG):
        port, wire = opened(venue, echo)
        for _ in range(2):
            seen += [
                repr(port.place(order(venue))),
                repr(port.cancel(SYMBOL[venue], OURS, "28")),
                repr(port.balances()),
            ]
            seen += [repr(port.look_up(SYMBOL[venue], OURS, "28")), repr(port), repr(vars(port))]
    seen += [record.getMessage() for record in caplog.records]
    tokens = [v.split()[-1] for out in wire.heard for k, v in out.headers.items() if k == "Authorization"]
    tokens += [v for out in wire.heard for k, v in asked(out).items() if k == "signature"]
    assert tokens
    for canary in (key, *lines, *tokens):
        assert not any(canary in text for text in seen), canary[:12]
    assert repr(wire.heard[0]).find(key) < 0


# -- the network


def test_plain_http_goes_to_this_machine_only() -> None:
    for wrong in ("http://example.com", "http://10.0.0.1:80", "http://127.0.0.1.example.com"):
        with pytest.raises(ValueError, match="https"):
            adapters.make("binance", *played.keys("binance"), base_url=wrong)
    adapters.make("binance", *played.keys("binance"), base_url="http://127.0.0.1:9").close()


def test_requests_are_sent_once_by_a_session_that_checks_certificates() -> None:
    port = adapters.make("binance", *played.keys("binance"))
    transport = port.client.wire.transport  # type: ignore[attr-defined]
    assert isinstance(transport, Internet)
    assert transport.session.verify is True
    assert transport.session.trust_env is False
    for prefix in ("https://", "http://"):
        assert transport.session.get_adapter(prefix + "x").max_retries.total == 0
    assert port.client.made.options["maxRetriesOnFailure"] == 0  # type: ignore[attr-defined]
    port.close()


def test_bounds_of_an_answer() -> None:
    deep = b"[" * 41 + b"]" * 41
    for body in (deep, b'{"a":' * 41 + b"1" + b"}" * 41, b"[" * 100_000):
        assert isinstance(opened("binance", always(200, body))[0].balances(), Unknown)
    assert _wire.depth(b'{"a": "[[[[[", "b": [1, {"c": "\\"{{{"}]}') == 3
    for key_twice in (b'{"serverTime": 1790000000123, "serverTime": 1790000000124}', b'{"serverTime": NaN}'):
        assert isinstance(opened("binance", always(200, key_twice))[0].sync(), Unknown)


def test_a_library_that_tries_again_is_stopped() -> None:
    wire = _wire.Wire(lambda out: Incoming(200, {}, b"{}"))
    wire.begin()
    wire.request("POST", "https://x/y")
    with pytest.raises(NoAnswer, match="second"):
        wire.request("POST", "https://x/y")


class _Server(BaseHTTPRequestHandler):
    hits: list[str]
    enough: threading.Event

    def do_GET(self) -> None:
        self.hits.append(self.path)
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", "/elsewhere")
            self.end_headers()
        elif self.path == "/slow":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Never: ")
            self.enough.wait(20)
        elif self.path == "/cut":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"{")
        else:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"x" * (3 << 20 if self.path == "/big" else 5))

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    _Server.hits, _Server.enough = [], threading.Event()
    made = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield made
    _Server.enough.set()
    made.shutdown()
    thread.join()
    made.server_close()


def test_the_real_transport_is_bounded_and_follows_nothing(server: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_wire, "MAX_BYTES", 1 << 20)
    internet = Internet()
    base = f"http://127.0.0.1:{server.server_port}"

    def get(path: str) -> Incoming:
        return internet(Outgoing("GET", base + path, {}, b""))

    assert get("/plain").body == b"xxxxx"
    assert get("/redirect").status == 302
    with pytest.raises(NoAnswer, match="more than"):
        get("/big")
    with pytest.raises(requests.RequestException):
        get("/cut")
    assert _Server.hits == ["/plain", "/redirect", "/big", "/cut"]
    internet.close()


def test_a_peer_that_never_ends_holds_nobody(server: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline is for the whole answer; threads left behind are counted, and after some nothing more is sent."""
    monkeypatch.setattr(_wire, "MOST_LEFT", 2)
    internet = Internet(timeout_s=15, deadline_s=0.15)
    slow = Outgoing("GET", f"http://127.0.0.1:{server.server_port}/slow", {}, b"")
    for _ in range(2):
        with pytest.raises(NoAnswer, match="no whole answer"):
            internet(slow)
    with pytest.raises(NoAnswer, match="too many"):
        internet(slow)
    assert _Server.hits == ["/slow"] * 2
    _Server.enough.set()
    for thread in internet._left:
        thread.join(10)
    internet.deadline_s = 10
    assert internet(Outgoing("GET", f"http://127.0.0.1:{server.server_port}/plain", {}, b"")).status == 200
    internet.close()


def test_a_certificate_nobody_vouches_for_ends_the_talk(server: HTTPServer, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    since = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    until = since + datetime.timedelta(days=3650)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(since).not_valid_after(until)
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = tmp_path / "both.pem"
    file.write_bytes(key.private_bytes(*form) + made.sign(key, hashes.SHA256()).public_bytes(form[0]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    address = f"https://localhost:{server.server_port}"
    with pytest.raises(requests.exceptions.SSLError, match=r"(?i)certificate.verify.failed"):
        Internet()(Outgoing("GET", address, {}, b""))
    port = adapters.make("binance", *played.keys("binance"), base_url=address)
    told = port.place(order("binance"))
    assert isinstance(told, Unknown)
    assert _Server.hits == []
    port.close()
