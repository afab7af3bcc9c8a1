"""The stream's thread against a real WebSocket server: connect, lose, find again, and never a print too many or too few."""

import asyncio
import queue
import random
import subprocess
import sys
from decimal import Decimal

import orjson
import pytest

from engine.core.bars import Beat, Frame, Tick
from engine.core.types import Instrument
from engine.market import feeds
from engine.market.assembler import Assembler
from engine.market.backfill import RestBackfill
from engine.market.events import Connected, Disconnected, Gap, Malformed, Notice, SequenceGap
from engine.market.feeds import coinbase
from engine.market.feeds._socket import Continuity, StreamFeed
from engine.market.feeds.polling import PollingFeed
from engine.market.venue import Venue
from engine.market.wire import listing
from tests.market.local_exchange import MINUTE, Exchange, iso, serving

BTC = Instrument("BTC/USD", "BTC", "USD", Decimal("0.01"), Decimal("1e-8"), Decimal("1e-6"))
LISTING = listing([BTC], coinbase.native)


def trade(ts, trade_id, price, size):
    return {
        "trade_id": str(trade_id),
        "product_id": "BTC-USD",
        "price": price,
        "size": size,
        "side": "BUY",
        "time": iso(ts),
    }


def message(channel, number, ts, **events):
    body = {"channel": channel, "client_id": "", "timestamp": iso(ts), "sequence_num": number, "events": [events]}
    return orjson.dumps(body).decode()


def beat(number, ts):
    return message("heartbeats", number, ts, current_time=iso(ts), heartbeat_counter=number)


def prints(number, ts, *trades):
    return message("market_trades", number, ts, type="update", trades=[trade(*t) for t in trades])


def says(*texts, then="close"):
    """A session of the server: these messages, then the socket is closed, or left open in silence."""

    async def session(socket):
        for text in texts:
            await socket.send_str(text)
        if then == "silence":
            await asyncio.sleep(30)

    return session


class Listener:
    def __init__(self, exchange, **kw):
        self.events = queue.Queue()
        self.feed = StreamFeed(coinbase, LISTING, self.events.put, exchange.ws_url, rng=random.Random(1), **kw)

    def until(self, kind, count=1):
        """Events up to and with the `count`-th of `kind`."""
        seen = []
        while sum(isinstance(e, kind) for e in seen) < count:
            seen.append(self.events.get(timeout=10))
        return seen

    def __enter__(self):
        self.feed.start()
        return self

    def __exit__(self, *_):
        self.feed.stop()
        assert not self.feed._thread.is_alive()


@pytest.fixture
def exchange():
    with serving(Exchange()) as running:
        yield running


T = Exchange().now


def test_it_subscribes_streams_and_comes_back_after_a_drop(exchange):
    exchange.sessions = [
        says(beat(0, T), prints(1, T + 100, (T + 50, 1, "100.5", "2"))),
        says(beat(0, T + 5000), then="silence"),
    ]
    with Listener(exchange, pace=200) as listener:
        first = listener.until(Disconnected)
        again = listener.until(Beat)
    assert first[:3] == [Connected(0), Beat(T), Tick(0, T + 50, 10050, 2.0, 1)]
    assert first[-1].ts == T + 100
    assert again == [Connected(0), Beat(T + 5000)]
    assert [m["channel"] for m in exchange.subscribed[:3]] == ["market_trades", "ticker", "heartbeats"]
    assert listener.feed.counters["disconnects"] == 1


def test_a_missing_number_is_told_before_the_message_that_shows_it(exchange):
    """And before anything that could close a second of which it had prints."""
    exchange.sessions = [says(beat(0, T), prints(3, T + 1900, (T + 1800, 9, "1", "1")), then="silence")]
    with Listener(exchange) as listener:
        seen = listener.until(Tick)
    assert seen[2:] == [SequenceGap(T + 1900, "2 messages lost"), Tick(0, T + 1800, 100, 1.0, 9)]


def test_a_repeated_or_older_number_is_no_gap(exchange):
    exchange.sessions = [
        says(beat(0, T), beat(1, T + 1000), beat(0, T), beat(1, T + 1000), beat(2, T + 2000), then="silence")
    ]
    with Listener(exchange) as listener:
        seen = listener.until(Beat, 5)
    assert not [e for e in seen if isinstance(e, SequenceGap)]


def test_beats_far_apart_mean_that_something_was_missed(exchange):
    exchange.sessions = [says(beat(0, T), beat(1, T + 45_000), then="silence")]
    with Listener(exchange) as listener:
        seen = listener.until(Beat, 2)
    assert seen[2] == SequenceGap(T + 45_000, "silent for 45 s of exchange time")


def test_garbage_and_the_venues_own_words(exchange):
    exchange.sessions = [says("}{", '{"type":"error","message":"no such product"}', beat(0, T), then="silence")]
    with Listener(exchange) as listener:
        seen = listener.until(Beat)
        assert [type(e) for e in seen] == [Connected, Malformed, Notice, Beat]
        assert listener.feed.last_error == "coinbase says: no such product"
    assert listener.feed.counters["malformed"] == 1


