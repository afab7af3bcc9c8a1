"""A report: one HTML file of a run, a strategy or a stretch of time, that opens anywhere without a network.

The sections are here, in the order they stand in; what they tell comes from report_data, how it looks from report_html.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from sqlalchemy import Engine

from engine import __version__
from engine.access import files
from engine.analytics.attribution import steps as steps_of
from engine.analytics.table import DEFINITIONS
from engine.analytics.values import Figure
from engine.research import report_charts as charts
from engine.research import report_html as html
from engine.research import report_words as words
from engine.research.report_data import Ask, ReportError, Told, plain, told

__all__ = ["SECTIONS", "TITLES", "Ask", "ReportError", "make", "write", "written"]

FIRST = (
    "total_return", "net_profit", "sharpe", "sortino", "max_drawdown", "cagr", "volatility", "trades", "win_rate",
    "profit_factor", "expectancy", "avg_hold_seconds", "exposure", "hold_return",
)  # fmt: skip
SIGNED = {"total_return", "net_profit", "cagr", "expectancy", "hold_return", "max_drawdown"}
MOST_TRADES = 2_000
"""Rows of the trades table: as many as a browser scrolls at ease."""
BADGES = {"paper": "PAPER", "live": "LIVE", "backtest": "BACKTEST", "imported": "IMPORTED"}


def make(engine: Engine, ask: Ask) -> str:
    """The report as text of an HTML file. ReportError where there is nothing to report on."""
    return written(told(engine, ask))


def write(engine: Engine, ask: Ask, out: Path) -> Path:
    """The report as a file, whole or not at all; folders are made. Where it is."""
    made = make(engine, ask)
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.part")
    with files.fresh(part) as file:
        file.write(made.encode("utf-8"))
    os.replace(part, out)
    return out


def written(report: Told) -> str:
    """HTML of what was told."""
    unknown = [name for name in report.ask.sections if name not in SECTIONS]
    if unknown:
        raise ReportError(f"no section {unknown[0]!r}; a report has {', '.join(SECTIONS)}")
    chosen = report.ask.sections or tuple(SECTIONS)
    body = "".join(SECTIONS[name](report) for name in SECTIONS if name in chosen)
    return html.page(_title(report), _head(report) + body + _foot(report), 'class="chart"' in body)


def _title(report: Told) -> str:
    whose = f"{words.words(report.ask.strategy)}, " if report.ask.strategy else ""
    return f"{whose}{report.run['name']}"


def _head(report: Told) -> str:
    kind = str(report.run["kind"])
    badge = f'<span class="badge" style="background:var(--{kind})">{BADGES[kind]}</span>'
    demo = '<span class="badge" style="background:var(--demo)">DEMO</span>' if report.run["demo"] else ""
    since, until = report.span
    about = [
        f"{words.day(since)} to {words.day(max(until - 1, since))} UTC",
        str(report.run["exchange"] or "no exchange"),
    ]
    about.append(", ".join(words.words(name) for name in report.strategies if report.ask.strategy in ("", name)))
    if report.ask.strategy:
        about.append("closed trades of this strategy alone, on the run's capital")
    if report.market:
        about.append(f"against {report.market} held")
    told = " \u00b7 ".join(part for part in about if part)
    return f'<header>{badge}{demo}<h1>{html.text(_title(report))}</h1><p class="dim">{html.text(told)}</p></header>'


def _foot(report: Told) -> str:
    code = " \u00b7 ".join(f"{name} {value}" for name, value in report.code.items())
    convention = (
        "Returns are of UTC days from starting capital, net of fees; 365 days a year, risk-free 0. Brackets hold 90 % intervals "
        "by stationary block bootstrap of the days. Grey: too few days or trades to say much. A dash: undefined."
    )
    return f"<footer><p>{convention}</p><p>Evenkeel {html.text(__version__)} \u00b7 {html.text(code)}</p></footer>"


def figures(report: Told) -> str:
    """The statistics looked at first, each with its convention on hover and its interval below."""
    tiles = [_tile(report, report.figures[name]) for name in FIRST if name in report.figures]
    return html.section("Statistics", f'<div class="tiles">{"".join(tiles)}</div>')


def _tile(report: Told, figure: Figure) -> str:
    definition = DEFINITIONS[figure.name]
    value = words.in_unit(definition.unit, figure.value, sign=figure.name in SIGNED)
    between = report.intervals.get(figure.name)
    note = "" if between is None else f"({' to '.join(words.in_unit(definition.unit, end) for end in between)})"
    hint = " ".join(part for part in (definition.sentence, figure.reason, figure.few) if part)
    label = f"{definition.label}, {report.quote}" if definition.unit == "money" else definition.label
    return html.tile(label, value, note or (figure.reason or ""), hint, "few" if figure.few else "")


def verdict(report: Told) -> str:
    """Is there an edge, in one sentence, and every test behind it."""
    marks = {True: "passed", False: "failed", None: "not made"}
    made = "".join(
        f'<li><b class="{"gain" if one.passed else "loss" if one.passed is False else "dim"}">{marks[one.passed]}</b>'
        f"{html.text(one.name)}: {html.text(one.text)}</li>"
        for one in report.verdict.checks
    )
    grade, sentence = html.text(report.verdict.grade), html.text(report.verdict.sentence)
    said = f'<div class="verdict"><p><b>Evidence: {grade}.</b> {sentence}</p></div>'
    return html.section("Is it an edge?", said, f'<ul class="checks">{made}</ul>')


def equity(report: Told) -> str:
    figure = charts.equity(report.account, report.quote)
    fall = report.figures["max_drawdown"].value
    spoken = f"Equity from {words.number(report.account.curve.start)} to {words.number(report.account.curve.final)}, "
    spoken += f"deepest drawdown {words.percent(fall)}"
    return html.section("Equity and drawdown", html.chart("equity", figure, spoken))


def months(report: Told) -> str:
    made = charts.months(report.account.curve)
    rows = [
        [str(year), *(_month(value) for value in made.returns[k]), _month(made.total[k])]
        for k, year in enumerate(made.years.tolist())
    ]
    return html.section(
        "Months",
        html.table(["Year", *words.MONTHS, "Year's"], rows, range(1, 14)),
        note="Percent, linked daily returns.",
    )


def _month(value: float) -> str:
    return words.number(value * 100, 1, sign=True) if np.isfinite(value) else ""


def distribution(report: Told) -> str:
    if report.account.returns.size < 2:
        return html.section("Daily returns", note="Fewer than two days: there is nothing to lay out.")
    figure = charts.distribution(report.account)
    days = words.many(report.account.returns.size, "day")
    risk, short = report.figures["var_95"], report.figures["cvar_95"]
    note = f"{days}. One in twenty stays below {words.percent(risk.value)}; their mean is {words.percent(short.value)}."
    return html.section("Daily returns", html.chart("days", figure, f"Distribution of {days}"), note=note)


def attribution(report: Told) -> str:
    steps = steps_of(report.waterfall)
    figure = charts.waterfall(list(steps), list(steps.values()), report.quote)
    spoken = ", ".join(f"{name} {words.number(value, sign=True)}" for name, value in steps.items())
    note = f"Closed trades, {report.quote}: {spoken}. Gross is at the prices before slippage."
    note += " AI is what questions to models cost, in USD." if report.waterfall.ai else ""
    return html.section("From gross to net", html.chart("waterfall", figure, spoken), note=note)


def trades(report: Told) -> str:
    own, n = report.trades, len(report.account.trades)
    if not n:
        return html.section("Trades", note="No trade was closed in this time.")
    figure = charts.trades(report.account.trades.pnl, report.account.trades.exit_ts, report.quote)
    last = range(n - 1, max(n - MOST_TRADES, 0) - 1, -1)
    heads = [
        "Exit, UTC",
        "Strategy",
        "Symbol",
        "Side",
        "Entry",
        "Exit",
        "Held",
        f"P&L, {report.quote}",
        "P&L %",
        "R",
        "Ended by",
    ]
    rows = [_trade(own, k) for k in last]
    note = f"{words.many(n, 'trade')}, newest first."
    if n > MOST_TRADES:
        note = f"The newest {MOST_TRADES:,} of {n:,} trades; the page Trades downloads them all."
    chart = html.chart("trades_chart", figure, f"Results of {words.many(n, 'trade')} over time")
    return html.section("Trades", chart, html.table(heads, rows, (4, 5, 6, 7, 8, 9), kind="tight"), note=note)


def _trade(own: Mapping[str, np.ndarray], k: int) -> list[str]:
    ts, paid = float(own["exit_ts"][k]), float(own["entry_notional"][k])
    pnl = float(own["pnl"][k])
    r = own["r_multiple"][k]
    return [
        words.when(ts), words.words(str(own["strategy"][k])), str(own["symbol"][k]),
        "\u25b2 long" if own["direction"][k] > 0 else "\u25bc short", words.price(float(own["entry_price"][k])),
        words.price(float(own["exit_price"][k])), words.length((ts - float(own["entry_ts"][k])) / 1000),
        words.number(pnl, sign=True), words.percent(pnl / paid if paid else None, sign=True),
        words.number(None if r is None else float(r), sign=True), words.words(str(own["exit_reason"][k])),
    ]  # fmt: skip


def statistics(report: Told) -> str:
    """Every statistic by its definition."""
    rows = []
    for name, figure in report.figures.items():
        definition, between = DEFINITIONS[name], report.intervals.get(name)
        spread = " to ".join(words.in_unit(definition.unit, end) for end in between) if between else ""
        value = words.in_unit(definition.unit, figure.value)
        rows.append([definition.label, value, spread, figure.reason or figure.few or "", definition.sentence])
    heads = ["Statistic", "Value", "90 % interval", "Mind", "How it is reckoned"]
    return html.section("All statistics", html.table(heads, rows, (1, 2), signs=False))


def made_of(report: Told) -> str:
    """Configuration and code version."""
    rows = [[name, plain(value)] for name, value in report.config.items() if value not in (None, "")]
    return html.section("What it was made of", html.table(["Setting", "Value"], rows))


SECTIONS: Mapping[str, Callable[[Told], str]] = {
    "figures": figures, "verdict": verdict, "equity": equity, "months": months, "distribution": distribution,
    "attribution": attribution, "trades": trades, "statistics": statistics, "config": made_of,
}  # fmt: skip
"""By name, in the order they stand in."""
TITLES = {
    "figures": "Statistics", "verdict": "Verdict", "equity": "Equity and drawdown", "months": "Monthly table",
    "distribution": "Daily returns", "attribution": "Gross to net", "trades": "Trades", "statistics": "All statistics",
    "config": "Configuration and code",
}  # fmt: skip
