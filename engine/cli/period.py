"""Which stretch of stored candles a command works on: --days, --from and --to, and fetching what the store lacks of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.cli.data import DAY_MS, candle_store, fetch_one, parse_day, span
from engine.cli.failures import USAGE, Fail


@dataclass(frozen=True)
class Period:
    """As typed. Without days and days' names it is everything stored; `fetch` brings what is missing first, 30 days unless
    more is said."""

    days: float | None = None
    first: str | None = None
    last: str | None = None
    fetch: bool = False
    base_url: str | None = None

    def check(self) -> None:
        """Fail (2) where it contradicts itself."""
        if self.days and self.first:
            raise Fail("give --days or --from, not both: --days counts back from --to or the newest candle", USAGE)
        if self.base_url and not self.fetch:
            raise Fail("--base-url says where to fetch from: it goes with --fetch", USAGE)
        if self.first and self.last:
            span(None, self.first, self.last)

    def of(self, exchange: str, symbols: Sequence[str], timeframe: str) -> tuple[int | None, int | None]:
        """(start, end) in ms UTC, None where it is open; `symbols` at `timeframe` are fetched first where that is asked.

        Fail (2) for what is no day; errors of fetching as the `fetch` command has them.
        """
        if self.fetch:
            start, end = span(self.days, self.first, self.last)
            for symbol in symbols:
                fetch_one(exchange, symbol, timeframe, start, end, self.base_url)
            return start, end
        first, last = (parse_day(text) if text else None for text in (self.first, self.last))
        if not self.days:
            return first, last
        last = last or self._newest(exchange, symbols, timeframe)
        return (None if last is None else last - round(self.days * DAY_MS)), last

    @staticmethod
    def _newest(exchange: str, symbols: Sequence[str], timeframe: str) -> int | None:
        """The end of the newest stored candle of these symbols; None where there is none, which reading them says better."""
        store = candle_store()
        found = [store.find(exchange, symbol, timeframe) for symbol in symbols]
        ends = [one.quality.end + one.quality.timeframe_ms for one in found if one and one.quality.end is not None]
        return max(ends, default=None)
