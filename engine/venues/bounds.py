"""Beyond what an answer of an exchange cannot be true. Numbers alone: who measures by them says what happens then."""

from __future__ import annotations

from decimal import Decimal

EARLIEST, LATEST = 1_230_768_000_000, 4_102_444_800_000  # 2009 and 2100: outside them a time is no time
BIGGEST = Decimal(10) ** 18
MOST_ROWS = 20_000
"""In one answer: several times the longest list that exchanges send."""
LONGEST_WAIT_MS = 3 * 86_400_000
"""No exchange bans for longer; a longer wait would be a way to switch the engine off."""
HIGHEST_FEE = Decimal("0.1")
"""Of what was traded. No spot exchange takes more: an answer that says so is not believed."""
LIKELY_FEE = HIGHEST_FEE / 2
"""Of what was traded, for a fee in a third coin. Above it the trade stands, and the price of that coin is not believed."""
