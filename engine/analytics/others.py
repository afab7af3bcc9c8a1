"""What other tools would print for the same account, by their own conventions, and why that differs from ours.

The formulas are written here anew from what those tools document and do; the tools themselves are not used.
"""

from __future__ import annotations

from engine.analytics import others_backtesting, others_freqtrade, others_quantstats, others_vectorbt
from engine.analytics.definitions import Account
from engine.analytics.others_rules import Other, apply

TOOLS = {
    "freqtrade": others_freqtrade.RULES,
    "backtesting.py": others_backtesting.RULES,
    "vectorbt": others_vectorbt.RULES,
    "quantstats": others_quantstats.RULES,
}


def others(account: Account) -> list[Other]:
    """Every line of every tool, in the order they print."""
    return [line for tool, rules in TOOLS.items() for line in apply(tool, rules, account)]
