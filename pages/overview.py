"""Overview: how is the account doing, right now, in five seconds?"""

from itertools import pairwise
from typing import Any

import streamlit as st

from app import charts, data, formats, jobs, live_chart, since_view, tables, ui
from app.clock import now_ms
from app.read import beside, events, overview, positions, runs, system
from app.tiles import Tile, halves, tiles

PAGE = {"group": "Now", "title": "Overview", "place": 1}

RANGES = {"1 d": 1, "7 d": 7, "30 d": 30, "90 d": 90, "all": 0}
DAY_MS = 86_400_000


def main(page: ui.Page) -> None:
    """The page, top to bottom; who opens it after a night without a worker starts one."""
    jobs.nightly()
    ui.live(page, account, 3)
    ui.live(page, since_view.show, 5)
    curve(page)
    ui.live(page, below, 5)


def below(page: ui.Page) -> None:
    """What is held and earned at the left, what happened at the right."""
    left, right = halves("overview")
    with left:
        holding(page)
        slots(page)
    with right:
        timeline(page)
        changes(page)


def account(page: ui.Page) -> None:
    """The account's numbers."""
    now = data.account(page.engine, data.run(page.engine, page.run_id))
    gained = now.equity - page.run["cash_start"]
    total = gained / page.run["cash_start"]
    note = f"{formats.percent(total, sign=True)} in all"
    words = f"Cash plus positions at their mark, net of fees, in {page.quote}. Below: the change from starting capital."
    equity = Tile(f"Equity, {page.quote}", formats.number(now.equity), note, words, total)
    second = today(page, now) if page.trading else profit(page, gained, total)
    more = [recent(page)]
    if page.trading:
        more += [alerts(page), parity(page)]
    tiles([equity, second, drawdown(now), risk(page, now), held(now), *more], "account", least=118)


def today(page: ui.Page, now: overview.Account) -> Tile:
    """Since the last mark before UTC midnight."""
    share = now.today / now.day_start if now.day_start else None
    words = f"Equity now against the last mark before UTC midnight, in {page.quote}."
    return Tile(
        f"Today, {page.quote}",
        formats.number(now.today, sign=True),
        formats.percent(share, sign=True),
        words,
        now.today,
    )


def profit(page: ui.Page, gained: float, total: float) -> Tile:
    """A backtest has no today."""
    words = "From starting capital to the last point."
    return Tile(
        f"Profit or loss, {page.quote}",
        formats.number(gained, sign=True),
        formats.percent(total, sign=True),
        words,
        total,
    )


def drawdown(now: overview.Account) -> Tile:
    """Against the highest equity so far, and how near the nearest breaker is."""
    limit = now.drawdown_limit
    note = f"acts at {formats.percent(-limit, 0)}" if limit else "no limit set"
    words = "Equity now against its highest value so far, and the nearest drawdown breaker."
    share = -now.drawdown / limit if limit else None
    return Tile("Drawdown", formats.percent(now.drawdown), note, words, share=share)


def risk(page: ui.Page, now: overview.Account) -> Tile:
    """What the stops would lose."""
    share = now.open_risk / now.equity if now.equity > 0 else None
    note = f"{now.unprotected} without a stop" if now.unprotected else f"{formats.percent(share)} of equity"
    words = (
        f"What open positions lose from here if every stop fills at its price, in {page.quote}. "
        "Positions without a stop are not in it."
    )
    return Tile(f"At risk, {page.quote}", formats.number(now.open_risk), note, words)


def held(now: overview.Account) -> Tile:
    """How many positions, of how many."""
    most = now.max_positions
    note = (
        f"{now.stale_positions} with a stale mark"
        if now.stale_positions
        else f"{formats.percent(now.used, 0)} of equity"
    )
    words = "Open positions and how many are allowed. Below: their notional against equity."
    share = now.positions / most if most else None
    return Tile("Positions", f"{now.positions} of {most}" if most else str(now.positions), note, words, share=share)


def recent(page: ui.Page) -> Tile:
    """How smooth the last thirty days were; grey while they are few."""
    value, days, why = data.recent_sharpe(page.engine, dict(page.run))
    few = days < beside.DAYS
    words = (
        f"Mean by deviation of the last {beside.DAYS} UTC-daily returns, times the root of 365. "
        f"{f'Only {days} days yet: it says little.' if few else ''} {why.capitalize()}"
    )
    note = f"{days} of {beside.DAYS} days" if few else None
    return Tile("Sharpe, 30 d", formats.number(value), note, words.strip(), faint=few)


