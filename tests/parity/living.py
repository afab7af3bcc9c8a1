"""A run lived in this process by the engine's own loop, on a market that waits for it: assembler, queue, tape, trader and
recorder as in life, only the socket is missing. The sandbox answers REST requests; its clock goes with the feed.

The loop asks its stop signal once a turn; here that signal hands it the next second of the market, so a session is the same
every time and as fast as the machine.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from db.session import open_engine
from engine.config.reading import parse
from engine.config.text import bare
from engine.core.bars import Beat, Quote, Tick
from engine.ledger.audit import audit
from engine.market import feeds
from engine.market.assembler import FILLING, LIVE, Assembler
from engine.market.events import Connected, Disconnected
from engine.market.wire import to_qty
from engine.research.parity import ParityReport, replay
from engine.runtime import loop
from engine.sandbox.server import Sandbox

RUN = "parity"
SECOND = 1000
AT_ONCE_MS = 600_000
QUOTE_EVERY = 4
HEAD = """\
[run]
name = "parity"
mode = "{mode}"
exchange = "coinbase"
base_url = "{rest}"

[account]
cash = 10000
quote = "{quote}"
allow_short = {short}

[costs]
maker = 0.0002
taker = 0.0005

[api]
enabled = false

[health]
venue_seconds = 0

[schedule]
backup_at = ""
tidy_at = ""

[storage]
data_dir = "{folder}"

[engine]
history_bars = {history}

[limits]
{limits}
"""
LOOSE = "max_positions = 20\nmax_gross = 2.0\nper_symbol = 2.0\nconsecutive_losses = 0\ndaily_loss_pause = 0\n"
LOOSE += "daily_loss_halt = 0\ndrawdown_reduce = 0\ndrawdown_halt = 0\n"


class Died(BaseException):
    """The process ended without a word: nothing is finished, nothing more is written."""


@dataclass
class Feed:
    """The market of a sandbox as a feed's events, a second at a time."""

    sandbox: Sandbox
    symbols: list[str]
    on_event: Callable[[Any], None]
    polling: bool = False
    connected: bool = True
    last_error: str = ""
    counters: Counter[str] = field(default_factory=Counter)
    said: dict[int, list[Tick | Quote]] = field(default_factory=dict)

    @property
    def assembler(self) -> Assembler:
        return self.on_event.__self__  # type: ignore[attr-defined,no-any-return]

    def start(self) -> None:
        self.on_event(Connected(0))

    def stop(self, timeout: float = 3.0) -> None:
        self.connected = False

    def second(self, ts: int) -> None:
        """Everything the exchange says in [ts, ts + 1 s), and the beat at its end."""
        if ts not in self.said:
            self._prepare(ts)
        for event in self.said.pop(ts):
            self.on_event(event)
        self.on_event(Beat(ts + SECOND))

    def _prepare(self, start: int) -> None:
        """The next minutes, by the second: prints in order, and after a second's prints the quote that they leave."""
        end = start + AT_ONCE_MS
        self.said = {ts: [] for ts in range(start, end, SECOND)}
        for i, symbol in enumerate(self.symbols):
            market, name = self.sandbox.market, symbol.replace("/", "-")
            product, prints = market.products[name], market.prints(name, start, end)
            for at, price, size, side, number in zip(*(column.tolist() for column in prints), strict=True):
                second = at // SECOND * SECOND
                self.said[second].append(Tick(i, at, price, to_qty(product.size_text(size)), number))
                if number % QUOTE_EVERY == 0:
                    quote = market.quoted(name, at, price, side, number)
                    self.said[second].append(Quote(i, at, quote.bid, quote.ask, number))
        for events in self.said.values():
            events.sort(key=lambda event: (event.ts, isinstance(event, Quote)))


Deed = Callable[["Pump"], Iterator[None] | None]


class Pump(threading.Event):
    """The loop's stop signal, set when the script is over; each time it is asked it lets a second pass."""

    def __init__(self, life: Life, until: int, deeds: Iterable[tuple[int, Deed]]) -> None:
        super().__init__()
        self.life, self.until = life, until
        self.deeds = sorted(deeds, key=lambda deed: deed[0])
        self.feed: Feed | None = None
        self.waiting: Iterator[None] | None = None
        self.ahead = 0

    def is_set(self) -> bool:
        if self.waiting is not None:
            if next(self.waiting, self) is not self:
                return False
            self.waiting = None
        if self.deeds and self.life.now >= self.deeds[0][0] and self._drained():
            self.waiting = self.deeds.pop(0)[1](self)
        elif self.life.now >= self.until:
            return self._drained()
        else:
            self._next()
        return False

    def _drained(self) -> bool:
        assert self.feed is not None
        return bool(self.feed.assembler.emit.__self__.items.empty()) and self._settled()  # type: ignore[attr-defined]

    def _settled(self) -> bool:
        assert self.feed is not None
        return self.feed.assembler.glance().state == LIVE

    def _next(self) -> None:
        """A second of market; while a gap is being asked for, no more of it than the asking waits for."""
        assert self.feed is not None
        if self.feed.assembler.glance().state == FILLING:
            self.ahead += 1
            if self.ahead > 10:
                return
        else:
            self.ahead = 0
        self.life.sandbox.exchange.clock.now = self.life.now + SECOND
        self.feed.second(self.life.now)
        self.life.now += SECOND

    def lose(self, seconds: int) -> None:
        """The connection breaks and stands again `seconds` later."""
        assert self.feed is not None
        self.feed.on_event(Disconnected(self.life.now, "reset by the test"))
        self.life.now += seconds * SECOND
        self.feed.on_event(Connected(0))


