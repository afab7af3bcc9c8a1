"""The selection as files, and trades of elsewhere brought in."""

from __future__ import annotations

import pandas as pd

from app import tables, ui
from app.read import trades


def download(page: ui.Page, chosen: trades.Filter) -> None:
    """Every trade of the filters as a file."""
    tables.downloads(lambda: pd.DataFrame(trades.everything(page.engine, page.run_id, chosen)), "trades")


def bring_in() -> None:
    """Import: nothing yet."""