def test_silence_on_an_open_socket_ends_it(exchange):
    exchange.sessions = [says(beat(0, T), then="silence"), says(beat(0, T + 9000), then="silence")]
    with Listener(exchange, pace=100) as listener:
        lost = listener.until(Disconnected)[-1]
        listener.until(Beat)
    assert "nothing came for 2 s" in lost.reason


def test_nobody_listening_is_refused_and_tried_again(exchange):
    exchange.ws_url = "ws://127.0.0.1:9/"
    listener = Listener(exchange, pace=1000)
    with listener:
        assert listener.events.empty()
    assert not listener.feed.connected


def test_one_time_in_the_far_future_is_not_believed_two_are():
    continuity = Continuity(10_000)
    assert continuity.plausible(T)
    assert not continuity.plausible(T + 10**9)
    assert continuity.plausible(T + 1000)
    assert not continuity.plausible(T + 10**9)
    assert continuity.plausible(T + 10**9 + 500)


def test_stopping_ends_the_thread_at_once(exchange):
    exchange.sessions = [says(beat(0, T), then="silence")]
    with Listener(exchange) as listener:
        listener.until(Beat)


def test_from_the_wire_to_frames_with_a_drop_in_between(exchange):
    """Restart, drop, reconnect: every print of the exchange is in exactly one frame, through real sockets and real REST."""
    rows = exchange.trades
    start = rows[0][0]

    def live(low, high, then="close", beats=0):
        texts, number = [], 0
        for second in range(low, high):
            texts.append(beat(number, start + second * 1000))
            batch = [r for r in rows if start + second * 1000 <= r[0] < start + second * 1000 + 1000]
            texts.append(prints(number + 1, start + second * 1000 + 990, *((r[0], r[1], r[2], r[3]) for r in batch)))
            number += 2
        texts += [beat(number + i, start + (high + i) * 1000) for i in range(beats)]
        return says(*texts, then=then)

    exchange.sessions = [live(5, 40), live(60, 100, "silence", beats=4)]
    items = queue.Queue()
    venue = Venue("coinbase", exchange.url, pace=50)
    assembler = Assembler([BTC], 1000, RestBackfill(venue, [BTC]), items.put, resume_from=start)
    feed = feeds.open("coinbase", ["BTC-USD"], [BTC], assembler.on_event, exchange.url, exchange.ws_url, pace=50)
    feed.start()
    frames, gaps = [], []
    while not frames or frames[-1].ts < start + 99_000:
        item = items.get(timeout=15)
        if isinstance(item, Gap):
            gaps.append(item)
            frames += item.frames
        elif isinstance(item, Frame):
            frames.append(item)
    feed.stop()
    assembler.stop()
    assert [gap.cause for gap in gaps] == ["restart", "closed by the exchange"]
    assert [f.ts for f in frames] == [start + 1000 * s for s in range(100)]
    assert sum(float(f.bars["volume"].sum()) for f in frames) == 1000 * 0.125
    assert assembler.status().counters["late"] == 0


def test_polling_hands_on_each_print_once_and_in_order(exchange):
    seen = []
    venue = Venue("coinbase", exchange.url, pace=50)
    feed = PollingFeed(venue, [BTC], seen.append, pace=50)
    whole, exchange.now = exchange.trades, exchange.now - MINUTE
    exchange.trades = whole[:600]
    feed.poll()
    exchange.now += 30_000
    exchange.trades = whole[:900]
    feed.poll()
    feed.poll()
    ticks = [e for e in seen if isinstance(e, Tick)]
    assert [t.trade_id for t in ticks] == list(range(1, 901))
    assert [e for e in seen if isinstance(e, Beat)] == [
        Beat(exchange.now - 30_000),
        Beat(exchange.now),
        Beat(exchange.now),
    ]
    assert not [e for e in seen if isinstance(e, SequenceGap)]


def test_polling_tells_when_a_poll_does_not_reach_back(exchange):
    seen = []
    feed = PollingFeed(Venue("coinbase", exchange.url, pace=50), [BTC], seen.append, pace=50)
    whole, exchange.page = exchange.trades, 100
    exchange.trades = whole[:300]
    feed.poll()
    exchange.trades = whole[:900]
    feed.poll()
    assert [e for e in seen if isinstance(e, SequenceGap)] == [
        SequenceGap(exchange.now, "more prints than one poll shows")
    ]


def test_an_exchange_without_a_file_is_polled():
    feed = feeds.open("bitstamp", ["BTC/USD"], [BTC], print)
    assert isinstance(feed, PollingFeed)
    assert feed.polling


def test_the_live_path_loads_neither_pandas_nor_arrow_nor_ccxt():
    code = (
        "import sys, engine.market.feeds, engine.market.assembler, engine.market.backfill, engine.market.instruments;"
        "[engine.market.feeds.room(name) for name in engine.market.feeds.available()];"
        "sys.exit(str([m for m in ('pandas', 'pyarrow', 'ccxt', 'numba') if m in sys.modules] or ''))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""
