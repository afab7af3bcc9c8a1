"""The load report's arithmetic: quantiles, joins of two clocks' notes, what the frames hold, what is said of it all."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.load import figures, report, screen, verdicts
from benchmarks.load.frames import BURST_S, Maker
from engine.core.bars import Beat, Quote, Tick
from engine.market.events import Sequence
from engine.market.feeds._frames import TEXT, Frames
from engine.market.feeds.coinbase import parse
from engine.market.wire import Listed
from engine.sandbox.products import LISTED

RUNS = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
VALUES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60)


@RUNS
@given(VALUES, st.floats(0.01, 1.0))
def test_a_quantile_is_the_smallest_value_so_many_do_not_exceed(values: list[float], share: float) -> None:
    found = figures.quantile(values, share)
    assert found in values
    assert sum(one <= found for one in values) >= share * len(values) - 1e-6
    assert sum(one < found for one in values) < share * len(values)


@RUNS
@given(VALUES)
def test_quantiles_are_in_order_and_scale(values: list[float]) -> None:
    told = figures.told(values)
    assert told["p50"] <= told["p90"] <= told["p99"] <= told["max"] == max(values) * 1000
    assert told["n"] == len(values)
    assert figures.quantile(np.array(values) * 2, 0.9) == 2 * figures.quantile(values, 0.9)


@RUNS
@given(
    st.lists(st.tuples(st.integers(0, 50), st.floats(0, 50)), min_size=1, max_size=20),
    st.lists(st.integers(0, 60), max_size=9),
)
def test_what_closes_a_second_is_the_first_burst_that_reaches_it(
    rows: list[tuple[int, float]], wanted: list[int]
) -> None:
    bursts = np.column_stack([sorted(row[0] for row in rows), sorted(row[1] for row in rows)])
    for ts, found in zip(wanted, figures.sent_at(bursts, wanted).tolist(), strict=True):
        first = next((at for newest, at in bursts.tolist() if newest >= ts), math.nan)
        assert found == first or (math.isnan(found) and math.isnan(first))


@RUNS
@given(st.lists(st.floats(0, 9), max_size=9), st.lists(st.floats(0, 9), max_size=9))
def test_an_event_is_written_by_the_first_commit_behind_it(at: list[float], ends: list[float]) -> None:
    for one, found in zip(at, figures.first_behind(at, sorted(ends)).tolist(), strict=True):
        later = [end for end in ends if end >= one]
        assert found == min(later) if later else math.isnan(found)


@RUNS
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 9)), min_size=1, max_size=9),
    st.lists(st.tuples(st.floats(0, 12), st.sampled_from("abcd")), max_size=9),
)
def test_a_number_is_on_the_screen_once_it_or_a_newer_one_is_seen(
    rows: list[tuple[str, float]], looks: list[tuple[float, str]]
) -> None:
    texts, written, seen = [row[0] for row in rows], sorted(row[1] for row in rows), sorted(looks)
    shown = screen.on_screen(texts, written, seen).tolist()
    for k, found in enumerate(shown):
        newest = [(at, max(j for j, one in enumerate(texts) if one == text and written[j] <= at)) for at, text in seen
                  if any(one == text and written[j] <= at for j, one in enumerate(texts))]  # fmt: skip
        first = next((at for at, j in newest if j >= k), math.nan)
        assert found == first or (math.isnan(found) and math.isnan(first))
        assert math.isnan(found) or found >= written[k]


def test_nothing_measured_is_said_as_such() -> None:
    told = figures.plain({"a": figures.told([]), "b": (np.float64(2.5), np.int64(3), math.inf)})
    assert told == {"a": {"n": 0, "p50": None, "p90": None, "p99": None, "max": None}, "b": [2.5, 3, None]}
    assert json.loads(json.dumps(told)) == told


@pytest.mark.parametrize("per_message", [1, 4])
def test_the_frames_are_what_the_feed_reads_and_add_up(per_message: int) -> None:
    begin, rate, seconds, speed = 1_772_452_860_000, 2000.0, 0.5, 20.0
    maker = Maker(LISTED, (6_400_000, 320_000, 15_000, 6_200, 14_500, 14_000), per_message)
    made = maker.stretch(begin, rate, seconds, speed)
    listing = {one.id: Listed(n, one.price_digits, 1) for n, one in enumerate(LISTED)}
    frames, events = Frames(), []
    for burst, newest in zip(made.bursts, made.last, strict=True):
        for opcode, text in frames.take(burst):
            assert opcode == TEXT
            events += parse(text, listing)
        timed = [one.ts for one in events if isinstance(one, (Tick, Quote, Beat))]
        assert max(timed, default=begin) == newest
    ticks = [one for one in events if type(one) is Tick]
    assert len(ticks) == made.ticks == rate * seconds
    assert len(made.bursts) == seconds / BURST_S
    numbers = [one.number for one in events if type(one) is Sequence]
    assert numbers == list(range(maker.number))
    assert [one.ts for one in ticks] == sorted(one.ts for one in ticks)
    told: dict[int, list[int]] = {}
    for one in ticks:
        lots = round(one.qty * 10 ** LISTED[one.symbol].size_digits)
        told.setdefault(one.ts // 1000, [0] * len(LISTED))[one.symbol] += lots
    assert told == made.lots
    assert {one.ts for one in events if type(one) is Beat} == {begin + 1000 * k for k in range(1, 11)}
    assert sum(type(one) is Quote for one in events) == pytest.approx(rate * seconds / max(5, per_message), rel=0.3)


def _found(p99: float, ratio: float, ready: float, wrong: int) -> dict[str, Any]:
    told = {"n": 3, "p50": 1.0, "p90": 2.0, "p99": p99, "max": p99}
    stage = {
        "rate": 5000.0, "seconds": 30.0, "decision_ms": told, "bar_ms": told, "commit_ms": told, "transaction_ms": told,
        "engine_cpu": 0.4,
        "ticks_per_cpu_s": 12_000.0, "borne": p99 < 50, "course": [[0.0, 1.0], [1.0, 2.0]],
    }  # fmt: skip
    lost = {
        "ticks_sent": 10, "seconds": 4, "seconds_wrong": wrong, "lots_sent": 9, "lots_taken": 9, "events_on_tape": 7,
        "events_in_ledger": 7,
    }  # fmt: skip
    sides = [{"name": name, "told": told, "values": [1.0, 2.0, p99]} for name in ("without", "with <b>")]
    both = {"what": "commit", "sides": sides, "ratio_p99": ratio, "ratio_p50": 1.0}
    way = {"answered": 5, "refused": 2, "failed": 0, "per_second": 9.0, "paths": {"GET /<x>": told}, "refusal_ms": told}
    api = {
        "by": "locust",
        "users": {"within": 2, "beyond": 3},
        "ways": {"within": way, "beyond": way},
        "within": both,
        "beyond": both,
    }
    told_ms = dict.fromkeys(("decision_ms", "commit_ms", "screen_ms", "page_ms"), told)
    return {
        "taken": "now", "seconds": 1.0, "load": [0.1, 0.2], "cores": 2, "shared": True,
        "ticks": {"stages": [stage], "steady": stage, "lost": lost, "speed": 20.0},
        "sessions": {
            "sessions": 10, "trades": 1_000_000, "runs": 5, "script_ms": told, **both, "own": 1.2,
            "phases_p99_ms": [[1.0], [2.0]], "cpu_ms": 2.0, "cpu_ratio_p50": 1.1, "locked_out": {"alone": 0, "beside": 1},
        },
        "machine": {
            "commit_ms": told, "sync_ms": told, "round_trip_us": told, "json_us": 2.0, "loopback_ticks_s": 1e6,
            "additions_ns": 50.0, "system": "here", "python": "3", "cores": 2,
        },
        "gains": {"rows": [{"what": "a row", "before": 3.0, "after": 1.0, "times": 3.0, "clock": "wall"}]},
        "grid": {"strategies": [1], "symbols": [1, 2], "frame_us": [[3.0, 4.0]], "bar_ms": [[1.0, None]]},
        "recovery": {
            "fills": 1_000_000, "events": 5, "ready_s": ready * 3, "ready_cpu_s": ready, "parts": {"whole": [ready * 3, ready]},
            "all": [[ready * 3, ready]], "limits": {"bytes": 10**8, "read": [0.2, 0.1], "walk": [0.3, 0.2]},
        },
        "api": api, "screen": {"bars": 3, "unseen": 0, "look_s": 3.0, "course": [[0.0, 5.0]], **told_ms},
        "storm": {"failed": "no <channel>"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("found", "kept"),
    [
        (_found(30.0, 1.05, 1.4, 0), [True, True, True, True]),
        (_found(80.0, 1.2, 2.4, 1), [False, False, False, False]),
    ],
)
def test_verdicts_follow_the_figures_and_the_page_says_them(found: dict[str, Any], kept: list[bool]) -> None:
    told = verdicts.verdicts(found)
    assert [one["kept"] for one in told] == kept
    page = report.page({**found, "verdicts": told})
    assert page.count('class="kept"') == sum(kept)
    assert page.count('class="missed"') == len(kept) - sum(kept) + 1
    assert "<td>with &lt;b&gt;</td>" in page
    assert "no &lt;channel&gt;" in page
    assert "https://cdn" not in page.split("</script>", 1)[1]
