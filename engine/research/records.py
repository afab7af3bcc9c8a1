"""A run's records, for pages and commands that may not reach into the ledger: which trades, and how they leave and come in."""

from __future__ import annotations

from engine.ledger.selection import ANY, MISTAKE, RESULTS, TAG, Filter, Range, like, match

__all__ = ["ANY", "MISTAKE", "RESULTS", "TAG", "Filter", "Range", "like", "match"]
