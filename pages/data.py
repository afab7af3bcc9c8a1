"""Data: which candles are stored, how whole are they, and how do more get here?"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from app import formats, jobs, lab_charts, settings, tables, ui
from app.charts import CONFIG
from app.clock import now_ms
from app.read import research_data
from app.tiles import Tile, halves, tiles
from db.errors import StorageError
from db.session import data_folder
from engine.access import unpack
from engine.market.store import Store
from engine.research.stock import Coverage, DataError, Found, Stocked, bring_in, cover, delete, look_at, stock

PAGE = {"group": "Research", "title": "Data", "place": 9, "needs_run": False}

DAY_MS = 86_400_000
EXCHANGES = ("coinbase", "binance", "kraken", "bitstamp", "okx", "bybit", "kucoin", "bitfinex", "gemini")
# offered first; any id that ccxt knows may be typed
REPAIRS = {
    "": "refuse defects",
    "drop": "take defective rows out",
    "fill": "take them out and fill holes with flat bars",
}
COLUMNS = {
    "symbol": tables.text("Symbol"),
    "timeframe": tables.text("Timeframe", width=90),
    "exchange": tables.text("Exchange"),
    "grade": tables.text("Grade", "A to F by missing bars, outliers and defects; stored with every backtest", 70),
    "from": tables.moment("From"),
    "to": tables.moment("To"),
    "bars": tables.COLUMN.NumberColumn("Candles", format="localized"),
    "missing": tables.fraction("Missing", "of the bars between first and last"),
    "holes": tables.COLUMN.NumberColumn("Holes", help="stretches of missing bars", format="localized"),
    "outliers": tables.COLUMN.NumberColumn("Outliers", help="jumps of more than 5 % and 40 median moves"),
    "revised": tables.COLUMN.NumberColumn("Revised", help="candles that a later fetch gave with other values"),
    "mb": tables.amount("MB", "on disk", digits=1),
    "hash": tables.text("Content", "SHA-256 of the values: equal text, equal candles", 110),
}
# Bytes of a file that is brought in here, as it comes and unpacked; a year of minutes has 30 MB as CSV.
CANDLES, UNPACKED = 64 * unpack.MB, 512 * unpack.MB


def main() -> None:
    """What is stored, what is wrong with it, and the two ways to get more."""
    page = ui.current_if_any()
    colors = page.colors if page is not None else ui.colors()
    store = Store(data_folder() / "candles")
    ui.title("Data", "Candles on this machine. A backtest says which of them it used, by grade and content hash.")
    working()
    found = stock(store)
    if found:
        totals(found)
        covered = {_label(one): _cover(store, one) for one in found}
        strips(covered, colors)
        chosen = listing(found)
        if chosen is not None:
            detail(store, chosen, covered[_label(chosen)])
    else:
        ui.empty(
            "No candles are stored yet",
            "Fetch some from an exchange (no account is needed), or import a file you have.",
        )
    fetching, importing = halves("get")
    with fetching:
        fetch_form()
    with importing:
        import_form(store)


def working() -> None:
    """Fetches that are being done, and the newest one if it failed."""
    newest = jobs.recent("fetch", limit=8)
    for job in newest:
        if job.open:
            jobs.watch(job.uuid)
    if newest and newest[0].state == "failed":
        jobs.ended(newest[0])
    elif newest and newest[0].state == "done" and now_ms() - (newest[0].done_ts or 0) < 600_000:
        for row in newest[0].result.get("fetched", []):
            st.caption(
                f"{row['symbol']}: {row['new']:,} candles came, {row['bars']:,} are stored. {' '.join(row['notes'])}"
            )


def _label(one: Stocked) -> str:
    return f"{one.series.symbol} {one.series.timeframe} · {one.series.exchange}"


def _cover(store: Store, one: Stocked) -> Coverage:
    """Reckoned once for each version of the file."""
    return _covered(store, *one.key, one.series.path.stat().st_mtime_ns)


@st.cache_data(show_spinner=False, max_entries=256)
def _covered(_store: Store, exchange: str, symbol: str, timeframe: str, version: int) -> Coverage:
    return cover(_store, exchange, symbol, timeframe)


def totals(found: list[Stocked]) -> None:
    qualities = [one.series.quality for one in found]
    worst = max(quality.grade for quality in qualities)
    below = sum(quality.grade > "B" for quality in qualities)
    tiles(
        [
            Tile("Series", f"{len(found):,}", formats.many(len({one.series.symbol for one in found}), "symbol")),
            Tile("Candles", f"{sum(quality.rows for quality in qualities):,}"),
            Tile("Size", f"{sum(one.size for one in found) / 1e6:,.1f} MB", "on disk"),
            Tile(
                "Worst grade",
                worst,
                f"{below} below B" if below else "all A or B",
                "of all series: A is whole, F full of holes",
            ),
        ],
        "data",
    )


def strips(covered: dict[str, Coverage], colors: Any) -> None:
    made = research_data.strips(covered)
    if not made["label"]:
        return
    tables.section("Coverage", "coverage", "each cell is a day or more: full colour where every bar is there")
    words = "; ".join(f"{name}: {formats.many(len(cover.holes), 'hole')}" for name, cover in list(covered.items())[:8])
    st.plotly_chart(lab_charts.coverage(made, colors), theme=None, key="coverage", config=CONFIG, alt=words)


def listing(found: list[Stocked]) -> Stocked | None:
    """The table; the chosen series lives in the URL."""
    raw = research_data.rows(found)
    frame = pd.DataFrame(raw)
    shown = frame.copy()
    shown["from"], shown["to"] = tables.utc(frame["from_ts"]), tables.utc(frame["to_ts"])
    shown["missing"], shown["hash"] = frame["missing"] * 100, [text[:12] for text in frame["hash"]]
    tables.heading("Series", "series", frame)
    row = tables.table(shown, COLUMNS, key="series", select=True, height=tables.tall(len(frame), 13))
    names = [":".join(one.key) for one in found]
    if row is not None and row < len(found):
        ui.to_url(series=names[row])
        return found[row]
    wanted = ui.in_url("series", "", names.__contains__)
    if not wanted:
        st.caption("Select a series to see its holes and outliers, or to delete it.")
    return found[names.index(wanted)] if wanted else None


def detail(store: Store, one: Stocked, covered: Coverage) -> None:
    """One series: what is missing, what jumps, and the button that takes it away."""
    quality = one.series.quality
    with st.container(border=True, key="series_detail"):
        with tables.section(_label(one), "series_detail"):
            if quality.gaps and st.button(
                "Ask for the holes again", key="refill_series", help="once more from the exchange"
            ):
                ask_again(one, holes=True)
            if st.button("Fetch up to now", key="update_series", help="what has come since the last stored candle"):
                ask_again(one)
            if st.button("Delete…", key="delete_series"):
                st.session_state["delete_series_of"] = one.key
        st.caption(
            f"{quality.rows:,} of {quality.expected:,} bars, {quality.gaps:,} missing; {quality.zero_volume:,} without volume; "
            f"longest standstill {quality.longest_frozen:,} bars; duplicates and defects are refused on the way in."
        )
        left, right = halves("series")
        with left:
            holes(covered)
        with right:
            jumps(covered)
        st.caption(f"SHA-256 {quality.content_hash}")
    if st.session_state.get("delete_series_of") == one.key:
        confirm(store, one)


def ask_again(one: Stocked, *, holes: bool = False) -> None:
    """A job that fills what this series lacks: inside of it, or since its end."""
    series = one.series
    args = {
        "exchange": series.exchange, "symbols": [series.symbol], "timeframe": series.timeframe,
        "start": int(series.quality.start or 0), "end": now_ms(), "base_url": st.session_state.get("fetch_address", "").strip(),
        **({"holes": True} if holes else {}),
    }  # fmt: skip
    what = "holes" if holes else "up to now"
    try:
        jobs.ask("fetch", args, f"{series.symbol} {series.timeframe} from {series.exchange}, {what}")
    except StorageError as error:
        st.warning(str(error))
        return
    st.rerun()


def holes(covered: Coverage) -> None:
    if not covered.holes:
        st.caption("No bar is missing.")
        return
    frame = pd.DataFrame(covered.holes)
    tables.heading("Longest holes", "holes", frame)
    shown = pd.DataFrame(
        {
            "from": tables.utc(frame["from_ts"]),
            "to": tables.utc(frame["to_ts"]),
            "bars": frame["bars"],
            "lasted": [formats.duration(ms) for ms in frame["to_ts"] - frame["from_ts"]],
        }
    )
    columns = {
        "from": tables.moment("From"),
        "to": tables.moment("To"),
        "bars": "Bars",
        "lasted": tables.text("Lasted"),
    }
    tables.table(shown, columns, key="holes", height=tables.tall(len(shown), 7))


def jumps(covered: Coverage) -> None:
    if not covered.outliers:
        st.caption("No bar jumps out of the row.")
        return
    frame = pd.DataFrame(covered.outliers)
    tables.heading("Outliers", "outliers", frame)
    shown = pd.DataFrame(
        {
            "ts": tables.utc(frame["ts"]),
            "close": [formats.price(value) for value in frame["close"]],
            "move": frame["move"] * 100,
        }
    )
    columns = {"ts": tables.moment("Time"), "close": tables.figure("Close"), "move": tables.fraction("Move", sign=True)}
    tables.table(shown, columns, key="outliers", height=tables.tall(len(shown), 7))


def _keep() -> None:
    st.session_state.pop("delete_series_of", None)


@st.dialog("Delete candles", on_dismiss=_keep)
def confirm(store: Store, one: Stocked) -> None:
    st.text(_label(one))
    st.write(
        f"Takes {one.series.quality.rows:,} candles from this machine. Runs made with them stay, but can no longer be made again "
        "unless the same candles are fetched again."
    )
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Keep", key="delete_keep"):
            _keep()
            st.rerun()
        if st.button("Delete", key="delete_do", type="primary"):
            delete(store, *one.key)
            _keep()
            ui.to_url(series="")
            st.rerun()


def fetch_form() -> None:
    """Exchange, symbols, timeframe, days: a job."""
    tables.section("Fetch from an exchange", "fetch")
    with st.form("fetch", border=True):
        exchange = st.selectbox("Exchange", EXCHANGES, accept_new_options=True, key="fetch_exchange")
        symbols = st.multiselect(
            "Symbols", ["BTC/USD", "ETH/USD", "SOL/USD", "BTC/USDT", "ETH/USDT"], ["BTC/USD"], accept_new_options=True,
            key="fetch_symbols", help="any pair the exchange lists: type it and press Enter",
        )  # fmt: skip
        left, right = st.columns(2)
        timeframe = left.selectbox("Timeframe", list(settings.STEPS), key="fetch_timeframe")
        days = right.number_input("Days up to now", 1, 5000, 90, key="fetch_days")
        address = st.text_input(
            "Another address", key="fetch_address", placeholder="the exchange's own",
            help="a server that speaks this exchange's REST protocol, such as the demo's",
        )  # fmt: skip
        asked = st.form_submit_button("Fetch", type="primary")
    if asked:
        request(str(exchange or ""), [str(name) for name in symbols], str(timeframe), int(days), address.strip())


def request(exchange: str, symbols: list[str], timeframe: str, days: int, address: str) -> None:
    """Ask for the job; what is stored already is not fetched again."""
    pairs, wrong = settings.pairs(symbols)
    if wrong or not pairs or not exchange:
        st.warning(wrong or "Name an exchange and at least one pair.")
        return
    if address and not address.startswith(("http://", "https://")):
        st.warning(f"Another address begins with http:// or https://, as in http://{address}.")
        return
    end = now_ms()
    args = {"exchange": exchange, "symbols": pairs, "timeframe": timeframe, "start": end - days * DAY_MS, "end": end}
    try:
        jobs.ask("fetch", {**args, "base_url": address}, f"{', '.join(pairs)} {timeframe}, {days} days from {exchange}")
    except StorageError as error:
        st.warning(str(error))
        return
    st.rerun()


def import_form(store: Store) -> None:
    """A file is looked at first, and stored when the person agrees with what it is."""
    tables.section("Import a file", "import")
    with st.container(border=True):
        file = st.file_uploader(
            "Candles", type=["csv", "gz", "zip", "json", "feather", "parquet"], key="import_file",
            max_upload_size=CANDLES // unpack.MB,
            help="ccxt, freqtrade, Binance Vision, CryptoDataDownload, Kaggle Bitstamp, or any table with time, open, high, low, "
            "close, volume",
        )  # fmt: skip
        repair = st.selectbox("Defects", list(REPAIRS), format_func=REPAIRS.__getitem__, key="import_repair")
        if file is None:
            st.caption("The layout is found out by itself and said before anything is stored.")
            return
        try:
            unpack.check(file.getvalue(), file.name, CANDLES, UNPACKED)
            found = _looked(file.name, file.getvalue(), str(repair))
        except (DataError, ValueError) as error:
            st.warning(str(error))
            return
        preview(store, found)


@st.cache_data(show_spinner="Reading the file", max_entries=2)
def _looked(name: str, content: bytes, repair: str) -> Found:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "upload"
        place.write_bytes(content)
        return look_at(place, Path(name).name, repair)


def preview(store: Store, found: Found) -> None:
    quality = found.quality
    span = f"{formats.when(quality.start)} to {formats.when(quality.end)} UTC"
    st.markdown(f"**{found.layout}**, {quality.rows:,} candles of {found.timeframe}, grade {quality.grade}")
    st.caption(span)
    for note in found.notes:
        st.caption(f"· {note}")
    left, right = st.columns(2)
    which = quality.content_hash[:8]
    exchange = left.text_input("Exchange", found.exchange or "imported", key=f"import_exchange_{which}")
    symbol = right.text_input("Symbol", found.symbol, key=f"import_symbol_{which}", placeholder="BTC/USD")
    if st.button("Store them", type="primary", key="import_do"):
        try:
            series = bring_in(store, found, exchange, symbol)
        except (DataError, ValueError) as error:
            st.warning(str(error))
            return
        ui.to_url(series=":".join((series.exchange, series.symbol, series.timeframe)))
        st.rerun()


main()
