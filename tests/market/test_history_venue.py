"""Paging, retries, resume and what an exchange says no to, against a server on loopback through ccxt itself."""

import random
from decimal import Decimal

import numpy as np
import pytest

from engine.market import history
from engine.market.backfill import RestBackfill
from engine.market.backoff import Backoff
from engine.market.instruments import instruments
from engine.market.store import Store
from engine.market.venue import UnknownSymbol, Venue, VenueError, VenueUnreachable, open_venue
from tests.market.local_exchange import MINUTE, START, Exchange, serving


@pytest.fixture
def exchange():
    with serving(Exchange()) as running:
        yield running


@pytest.fixture
def waits():
    return []


@pytest.fixture
def venue(exchange, waits):
    return Venue("coinbase", exchange.url, pace=50, rng=random.Random(1), sleep=waits.append)


def fetch(venue, store, low, high, **kw):
    return history.fetch(
        "coinbase", "BTCUSD", "1m", START + low * MINUTE, START + high * MINUTE, store, venue=venue, **kw
    )


def test_pages_join_without_overlap_or_hole(venue, exchange, tmp_path):
    seen = []
    fetched = fetch(venue, Store(tmp_path), 0, 1000, progress=lambda done, total: seen.append((done, total)))
    stored = Store(tmp_path).read("coinbase", "BTC/USD", "1m")
    assert stored.ts.tolist() == [START + i * MINUTE for i in range(1000) if i % 50 != 49]
    assert (stored.open[3], stored.volume[1]) == (103.1, 2.5)
    assert fetched.rows == 980
    assert fetched.series.quality.gaps == 19
    assert seen[-1] == (1000, 1000)
    assert all(end - start <= 300 * MINUTE for start, end in exchange.spans)


def test_what_is_stored_is_not_asked_for_again(venue, exchange, tmp_path):
    store = Store(tmp_path)
    fetch(venue, store, 400, 700)
    exchange.spans.clear()
    fetch(venue, store, 0, 1000)
    assert not any(START + 410 * MINUTE <= start < START + 690 * MINUTE for start, _ in exchange.spans)
    assert len(store.read("coinbase", "BTC/USD", "1m")) == 980


def test_a_broken_fetch_keeps_what_came_and_goes_on(venue, exchange, tmp_path):
    store = Store(tmp_path)
    fetch(venue, store, 400, 450)

    def stop(done, total):
        if done >= 300:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(venue, store, 0, 1000, progress=stop)
    kept = store.read("coinbase", "BTC/USD", "1m")
    assert kept.ts[0] < START + 400 * MINUTE
    fetch(venue, store, 0, 1000)
    assert len(store.read("coinbase", "BTC/USD", "1m")) == 980


def test_the_bar_in_progress_is_left_out_by_time(venue, exchange, tmp_path):
    exchange.now -= 30_000
    fetch(venue, Store(tmp_path), 990, 1010)
    assert Store(tmp_path).read("coinbase", "BTC/USD", "1m").ts[-1] == START + 998 * MINUTE


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_exchange_is_asked_again_with_growing_waits(venue, exchange, waits, status):
    venue.markets()
    exchange.faults = [status] * 4
    assert venue.now() == exchange.now
    assert len(waits) == 4
    assert all(0 < wait <= 8 / 50 for wait in waits)


def test_an_exchange_that_stays_down_is_told_in_one_sentence(venue, exchange):
    venue.markets()
    exchange.faults = [503] * 6
    with pytest.raises(VenueUnreachable, match=r"did not answer after 6 tries \(HTTP 503.*check the network"):
        venue.now()


def test_an_address_where_nobody_listens():
    venue = Venue("coinbase", "http://127.0.0.1:9", pace=1000, tries=2)
    with pytest.raises(VenueUnreachable, match=r"http://127\.0\.0\.1:9 did not answer"):
        venue.markets()


def test_a_plain_refusal_is_not_repeated(venue, exchange, waits):
    venue.markets()
    exchange.faults = [400]
    with pytest.raises(VenueError, match="refused fetch_time"):
        venue.now()
    assert waits == []


def test_an_unknown_symbol_exchange_or_timeframe_names_the_nearest(venue):
    with pytest.raises(UnknownSymbol, match="does not list BTC/EUR; it lists BTC/USD"):
        venue.market("BTC-EUR")
    with pytest.raises(VenueError, match="did you mean coinbase"):
        Venue("coinbse").markets()
    with pytest.raises(VenueError, match="does not serve 4h candles; it serves 1m, 5m"):
        history.candles(venue, "BTC/USD", "4h", START, START + MINUTE)


def test_markets_are_asked_once(venue, exchange):
    for _ in range(3):
        venue.market("BTC/USD")
    assert exchange.asked["/api/v3/brokerage/market/products"] == 2  # spot and futures, once


def test_one_venue_for_an_address():
    assert open_venue("coinbase", "http://x/") is open_venue("Coinbase", "http://x")


def test_instruments_are_exact(venue):
    (btc,) = instruments("coinbase", ["BTCUSD"], venue=venue)
    assert (btc.symbol, btc.tick, btc.lot, btc.quantum) == (
        "BTC/USD",
        Decimal("0.01"),
        Decimal("1e-8"),
        Decimal("1e-6"),
    )
    assert (btc.min_qty, btc.min_notional) == (Decimal("1e-8"), Decimal(1))
    assert (btc.maker, btc.taker, btc.kind) == (Decimal("0.006"), Decimal("0.012"), "spot")


@pytest.mark.parametrize("page", [1000, 250, 100])
def test_prints_of_a_gap_are_complete_whatever_the_venues_page(venue, exchange, page):
    exchange.page = page
    start = exchange.now - 2 * MINUTE
    back = RestBackfill(venue, instruments("coinbase", ["BTC/USD"], venue=venue))
    ticks = back.trades(start + 500, start + 90_000)
    assert [t.trade_id for t in ticks] == list(range(6, 901))
    assert (ticks[0].price, ticks[0].qty, ticks[0].ts) == (10025, 0.125, start + 500)


def test_no_prints_in_a_span_is_an_answer(venue, exchange):
    back = RestBackfill(venue, instruments("coinbase", ["BTC/USD"], venue=venue))
    assert back.trades(START, START + 60_000) == []


def test_candles_of_a_gap_are_frames_in_ticks(venue):
    back = RestBackfill(venue, instruments("coinbase", ["BTC/USD"], venue=venue))
    frames = back.candles(START, START + 3 * MINUTE)
    assert [f.ts for f in frames] == [START, START + MINUTE, START + 2 * MINUTE]
    assert frames[0].bars.tolist() == [(0, 0, 10010, 10200, 9900, 10110, 1.5, 0, 0, 0, 0)]


def test_candles_arrive_as_columns(venue):
    candles = history.candles(venue, "BTC/USD", "1m", START, START + 5 * MINUTE)
    assert candles.ts.tolist() == [START + i * MINUTE for i in range(5)]
    assert candles.close.dtype == np.float64


def test_waits_grow_from_one_second_to_sixty_with_full_jitter():
    class Most(random.Random):
        def uniform(self, a, b):
            return b

    backoff = Backoff(rng=Most())
    assert [backoff.next() for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    backoff.reset()
    assert backoff.next() == 1
    drawn = Backoff(rng=random.Random(7))
    assert len({round(drawn.next(), 6) for _ in range(20)}) == 20
