"""The parts of the portfolio page: what is held and how it moves together. Numbers come from engine.analytics alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from app import charts, formats, result_charts, result_grids, result_shapes, tables, ui
from app.result_charts import Line
from app.tiles import Tile, halves, tiles
from app.units import Units
from engine.analytics import cluster, portfolio, ratios, shrink
from engine.analytics.values import MIN_DAYS, Floats, Undefined

MOVES = (-0.1, -0.2, -0.3)


@dataclass(frozen=True, eq=False)
class Holding:
    """What is held of one symbol: `size` the signed notional at mark, `unrealized` and `r` None where unknown."""

    symbol: str
    sector: str
    size: float
    unrealized: float | None = None
    r: float | None = None


@dataclass(frozen=True, eq=False)
class View:
    """`holdings` by symbol, largest first; `symbols` and `returns` float64[days, k] what is known of the market, `btc`
    float64[days] or None; `account` float64[d] the account's daily returns of the window, `account_btc` the pairs (account, BTC)
    of days both know."""

    page: ui.Page
    units: Units
    equity: float
    holdings: Sequence[Holding]
    now: bool
    window: int
    symbols: Sequence[str]
    returns: Floats
    btc: Floats | None
    account: Floats
    account_btc: tuple[Floats, Floats] | None

    @property
    def in_money(self) -> str:
        """What exposures are counted in: they have no R."""
        return "% of equity" if self.units.unit == "percent" else self.page.quote

    def weights(self) -> tuple[list[str], Floats]:
        """(symbols held whose market is known, their signed shares of equity)."""
        known = [one for one in self.holdings if one.symbol in self.symbols]
        return [one.symbol for one in known], np.array([one.size / self.equity for one in known])

    def moves(self, names: Sequence[str]) -> Floats:
        """float64[days, k]: the daily returns of these symbols."""
        return self.returns[:, [list(self.symbols).index(name) for name in names]]

    def risk(self) -> portfolio.Risk:
        """Of what is held. Undefined where that cannot be said."""
        names, weights = self.weights()
        if not names:
            raise Undefined("nothing is held" if not self.holdings else "its candles are not stored")
        return portfolio.risk(weights, shrink.covariance(self.moves(names)).matrix)


def _said(write: Callable[[], str], note: str) -> tuple[str, str]:
    """(a value as it is read, its note) or (a dash, why there is none)."""
    try:
        return write(), note
    except Undefined as why:
        return formats.DASH, str(why)


WORDS = {
    "Exposure": "Notional at mark over equity.",
    "Effective positions": "1 over Herfindahl's index of exposures: how many equal positions this is.",
    "Effective bets": "exp of the entropy of risk over uncorrelated bets (Meucci 2015): what moves together is one bet.",
    "Diversification": "Sum of the positions' own risks over the risk of the whole (Choueifaty, 2008); 1 is none.",
    "Risk a day": "Normal value at risk of what is held, from shrunk covariances of the window: one day in twenty is worse.",
    "Account's VaR": "The account's own daily returns over the window: one day in twenty was worse.",
    "Beta to BTC": "Slope of the account's daily returns on Bitcoin's over the window.",
}


def head(view: View) -> None:
    """The portfolio in a row of numbers."""
    sizes = np.array([one.size for one in view.holdings])
    gross, net = float(np.abs(sizes).sum()) / view.equity, float(sizes.sum()) / view.equity
    index = float(portfolio.concentration(np.abs(sizes)[None])[0]) if sizes.size else None
    found = {
        "Exposure": (formats.percent(gross, 1), f"net {formats.percent(net, 1, sign=True)}"),
        "Effective positions": (formats.number(1 / index if index else None, 1), f"{len(sizes)} held"),
        "Effective bets": _said(lambda: formats.number(view.risk().bets, 1), "of what is held"),
        "Diversification": _said(lambda: formats.number(view.risk().diversification), "of what is held"),
        "Risk a day": _said(lambda: formats.percent(view.risk().var), "VaR 95 %, as held"),
        "Account's VaR": _said(lambda: formats.percent(ratios.value_at_risk(view.account)), "VaR 95 %, as lived"),
        "Beta to BTC": _said(lambda: formats.number(_beta(view)), "of the account"),
    }
    tiles([Tile(name, value, note, WORDS[name]) for name, (value, note) in found.items()], "portfolio")
    if view.account.size < MIN_DAYS:
        st.caption(
            f"{formats.many(view.account.size, 'day')} in this window: below {MIN_DAYS} such numbers say little."
        )


def _beta(view: View) -> float:
    if view.account_btc is None:
        raise Undefined("no BTC candles")
    return ratios.beta(*view.account_btc)


def maps(view: View) -> None:
    """Exposure by sector and symbol; open positions coloured by R."""
    left, right = halves("maps")
    with left:
        tables.section(
            "Exposure by sector and symbol",
            "sectors",
            "Area is notional, colour the side: long like gains, short like losses",
        )
        _sector_map(view)
    with right:
        tables.section(
            "Open positions",
            "heat",
            "Area is notional, colour the unrealised R: result so far over what the first stop risked",
        )
        _position_map(view)


def _sector_map(view: View) -> None:
    if not view.holdings:
        st.caption("Nothing is held, and nothing was in this window.")
        return
    sectors = list(dict.fromkeys(one.sector for one in view.holdings))
    total = sum(abs(one.size) for one in view.holdings) or 1.0
    share = {s: sum(abs(one.size) for one in view.holdings if one.sector == s) / total for s in sectors}
    names = [*sectors, *(one.symbol for one in view.holdings)]
    parents = [""] * len(sectors) + [one.sector for one in view.holdings]
    sizes = [0.0] * len(sectors) + [abs(one.size) for one in view.holdings]
    shade = [0.0] * len(sectors) + [0.45 if one.size > 0 else -0.45 for one in view.holdings]
    words = [formats.percent(share[s], 0) for s in sectors] + [_size(view, one) for one in view.holdings]
    figure = result_shapes.treemap(
        names,
        parents,
        sizes,
        shade,
        words,
        view.page.colors,
        most=1.0,
        whole=f"{formats.percent(total / view.equity, 1)} of equity",
    )
    st.plotly_chart(figure, theme=None, key="sectors", config=charts.CONFIG, alt="Exposure by sector and symbol")


def _size(view: View, one: Holding) -> str:
    side = "long" if one.size > 0 else "short"
    amount = (
        formats.percent(abs(one.size) / view.equity, 1)
        if view.units.unit == "percent"
        else formats.money(abs(one.size), view.page.quote)
    )
    return f"{side} {amount}"


def _position_map(view: View) -> None:
    held = [one for one in view.holdings if view.now]
    if not held:
        st.caption("Flat: no position is open." if view.page.trading else "This backtest holds nothing at its end.")
        return
    shade = [one.r if one.r is not None else 0.0 for one in held]
    words = [f"{formats.number(one.r, 2, sign=True)} R" if one.r is not None else "no stop, no R" for one in held]
    money = [
        word if view.units.unit == "r" else f"{word}, {_unrealized(view, one)}"
        for word, one in zip(words, held, strict=True)
    ]
    figure = result_shapes.treemap(
        [one.symbol for one in held],
        [""] * len(held),
        [abs(one.size) for one in held],
        shade,
        money,
        view.page.colors,
        most=max(1.0, *(abs(value) for value in shade)),
    )
    st.plotly_chart(figure, theme=None, key="heat", config=charts.CONFIG, alt="Open positions by size and unrealised R")


def _unrealized(view: View, one: Holding) -> str:
    if view.units.unit == "percent":
        return formats.percent((one.unrealized or 0.0) / view.equity, sign=True)
    return formats.money(one.unrealized, view.page.quote, sign=True)


def contributions(view: View, slopes: Mapping[str, float]) -> None:
    """Each position's share of exposure and of risk, as bars and as a table."""
    names, weights = view.weights()
    try:
        made = view.risk()
    except Undefined as why:
        tables.section("Where the risk sits", "risk")
        st.caption(f"Cannot be said: {why}. Fetch candles on the page Data.")
        return
    gross = np.abs(weights) / np.abs(weights).sum()
    sectors = {one.symbol: one.sector for one in view.holdings}
    frame = tables.frame_of(
        {
            "symbol": names,
            "sector": [sectors[name] for name in names],
            "side": [formats.side(w) for w in weights],
            "exposure": weights * (100 if view.units.unit == "percent" else view.equity),
            "weight": weights * 100,
            "risk": made.share * 100,
            "own": shrink.covariance(view.moves(names)).matrix.diagonal() ** 0.5 * 100 if len(names) else [],
            "beta": [slopes.get(name, np.nan) for name in names],
        },
        ["symbol", "sector", "side", "exposure", "weight", "risk", "own", "beta"],
    )
    tables.heading(
        "Where the risk sits",
        "risk",
        frame,
        "Risk: share of the variance of the whole, w (C w) / w'C w; a hedge is below zero",
    )
    figure = result_shapes.pairs(
        names, gross * 100, made.share * 100, ("share of exposure", "share of risk"), view.page.colors
    )
    st.plotly_chart(figure, theme=None, key="risk", config=charts.CONFIG, alt="Share of exposure and of risk by symbol")
    columns = {
        "symbol": tables.text("Symbol"),
        "sector": tables.text("Sector"),
        "side": tables.text("Side"),
        "exposure": tables.amount("Exposure", f"at mark, {view.in_money}", sign=True),
        **({} if view.units.unit == "percent" else {"weight": tables.fraction("Of equity", sign=True)}),
        "risk": tables.fraction("Of risk", sign=True),
        "own": tables.fraction("Moves a day", "standard deviation of daily returns"),
        "beta": tables.amount("Beta", "to BTC"),
    }
    tables.table(frame, columns, key="risk_table")