@dataclass
class Life:
    """A data folder and its runs of the engine, one after another, on one market."""

    folder: Path
    sandbox: Sandbox
    monkeypatch: pytest.MonkeyPatch
    slots: str
    limits: str = LOOSE
    quote: str = "USD"
    short: bool = False
    history: int = 120
    mode: str = "paper"
    now: int = 0
    starts: int = 0
    answers: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.now = self.now or self.sandbox.now()

    def text(self) -> str:
        words = {
            "rest": self.sandbox.rest_url,
            "quote": self.quote,
            "short": str(self.short).lower(),
            "mode": self.mode,
        }
        return HEAD.format(folder=self.folder, limits=self.limits, history=self.history, **words) + self.slots

    def live(self, minutes: float, *deeds: tuple[float, Deed]) -> None:
        """The engine runs for so many minutes of market; deeds are done so many minutes after its start."""
        begun = self.now
        pump = Pump(self, begun + int(minutes * 60_000), [(begun + int(at * 60_000), deed) for at, deed in deeds])

        def opened(_exchange: str, symbols: list[str], _instruments: Any, on_event: Any, *_: Any) -> Feed:
            pump.feed = Feed(self.sandbox, symbols, on_event)
            return pump.feed

        self.monkeypatch.setattr(feeds, "open", opened)
        self.monkeypatch.setattr(loop, "QUEUE_FAST", loop.QUEUE)  # nobody takes from the queue while the feed is asked
        self.starts += 1
        with suppress(Died):
            config = parse(self.text())
            self.folder.mkdir(parents=True, exist_ok=True)
            self.file.write_text(self.text())
            assert loop.run_engine(config, bare(config), stop=pump, watch=self.file) == 0

    def away(self, minutes: float) -> None:
        """The market goes on without the engine."""
        self.now += int(minutes * 60_000)
        self.sandbox.exchange.clock.now = self.now

    # ---- what a person does meanwhile --------------------------------------------------------------------------------------
    def ask(self, kind: str, *, run: int = 1, **args: Any) -> Deed:
        """A command to `run` as the app and the command line give it: a row, answered before the market goes on."""

        def asked(_pump: Pump) -> Iterator[None]:
            with sqlite3.connect(self.database) as raw:
                number = raw.execute(
                    "INSERT INTO command (uuid, run_id, kind, args, source, created_ts, state) "
                    "VALUES (?, ?, ?, ?, 'cli', 0, 'new')",
                    (f"{self.starts}-{len(self.answers)}", run, kind, json.dumps(args)),
                ).lastrowid
            while (answer := self.rows("SELECT state, result FROM command WHERE id = ?", number)[0])[0] == "new":
                yield
            self.answers.append(f"{kind}: {answer[0]}: {answer[1]}")

        return asked

    def edit(self, change: Callable[[str], str]) -> Deed:
        """The configuration is edited: the file, and what the watcher tells of it, before the market goes on."""

        def edited(pump: Pump) -> None:
            assert pump.feed is not None
            text = change(self.file.read_text())
            self.file.write_text(text)
            pump.feed.assembler.emit.__self__.reloader.offer(text)  # type: ignore[attr-defined]

        return edited

    @property
    def file(self) -> Path:
        return self.folder / "config.toml"

    @staticmethod
    def die(_pump: Pump) -> None:
        raise Died

    # ---- what there is afterwards --------------------------------------------------------------------------------------------
    @property
    def database(self) -> Path:
        return self.folder / "evenkeel.db"

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with sqlite3.connect(self.database, timeout=10) as raw:
            return raw.execute(query, values).fetchall()

    def count(self, query: str, *values: Any) -> int:
        return int(self.rows(f"SELECT count(*) FROM {query}", *values)[0][0])

    def parity(self) -> ParityReport:
        return parity_of(self.folder)

    def proven(self) -> dict[str, int]:
        """Parity and audit hold; how many rows of each kind were compared."""
        report = self.parity()
        assert report.ok, report.differences
        engine = open_engine(f"sqlite:///{self.database}")
        try:
            books = audit(engine, 1)
        finally:
            engine.dispose()
        assert books.ok, books.problems
        return report.counts


def parity_of(folder: Path, run: int | str = RUN) -> ParityReport:
    """A run in a data folder against its tape."""
    engine = open_engine(f"sqlite:///{folder / 'evenkeel.db'}")
    try:
        return replay(run, engine, folder / "runs")
    finally:
        engine.dispose()
