"""Overview: how is the account doing, right now, in five seconds?"""

import streamlit as st

from app import charts, data, formats, tables, ui
from app.read import events, overview, positions, system

RANGES = {"1 d": 1, "7 d": 7, "30 d": 30, "90 d": 90, "all": 0}
DAY_MS = 86_400_000


def main(page: ui.Page) -> None:
    """The page, top to bottom."""
    tiles(page)
    curve(page)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        holding(page)
        slots(page)
    with right:
        timeline(page)
        changes(page)


@st.fragment(run_every=5)
def tiles(page: ui.Page) -> None:
    """The account's numbers."""
    now = overview.account(page.engine, data.run(page.engine, page.run_id))
    backtest = not page.trading
    with st.container(key="tiles"):
        cells = st.columns(5, gap="small")
        gained = now.equity - page.run["cash_start"]
        total = gained / page.run["cash_start"]
        with cells[0]:
            tile("Equity", formats.number(now.equity), f"{formats.percent(total, sign=True)} in all",
                 f"Cash plus positions at their mark, net of fees, in {page.quote}; the change is from starting capital.", total)  # fmt: skip
        with cells[1]:
            if backtest:
                tile(
                    "Profit or loss",
                    formats.number(gained, sign=True),
                    formats.percent(total, sign=True),
                    "From starting capital to the last point.",
                    total,
                )
            else:
                share = now.today / now.day_start if now.day_start else None
                tile("Today", formats.number(now.today, sign=True), formats.percent(share, sign=True),
                     f"Equity now against the last mark before UTC midnight, in {page.quote}.", now.today)  # fmt: skip
        with cells[2]:
            limit = now.drawdown_limit
            tile("Drawdown", formats.percent(now.drawdown), f"acts at {formats.percent(-limit, 0)}" if limit else "no limit set",
                 "Equity now against its highest value so far, and the nearest drawdown breaker.")  # fmt: skip
            bar(-now.drawdown / limit if limit else None)
        with cells[3]:
            share = now.open_risk / now.equity if now.equity > 0 else None
            words = f"{now.unprotected} without a stop" if now.unprotected else f"{formats.percent(share)} of equity"
            tile("At risk", formats.number(now.open_risk), words,
                 f"What open positions lose if every stop fills at its price, in {page.quote}. Positions without a stop are not in it.")  # fmt: skip
        with cells[4]:
            of = f" of {now.max_positions}" if now.max_positions else ""
            used = formats.percent(
                now.exposure / now.equity if now.equity > 0 and now.exposure > 1.5 else now.exposure, 0
            )
            tile("Positions", f"{now.positions}{of}", "stale marks" if now.stale_positions else f"exposure {used}",
                 "Open positions and how many are allowed; exposure is their notional against equity.")  # fmt: skip
            bar(now.positions / now.max_positions if now.max_positions else None)


def tile(label: str, value: str, delta: str, help: str, sign: float | None = None) -> None:
    """A number with what it compares to; coloured with an arrow only where it is a gain or a loss."""
    plain = sign is None or abs(sign) < 1e-12
    st.metric(label, value, delta, help=help, border=True, delta_color="off" if plain else "normal" if sign > 0 else "inverse",
              delta_arrow="off" if plain else "up" if sign > 0 else "down")  # fmt: skip


def bar(share: float | None) -> None:
    """How much of a limit is used."""
    if share is not None:
        width = min(max(share, 0.0), 1.0) * 100
        st.html(f'<div class="ek-bar {"high" if share > 0.75 else ""}"><i style="width:{width:.1f}%"></i></div>')


def curve(page: ui.Page) -> None:
    """Equity and drawdown with trades, outages and changes."""
    chosen = ui.in_url("range", "all", RANGES.__contains__)
    with tables.section(
        "Equity and drawdown",
        "curve",
        "One point a close of the finest timeframe, thinned for the screen. Times are UTC.",
    ):
        picked = st.segmented_control(
            "Range", list(RANGES), default=chosen, key="range_pick", label_visibility="collapsed", required=True
        )
    ui.to_url(range="" if picked == "all" else str(picked))
    last = data.equity_stamp(page.engine, page.run_id)
    days = RANGES[str(picked)]
    since = (last - days * DAY_MS) // DAY_MS * DAY_MS if days and last else 0
    line = data.curve(page.engine, dict(page.run), since)
    if not len(line["ts"]):
        ui.empty(
            "No equity stored yet",
            "The first point comes with the first close of the finest timeframe, about a minute after the start.",
        )
        return
    limit = overview.account(page.engine, data.run(page.engine, page.run_id)).drawdown_limit
    figure = charts.equity(
        line,
        overview.trade_marks(page.engine, page.run_id, since),
        overview.outages(page.engine, page.run_id, since),
        overview.markers(page.engine, page.run_id, since),
        page.colors,
        quote=page.quote,
        start=float(page.run["cash_start"]),
        limit=limit,
    )
    st.plotly_chart(figure, theme=None, key="equity", config=charts.CONFIG, alt=charts.describe_curve(line, page.quote))