def stressed(view: View, slopes: Mapping[str, float]) -> None:
    """What a fall of Bitcoin at once would do to what is held."""
    names, weights = view.weights()
    known = [k for k, name in enumerate(names) if name in slopes]
    own = np.array([slopes[names[k]] for k in known])
    help_ = (
        "Bitcoin falls at once, each symbol by its beta to it; a price loses at most all; stops are not reckoned with"
    )
    if not known:
        tables.section("If Bitcoin falls", "stress", help_)
        st.caption("Needs something held, and candles of it and of BTC over the window: fetch them on the page Data.")
        return
    weights = weights[known]
    hit = portfolio.stress(weights, own, MOVES)
    alike = portfolio.stress(weights, np.ones(len(known)), MOVES)
    worst = [names[known[int(np.argmin(row))]] for row in hit]
    frame = tables.frame_of(
        {
            "move": [f"BTC {formats.percent(move, 0)}" for move in MOVES],
            "equity": hit.sum(axis=1) * 100,
            "money": hit.sum(axis=1) * view.equity,
            "worst": worst,
            "worst_money": hit.min(axis=1) * (100 if view.units.unit == "percent" else view.equity),
            "alike": alike.sum(axis=1) * 100,
        },
        ["move", "equity", "money", "worst", "worst_money", "alike"],
    )
    tables.heading("If Bitcoin falls", "stress", frame, help_)
    columns = {
        "move": tables.text("Move"),
        "equity": tables.fraction("Account", "of equity", sign=True),
        **({} if view.units.unit == "percent" else {"money": tables.amount("In money", view.page.quote, sign=True)}),
        "worst": tables.text("Worst"),
        "worst_money": tables.amount("Alone", view.in_money, sign=True),
        "alike": tables.fraction("All alike", "every symbol moves as far as Bitcoin", sign=True),
    }
    tables.table(frame, columns, key="stress")


