"""Why a slot is in or flat: each case as one line one can read aloud, and laws that hold for all of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from app import why
from app.why import Facts, Held, Spoken, Tripped, Waiting, sentence

DAY, HOUR, MIN = 86_400_000, 3_600_000, 60_000
MIDNIGHT = 20_454 * DAY  # 2026-01-01
NOW = MIDNIGHT + 13 * HOUR + 12 * MIN + 40_000
PLAIN = Facts(NOW, 15 * MIN, bars=500, warmup=50)
CHECK = {"fast > slow": False}
NEEDS = {1: ("fast > slow",)}
BANDS = {"close below the band": False, "close back at the mean": False}


def at(hour: int, minute: int = 0) -> int:
    return MIDNIGHT + hour * HOUR + minute * MIN


LONG = Held(1, at(12, 40), mark=100.0, stop=99.0, target=102.0)

CASES: list[tuple[dict[str, Any], str]] = [
    ({"bars": 37}, "Warming up 37 of 50 bars, ready about 16:15; next decision 13:15."),
    ({"checks": CHECK, "needs": NEEDS}, "Flat: “fast > slow” is false; next decision 13:15."),
    ({"checks": CHECK}, "Flat: “fast > slow” is false; next decision 13:15."),
    (
        {"checks": {"up": False, "busy": False, "quiet": True}, "needs": {1: ("up", "busy")}},
        "Flat: “up” and “busy” are false; next decision 13:15.",
    ),
    (
        {"checks": {"up": False, "down": False}, "needs": {1: ("up",), -1: ("down",)}},
        "Flat: no long: “up” is false, no short: “down” is false; next decision 13:15.",
    ),
    ({"cooling": at(14)}, "Blocked by cool-down until 14:00; next decision 13:15."),
    (
        {"cooling": at(14), "checks": CHECK, "needs": NEEDS},
        "Blocked by cool-down until 14:00; “fast > slow” is false anyway; next decision 13:15.",
    ),
    ({"cooling": at(13)}, "Flat: its strategy has not signalled an entry yet; next decision 13:15."),
    (
        {"spoken": Spoken(at(13), "refused", "min_notional"), "checks": {"up": True}, "needs": {1: ("up",)}},
        "Flat: the entry signalled 13:00 was refused: below minimum size; next decision 13:15.",
    ),
    (
        {"spoken": Spoken(at(13), "missed", "missed")},
        "Flat: the entry signalled 13:00 was missed: it passed during an outage; next decision 13:15.",
    ),
    (
        {"spoken": Spoken(at(11), "taken"), "left": (at(12, 5), "stop"), "checks": {"up": True}, "needs": {1: ("up",)}},
        "Flat: out since 12:05 by stop, no new entry was signalled; next decision 13:15.",
    ),
    (
        {"spoken": Spoken(at(13), "refused", "max_positions"), "left": (at(12), "stop")},
        "Flat: the entry signalled 13:00 was refused: as many positions as allowed are held; next decision 13:15.",
    ),
    ({"level": "paused"}, "Blocked by a person: the account is paused; next decision 13:15."),
    (
        {"level": "paused", "tripped": (Tripped("daily_loss", "paused", True, MIDNIGHT + DAY),)},
        "Blocked by the breaker daily loss until 2 Jan 00:00; next decision 13:15.",
    ),
    (
        {"level": "halted", "tripped": (Tripped("drawdown_halt", "halted", True),)},
        "Blocked by the breaker drawdown halt until a person releases it; next decision 13:15.",
    ),
    (
        {"tripped": (Tripped("consecutive_losses:ab12", "paused", False, at(14, 30)),)},
        "Blocked by the breaker consecutive losses until 14:30; next decision 13:15.",
    ),
    ({"state": "off"}, "Flat: switched off by a person; next decision 13:15."),
    ({"state": "exit_only"}, "Flat: no longer in the configuration, it only exits; next decision 13:15."),
    ({"state": "failed", "error": "ValueError: no"}, "Stopped: its strategy failed: ValueError: no."),
    (
        {"state": "failed", "error": "x", "held": LONG},
        "Stopped: its strategy failed: x. What it holds keeps its stop.",
    ),
    (
        {"waiting": Waiting("buy", at(13, 0), 61_000.0)},
        "Flat: an entry is asked for, buy at 61,000.00, resting since 13:00; next decision 13:15.",
    ),
    (
        {"waiting": Waiting("sell", at(13, 0))},
        "Flat: an entry is asked for, sell at the market, waiting for a price since 13:00; next decision 13:15.",
    ),
    (
        {"held": LONG, "checks": {"fast > slow": True}, "needs": NEEDS},
        "Long since 12:40: “fast > slow” is true, the stop at 99.0000 is 1.00 % away, the target at 102.00 is 2.00 % away; "
        "next decision 13:15.",
    ),
    (
        {"held": replace(LONG, direction=-1, stop=None, target=None), "checks": BANDS, "needs": {-1: (next(iter(BANDS)),)}},
        "Short since 12:40: “close back at the mean” is false, no stop protects it; next decision 13:15.",
    ),
    (
        {"held": replace(LONG, mark=None, target=None), "state": "off"},
        "Long since 12:40: switched off, it only exits: the stop stands at 99.0000; next decision 13:15.",
    ),
    (
        {"held": replace(LONG, status="exiting", since=at(0) - HOUR)},
        "Long since 31 Dec 23:00: an order to close it is on its way; next decision 13:15.",
    ),
    (
        {"checks": CHECK, "silent": "engine down"},
        "Engine down, as of 13:12: flat: “fast > slow” is false.",
    ),
    ({"checks": CHECK, "over": True}, "At its end flat: “fast > slow” is false."),
    ({"bars": 5, "over": True}, "At its end warming up 5 of 50 bars."),
    (
        {"timeframe_ms": 5_000, "checks": CHECK},
        "Flat: “fast > slow” is false; next decision 13:12:45.",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "expected"), CASES)
def test_one_sentence(changes: dict[str, Any], expected: str) -> None:
    assert sentence(replace(PLAIN, **changes)) == expected


FACTS = some.builds(
    Facts,
    now=some.integers(0, 4 * 10**12),
    timeframe_ms=some.sampled_from([1_000, MIN, HOUR, DAY]),
    over=some.booleans(),
    silent=some.sampled_from(["", "engine down"]),
    state=some.sampled_from(["enabled", "off", "exit_only", "failed"]),
    level=some.sampled_from(["running", "starting", "paused", "killed"]),
    tripped=some.lists(
        some.builds(Tripped, some.just("daily_loss"), some.just("paused"), some.booleans(), some.none() | some.just(9 * DAY)),
        max_size=2,
    ).map(tuple),
    cooling=some.none() | some.integers(0, 4 * 10**12),
    bars=some.none() | some.integers(0, 100),
    warmup=some.integers(0, 60),
    checks=some.dictionaries(some.sampled_from("abc"), some.booleans()),
    needs=some.dictionaries(some.sampled_from([1, -1]), some.lists(some.sampled_from("abc"), unique=True).map(tuple)),
    held=some.none() | some.just(LONG),
    spoken=some.none() | some.builds(Spoken, some.just(NOW), some.sampled_from(["taken", "refused"]), some.text(max_size=5)),
    left=some.none() | some.just((NOW, "stop")),
)  # fmt: skip


@given(FACTS)
def test_whatever_is_known_there_is_one_sentence_that_does_not_contradict_itself(facts: Facts) -> None:
    words = sentence(facts)
    assert words.endswith(".")
    assert words[0].isupper()
    assert "None" not in words
    if facts.state != "failed":
        assert ("since" in words and "ong since" in words) == (facts.held is not None)
        assert ("next decision" in words) == (not facts.over and not facts.silent)
    for name in "abc":
        if f"“{name}” is true" in words:
            assert facts.checks[name]
        if f"“{name}” is false" in words:
            assert not facts.checks[name]


@given(some.integers(0, 4 * 10**12), some.sampled_from([1_000, MIN, 15 * MIN, HOUR, DAY]))
def test_the_next_decision_is_the_first_end_of_a_bar_that_is_still_to_come(now: int, step: int) -> None:
    then = why.next_decision(now, step)
    assert then % step == 0
    assert now < then <= now + step