def holding(page: ui.Page) -> None:
    """Open positions with their distance to the stop."""
    held = positions.open_positions(page.engine, page.run_id)
    rows = [
        {
            "slot": formats.slot(p["strategy"], p["symbol"], p["label"]), "side": formats.side(p["direction"]),
            "unrealized": p["unrealized"], "to_stop": None if p["to_stop"] is None else p["to_stop"] * 100,
            "r": p["r"], "entry_price": p["entry_price"], "mark": p["mark"], "stop": p["stop"], "entry_ts": p["entry_ts"],
        }
        for p in held
    ]  # fmt: skip
    columns = {
        "slot": tables.text("Position"),
        "unrealized": tables.amount("P&L", f"unrealised, {page.quote}, net of the entry's fee", sign=True),
        "to_stop": tables.fraction("To stop", "how far the mark may move before the stop fills; empty: no stop"),
        "r": tables.amount("R", "unrealised against what was risked at entry", sign=True),
        "side": tables.text("Side"),
        "entry_price": tables.plain("Entry"),
        "mark": tables.plain("Mark"),
        "stop": tables.plain("Stop"),
        "entry_ts": tables.moment("Since"),
    }
    frame = tables.frame_of(rows, list(columns))
    frame["entry_ts"] = tables.utc(frame["entry_ts"])
    tables.heading("Open positions", "open-positions", frame)
    if frame.empty:
        st.caption("Flat: nothing is held." if page.trading else "A backtest holds nothing now.")
    else:
        tables.table(tables.colored(frame, ["unrealized", "r"], page.colors), columns, key="open")


def slots(page: ui.Page) -> None:
    """Every slot: what it earned, and why it stopped if it did."""
    found = data.slots(page.engine, page.run_id)
    lines = data.slot_lines(page.engine, page.run_id)
    rows = [
        {
            "slot": formats.slot(s["strategy"], s["symbol"], s["label"]), "timeframe": formats.timeframe(s["timeframe_ms"]),
            "state": formats.words(s["state"]), "pnl": s["pnl"], "trades": s["trades"],
            "win_rate": s["wins"] / s["trades"] * 100 if s["trades"] else None, "line": lines.get(s["id"], []), "error": s["error"] or "",
        }
        for s in found
    ]  # fmt: skip
    columns = {
        "slot": tables.text("Strategy"),
        "line": st.column_config.LineChartColumn("Last 40 trades", help="running P&L", width="small"),
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
                st.badge("stopped", color="orange")
                st.text(f"{formats.slot(slot['strategy'], slot['symbol'], slot['label'])}: {slot['error']}")
    tables.table(tables.colored(frame, ["pnl"], page.colors), columns, key="slots")


def timeline(page: ui.Page) -> None:
    """What happened last."""
    frame = tables.frame_of(events.events(page.engine, page.run_id, 40), ["ts", "what", "detail"])
    frame["ts"] = tables.utc(frame["ts"])
    tables.heading("Events", "events", frame, "Newest first, UTC")
    if frame.empty:
        st.caption("Nothing has happened in this run yet.")
        return
    columns = {
        "ts": st.column_config.DatetimeColumn("Time", format="DD MMM HH:mm", timezone="UTC", width=92, help="UTC"),
        "what": tables.text("Event", width="medium"),
        "detail": tables.text("Detail", width="large"),
    }
    tables.table(frame, columns, key="events", height=360)


def changes(page: ui.Page) -> None:
    """What changed about the run: configuration and tripped breakers."""
    versions = system.config_versions(page.engine, page.run_id, 8)
    tripped = [b for b in system.breakers(page.engine, page.run_id) if b["state"] == "tripped"]
    rows = [
        {
            "ts": b["since_ts"],
            "what": f"breaker {formats.words(b['name'])} is tripped",
            "detail": f"account {formats.words(b['level'])}",
        }
        for b in tripped
    ]
    for newer, older in zip(versions, versions[1:], strict=False):
        rows.append(
            {
                "ts": newer["created_ts"],
                "what": "configuration",
                "detail": overview.difference(older["text"], newer["text"]),
            }
        )
    frame = tables.frame_of(rows, ["ts", "what", "detail"])
    frame["ts"] = tables.utc(frame["ts"])
    tables.heading("What changed", "changes", frame)
    if frame.empty:
        st.caption("No change of configuration, no tripped breaker.")
        return
    columns = {
        "ts": st.column_config.DatetimeColumn("Time", format="DD MMM HH:mm", timezone="UTC", width=92, help="UTC"),
        "what": tables.text("Change", width="medium"),
        "detail": tables.text("Detail", width="large"),
    }
    tables.table(frame, columns, key="changes")


main(ui.current())