def together(title: str, key: str, names: Sequence[str], returns: Floats, view: View, help: str) -> None:
    """Correlations in cluster order, shrunk."""
    if len(names) < 2 or len(returns) < 3:
        tables.section(title, key, help)
        few = "fewer than two of them move in this window" if len(names) < 2 else f"only {len(returns)} days"
        st.caption(f"No correlation to show: {few}.")
        return
    made = shrink.correlations(returns)
    order = cluster.order(made.matrix)
    named, table = [names[i] for i in order], made.matrix[np.ix_(order, order)]
    frame = tables.frame_of({"": named, **{name: table[:, k] for k, name in enumerate(named)}}, ["", *named])
    tables.heading(title, key, frame, help)
    figure = result_grids.matrix(
        table,
        named,
        named,
        view.page.colors,
        digits=2,
        sign=True,
        height=70 + (34 if len(named) < 9 else 24) * len(named),
        most=1.0,
        hover="%{y} with %{x}",
        words=len(named) <= 10,
    )
    figure.update_layout(xaxis={"tickangle": -35 if max(map(len, named)) * len(named) > 60 else 0})
    st.plotly_chart(figure, theme=None, key=key, config=charts.CONFIG, alt=f"{title}: {len(named)} by {len(named)}")
    half = float(np.mean(table[np.triu_indices(len(named), 1)]))
    st.caption(f"Mean {formats.number(half, 2, sign=True)} over {len(returns)} days. {shrunk_words(made.weight)}")


def shrunk_words(weight: float) -> str:
    """How much of what was seen is taken for noise, in a sentence."""
    if weight > 0.9:
        return "What these days show cannot be told from no correlation at all, so it is shrunk to that."
    return f"{formats.percent(weight, 0)} of what was seen is taken for noise and shrunk away."


def crowded(view: View, ts: Any, index: Floats, gross: Floats) -> None:
    """How concentrated what was held has been over time."""
    tables.section(
        "Concentration over time",
        "crowd",
        "Herfindahl's index of exposures by symbol, at entry prices: 100 % is one symbol alone",
    )
    if not np.isfinite(index).any():
        st.caption("Nothing was held in this window.")
        return
    colors, clock = view.page.colors, view.units.local(ts)
    figure = result_charts.two_scales(
        Line("concentration", clock, index * 100, colors.accent, step=True, width=1.2),
        Line("exposure", clock, gross * 100, colors.demo, "dot", step=True, width=1.1),
        colors,
        left_ending=" %",
        right_ending=" %",
    )
    st.plotly_chart(figure, theme=None, key="crowd", config=charts.CONFIG, alt="Concentration and exposure over time")
