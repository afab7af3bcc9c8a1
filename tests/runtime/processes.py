"""The engine as a person starts it, on a sandbox that waits for it."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.crash.session import Engine, Market, _until

BY_THE_CLOCK = '''
import numpy as np
from engine.strategies.base import Bars, Signals, Strategy


class Holder(Strategy):
    """In from minute 2 of every ten on, out at minute 9."""

    def warmup(self) -> int:
        return 1

    def signals(self, bars: Bars) -> Signals:
        minute = bars.ts // 60_000 % 10
        return Signals((minute == 2).astype(np.int8), minute == 9)
'''


class Living(Engine):
    """An engine's folder with a strategy of one's own that holds from the fourth to the tenth minute of every ten."""

    def prepare(self) -> Living:
        config = self.config
        config.write_text(
            config.read_text().split("[[slots]]")[0] + '[[slots]]\nstrategy = "holder"\nsymbols = ["BTC/USD"]\n'
        )
        (self.folder / "my" / "strategies").mkdir(parents=True, exist_ok=True)
        (self.folder / "my" / "strategies" / "holder.py").write_text(BY_THE_CLOCK)
        return self

    def environment(self, kill_at: str = "") -> dict[str, str]:
        return {**super().environment(kill_at), "EVENKEEL_HOME": str(self.folder / "my")}

    def row(self, query: str) -> tuple[Any, ...] | None:
        path = self.folder / "evenkeel.db"
        if not path.exists():
            return None
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5) as raw:
            try:
                return raw.execute(query).fetchone()
            except sqlite3.OperationalError:
                return None  # its tables are being made

    def until(self, query: str, process: subprocess.Popen[bytes], seconds: float = 60) -> None:
        """Wait until the query has a row whose first column is true."""

        def there() -> bool:
            assert process.poll() is None, f"it ended with {process.returncode}: {self.last_words()}"
            found = self.row(query)
            return bool(found and found[0])

        _until(there, seconds, f"never: {query}: {self.last_words()}")

    def until_end(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until everything that the market had is in the ledger."""
        self.until(f"SELECT max(exchange_ts) >= {self.place.end_ms - 15_000} FROM snapshot", process)

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        process = self.spawn()
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def at_binance(engine: Engine) -> None:
    """The same slots on the same market, as Binance lists and tells it: coins against USDT, other streams, coarser lots."""
    text = engine.config.read_text().replace('"coinbase"', '"binance"').replace('/USD"', '/USDT"')
    engine.config.write_text(text.replace("[account]", '[account]\nquote = "USDT"'))


def stopped(process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> int:
    """Its exit code; one that does not stop on a signal is a failure after half a minute."""
    process.send_signal(number)
    return process.wait(30)


def living(folder: Path, place: Market) -> Living:
    return Living(folder, place).prepare()
