"""The backtest's form: strategies with their parameters, market, period, costs, size and exits, limits. Widgets in, Settings out.

First values come from the address, else from what was last set here; from then on the widgets hold them. What the settings
need of the store, and what may be varied around them, is told here too, for every page that launches something.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from app import formats, met_costs, settings
from app.forms import declared, from_text, params_form
from app.settings import Settings
from engine.research.space import Dimension
from engine.research.stock import Stocked
from engine.strategies import catalog
from engine.strategies.base import StrategyError

LAST = "lab_settings"


def first_values(known: tuple[str, ...], found: Sequence[Stocked]) -> Settings:
    """What the form begins with: the address, else the last settings of this session, else what is in stock."""
    named = set(st.query_params) - {"run"}
    if not named and LAST in st.session_state:
        kept: Settings = st.session_state[LAST]
        return kept
    start = settings.from_address(st.query_params, known)
    if not start.exchange:
        start = replace(start, exchange=found[0].series.exchange if found else "coinbase")
    if not start.symbols:
        mine = [one.series.symbol for one in found if one.series.exchange == start.exchange]
        start = replace(start, symbols=tuple(mine[:1] or ["BTC/USD"]))
    return start


def series_of(now: Settings, found: Sequence[Stocked]) -> tuple[list[Stocked], list[str]]:
    """(the stored series that orders will be filled on, one a symbol, the finest that fits; symbols that have none)."""
    bars = settings.STEPS[now.timeframe]
    series, missing = [], []
    for symbol in now.symbols:
        mine = [
            one
            for one in found
            if (one.series.exchange, one.series.symbol) == (now.exchange, symbol)
            and bars % one.series.quality.timeframe_ms == 0
            and now.fills in ("", one.series.timeframe)
        ]
        if mine:
            series.append(min(mine, key=lambda one: one.series.quality.timeframe_ms))
        else:
            missing.append(symbol)
    return series, missing


def stretch(series: Sequence[Stocked]) -> tuple[int, int]:
    """From the earliest first to the latest last candle, ms UTC."""
    qualities = [one.series.quality for one in series]
    return min(q.start or 0 for q in qualities), max((q.end or 0) + q.timeframe_ms for q in qualities)


def suggested(one: Dimension) -> str:
    """An axis around a dimension's default, as one is typed: from:to:step, or choices with commas."""
    if one.kind == "choice":
        return ",".join(str(choice) for choice in one.choices)
    now = float(one.default or 0) or 10.0
    low = max(now / 2, one.low if one.low is not None else 0)
    high = min(now * 3, one.high if one.high is not None else now * 3)
    if one.kind == "int":
        return f"{max(int(low), 1)}:{int(high)}:{max(round((high - low) / 5), 1)}"
    step = float(f"{(high - low) / 5:.1g}") or 0.1
    return f"{float(f'{max(low, step):.2g}'):g}:{float(f'{high:.2g}'):g}:{step:g}"


def form(known: tuple[str, ...], found: Sequence[Stocked]) -> tuple[Settings, bool]:
    """Draw it; (settings as they stand, whether they may be run)."""
    start = first_values(known, found)
    now, good = _strategies(start, known)
    now, named = _market(now, found)
    with st.expander("Costs"):
        now = _costs(now)
    with st.expander("Size and exits"):
        now = _exits(now)
    with st.expander("Limits and breakers"):
        now = _limits(now)
    st.session_state[LAST] = now
    return now, good and named


def _strategies(start: Settings, known: tuple[str, ...]) -> tuple[Settings, bool]:
    names = st.multiselect(
        "Strategies", known, list(start.strategies), format_func=formats.strategy, key="lab_strategies",
        help="several share one account; one file is one strategy, your own in my/strategies included",
    )  # fmt: skip
    if not names:
        st.markdown(":red[choose at least one strategy]")
    params, good = dict(start.params), bool(names)
    for name in names:
        try:
            model = catalog.load(name).Params
        except StrategyError as error:
            st.warning(str(error))
            good = False
            continue
        if len(names) > 1:
            st.markdown(f"**{formats.strategy(name)}**")
        begin = {
            field.name: from_text(field, str(start.params.get(name, {}).get(field.name, field.default)))
            for field in declared(model)
        }
        params[name], fine = params_form(model, f"lab_{name}", begin)
        good = good and fine
    return replace(start, strategies=tuple(names), params=params), good


