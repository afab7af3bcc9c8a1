"""Trades: which trades were made, what did they earn, and what was each like?"""

from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from app import charts, data, formats, tables, ui
from app.read import overview, trades
from app.tiles import Tile, halves, tiles

PAGE = {"group": "Results", "title": "Trades", "place": 3}

SIZE = 100
DAY_MS = 86_400_000
PERIODS = {"all": 0, "today": -1, "7 d": 7, "30 d": 30, "90 d": 90}
RESULTS = {"": "any result", "won": "won", "lost": "lost", "ambiguous": "ambiguous"}
SIDES = {"": "long and short", "long": "long", "short": "short"}
SORTS = {
    "newest": "newest first",
    "oldest": "oldest first",
    "best": "best first",
    "worst": "worst first",
    "longest": "longest first",
}


def main(page: ui.Page) -> None:
    """Filters, totals, curve, table, detail."""
    chosen, order = filters(page)
    sums = data.trade_totals(page.engine, page.run_id, chosen)
    if not sums["trades"]:
        nothing(page, chosen)
        return
    totals(page, sums)
    figure = charts.running(data.trade_curve(page.engine, page.run_id, chosen), page.colors, quote=page.quote)
    words = f"{sums['trades']} trades, {formats.money(sums['pnl'], page.quote, sign=True)} in all"
    st.plotly_chart(figure, theme=None, key="running", config=charts.CONFIG, alt=words)
    seq = listing(page, chosen, order, int(sums["trades"]))
    if seq is not None:
        detail(page, seq)


def choice(label: str, name: str, options: dict[str, str], default: str = "") -> str:
    """A filter that lives in the URL."""
    now = ui.in_url(name, default, options.__contains__)
    keys = list(options)
    picked = st.selectbox(label, keys, index=keys.index(now), format_func=options.__getitem__, key=f"pick_{name}")
    ui.to_url(**{name: "" if picked == default else picked})
    return picked


def filters(page: ui.Page) -> tuple[trades.Filter, str]:
    """The filter row."""
    offered = trades.choices(page.engine, page.run_id)
    symbols = {"": "all symbols", **{name: name for name in offered["symbol"]}}
    strategies = {"": "all strategies", **{name: formats.strategy(name) for name in offered["strategy"]}}
    reasons = {"": "any exit", **formats.REASONS}
    with st.grid("auto", min_column_width=128, gap="small", key="filters_trades"):
        period = choice("Period", "period", {name: "all time" if name == "all" else name for name in PERIODS}, "all")
        symbol = choice("Symbol", "symbol", symbols)
        strategy = choice("Strategy", "strategy", strategies)
        side = choice("Side", "side", SIDES)
        reason = choice("Exit", "exit", reasons)
        result = choice("Result", "result", RESULTS)
        order = choice("Order", "order", SORTS, "newest")
    return trades.Filter(symbol, strategy, side, reason, result, _since(page, period)), order


def _since(page: ui.Page, period: str) -> int:
    """Counted from the run's last stored moment, not from this machine's clock: a replayed run has its own present."""
    days = PERIODS[period]
    last = data.equity_stamp(page.engine, page.run_id)
    if not days or not last:
        return 0
    midnight = last // DAY_MS * DAY_MS
    return midnight if days < 0 else midnight - (days - 1) * DAY_MS


def nothing(page: ui.Page, chosen: trades.Filter) -> None:
    if chosen != trades.Filter():
        ui.empty("No trade fits these filters", "Widen them; they are kept in the address of this page.")
    elif page.trading:
        ui.empty(
            "No trade has been closed yet",
            "What is open is on the page Positions; it becomes a trade when closed.",
        )
    else:
        ui.empty(
            "This backtest closed no trade",
            "Its strategy never signalled, or every entry was refused.",
        )


