"""The stream through a real websocket-client: shapes, order, completeness, and the clock that waits for its readers."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import orjson
import pytest
import requests

from engine.core.bars import Beat, Quote, Tick
from engine.core.types import Instrument
from engine.market.feeds import coinbase
from engine.market.wire import listing
from engine.sandbox import exchange
from engine.sandbox.market import Market
from engine.sandbox.server import Sandbox
from tests.sandbox.reader import START, START_MS, Reader, ms, reading, trades

SECOND = 1000


def session(
    seconds: int = 60, products: tuple[str, ...] = ("BTC-USD", "ETH-USD"), **options: Any
) -> list[dict[str, Any]]:
    """All messages of the first `seconds` of a held sandbox."""
    with Sandbox.running(**{"seed": 7, "start": START, "speed": 3600, "hold": True, **options}) as sandbox, \
            reading(sandbox, products) as reader:  # fmt: skip
        return reader.until(START_MS + seconds * SECOND)


def test_the_messages_have_the_real_shapes() -> None:
    messages = session(10)
    by_channel = {message["channel"]: message for message in messages}
    assert set(by_channel) == {"subscriptions", "market_trades", "ticker", "heartbeats"}
    for message in messages:
        assert set(message) == {"channel", "client_id", "timestamp", "sequence_num", "events"}
        assert re.fullmatch(r"2026-01-05T10:00:\d\d\.\d{3}Z", message["timestamp"])
    assert by_channel["subscriptions"]["events"] == [
        {
            "subscriptions": {
                "market_trades": ["BTC-USD", "ETH-USD"],
                "ticker": ["BTC-USD", "ETH-USD"],
                "heartbeats": ["heartbeats"],
            }
        }
    ]
    trade = trades(messages)[0]
    assert set(trade) == {"trade_id", "product_id", "price", "size", "time", "side"}
    assert all(isinstance(value, str) for value in trade.values())
    event = by_channel["ticker"]["events"][0]
    assert event["type"] == "update"
    assert set(event["tickers"][0]) == {
        "type", "product_id", "price", "volume_24_h", "low_24_h", "high_24_h", "low_52_w", "high_52_w",
        "price_percent_chg_24_h", "best_bid", "best_bid_quantity", "best_ask", "best_ask_quantity",
    }  # fmt: skip
    assert set(by_channel["heartbeats"]["events"][0]) == {"current_time", "heartbeat_counter"}


def test_messages_are_numbered_without_a_hole_and_in_the_order_of_time() -> None:
    messages = session(60)
    assert [message["sequence_num"] for message in messages] == list(range(len(messages)))
    times = [ms(message["timestamp"]) for message in messages]
    assert times == sorted(times)


def test_one_heartbeat_a_second_after_everything_before_it() -> None:
    messages = session(60)
    beats = [ms(m["timestamp"]) for m in messages if m["channel"] == "heartbeats"]
    assert beats == [START_MS + (n + 1) * SECOND for n in range(60)]
    passed = 0
    for message in messages:
        if message["channel"] == "heartbeats":
            passed = ms(message["timestamp"])
        elif message["channel"] == "market_trades" and message["events"][0]["type"] == "update":
            assert all(ms(trade["time"]) >= passed for trade in message["events"][0]["trades"])


def test_the_stream_is_the_market_neither_more_nor_less() -> None:
    found = trades(session(300))
    for product in ("BTC-USD", "ETH-USD"):
        truth = Market(7).prints(product, START_MS, START_MS + 300 * SECOND)
        mine = [trade for trade in found if trade["product_id"] == product]
        assert [int(trade["trade_id"]) for trade in mine] == truth.id.tolist()
        assert [ms(trade["time"]) for trade in mine] == truth.ts.tolist()
        assert [round(float(trade["price"]) * 100) for trade in mine] == truth.price.tolist()
        assert [round(float(trade["size"]) * 1e8) for trade in mine] == truth.size.tolist()


def test_snapshot_and_updates_meet_without_gap_or_overlap_whenever_one_joins() -> None:
    with Sandbox.running(seed=7, start=START, speed=60) as sandbox:
        assert sandbox.wait_until(START_MS + 7_777)
        with reading(sandbox) as reader:
            messages = reader.until(START_MS + 60 * SECOND)
    before, after = trades(messages, "snapshot"), trades(messages)
    ids = [int(trade["trade_id"]) for trade in before[::-1] + after]
    truth = Market(7).prints("BTC-USD", START_MS - 600 * SECOND, START_MS + 120 * SECOND).id.tolist()
    begin = truth.index(ids[0])
    assert len(before) == 50
    assert ids == truth[begin : begin + len(ids)]


@pytest.mark.parametrize(
    ("speed", "hold", "symbols"), [(100, True, None), (3600, False, None), (600, True, ["ETH/USD", "BTC/USD"])]
)
def test_the_same_seed_is_the_same_session_whatever_the_speed(speed: float, hold: bool, symbols: Any) -> None:
    with Sandbox.running(seed=7, start=START, hold=True, speed=1, symbols=symbols) as sandbox:
        with reading(sandbox, ("BTC-USD", "ETH-USD")) as reader:
            first = [reader.next("subscriptions") for _ in range(3)]
            requests.post(sandbox.rest_url + "/sandbox/clock", json={"speed": speed, "hold": hold}, timeout=5)
            other = reader.until(START_MS + 60 * SECOND)
    one = session(60)
    assert other == one[-len(other) :]
    assert len(other) > len(one) - 10
    assert first[-1] in one


def test_the_engines_own_feed_reads_every_message() -> None:
    tick = {"tick": "0.01", "lot": "0.00000001", "quantum": "0.000001"}
    from decimal import Decimal

    symbols = [Instrument(s, s[:3], "USD", **{k: Decimal(v) for k, v in tick.items()}) for s in ("BTC/USD", "ETH/USD")]
    names = listing(symbols, coinbase.native)
    events = [event for message in session(60) for event in coinbase.parse(orjson.dumps(message), names)]
    assert {type(event).__name__ for event in events} == {"Tick", "Quote", "Beat", "Sequence"}
    truth = Market(7).prints("ETH-USD", START_MS, START_MS + 60 * SECOND)
    ticks = [e for e in events if isinstance(e, Tick) and e.symbol == 1 and e.ts >= START_MS]
    assert [t.price for t in ticks] == truth.price.tolist()
    assert all(e.bid < e.ask for e in events if isinstance(e, Quote))
    assert sum(isinstance(e, Beat) for e in events) == 60


def test_two_readers_hear_the_same() -> None:
    with Sandbox.running(seed=7, start=START, speed=300) as sandbox, reading(sandbox) as one, reading(sandbox) as other:
        with ThreadPoolExecutor(2) as pool:
            heard = [trades(found) for found in pool.map(lambda r: r.until(START_MS + 300 * SECOND), (one, other))]
    late = [[t for t in found if ms(t["time"]) >= START_MS + 200 * SECOND] for found in heard]
    assert late[0] == late[1] != []


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("{", "JSON|expected|unexpected|EOF|parse"),
        ([1], "type must be"),
        ({"type": "hello"}, "type must be"),
        ({"type": "subscribe", "channel": "level9"}, "level9.*choose one of market_trades"),
        ({"type": "subscribe", "channel": "ticker"}, "needs product_ids"),
        ({"type": "subscribe", "channel": "ticker", "product_ids": ["ABC-USD"]}, "ABC-USD is not a product"),
        ({"type": "subscribe", "channel": "ticker", "product_ids": "BTC-USD"}, "must be a list"),
    ],
)
def test_a_bad_request_is_answered_with_an_error_and_the_connection_lives(asked: Any, words: str) -> None:
    with Sandbox.running(seed=7, start=START, hold=True) as sandbox:
        reader = Reader(sandbox.ws_url)
        reader.say(asked)
        message = reader.next()
        assert message["type"] == "error"
        assert re.search(words, message["message"])
        reader.ask("ticker", "BTC-USD")
        assert reader.next("subscriptions")["events"][0]["subscriptions"] == {"ticker": ["BTC-USD"]}
        reader.socket.shutdown()


def test_one_can_unsubscribe() -> None:
    with (
        Sandbox.running(seed=7, start=START, speed=600, hold=True) as sandbox,
        reading(sandbox, ("BTC-USD", "ETH-USD")) as reader,
    ):
        reader.until(START_MS + 5 * SECOND)
        reader.ask("market_trades", "BTC-USD", kind="unsubscribe")
        while len(reader.next("subscriptions")["events"][0]["subscriptions"]["market_trades"]) > 1:
            pass
        at = ms(reader.next("heartbeats")["timestamp"])
        assert {trade["product_id"] for trade in trades(reader.until(at + 60 * SECOND))} == {"ETH-USD"}


# --- the clock -------------------------------------------------------------------------------------------------------


def test_a_held_clock_stands_while_nobody_is_subscribed() -> None:
    with Sandbox.running(seed=7, start=START, speed=3600, hold=True) as sandbox:
        connected = Reader(sandbox.ws_url)
        for _ in range(20):
            assert requests.get(sandbox.rest_url + "/sandbox/status", timeout=5).json()["ts"] == START_MS
        assert sandbox.status()["held"]
        with reading(sandbox) as reader:
            reader.until(START_MS + 30 * SECOND)
            assert not sandbox.status()["held"]
        assert sandbox.wait_for(lambda: not any(s.ready for s in sandbox.exchange.sessions))
        stood = sandbox.now()
        for _ in range(20):
            assert sandbox.status()["ts"] == stood
        connected.socket.shutdown()


def test_what_a_dead_client_missed_is_served_by_rest_and_the_next_goes_on_from_there() -> None:
    with Sandbox.running(seed=7, start=START, speed=3600, hold=True) as sandbox:
        with reading(sandbox) as reader:
            heard = trades(reader.until(START_MS + 20 * SECOND))
        assert sandbox.wait_for(lambda: sandbox.exchange.status()["held"])
        stood = sandbox.now()
        with reading(sandbox) as reader:
            again = trades(reader.until(stood + 20 * SECOND))
        url = f"{sandbox.rest_url}/api/v3/brokerage/market/products/BTC-USD/ticker"
        query = {"limit": 1000, "start": START_MS // 1000 + 20, "end": stood // 1000 + 1}
        missed = requests.get(url, params=query, timeout=5).json()["trades"][::-1]
    ids = dict.fromkeys(int(t["trade_id"]) for t in [*heard, *missed, *again])
    truth = Market(7).prints("BTC-USD", START_MS, stood + 20 * SECOND).id.tolist()
    assert sorted(ids)[: len(truth)] == truth


@pytest.mark.parametrize("hold", [True, False])
def test_the_clock_waits_for_a_slow_reader_and_nothing_is_dropped(hold: bool) -> None:
    with Sandbox.running(seed=7, start=START, speed=3600, hold=hold) as sandbox, reading(sandbox) as reader:
        got: list[dict[str, Any]] = []
        lead = sandbox.exchange.lead()
        for step in range(1, 6):
            # Read a little, then do other things for a while: the clock stands.
            got += reader.until(START_MS + step * 20 * SECOND)
            at = ms(got[-1]["timestamp"])
            assert sandbox.wait_for(lambda: sandbox.exchange.clock.standing)
            # What the client's library has read may be a few messages ahead of what the test took.
            assert at <= sandbox.now() <= at + lead + 1000
        assert [m["sequence_num"] for m in got] == list(range(len(got)))


def test_a_reader_that_reads_nothing_any_more_is_cut_so_that_it_does_not_stop_the_market(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exchange, "DEAF_S", 4.0)  # long enough for one that only waits for a processor
    with Sandbox.running(seed=7, start=START, speed=3600) as sandbox, reading(sandbox), reading(sandbox) as alive:
        # Longer than the lead that a deaf client is given: only its end can have let the clock go on.
        alive.until(START_MS + 400 * SECOND)
        assert sandbox.status()["clients"] == 1


def test_the_market_stops_at_an_exact_time() -> None:
    with Sandbox.running(seed=7, start=START, speed=3600, hold=True, seconds=90) as sandbox, reading(sandbox) as reader:
        messages = reader.until(START_MS + 90 * SECOND)
        assert sandbox.wait_for(lambda: sandbox.exchange.clock.ended)
        assert sandbox.now() == START_MS + 90 * SECOND
        assert [int(t["trade_id"]) for t in trades(messages)] == Market(7).prints(
            "BTC-USD", START_MS, START_MS + 90_000
        ).id.tolist()
        status = sandbox.status()
        assert (status["ended"], status["until"]) == (True, START_MS + 90_000)


def test_speed_is_exchange_seconds_a_second() -> None:
    """The clock alone, under a wall clock of the test's own."""
    from engine.sandbox.clock import Clock

    clock = Clock(
        START_MS, 60, START_MS + 200_000, lambda now: START_MS + 100_000 if now < START_MS + 100_000 else None
    )
    for _ in range(10):
        clock.step(0.1)
    assert clock.now == START_MS + 60_000
    clock.step(0.1)
    assert clock.now == START_MS + 66_000
    for _ in range(100):
        clock.step(0.1)
    assert clock.now == START_MS + 200_000
    assert clock.ended


