"""However prints arrive within the grace, and however often, the frames are the same; and bars survive any saving and loading."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.bars import Beat, Tick
from engine.core.types import TF_BAR
from engine.market.barbook import BarBook
from tests.market.test_assembler import Market, resumed, rows


def disturbed(market: Market, seed: int, late_ms: int, doubled: float) -> list[Tick | Beat]:
    """The stream with every print late by up to `late_ms`, some of them twice; beats stay in their places."""
    dice = random.Random(seed)
    arrivals: list[tuple[int, int, Tick | Beat]] = []
    for event in market.stream():
        if isinstance(event, Beat):
            arrivals.append((event.ts, 2, event))
            continue
        for _ in range(2 if dice.random() < doubled else 1):
            arrivals.append((event.ts + dice.randint(0, late_ms), dice.randint(0, 1), event))
    return [event for _, _, event in sorted(arrivals, key=lambda item: item[:2])]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 3), st.integers(0, 2**32), st.integers(0, 990), st.floats(0, 1))
def test_shuffles_and_doubles_within_the_grace_change_nothing(
    market_seed: int, seed: int, late_ms: int, doubled: float
) -> None:
    market = Market(40, market_seed)
    desk = resumed(market)
    desk.feed(disturbed(market, seed, late_ms, doubled))
    assert rows(desk.frames()) == market.whole()
    assert desk.assembler.status().counters["late"] == 0


keys = st.sampled_from([(0, 60_000), (0, 300_000), (1, 60_000)])
steps = st.lists(st.one_of(st.tuples(keys, st.integers(1, 40)), st.just("save"), st.just("die")), max_size=30)


@settings(max_examples=40, deadline=None)
@given(steps)
def test_a_book_is_what_was_added_whenever_it_was_saved_and_whoever_died(done: list[object]) -> None:
    """A death goes back to what the last save counted; what the file holds behind that is written over."""
    with tempfile.TemporaryDirectory() as folder:
        book = BarBook(Path(folder), ("BTC/USD", "ETH/USD"))
        truth: dict[tuple[int, int], int] = {}
        saved, counts = dict(truth), book.counts()
        for step in done:
            if step == "save":
                book.save()
                saved, counts = dict(truth), book.counts()
            elif step == "die":
                book.save()  # the files may be ahead of the snapshot
                book = BarBook(Path(folder), ("BTC/USD", "ETH/USD"))
                book.load(counts)
                truth = dict(saved)
            else:
                assert isinstance(step, tuple)
                key, count = step
                begin = truth.get(key, 0)
                bars = np.zeros(count, TF_BAR)
                bars["ts"] = np.arange(begin, begin + count) * key[1]
                book.add(key, bars)
                truth[key] = begin + count
        for key, count in truth.items():
            assert book.bars(key)["ts"].tolist() == [n * key[1] for n in range(count)]
