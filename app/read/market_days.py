"""What the market did, a UTC day at a time; see engine.research.market_days, which reports use too."""

from engine.research.market_days import closes, held, last_of_day, levels, together

__all__ = ["closes", "held", "last_of_day", "levels", "together"]