def _market(now: Settings, found: Sequence[Stocked]) -> tuple[Settings, bool]:
    exchanges = list(dict.fromkeys([*(one.series.exchange for one in found), now.exchange, "coinbase"]))
    exchange = st.selectbox(
        "Exchange", exchanges, exchanges.index(now.exchange), accept_new_options=True, key="lab_exchange",
        help="whose candles: those stored, or any that can be fetched",
    )  # fmt: skip
    stored = list(dict.fromkeys(one.series.symbol for one in found if one.series.exchange == exchange))
    begin = [symbol for symbol in now.symbols if symbol in stored] or stored[:1] or list(now.symbols)
    if exchange == now.exchange:
        begin = list(now.symbols)
    picked = st.multiselect(
        "Symbols", list(dict.fromkeys([*stored, *begin])), begin, accept_new_options=True, key=f"lab_symbols_{exchange}",
        help="all on one account, in one quote currency; type a pair that is not stored and it can be fetched",
    )  # fmt: skip
    pairs, wrong = settings.pairs([str(one) for one in picked])
    if wrong or not pairs:
        st.markdown(":red[name at least one pair, such as BTC/USD]")
    left, right = st.columns(2)
    steps = list(settings.STEPS)
    timeframe = left.selectbox(
        "Timeframe", steps, steps.index(now.timeframe), key="lab_timeframe", help="the strategy's bars"
    )
    fills = ["", *steps[: steps.index(timeframe) + 1]]
    at = fills.index(now.fills) if now.fills in fills else 0
    finer = right.selectbox(
        "Fills on", fills, at, format_func=lambda step: step or "finest", key="lab_fills",
        help="the candles that orders fill on: a strategy on hours, its stops on minutes",
    )  # fmt: skip
    now = replace(now, exchange=str(exchange or ""), symbols=tuple(pairs), timeframe=str(timeframe), fills=str(finer))
    return _period(now), bool(pairs) and not wrong


def _period(now: Settings) -> Settings:
    period = st.segmented_control(
        "Period", list(settings.PERIODS), default=now.period, format_func=settings.PERIODS.__getitem__, key="lab_period",
        help="counted back from the newest stored candle",
    )  # fmt: skip
    period = period or now.period
    first, last = now.first, now.last
    if period == "custom":
        left, right = st.columns(2)
        begin, end = (settings.day_ms(text) for text in (first, last))
        day = left.date_input("First day", settings.day_of(begin) if begin is not None else None, key="lab_first")
        until = right.date_input("Last day", settings.day_of(end) if end is not None else None, key="lab_last")
        first, last = str(day or ""), str(until or "")
    return replace(now, period=period, first=first, last=last)


def _number(
    label: str, name: str, now: Settings, low: float, high: float, step: float, *, scale: float = 1.0, help: str = ""
) -> float:
    """A field of the settings as a number on screen; `scale` 100 shows a fraction in percent."""
    begin = min(max(round(getattr(now, name) * scale, 10), low), high)
    shown = st.number_input(label, low, high, begin, step, key=f"lab_{name}", help=help or None, format="%.6g")
    return round(float(shown) / scale, 12)


def _whole(label: str, name: str, now: Settings, high: int, help: str = "") -> int:
    return int(
        st.number_input(label, 0, high, min(int(getattr(now, name)), high), 1, key=f"lab_{name}", help=help or None)
    )


