"""One closed trade on screen: numbers, its candles, limits it was under, fills, and what a person makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from app import charts, formats, journal_editor, tables, trade_charts, ui, units
from app.read import overview, trade_detail
from app.read.journal import Subject
from app.tiles import halves
from engine.research.trade_bars import TradeBars, trade_bars

__all__ = ["candles", "facts", "show"]


def show(page: ui.Page, seq: int, *, written: bool = True) -> bool:
    """The trade with this number; False (and a sentence) where the run has none. `written`: with its journal entry."""
    trade = trade_detail.detail(page.engine, page.run_id, seq)
    if trade is None:
        st.caption(f"There is no trade {seq} in this run.")
        return False
    fills = trade_detail.fills_of(page.engine, page.run_id, trade)
    with st.container(border=True, key="trade_detail"):
        st.subheader(
            f"Trade {seq}: {_plain(formats.slot(trade['strategy'], trade['symbol'], trade['label']))}", anchor=False
        )
        left, right = halves("trade")
        with left:
            facts(page, trade, fills)
        with right:
            candles(page, trade)
        left, right = halves("trade_below")
        with left:
            if written:
                journal_editor.editor(page.engine, Subject(page.run_id, trade_seq=seq))
        with right:
            below(page, trade, fills)
    return True


def _plain(text: str) -> str:
    """Words of the data where Markdown is understood: its signs are only signs."""
    return "".join(f"\\{sign}" if sign in r"\`*_{}[]#~|<>:$" else sign for sign in text)


def facts(page: ui.Page, trade: Mapping[str, Any], fills: list[dict[str, Any]]) -> None:
    """The trade in words and numbers."""
    share, multiple = formats.percent(trade["pnl_pct"], sign=True), formats.number(trade["r_multiple"], sign=True)
    of_capital = formats.percent(trade["pnl"] / float(page.run["cash_start"]), sign=True)
    rows = [
        (
            "Result",
            f"{formats.money(trade['pnl'], page.quote, sign=True)}, {share}, {multiple} R; {of_capital} of capital",
        ),
        *_course(trade),
        ("Excursions", f"worst {formats.percent(-trade['mae'])}, best {formats.percent(trade['mfe'], sign=True)}")
        if trade["mae"] is not None and trade["mfe"] is not None
        else ("Excursions", "not known"),
        ("Costs", _costs(page, trade, fills)),
        ("First stop", _stop(page, trade)),
        ("Signal", _signal(trade)),
        ("Configuration", _config(page, trade)),
    ]
    frame = pd.DataFrame([(name, _plain(words)) for name, words in rows], columns=["", "value"])
    st.table(frame, border="horizontal", hide_index=True, hide_header=True)
    if trade["ambiguous"]:
        kind = formats.money(trade["kind_pnl"], page.quote, sign=True)
        st.caption(f"Stop and target lay in the same bar; the stop was taken. With the target it were {kind}.")


def _course(trade: Mapping[str, Any]) -> list[tuple[str, str]]:
    held = formats.duration(trade["exit_ts"] - trade["entry_ts"])
    bars = f", {trade['bars_held']} bars of {formats.timeframe(trade['timeframe_ms'])}" if trade["bars_held"] else ""
    entry, leave = (units.current().stamp(trade[name], seconds=True) for name in ("entry_ts", "exit_ts"))
    base = trade["symbol"].split("/")[0]
    reason = trade["exit_word"] or formats.exit_reason(trade["exit_reason"])
    return [
        ("Side", f"{formats.side(trade['direction'])} {formats.quantity(trade['qty'])} {base}"),
        ("Entry", f"{formats.price(trade['entry_price'])} at {entry}"),
        ("Exit", f"{formats.price(trade['exit_price'])} at {leave}, {reason}"),
        ("Held", f"{held}{bars}"),
    ]


def _costs(page: ui.Page, trade: Mapping[str, Any], fills: list[dict[str, Any]]) -> str:
    parts = [
        f"fees {formats.money(trade['fees'], page.quote)}",
        f"funding {formats.money(trade['funding'], page.quote)}",
    ]
    slip = trade_detail.slippage(trade, fills)
    return ", ".join([*parts, *([] if slip is None else [f"slippage {formats.money(slip, page.quote)}"])])


def _stop(page: ui.Page, trade: Mapping[str, Any]) -> str:
    if not trade["stop_initial"]:
        return "none: R is not known"
    risk = f", {formats.money(trade['risk'], page.quote)} risked" if trade["risk"] else ""
    return f"{formats.price(trade['stop_initial'])}{risk}"


def _signal(trade: Mapping[str, Any]) -> str:
    if trade["decided_ts"] is None:
        return f"none stored{', tag ' + trade['tag'] if trade['tag'] else ''}"
    checks = overview.as_json(trade["checks"])
    strength = "" if trade["strength"] is None else f", strength {formats.number(trade['strength'])}"
    met = "".join(f", {'✓' if good else '✗'} {formats.words(name)}" for name, good in checks.items())
    return f"{units.current().stamp(trade['decided_ts'])}{', ' + trade['tag'] if trade['tag'] else ''}{strength}{met}"


def _config(page: ui.Page, trade: Mapping[str, Any]) -> str:
    if trade["config_hash"]:
        return f"{trade['config_hash'][:7]}, in force since {units.current().stamp(trade['config_ts'])}"
    return "imported" if page.run["kind"] == "imported" else "the backtest's own"


def candles(page: ui.Page, trade: Mapping[str, Any]) -> None:
    """The market around the trade, or its two known prices where no candles are kept."""
    stops = trade_detail.stops_of(page.engine, page.run_id, trade)
    step = int(trade["timeframe_ms"])
    first, last = trade_charts.around(int(trade["entry_ts"]), int(trade["exit_ts"]), step)
    words = f"From {formats.price(trade['entry_price'])} to {formats.price(trade['exit_price'])}"
    found, clock = _bars(page, trade["symbol"], step, first, last), units.current()
    seen = {**trade, **{name: clock.at(trade[name]) for name in ("entry_ts", "exit_ts")}}
    stops = [{**one, "ts": clock.at(one["ts"])} for one in stops]
    if found.candles is None:
        figure = charts.stop_path({**seen, "stop": trade["stop_initial"]}, stops, seen["exit_ts"], page.colors)
    else:
        from app.read.research import market  # brings the kernel: a list of trades does not wait for it

        bars = market(found.candles, first, last)
        figure = trade_charts.trade(seen, {**bars, "ts": clock.local(bars["ts"])}, stops, page.colors)
    st.plotly_chart(figure, theme=None, key="trade_path", config=charts.CONFIG, alt=words)
    if found.candles is None:
        st.text(found.source)  # may hold words of the data
    else:
        source = f"{found.source[:1].upper()}{found.source[1:]}"
        st.caption(f"▲ ▼ entry, ● won, ✕ lost; shaded: worst and best price met. {source}.")


def _bars(page: ui.Page, symbol: str, step: int, first: int, last: int) -> TradeBars:
    try:
        return trade_bars(page.engine, page.run, symbol, step, first, last)
    except (OSError, ValueError) as error:
        return TradeBars(None, f"The candles cannot be read: {error}.")


def below(page: ui.Page, trade: Mapping[str, Any], fills: list[dict[str, Any]]) -> None:
    """The limits and the strategy's parameters that it was made under; its fills."""
    limits = trade_detail.limits(trade, page.run)
    own = overview.as_json(trade["slot_params"])
    if limits or own:
        with st.expander("Limits and parameters in force", key="trade_limits"):
            named = [{"what": "limit", "name": formats.words(n), "value": v} for n, v in limits.items()]
            named += [{"what": "parameter", "name": formats.words(n), "value": str(v)} for n, v in own.items()]
            columns = {
                "what": tables.text("What", width=110),
                "name": tables.text("Name"),
                "value": tables.figure("Value"),
            }
            tables.table(pd.DataFrame(named), columns, key="trade_limits_table")
    if not fills:
        st.caption(
            "No fills are stored: this trade was imported." if page.run["kind"] == "imported" else "No fills stored."
        )
    else:
        fills_table(page, fills)


def fills_table(page: ui.Page, fills: list[dict[str, Any]]) -> None:
    """What was traded, fill by fill."""
    frame = tables.frame_of(fills, ["ts", "side", "purpose", "qty", "price", "base_price", "fee", "liquidity"])
    frame["ts"] = tables.utc(frame["ts"])
    tables.heading("Fills", "fills", frame.copy())
    tables.written(frame, qty=formats.quantity, price=formats.price, base_price=formats.price)
    columns = {
        "ts": tables.moment("Time", seconds=True),
        "side": tables.text("Side"),
        "purpose": tables.text("Purpose"),
        "qty": tables.figure("Quantity"),
        "price": tables.figure("Price"),
        "base_price": tables.figure("Before slippage"),
        "fee": tables.amount("Fee", page.quote, digits=4),
        "liquidity": tables.text("Liquidity"),
    }
    tables.table(frame, columns, key="fills")
