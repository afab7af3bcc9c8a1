"""A change tried on a run's configuration: as it runs and as changed, over the time the review looked at and over all candles.

The address says what is tried (`try`: the strategy on its symbols) and which days are looked at (`days`); what runs is read from
the run itself, so a link shows another person the same comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from app import formats, lab_play, launcher, numbers, review_try, settings, tables, ui
from app.forms import declared, from_text
from app.read import research_runs
from app.settings import Settings
from engine.analytics.definitions import Account
from engine.analytics.review import difference
from engine.analytics.span import cut
from engine.analytics.table import DEFINITIONS, figures
from engine.analytics.values import Figure, Undefined
from engine.core.types import MS_DAY
from engine.market.store import Store
from engine.research.stock import DataError, Stocked
from engine.strategies import catalog
from engine.strategies.base import StrategyError

SHOWN = ("total_return", "max_drawdown", "trades", "win_rate", "profit_factor", "expectancy", "sharpe", "fees")
LONG_BARS = 3_000_000
SAID = {
    "better": "better, beyond chance",
    "worse": "worse, beyond chance",
    "no difference to be seen": "no difference that chance would not make",
    "too few trades to say": "too few trades to say",
}


@dataclass(frozen=True)
class Tried:
    """What the address asks for: the run's settings as they are, and the days [since, until) in ms UTC."""

    base: Settings
    since: int
    until: int


def asked(page: ui.Page) -> Tried | None:
    """What is tried; None where the address names nothing that can be."""
    strategy, _, symbols = st.query_params.get("try", "").partition(":")
    first, _, last = st.query_params.get("days", "").partition("..")
    since, end = settings.day_ms(first), settings.day_ms(last)
    if not strategy or since is None or end is None or end < since or page.run["kind"] == "imported":
        return None
    study = research_runs.study_of(page.engine, page.run_id)
    if study is None:
        return None
    base = review_try.settings_of(study, strategy, symbols.split(",") if symbols else ())
    return Tried(replace(base, params={name: _declared(base, name) for name in base.strategies}), since, end + MS_DAY)


def _declared(base: Settings, name: str) -> dict[str, Any]:
    """Every parameter of a strategy as the form has it, the unsaid ones at their defaults."""
    own = base.params.get(name, {})
    return {
        one.name: from_text(one, str(own.get(one.name, one.default))) for one in declared(catalog.load(name).Params)
    }


def beside(page: ui.Page, chosen: Settings, found: Sequence[Stocked], store: Store) -> None:
    """The comparison, where the address asks for one."""
    tried = asked(page)
    if tried is None:
        return
    with st.container(border=True, key="tried"):
        words = "Both are played on the stored candles; this time begins warmed up. Percent of each one's own capital"
        with tables.section("As it runs, and as changed", "tried", words):
            st.button(
                "Leave", key="tried_leave", type="tertiary", on_click=_leave, help="the page without the comparison"
            )
        changed = differences(tried.base, chosen)
        try:
            columns = _columns(tried, chosen if changed else None, found, store)
        except (DataError, StrategyError, ValueError) as error:
            st.text(str(error))
            return
        st.text(f"Changed: {changed}." if changed else "Nothing is changed yet: change one thing in the form.")
        _table(columns)
        for line in _judged(columns):
            st.caption(line)


def _leave() -> None:
    ui.to_url(**{"try": "", "days": ""})


def differences(base: Settings, chosen: Settings) -> str:
    """What differs from what runs, in a few words; the period is not part of it. Empty where nothing does."""
    one, other = (settings.to_address(replace(s, period="all", first="", last="", fills="")) for s in (base, chosen))
    names = [name for name in dict.fromkeys([*one, *other]) if one.get(name, "") != other.get(name, "")]
    words = [f"{formats.words(name.rpartition('.')[2])} {_word(one, name)} to {_word(other, name)}" for name in names]
    return ", ".join(words[:6]) + (f" and {len(words) - 6} more" if len(words) > 6 else "")


def _word(address: dict[str, str], name: str) -> str:
    if address.get(name):
        return address[name]
    default = getattr(Settings(), name, None)
    return (
        "none" if default in (None, "", ()) else f"{default:g}" if isinstance(default, (int, float)) else str(default)
    )


Columns = dict[str, Account | str]


def _columns(tried: Tried, changed: Settings | None, found: Sequence[Stocked], store: Store) -> Columns:
    """By heading the account, or why there is none."""
    made: Columns = {}
    for name, one in (("as it runs", tried.base), ("changed", changed)):
        if one is not None:
            made[f"This time, {name}"] = _account(one, tried.since, tried.until, found, store)
            made[f"All candles, {name}"] = _account(one, 0, 0, found, store)
    return {name: made[name] for name in sorted(made, key=lambda name: not name.startswith("This"))}


def _account(one: Settings, since: int, until: int, found: Sequence[Stocked], store: Store) -> Account | str:
    """Played over [since, until), begun as many bars before as strategies need to be warm, or over everything (0, 0)."""
    series, missing = launcher.series_of(one, found)
    if missing:
        return f"no candles of {', '.join(missing)} from {one.exchange}"
    first, last = launcher.stretch(series)
    if since and not first < until:
        return "no candles of this time"
    begin, end = (max(first, since - _warm(one)), min(last, until)) if since else (first, last)
    share = (end - begin) / max(last - first, 1)
    if sum(item.series.quality.rows for item in series) * share > LONG_BARS:
        return "too many bars to play while you wait: save both as runs and compare them on the page Runs"
    if begin >= end:
        return "no candles of this time"
    account = lab_play.played(lab_play.study_of(one, begin, end, store, series), one, store, series).account
    if not since or begin >= since:
        return account
    try:
        return cut(account, since, until)
    except Undefined as why:
        return str(why)


def _warm(one: Settings) -> int:
    """ms before a time that a strategy's bars begin: three times what it says it needs, and a day."""
    bars = max(catalog.make(name, one.params.get(name, {})).warmup() for name in one.strategies)
    return 3 * bars * settings.STEPS[one.timeframe] + MS_DAY


def _table(columns: Columns) -> None:
    made: dict[str, dict[str, Figure]] = {
        name: figures(account, SHOWN) for name, account in columns.items() if not isinstance(account, str)
    }
    rows = []
    for name in SHOWN:
        definition = DEFINITIONS[name]
        row: dict[str, Any] = {"statistic": numbers.SHORT.get(name, definition.label)}
        for heading in columns:
            figure = made.get(heading, {}).get(name)
            shown = None if figure is None else figure.value
            row[heading] = numbers.written(definition.unit, shown, sign=name in numbers.SIGNED)
        rows.append(row)
    frame = tables.frame_of(rows, ["statistic", *columns])
    wide = {name: tables.figure(name) for name in columns}
    tables.table(frame, {"statistic": tables.text(""), **wide}, key="tried_table")
    tables.downloads(frame, "tried")
    for why in dict.fromkeys(f"{name}: {account}" for name, account in columns.items() if isinstance(account, str)):
        st.text(f"{why}.")


def _judged(columns: Columns) -> list[str]:
    """Whether the change helped, by the interval of the difference of the mean trades."""
    said = []
    for when in ("This time", "All candles"):
        before, after = columns.get(f"{when}, as it runs"), columns.get(f"{when}, changed")
        if isinstance(before, Account) and isinstance(after, Account):
            try:
                judged = difference(after.trades.returns, before.trades.returns)
            except Undefined:
                judged = "too few trades to say"
            said.append(f"{when}: the change is {SAID[judged]}." if judged[:3] != "too" else f"{when}: {SAID[judged]}.")
    return said
