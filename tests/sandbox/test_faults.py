"""Each fault does what it says, in the same places for the same seed, and stops when it should."""

from __future__ import annotations

import itertools
from typing import Any

import ccxt
import orjson
import pytest
import requests
import websocket

from engine.sandbox.faults import Fault, Faults
from engine.sandbox.market import Market
from engine.sandbox.server import Sandbox
from tests.sandbox.reader import START, START_MS, Reader, ms, reading, trades

SECOND = 1000
V3 = "/api/v3/brokerage"
Messages = list[dict[str, Any]]


def told(*faults: dict[str, Any], seconds: int = 120, seed: int = 7) -> Messages:
    """A held session with faults planned before it begins."""
    with (
        Sandbox.running(seed=seed, start=START, speed=3600, hold=True, faults=faults) as sandbox,
        reading(sandbox) as reader,
    ):
        return reader.until(START_MS + seconds * SECOND)


def numbers(messages: Messages) -> list[int]:
    return [message["sequence_num"] for message in messages]


def test_a_planned_disconnection_comes_before_the_first_message_of_its_instant() -> None:
    fault = {"kind": "disconnect", "at": START_MS + 30 * SECOND}
    with Sandbox.running(seed=7, start=START, speed=3600, hold=True, faults=[fault]) as sandbox:
        with reading(sandbox) as reader:
            heard = reader.to_the_end()
        assert ms([m for m in heard if m["channel"] == "heartbeats"][-1]["timestamp"]) == START_MS + 29 * SECOND
        assert sandbox.wait_for(lambda: sandbox.exchange.status()["held"])
        assert sandbox.now() == START_MS + 30 * SECOND
        with reading(sandbox) as reader:
            again = reader.until(START_MS + 60 * SECOND)
    ids = [int(t["trade_id"]) for t in trades(heard) + trades(again)]
    assert ids == Market(7).prints("BTC-USD", START_MS, START_MS + 60_000).id.tolist()


def test_a_disconnection_now_ends_all_connections_but_no_later_one() -> None:
    with Sandbox.running(seed=7, start=START, speed=60) as sandbox, reading(sandbox) as one, reading(sandbox) as other:
        assert one.next("heartbeats")
        assert other.next("heartbeats")
        sandbox.fault("disconnect")
        one.to_the_end()
        other.to_the_end()
        assert sandbox.wait_for(lambda: not sandbox.exchange.sessions)
        with reading(sandbox) as third:
            assert third.next("heartbeats")


def test_disconnections_by_chance_fall_at_the_same_seconds() -> None:
    def cuts() -> list[int]:
        fault = {"kind": "disconnect", "probability": 0.05, "count": 4}
        with Sandbox.running(seed=7, start=START, speed=3600, hold=True, seconds=600, faults=[fault]) as sandbox:
            found = []
            for _ in range(4):
                with reading(sandbox) as reader:
                    reader.to_the_end()
                assert sandbox.wait_for(lambda: sandbox.exchange.status()["held"])
                found.append(sandbox.now())
            with reading(sandbox) as reader:
                assert reader.until(START_MS + 600 * SECOND)
            return found

    one = cuts()
    assert one == cuts()
    assert one == sorted(set(one))
    assert all(at % SECOND == 0 for at in one)


def test_silence_keeps_the_socket_open_and_the_numbers_tell_what_was_lost() -> None:
    messages = told({"kind": "silence", "at": START_MS + 20 * SECOND, "seconds": 30})
    times = [ms(m["timestamp"]) for m in messages]
    assert not [t for t in times if START_MS + 20_000 <= t < START_MS + 50_000]
    steps = [b - a for a, b in itertools.pairwise(numbers(messages))]
    assert sorted(steps)[-2:-1] == [1]
    assert max(steps) > 30


def test_duplicates_repeat_a_message_with_its_number() -> None:
    messages = told({"kind": "duplicate", "probability": 0.3})
    found = numbers(messages)
    again = [m for a, m in itertools.pairwise(messages) if a == m]
    assert sorted(set(found)) == list(range(max(found) + 1))
    assert len(again) == len(found) - len(set(found)) > 20


def test_a_shuffle_swaps_neighbours_and_loses_nothing() -> None:
    messages = told({"kind": "shuffle", "probability": 0.2})
    found = numbers(messages)
    assert found != sorted(found)
    # The last one may still be waiting for its neighbour.
    assert set(range(max(found))) - set(found) <= {max(found) - 1}
    assert max(abs(place - number) for place, number in enumerate(found)) <= 1


