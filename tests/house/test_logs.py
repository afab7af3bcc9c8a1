"""The log file rotates; a terminal shows one status block and events, a pipe shows plain lines."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from engine.runtime import logs


@pytest.fixture(autouse=True)
def quiet_afterwards() -> Iterator[None]:
    logger = logging.getLogger("evenkeel")
    before = list(logger.handlers), logger.level, logger.propagate
    yield
    for handler in [h for h in logger.handlers if h not in before[0]]:
        logger.removeHandler(handler)
        handler.close()
    logger.level, logger.propagate = before[1], before[2]


def test_the_file_rotates_and_is_stamped_in_utc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "FILE_BYTES", 2_000)
    monkeypatch.setattr(logs, "FILES", 2)
    path = logs.start_logging(tmp_path, "info")
    logger = logging.getLogger("evenkeel.loop")
    for number in range(100):
        logger.info("event %d of a hundred", number)
    logger.debug("not wanted")
    assert sorted(file.name for file in path.parent.iterdir()) == ["engine.log", "engine.log.1", "engine.log.2"]
    last = path.read_text().splitlines()[-1]
    assert last.endswith("INFO    evenkeel.loop: event 99 of a hundred")
    assert last.split()[0].endswith("Z")


def test_starting_twice_writes_each_line_once(tmp_path: Path) -> None:
    logs.start_logging(tmp_path)
    path = logs.start_logging(tmp_path)
    logging.getLogger("evenkeel").warning("once")
    assert path.read_text().count("once") == 1


def test_a_pipe_gets_plain_lines(tmp_path: Path) -> None:
    out = io.StringIO()
    logs.start_logging(tmp_path)
    with logs.Terminal(Console(file=out, force_terminal=False)) as terminal:
        logging.getLogger("evenkeel").info("bought 0.1 BTC/USD")
        terminal.status("PAPER main", {"equity": 1000})
    assert out.getvalue().splitlines()[0].endswith("bought 0.1 BTC/USD")
    assert "\x1b" not in out.getvalue()
    assert "equity" not in out.getvalue()


def test_a_terminal_shows_the_status_below_the_events(tmp_path: Path) -> None:
    out = io.StringIO()
    logs.start_logging(tmp_path)
    with logs.Terminal(Console(file=out, force_terminal=True, width=100)) as terminal:
        terminal.status("PAPER main", {"equity": 1000, "state": "running"})
        logging.getLogger("evenkeel").warning("feed silent")
        terminal.status("PAPER main", {"equity": 1001, "state": "running"})
    text = out.getvalue()
    assert text.index("feed silent") < text.rindex("equity")
    assert text.rindex("1001") > text.index("PAPER main")