def test_speed_hold_and_end_can_be_changed_while_it_runs() -> None:
    with Sandbox.running(seed=7, start=START, speed=1, hold=True) as sandbox:
        url = sandbox.rest_url + "/sandbox/clock"
        status = requests.post(url, json={"speed": 3600, "hold": False, "seconds": 600}, timeout=5).json()
        assert (status["speed"], status["hold"], status["until"]) == (3600, False, START_MS + 600_000)
        assert sandbox.wait_until(START_MS + 600_000)
        assert sandbox.now() == START_MS + 600_000
        assert requests.post(url, json={"speed": 0}, timeout=5).status_code == 400
        assert "hurry" in requests.post(url, json={"hurry": 1}, timeout=5).json()["message"]


def test_a_port_in_use_is_told() -> None:
    from engine.sandbox.errors import SandboxError

    with Sandbox.running(seed=7, start=START) as sandbox:
        with pytest.raises(SandboxError, match=f"port {sandbox.port} cannot be used"):
            with Sandbox.running(seed=7, start=START, port=sandbox.port):
                pass


def test_ticker_figures_agree_with_the_market() -> None:
    message = next(m for m in session(5) if m["channel"] == "ticker")
    ticker = message["events"][0]["tickers"][0]
    day = Market(7).candles(ticker["product_id"], 60_000, START_MS - 86_400_000, START_MS)
    assert float(ticker["low_24_h"]) == day.low.min() / 100
    assert float(ticker["high_24_h"]) == day.high.max() / 100
    assert np.isclose(float(ticker["volume_24_h"]), day.volume.sum() / 1e8)
    assert (
        float(ticker["low_52_w"]) <= float(ticker["low_24_h"]) <= float(ticker["price"]) <= float(ticker["high_24_h"])
    )