def alerts(page: ui.Page) -> Tile:
    """What a person should have heard lately."""
    found = beside.alerts(page.engine, page.run_id, now_ms())
    note = f"{found['critical']} critical" if found["critical"] else "none critical"
    words = "Warnings and critical alerts of the last 24 hours; they stand among the events."
    return Tile("Alerts, 24 h", str(sum(found.values())), note, words, -1.0 if found["critical"] else None)


def parity(page: ui.Page) -> Tile:
    """How far a candle backtest is from this run, and whether its own tape gives it to the bit."""
    found = data.comparison(page.engine, page.run_id)
    if found is None:
        words = "Each night the run is laid beside its tape and a candle backtest; page Backtest vs paper does it now."
        return Tile("Parity", formats.DASH, "not compared yet", words)
    tape = "Equal to its tape to the last bit." if found.equal else "NOT equal to its own tape: see Backtest vs paper."
    cause = (
        f" Biggest cause: {found.cause}, {formats.money(found.money, page.quote, sign=True)}." if found.cause else ""
    )
    words = f"{tape} {found.unproven} Trades that candles reproduce.{cause} {found.why_not} As of {formats.when(found.ts)} UTC."
    if not found.equal:
        return Tile("Parity", "differs", "from its own tape", words, -1.0)
    note = f"most by {found.cause}" if found.cause else "tape equal"
    value = formats.percent(found.score, 0) if found.score is not None else "tape equal"
    return Tile("Parity", value, note if found.score is not None else "no candles to compare", words)


def curve(page: ui.Page) -> None:
    """Equity and drawdown with trades, outages and changes."""
    chosen = ui.in_url("range", "all", RANGES.__contains__)
    with tables.section("Equity and drawdown", "curve", "Closes of the finest timeframe, thinned for the screen, UTC"):
        options: dict[str, Any] = {"key": "range_pick", "label_visibility": "collapsed", "required": True}
        picked = st.segmented_control("Range", list(RANGES), default=chosen, **options)
    ui.to_url(range="" if picked == "all" else str(picked))
    ui.live(page, lambda page: drawn(page, str(picked)), 5)


def drawn(page: ui.Page, picked: str) -> None:
    """The chart of a range, redrawn as points come; a zoom stays."""
    last = data.equity_stamp(page.engine, page.run_id)
    days = RANGES[picked]
    since = (last - days * DAY_MS) // DAY_MS * DAY_MS if days and last else 0
    line = data.curve(page.engine, dict(page.run), since)
    if not len(line["ts"]):
        ui.empty(
            "No equity stored yet",
            "The first point comes with the first close of the finest timeframe, about a minute after the start.",
        )
        return
    limit = data.account(page.engine, data.run(page.engine, page.run_id)).drawdown_limit
    state = runs.health(dict(page.run), runs.status(page.engine, page.run_id), now_ms())
    figure = charts.equity(
        line,
        overview.trade_marks(page.engine, page.run_id, since),
        overview.outages(page.engine, page.run_id, since),
        overview.markers(page.engine, page.run_id, since),
        page.colors,
        quote=page.quote,
        start=float(page.run["cash_start"]),
        limit=limit,
        benchmark=data.held(page.engine, dict(page.run), line),
        down=state.down and state.heartbeat_age is not None,
    )
    figure.update_layout(
        uirevision=f"{page.run_id} {picked}"
    )  # another range is another view: an old zoom is none of it
    live_chart.chart(figure, "equity", charts.describe_curve(line, page.quote))


def holding(page: ui.Page) -> None:
    """Open positions with their distance to the stop."""
    rows = [_position(p) for p in positions.open_positions(page.engine, page.run_id)]
    columns = {
        "slot": tables.text("Position"),
        "unrealized": tables.amount("P&L", f"unrealised, {page.quote}, before fees", sign=True),
        "r": tables.amount("R", "unrealised against what was risked at entry", sign=True),
        "to_stop": tables.fraction("To stop", "how far the mark may move before the stop fills; empty: no stop"),
        "risk": tables.amount("At risk", f"what the stop would lose from here, {page.quote}; empty: no stop"),
        "risk_r": tables.amount("Risk, R", "the same against what was risked at entry"),
        "side": tables.text("Side"),
        "stop": tables.figure("Stop"),
        "mark": tables.figure("Mark"),
        "entry_price": tables.figure("Entry"),
    }
    frame = tables.frame_of(rows, [*columns, "entry_ts"])
    frame["entry_ts"] = tables.utc(frame["entry_ts"])
    tables.heading("Open positions", "open-positions", frame)
    if frame.empty:
        st.caption("Flat: nothing is held." if page.trading else "A backtest holds nothing now.")
    else:
        tables.table(tables.colored(frame, ["unrealized", "r"], page.colors), columns, key="open")


