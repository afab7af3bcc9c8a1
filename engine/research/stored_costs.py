"""What a stored run's fills slipped, trade by trade. One definition, for the results pages and for reports."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from db.queries import Column

FILLS = """
SELECT seq, order_seq, CASE WHEN base_price > 0 THEN (price - base_price) * qty * CASE WHEN side = 'buy' THEN 1 ELSE -1 END
       ELSE 0.0 END AS slip
FROM fill WHERE run_id = :run AND seq > :since ORDER BY seq
"""
"""Orders of a run whose number is above `:since`; `slip` is money, above zero where the price was worse than the market's."""


def slippage(trades: Mapping[str, Column], fills: Mapping[str, Column]) -> Column:
    """float64[trades]: what the fills of each trade's entry and exit orders slipped, in money; a cost is above zero."""
    if not len(fills["order_seq"]):
        return np.zeros(len(trades["seq"]))
    order = fills["order_seq"].astype(np.int64)
    by_order = np.bincount(order, fills["slip"].astype(np.float64))
    total = np.zeros(len(trades["seq"]))
    for name in ("entry_order_seq", "exit_order_seq"):
        asked = np.nan_to_num(np.asarray(trades[name], np.float64), nan=-1).astype(np.int64)
        known = (asked >= 0) & (asked < by_order.size)
        total[known] += by_order[asked[known]]
    return total