def totals(page: ui.Page, sums: dict[str, Any]) -> None:
    """What the chosen trades add up to."""
    few = "; below 30 trades this says little" if sums["trades"] < 30 else ""
    each = f"{formats.number(sums['expectancy'], sign=True)} a trade"
    factor = sums["profit_factor"]
    ambiguous = f"{sums['ambiguous']} ambiguous" if sums["ambiguous"] else None
    both = "mean time; ambiguous: stop and target lay in the same bar, the stop was taken"
    tiles(
        [
            Tile(
                "Trades",
                f"{sums['trades']:,}",
                f"{sums['wins']:,} won, {sums['losses']:,} lost",
                "closed; zero is a draw",
            ),
            Tile(
                "P&L",
                formats.number(sums["pnl"], sign=True),
                each,
                f"{page.quote}, net of fees and funding",
                sums["pnl"],
            ),
            Tile("Won", formats.percent(sums["win_rate"], 1), None, f"share of trades above zero{few}"),
            Tile(
                "Profit factor",
                formats.number(factor),
                None if factor else "no loss yet",
                f"gains over losses, net{few}",
            ),
            Tile("Fees", formats.number(sums["fees"]), None, f"{page.quote}, entries and exits"),
            Tile("Held", formats.duration(sums["held"]), ambiguous, both),
        ],
        "totals",
    )


COLUMNS = {
    "exit_ts": tables.moment("Closed"),
    "slot": tables.text("Strategy"),
    "side": tables.text("Side"),
    "pnl": tables.amount("P&L", "net of fees and funding", sign=True),
    "pnl_pct": tables.fraction("P&L %", "of the entry's notional", sign=True),
    "r_multiple": tables.amount("R", "P&L against what the first stop risked", sign=True),
    "exit": tables.text("Exit"),
    "held": tables.text("Held"),
    "entry_price": tables.figure("Entry"),
    "exit_price": tables.figure("Exit price"),
    "qty": tables.figure("Quantity"),
    "fees": tables.amount("Fees"),
    "mae": tables.fraction("Worst", "maximum adverse excursion", sign=True),
    "mfe": tables.fraction("Best", "maximum favourable excursion", sign=True),
}


def shown(raw: dict[str, Any]) -> pd.DataFrame:
    """A page of trades as the table shows them."""
    frame = pd.DataFrame(raw)
    frame["slot"] = [
        formats.slot(s, y, label) for s, y, label in zip(raw["strategy"], raw["symbol"], raw["label"], strict=True)
    ]
    frame["side"] = [formats.side(d) for d in raw["direction"]]
    frame["exit"] = [formats.exit_reason(code) for code in raw["exit_reason"]]
    frame["held"] = [formats.duration(ms) for ms in raw["exit_ts"] - raw["entry_ts"]]
    frame["exit_ts"] = tables.utc(frame["exit_ts"])
    tables.written(frame, entry_price=formats.price, exit_price=formats.price, qty=formats.quantity)
    for name in ("pnl_pct", "mae", "mfe"):
        frame[name] = pd.to_numeric(frame[name]) * (-100 if name == "mae" else 100)
    return frame


def listing(page: ui.Page, chosen: trades.Filter, order: str, count: int) -> int | None:
    """One page of the table; returns the chosen trade's number, which lives in the URL."""
    tables.heading(
        "Trades",
        "trades",
        partial(_everything, page, chosen),
        "The download holds every trade of the filters, with times in ms UTC",
    )
    pages = (count + SIZE - 1) // SIZE
    number = 1
    if pages > 1:
        wanted = ui.in_url("page", "1", lambda text: text.isdigit() and 1 <= int(text) <= pages)
        number = st.pagination(pages, default=int(wanted), key=f"page_{hash((chosen, order))}")
        ui.to_url(page="" if number == 1 else number)
    raw = trades.page(page.engine, page.run_id, chosen, order, number, SIZE)
    key = f"trades_{page.run_id}_{hash((chosen, order))}_{number}"
    row = tables.table(
        tables.colored(shown(raw), ["pnl", "pnl_pct", "r_multiple"], page.colors),
        COLUMNS,
        key=key,
        height=tables.tall(len(raw["seq"]), 14),
        select=True,
    )
    seq = int(raw["seq"][row]) if row is not None and row < len(raw["seq"]) else None
    if seq is not None:
        ui.to_url(trade=seq)
        return seq
    wanted = ui.in_url("trade", "", str.isdigit)
    if not wanted:
        st.caption("Select a row to see the trade: its path, its fills, and why it was made.")
    return int(wanted) if wanted else None


