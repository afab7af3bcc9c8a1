"""The selection as files, and trades of elsewhere brought in: looked at first, then written as a run of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from app import jobs, tables, ui
from app.read import trades
from db.errors import StorageError
from engine.access import unpack
from engine.research import records

MIME = {"csv": "text/csv", "json": "application/json", "parquet": "application/vnd.apache.parquet"}
LABELS = {"csv": "CSV", "json": "JSON", "parquet": "Parquet"}
LARGEST, UNPACKED, ROWS = 16 * unpack.MB, 128 * unpack.MB, 200_000
"""Bytes of such a file, as it comes and unpacked."""
MOST = 50_000
"""Rows that are written while a person waits; more go by the command line."""


def download(page: ui.Page, chosen: trades.Filter) -> None:
    """Every trade of the filters as a file that can be imported again, and its fills for a tax program."""
    with st.popover("Download", type="tertiary", help="every trade of the filters, as a file", key="download_trades"):
        for format, label in LABELS.items():
            _button(label, _trades(page, chosen, format), f"evenkeel-trades.{format}", MIME[format])
        _button("Fills for taxes", _tax(page, chosen), "evenkeel-fills.csv", MIME["csv"])
        st.caption("Times in ms UTC. Trades can be imported again; the fills are all of the filters' time.")


def _button(label: str, content: Callable[[], bytes], file: str, mime: str) -> None:
    st.download_button(
        label, data=content, file_name=file, mime=mime, on_click="ignore", width="stretch", key=f"download_{file}"
    )


def _trades(page: ui.Page, chosen: trades.Filter, format: str) -> Callable[[], bytes]:
    return lambda: records.trades(page.engine, [page.run_id], chosen, trades.full_text(page.engine)).file(format)


def _tax(page: ui.Page, chosen: trades.Filter) -> Callable[[], bytes]:
    return lambda: records.table(page.engine, "tax", [page.run_id], chosen.since, chosen.until).file("csv")


# ---- import ---------------------------------------------------------------------------------------------------------------
def bring_in() -> None:
    """A file, what it was understood as, and a button that imports it."""
    with st.popover("Import", type="tertiary", help="trades of elsewhere, as a run of their own", key="import_trades"):
        st.caption(
            "Evenkeel's export (CSV, JSON, Parquet), freqtrade's JSON or zip, or any CSV of closed trades. Databases and "
            "large files: `run_engine.py import-trades FILE`."
        )
        file = st.file_uploader(
            "File",
            type=["csv", "txt", "json", "parquet", "zip"],
            key="import_file",
            max_upload_size=LARGEST // unpack.MB,
        )
        left, right = st.columns(2)
        name = left.text_input("Account", key="import_name", placeholder="the file's name", max_chars=60)
        zone = right.text_input("Zone of its times", key="import_zone", placeholder="UTC")
        if file is None:
            return
        try:
            _looked_at(file, str(name or "").strip(), str(zone or "").strip())
        except (records.ImportFailed, StorageError, ValueError) as error:
            st.text(str(error))


def _looked_at(file: Any, name: str, zone: str) -> None:
    unpack.check(file.getvalue(), file.name, LARGEST, UNPACKED)
    found = records.from_bytes(
        file.getvalue(), file.name, records.Options(zone=zone, most_rows=ROWS, seconds=unpack.SECONDS)
    )
    planned = records.preview(jobs.writer(), found, name or file.name.rpartition(".")[0] or file.name)
    st.text(f"{planned.total:,} rows: {planned.new:,} new, {planned.known:,} there already, {planned.wrong:,} wrong")
    for note in planned.notes:
        st.text(note)
    for line, problem in planned.problems[:8]:
        st.text(f"line {line}: {problem}")
    if planned.wrong > 8:
        st.text(f"and {planned.wrong - 8:,} more")
    rows = [{"run": part.name, **row} for part in planned.parts for row in part.rows[:5]]
    if not rows:
        return
    frame = pd.DataFrame(rows)
    frame["closed"] = tables.utc(frame["exit_ts"])
    columns = {
        "closed": tables.short_moment("Closed"), "symbol": tables.text("Symbol"), "side": tables.text("Side"),
        "pnl": tables.amount("P&L", sign=True),
    }  # fmt: skip
    tables.table(frame, columns, key="import_preview")
    if planned.new > MOST:
        st.text(f"More than {MOST:,} trades: use the command, run_engine.py import-trades.")
        return
    label = "Import the right ones" if planned.wrong else "Import"
    if st.button(f"{label} ({planned.new:,})", type="primary", key="import_go"):
        with st.spinner("Importing"):
            records.apply(jobs.writer(), planned)
        ui.choose(planned.parts[0].name)
        st.rerun()