def test_dropped_messages_leave_holes_in_the_numbers() -> None:
    found = numbers(told({"kind": "drop", "probability": 0.1}))
    lost = set(range(found[-1])) - set(found)
    assert 0.03 < len(lost) / found[-1] < 0.25


def test_garbage_comes_between_and_takes_no_number() -> None:
    fault = {"kind": "garbage", "probability": 0.3}
    garbage, good = [], []
    with (
        Sandbox.running(seed=7, start=START, speed=3600, hold=True, faults=[fault]) as sandbox,
        reading(sandbox) as reader,
    ):
        while not good or ms(good[-1]["timestamp"]) < START_MS + 120 * SECOND:
            data = reader.frame()
            try:
                message = orjson.loads(data)
                good.append(message if isinstance(message["sequence_num"], int) else 1 / 0)
            except (orjson.JSONDecodeError, TypeError, KeyError, ZeroDivisionError):
                garbage.append(data)
    assert len(set(garbage)) >= 4
    assert numbers(good) == list(range(len(good)))


@pytest.mark.parametrize("kind", ["duplicate", "shuffle", "drop"])
def test_faults_are_seeded(kind: str) -> None:
    fault = {"kind": kind, "probability": 0.2}
    one, again, other = told(fault), told(fault), told(fault, {"kind": kind, "probability": 0.001})
    assert one == again
    assert numbers(one)[:100] == numbers(other)[:100]
    # The draw belongs to the fault's number too: the second of two alike strikes elsewhere.
    assert numbers(told({"kind": kind, "probability": 0.001}, fault)) != numbers(one)


def test_only_one_product_may_be_struck_and_only_so_often() -> None:
    with Sandbox.running(
        seed=7, start=START, speed=3600, hold=True, faults=[{"kind": "drop", "count": 3, "product_id": "ETH-USD"}]
    ) as sandbox:
        with reading(sandbox, ("BTC-USD", "ETH-USD")) as reader:
            messages = reader.until(START_MS + 60 * SECOND)
        assert sandbox.status()["faults"][0]["struck"] == 3
    assert len(set(range(len(messages))) - set(numbers(messages))) == 3
    assert trades([m for m in messages if "BTC" in str(m)])