def _everything(page: ui.Page, chosen: trades.Filter) -> pd.DataFrame:
    return pd.DataFrame(trades.everything(page.engine, page.run_id, chosen))


def detail(page: ui.Page, seq: int) -> None:
    """One trade: numbers, stop path, signal, fills."""
    trade = trades.detail(page.engine, page.run_id, seq)
    if trade is None:
        st.caption(f"There is no trade {seq} in this run.")
        return
    with st.container(border=True, key="trade_detail"):
        st.subheader(f"Trade {seq}: {formats.slot(trade['strategy'], trade['symbol'], trade['label'])}", anchor=False)
        left, right = halves("trade")
        with left:
            facts(page, trade)
        with right:
            stops = trades.stops_of(page.engine, page.run_id, trade)
            figure = charts.stop_path({**trade, "stop": trade["stop_initial"]}, stops, trade["exit_ts"], page.colors)
            words = f"From {formats.price(trade['entry_price'])} to {formats.price(trade['exit_price'])}"
            st.plotly_chart(figure, theme=None, key="trade_path", config=charts.CONFIG, alt=words)
        fills(page, trade)


def facts(page: ui.Page, trade: dict[str, Any]) -> None:
    """The trade in words and numbers."""
    share, multiple = formats.percent(trade["pnl_pct"], sign=True), formats.number(trade["r_multiple"], sign=True)
    held = formats.duration(trade["exit_ts"] - trade["entry_ts"])
    bars = f"{trade['bars_held']} bars of {formats.timeframe(trade['timeframe_ms'])}"
    entry, exit_ = (formats.when(trade[name], seconds=True) for name in ("entry_ts", "exit_ts"))
    base = trade["symbol"].split("/")[0]
    fees, funding = formats.money(trade["fees"], page.quote), formats.money(trade["funding"], page.quote)
    rows = (
        ("Result", f"{formats.money(trade['pnl'], page.quote, sign=True)}, {share}, {multiple} R"),
        ("Side", f"{formats.side(trade['direction'])} {formats.quantity(trade['qty'])} {base}"),
        ("Entry", f"{formats.price(trade['entry_price'])} at {entry} UTC"),
        ("Exit", f"{formats.price(trade['exit_price'])} at {exit_} UTC, {formats.exit_reason(trade['exit_reason'])}"),
        ("Held", f"{held}, {bars}"),
        (
            "Excursions",
            f"worst {formats.percent(-trade['mae'])}, best {formats.percent(trade['mfe'], sign=True)}",
        ),
        ("Costs", f"fees {fees}, funding {funding}"),
        ("First stop", f"{formats.price(trade['stop_initial'])}, {formats.money(trade['risk'], page.quote)} risked"),
        ("Signal", _signal(trade)),
    )
    st.table(
        pd.DataFrame(rows, columns=["", "value"]).astype(str), border="horizontal", hide_index=True, hide_header=True
    )
    if trade["ambiguous"]:
        kind = formats.money(trade["kind_pnl"], page.quote, sign=True)
        st.caption(f"Stop and target lay in the same bar; the stop was taken. With the target it were {kind}.")


def _signal(trade: dict[str, Any]) -> str:
    if trade["decided_ts"] is None:
        return "none stored"
    checks = overview.as_json(trade["checks"])
    strength = "" if trade["strength"] is None else f", strength {formats.number(trade['strength'])}"
    met = "".join(f", {'✓' if good else '✗'} {formats.words(name)}" for name, good in checks.items())
    return f"{formats.when(trade['decided_ts'])} UTC{', ' + trade['tag'] if trade['tag'] else ''}{strength}{met}"


def fills(page: ui.Page, trade: dict[str, Any]) -> None:
    """What was traded, fill by fill."""
    frame = tables.frame_of(
        trades.fills_of(page.engine, page.run_id, trade),
        ["ts", "side", "purpose", "qty", "price", "base_price", "fee", "liquidity"],
    )
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


main(ui.current())
