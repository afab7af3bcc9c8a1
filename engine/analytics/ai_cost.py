"""What asking models costs and brings: calls a day times tokens times price, how long a budget lasts, a forecast. Pure."""

from __future__ import annotations

import calendar
import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """USD a call and a day; `days` a month's budget lasts, at most 31; `held_back` calls a day beyond the day's budget."""

    call: float
    day: float
    days: float
    held_back: float


def estimate(
    calls_day: float,
    prompt_tokens: float,
    answer_tokens: float,
    prices: tuple[float, float],
    budgets: tuple[float, float],
) -> Estimate:
    """`prices` are USD a million tokens asked and answered, `budgets` USD a day and a month."""
    call = (prompt_tokens * prices[0] + answer_tokens * prices[1]) / 1e6
    day = calls_day * call
    fits = budgets[0] / call if call else math.inf
    really = min(day, budgets[0])
    return Estimate(call, day, min(budgets[1] / really, 31.0) if really else 31.0, max(calls_day - fits, 0.0))


def month_end(spent: float, day_of_month: int, share_of_day: float, year: int, month: int) -> float:
    """What a month will have cost if it goes on as it has: USD so far over the part of the month that is over."""
    days = calendar.monthrange(year, month)[1]
    passed = day_of_month - 1 + min(max(share_of_day, 0.0), 1.0)
    return spent * days / passed if passed > 0 else spent


def days_ahead(spent: float, day_of_month: int, share_of_day: float, year: int, month: int) -> list[float]:
    """What each day from today to the month's end will still cost if it goes on so, in USD: together what `month_end` adds."""
    days = calendar.monthrange(year, month)[1]
    passed = day_of_month - 1 + min(max(share_of_day, 0.0), 1.0)
    rate = spent / passed if passed > 0 else 0.0
    return [rate * (day_of_month - passed), *[rate] * (days - day_of_month)]