def test_gaps_in_candles_stay_where_they_are_and_only_in_the_answers() -> None:
    fault = {"kind": "candle_gaps", "probability": 0.2}
    query = {"granularity": "ONE_MINUTE", "start": START_MS // 1000 - 18_000, "end": START_MS // 1000 - 60}
    with Sandbox.running(seed=7, start=START, hold=True, faults=[fault]) as sandbox:
        url = f"{sandbox.rest_url}{V3}/market/products/BTC-USD/candles"
        first, again = (requests.get(url, params=query, timeout=5).json()["candles"] for _ in range(2))
        sandbox.clear("candle_gaps")
        whole = requests.get(url, params=query, timeout=5).json()["candles"]
    assert first == again
    assert 210 < len(first) < 270
    assert len(whole) == 300
    assert [c for c in whole if c in first] == first


@pytest.mark.parametrize("status", [429, 500, 503])
def test_http_errors_come_as_often_as_asked(status: int) -> None:
    with Sandbox.running(seed=7, start=START, hold=True) as sandbox:
        sandbox.fault("http", status=status, count=3)
        replies = [requests.get(sandbox.rest_url + V3 + "/time", timeout=5) for _ in range(5)]
        assert [reply.status_code for reply in replies] == [status] * 3 + [200] * 2
        assert replies[0].json()["error"]
        bot = ccxt.coinbase({"urls": {"api": {"rest": sandbox.rest_url}}, "enableRateLimit": False})
        sandbox.fault("http", status=status, path="/candles")
        bot.load_markets()
        with pytest.raises(ccxt.ExchangeError):
            bot.fetch_ohlcv("BTC/USD", "1m", since=START_MS - 600_000)


def test_http_errors_by_chance_are_seeded() -> None:
    def statuses(seed: int) -> list[int]:
        faults = [{"kind": "http", "status": 429, "probability": 0.4}]
        with Sandbox.running(seed=seed, start=START, hold=True, faults=faults) as sandbox:
            return [requests.get(sandbox.rest_url + V3 + "/time", timeout=5).status_code for _ in range(40)]

    assert statuses(1) == statuses(1)
    assert statuses(1) != statuses(2)
    assert 6 < statuses(1).count(429) < 28


def test_the_streams_handshake_can_be_refused() -> None:
    with Sandbox.running(seed=7, start=START, hold=True) as sandbox:
        sandbox.fault("http", status=429, path="ws", count=1)
        with pytest.raises(websocket.WebSocketBadStatusException) as caught:
            Reader(sandbox.ws_url)
        assert caught.value.status_code == 429
        Reader(sandbox.ws_url).socket.shutdown()


def test_slow_answers_come_late_and_do_not_hold_up_others() -> None:
    with Sandbox.running(seed=7, start=START, hold=True) as sandbox:
        sandbox.fault("slow", delay=30, path="/time")
        with pytest.raises(requests.Timeout):
            requests.get(sandbox.rest_url + V3 + "/time", timeout=0.3)
        assert requests.get(sandbox.rest_url + V3 + "/market/products", timeout=5).ok
        sandbox.clear()
        sandbox.fault("slow", delay=0.2, count=1)
        reply = requests.get(sandbox.rest_url + V3 + "/time", timeout=5)
        assert reply.elapsed.total_seconds() >= 0.2


@pytest.mark.parametrize("hold", [True, False])
def test_an_exchange_that_is_gone_refuses_everything_and_comes_back(hold: bool) -> None:
    fault = {"kind": "gone", "at": START_MS + 10 * SECOND, "seconds": 600}
    with Sandbox.running(seed=7, start=START, speed=600, hold=hold, faults=[fault]) as sandbox:
        with reading(sandbox) as reader:
            assert all(ms(m["timestamp"]) < START_MS + 10 * SECOND for m in reader.to_the_end())
        with pytest.raises(requests.ConnectionError):
            requests.get(sandbox.rest_url + V3 + "/time", timeout=5)
        with pytest.raises((OSError, websocket.WebSocketException)):
            Reader(sandbox.ws_url)
        assert requests.get(sandbox.rest_url + "/sandbox/status", timeout=5).json()["ts"] < START_MS + 610 * SECOND
        assert sandbox.wait_until(START_MS + 610 * SECOND)
        if hold:
            assert sandbox.now() == START_MS + 610 * SECOND
        assert requests.get(sandbox.rest_url + V3 + "/time", timeout=5).ok
        with reading(sandbox) as reader:
            assert reader.next("heartbeats")


def test_faults_are_posted_listed_and_cleared_over_http() -> None:
    with Sandbox.running(seed=7, start=START, hold=True) as sandbox:
        url = sandbox.rest_url + "/sandbox/faults"
        made = requests.post(
            url, json=[{"kind": "duplicate", "probability": 0.1}, {"kind": "slow", "delay": 2}], timeout=5
        )
        assert made.status_code == 201
        assert [f["number"] for f in made.json()["faults"]] == [1, 2]
        assert made.json()["faults"][0]["at"] == START_MS
        assert [f["kind"] for f in requests.get(url, timeout=5).json()["faults"]] == ["duplicate", "slow"]
        assert requests.delete(url, params={"kind": "slow"}, timeout=5).json() == {"cleared": 1}
        assert requests.delete(url, timeout=5).json() == {"cleared": 1}
        for wrong, words in (
            ({"kind": "fire"}, "kind"),
            ({"kind": "silence"}, "silence needs seconds"),
            ({"kind": "drop", "probability": 2}, "probability"),
            ({"kind": "drop", "chance": 1}, "chance"),
        ):
            reply = requests.post(url, json=wrong, timeout=5)
            assert reply.status_code == 400
            assert words in reply.json()["message"]
        assert "not JSON" in requests.post(url, data="{", timeout=5).json()["message"]


def test_a_fault_lasts_its_exchange_seconds_and_its_count() -> None:
    faults = Faults(7)
    faults.add(Fault(kind="drop", seconds=2), START_MS)
    faults.add(Fault(kind="drop", at=START_MS + 10_000, count=1), START_MS)
    struck = [n for n in range(15) if faults.strike("drop", START_MS + n * SECOND, n)]
    assert struck == [0, 1, 10]