def _costs(now: Settings) -> Settings:
    met_costs.offer()
    values: dict[str, Any] = {
        "cash": _number("Cash", "cash", now, 1.0, 1e9, 100.0, help="quote currency at the start"),
        "maker": _number("Maker fee %", "maker", now, 0.0, 5.0, 0.01, scale=100, help="limit entries and targets"),
        "taker": _number("Taker fee %", "taker", now, 0.0, 5.0, 0.01, scale=100, help="market orders and stops; 1.2 % is "
                         "Coinbase's entry tier, 0.1 % Binance's"),
        "slippage": _number("Slippage bp", "slippage", now, 0.0, 500.0, 1.0, help="of market orders and stops"),
        "spread": _number("Spread bp", "spread", now, 0.0, 500.0, 1.0, help="half of it is paid on each market order"),
        "delay": _whole("Delay, bars", "delay", now, 100, "bars between the decision and its order"),
    }  # fmt: skip
    return replace(now, **values)


SIZE = {
    "share": ("Share of equity %", 100.0, 100.0),
    "fixed": ("Amount", 1e9, 1.0),
    "risk": ("Risk of equity %", 100.0, 100.0),
    "volatility": ("Volatility a year %", 500.0, 100.0),
}


def _exits(now: Settings) -> Settings:
    kinds = list(settings.SIZINGS)
    sizing = st.selectbox(
        "Size by", kinds, kinds.index(now.sizing), format_func=settings.SIZINGS.__getitem__, key="lab_sizing"
    )
    label, most, scale = SIZE[sizing]
    begin = (
        now
        if sizing == now.sizing
        else replace(now, size={"share": 0.2, "fixed": 200.0, "risk": 0.01, "volatility": 0.2}[sizing])
    )
    shown = st.number_input(
        label, 0.01, most, min(max(round(begin.size * scale, 8), 0.01), most), key=f"lab_size_{sizing}", format="%.6g"
    )
    none = "0 = none; a fraction of the fill price"
    values: dict[str, Any] = {
        "sizing": sizing,
        "size": round(float(shown) / scale, 12),
        "stop": _number("Stop %", "stop", now, 0.0, 99.0, 0.5, scale=100, help=none),
        "target": _number("Target %", "target", now, 0.0, 1000.0, 0.5, scale=100, help=none),
        "trail": _number("Trailing stop %", "trail", now, 0.0, 99.0, 0.5, scale=100, help=none),
        "breakeven": _number("Break even after %", "breakeven", now, 0.0, 99.0, 0.5, scale=100, help=none),
        "time_stop": _whole("Time stop, bars", "time_stop", now, 100_000, "0 = none; strategy bars held"),
        "short": st.checkbox("Take short entries", now.short, key="lab_short"),
        "research": st.checkbox(
            "Size at the fill's price", now.research, key="lab_research",
            help="as other libraries do; an exchange wants the quantity before the fill is known",
        ),
    }  # fmt: skip
    return replace(now, **values)


def _limits(now: Settings) -> Settings:
    on = st.toggle("Limits and breakers on", now.limits, key="lab_limits", help="off: none, as on the command line")
    if not on:
        return replace(now, limits=False)
    zero = "0 = off"
    values: dict[str, Any] = {
        "limits": True,
        "max_positions": max(_whole("Positions at once", "max_positions", now, 1000), 1),
        "max_gross": _number("Gross exposure, x equity", "max_gross", now, 0.01, 10.0, 0.1),
        "per_symbol": _number("Per symbol % of equity", "per_symbol", now, 0.0, 1000.0, 5.0, scale=100, help=zero),
        "losses": _whole("Losses in a row", "losses", now, 1000, f"pauses the slot; {zero}"),
        "losses_minutes": _whole("… pause, minutes", "losses_minutes", now, 100_000),
        "day_pause": _number("Day's loss % pauses", "day_pause", now, 0.0, 100.0, 0.5, scale=100, help=zero),
        "day_halt": _number("Day's loss % halts", "day_halt", now, 0.0, 100.0, 0.5, scale=100, help=zero),
        "fall_reduce": _number("Drawdown % ends entries", "fall_reduce", now, 0.0, 100.0, 1.0, scale=100, help=zero),
        "fall_halt": _number("Drawdown % halts", "fall_halt", now, 0.0, 100.0, 1.0, scale=100, help=zero),
    }
    return replace(now, **values)
