"""Less known ways to look ahead, and honest work that looks like one: the first are caught, the second left in peace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from engine.research.lookahead import check, sample
from engine.strategies import catalog
from engine.strategies.base import Bars, Signals, Strategy
from tests.strategies.market import BTC, bars

Rule = Callable[[Bars, "np.ndarray", pd.DataFrame], "np.ndarray | Signals"]


def _strategy(rule: Rule) -> Strategy:
    class Made(Strategy):
        def signals(self, bars: Bars) -> Signals:
            said = rule(bars, np.asarray(bars.close), bars.frame())
            return said if isinstance(said, Signals) else Signals.long_while(np.asarray(said, bool))

    return Made()


def _smooth(close: np.ndarray) -> np.ndarray:
    spectrum = np.fft.rfft(close)
    spectrum[40:] = 0
    return np.fft.irfft(spectrum, close.size)


def _after(frame: pd.DataFrame) -> pd.Series:
    sparse = frame[["close"]].iloc[::15].rename(columns={"close": "after"})
    return pd.merge_asof(frame, sparse, left_index=True, right_index=True, direction="forward")["after"]


def _both_ways(close: np.ndarray) -> np.ndarray:
    there = pd.Series(close).ewm(span=9).mean()
    return there[::-1].ewm(span=9).mean()[::-1].to_numpy()


def _axis(bars: Bars, close: np.ndarray) -> np.ndarray:
    four = np.column_stack([np.asarray(bars.open), np.asarray(bars.high), np.asarray(bars.low), close])
    left, _, right = np.linalg.svd(four - four.mean(axis=0), full_matrices=False)
    return left[:, 1] * np.sign(right[1, 0])


def _rose(close: np.ndarray) -> np.ndarray:
    return np.concatenate(([False], close[1:] > close[:-1]))


CHEATS: dict[str, Rule] = {
    "rolled the wrong way": lambda b, c, f: np.roll(c, -1) > c,
    "a quantile of all": lambda b, c, f: c < np.quantile(c, 0.2),
    "merged with what comes after": lambda b, c, f: _after(f) > f["close"],
    "a low pass of the whole spectrum": lambda b, c, f: _smooth(c) > c,
    "counted from the end": lambda b, c, f: (len(c) - np.arange(len(c))) % 50 < 10,
    "later than most": lambda b, c, f: np.arange(len(c)) > 0.6 * len(c),
    "a change to come": lambda b, c, f: f["close"].pct_change(-3) < -0.001,
    "the day's high all day": lambda b, c, f: c > 0.999 * f.groupby(f.index.floor("D"))["high"].transform("max"),
    "the day's close all day": lambda b, c, f: f["close"].groupby(f.index.floor("D")).transform("last") > c,
    "smoothed there and back": lambda b, c, f: _both_ways(c) > c,
    "the least of what follows": lambda b, c, f: f["low"][::-1].expanding().min()[::-1] > f["low"] * 0.995,
    "the next high": lambda b, c, f: np.append(np.asarray(b.high)[1:], c[-1]) > c * 1.0005,
    "an axis through all bars": lambda b, c, f: _axis(b, c) > 0,
    "fifths of all changes": lambda b, c, f: pd.Series(c).diff().fillna(0).rank(pct=True) < 0.2,
    "the last of its price": lambda b, c, f: ~pd.Series(c).round(-1).duplicated(keep="last"),
    "drawn by the length": lambda b, c, f: np.random.default_rng(len(c)).random(len(c)) > 0.7,
    "honest in, out at the top": lambda b, c, f: Signals(
        (_rose(c) & ~np.roll(_rose(c), 1)).astype(np.int8), np.append(c[1:] < c[:-1], False)
    ),
    "a strength that knows its rank": lambda b, c, f: Signals.long_while(
        _rose(c), strength=pd.Series(c).rank(pct=True).to_numpy()
    ),
}

HONEST: dict[str, Rule] = {
    "rolled the right way": lambda b, c, f: c > np.concatenate((c[:1], np.roll(c, 1)[1:])),
    "the day's high so far": lambda b, c, f: c >= f["high"].groupby(f.index.floor("D")).cummax(),
    "filled forward": lambda b, c, f: f["close"].where(f.index.minute % 10 == 0).ffill() < c,
    "a rank among the last": lambda b, c, f: f["close"].rolling(15, min_periods=5).rank(pct=True) < 0.2,
    "a swing when it can be seen": lambda b, c, f: (
        f["low"] == f["low"].rolling(7, center=True).min()
    ).shift(3, fill_value=False),
    "a closed quarter of an hour": lambda b, c, f: (
        f["close"].where(f.index.minute % 15 == 14).ffill() < c
    ),
    "last week's level": lambda b, c, f: f["close"].shift(12).rolling(3).mean() < c,
}  # fmt: skip


@pytest.mark.parametrize("name", CHEATS)
def test_a_hidden_cheat_is_caught_by_the_sample(name: str) -> None:
    found = sample(_strategy(CHEATS[name]), bars(3_000, 11), BTC)
    assert any(text.startswith(("looks ahead", "not repeatable")) for text in found), name


@pytest.mark.parametrize("name", HONEST)
def test_honest_work_is_not_accused_of_anything(name: str) -> None:
    market = bars(3_000, 11)
    assert check(_strategy(HONEST[name]), market, BTC, most_decisions=40, others=30, starts=3) == []
    assert sample(_strategy(HONEST[name]), market, BTC) == []


NOTES = """import numpy as np
from engine.strategies.base import Signals, Strategy

SEEN = {}


class Notes(Strategy):
    \"\"\"Keeps every close by its time, and looks the next one up once it has been shown all of them.\"\"\"

    def signals(self, bars):
        SEEN.update(zip(bars.ts.tolist(), np.asarray(bars.close).tolist()))
        after = np.array([SEEN.get(ts + bars.timeframe_ms, 0.0) for ts in bars.ts.tolist()])
        return Signals.long_while(after > np.asarray(bars.close))
"""


def test_what_a_file_noted_on_all_of_the_data_does_not_help_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked with the data cut, it would answer as before: only its file run anew has seen no later bar."""
    (tmp_path / "strategies").mkdir()
    (tmp_path / "strategies" / "notes.py").write_text(NOTES)
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path))
    market, noted = bars(1_000, 3), catalog.make("notes")
    noted.signals(market)
    assert check(noted, market, BTC, most_decisions=20, others=20, anew=False) == []
    assert any(one.kind == "looks ahead" for one in check(noted, market, BTC, most_decisions=20, others=20))
    noted.signals(market)
    assert sample(noted, market, BTC)
    assert catalog.load("notes") is type(noted)