def _position(p: dict[str, Any]) -> dict[str, Any]:
    prices = {name: formats.price(p[name]) for name in ("entry_price", "mark", "stop")}
    to_stop = None if p["to_stop"] is None else p["to_stop"] * 100
    names = {"slot": formats.slot(p["strategy"], p["symbol"], p["label"]), "side": formats.side(p["direction"])}
    return {
        **names,
        **prices,
        "to_stop": to_stop,
        "unrealized": p["unrealized"],
        "r": p["r"],
        "risk": p["risk"],
        "risk_r": p["risk_r"],
        "entry_ts": p["entry_ts"],
    }


def slots(page: ui.Page) -> None:
    """Every slot: what it earned, and why it stopped if it did."""
    found = data.slots(page.engine, page.run_id)
    lines = data.slot_lines(page.engine, page.run_id, tuple(s["id"] for s in found))
    rows = [{**_slot(s), "line": lines.get(s["id"], [])} for s in found]
    columns = {
        "slot": tables.text("Strategy"),
        "line": st.column_config.LineChartColumn(
            "Lately", help="running P&L of the last 40 closed trades", width="small"
        ),
        "pnl": tables.amount("P&L", f"closed trades, {page.quote}, net of fees", sign=True),
        "trades": tables.amount("Trades", digits=0),
        "win_rate": tables.fraction("Won", "share of closed trades above zero", digits=0),
        "timeframe": tables.text("Bars"),
        "state": tables.text("State"),
        "error": tables.text("Why stopped"),
    }
    frame = tables.frame_of(rows, list(columns))
    tables.heading("Strategies", "strategies", frame.drop(columns="line"))
    for slot in found:
        if slot["error"]:
            with st.container(border=True, key=f"failed_{slot['id']}"):
                st.text(f"Stopped: {formats.slot(slot['strategy'], slot['symbol'], slot['label'])}: {slot['error']}")
    if not any(s["error"] for s in found):
        del columns["error"]
    tables.table(tables.colored(frame, ["pnl"], page.colors), columns, key="slots")


def _slot(s: dict[str, Any]) -> dict[str, Any]:
    names = {
        "slot": formats.slot(s["strategy"], s["symbol"], s["label"]),
        "timeframe": formats.timeframe(s["timeframe_ms"]),
    }
    won = s["wins"] / s["trades"] * 100 if s["trades"] else None
    return {
        **names,
        "state": formats.words(s["state"]),
        "pnl": s["pnl"] if s["trades"] else None,
        "trades": s["trades"],
        "win_rate": won,
        "error": s["error"],
    }


def timeline(page: ui.Page) -> None:
    """What happened last."""
    frame = tables.frame_of(events.events(page.engine, page.run_id, 40), ["ts", "what", "detail"])
    frame["ts"] = tables.utc(frame["ts"])
    tables.heading("Events", "events", frame, "Newest first, UTC")
    if frame.empty:
        st.caption("Nothing has happened in this run yet.")
        return
    columns = {
        "ts": tables.short_moment("Time"),
        "what": tables.text("Event", width=170),
        "detail": tables.text("Detail"),
    }
    tables.table(frame, columns, key="events", height=tables.tall(len(frame)))


def changes(page: ui.Page) -> None:
    """What changed about the run: configuration and tripped breakers."""
    rows = [
        {
            "ts": b["since_ts"],
            "what": f"{formats.breaker(b['name'])} tripped",
            "detail": f"{system.whose(b)} {formats.words(b['level'])}",
        }
        for b in system.breakers(page.engine, page.run_id)
        if b["state"] == "tripped"
    ]
    for newer, older in pairwise(system.config_versions(page.engine, page.run_id, 8)):
        change = overview.difference(older["text"], newer["text"])
        rows.append({"ts": newer["created_ts"], "what": "configuration", "detail": change})
    frame = tables.frame_of(rows, ["ts", "what", "detail"])
    frame["ts"] = tables.utc(frame["ts"])
    tables.heading("What changed", "changes", frame)
    if frame.empty:
        st.caption("No change of configuration, no tripped breaker.")
        return
    columns = {
        "ts": tables.short_moment("Time"),
        "what": tables.text("Change", width=170),
        "detail": tables.text("Detail"),
    }
    tables.table(frame, columns, key="changes")


main(ui.current())
