"""A run's records, for pages that may not reach into the ledger: which trades, and how they leave and come in."""

from __future__ import annotations

from engine.ledger.export import TABLES, Table, table, trades
from engine.ledger.import_read import Options, from_bytes
from engine.ledger.import_rows import ImportFailed
from engine.ledger.imports import Preview, apply, preview, refuse_if_wrong
from engine.ledger.selection import ANY, MISTAKE, RESULTS, TAG, Filter, Range, like, match

__all__ = [
    "ANY", "MISTAKE", "RESULTS", "TABLES", "TAG", "Filter", "ImportFailed", "Options", "Preview", "Range", "Table", "apply",
    "from_bytes", "like", "match", "preview", "refuse_if_wrong", "table", "trades",
]  # fmt: skip
