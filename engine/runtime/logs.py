"""Where the engine's words go: a rotating file in the data folder, and the terminal.

A terminal shows one status block at its foot and events above it; anything else (a pipe, journald) gets plain lines.
Times are UTC. Nothing here decides what is worth saying.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Mapping
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from db.room import is_full
from engine.access import files
from engine.access.redact import Masked

FORMAT = "%(asctime)s.%(msecs)03dZ %(levelname)-7s %(name)s: %(message)s"
SHORT = "%(asctime)s %(message)s"
FILE_BYTES, FILES = 5_000_000, 5


def start_logging(data_dir: Path, level: str = "info") -> Path:
    """Send the logger "evenkeel" to `data_dir`/logs/engine.log (5 MB, five files kept); the file's path."""
    folder = data_dir / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "engine.log"
    handler = _LogFile(path, maxBytes=FILE_BYTES, backupCount=FILES, encoding="utf-8")
    handler.setFormatter(_formatter(FORMAT, "%Y-%m-%dT%H:%M:%S"))
    logger = logging.getLogger("evenkeel")
    for old in [h for h in logger.handlers if isinstance(h, RotatingFileHandler)]:
        logger.removeHandler(old)
        old.close()
    logger.addHandler(handler)
    logger.setLevel(level.upper())
    logger.propagate = False
    return path


class _LogFile(RotatingFileHandler):
    """On a full disk the words reach the terminal alone, without a traceback for each line."""

    def _open(self) -> TextIOWrapper:
        handle = files.own(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        return TextIOWrapper(os.fdopen(handle, "ab"), self.encoding)

    def handleError(self, record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if error is None or not is_full(error):
            super().handleError(record)


def _formatter(line: str, dates: str) -> logging.Formatter:
    formatter = Masked(line, dates)
    formatter.converter = time.gmtime
    return formatter


class Terminal:
    """The person's view of a running engine: log lines as events, `status` as the block at the foot."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)
        self._live: Live | None = None
        self._handler: logging.Handler | None = None

    def __enter__(self) -> Self:
        logger = logging.getLogger("evenkeel")
        if self.console.is_terminal:
            self._live = Live(Text(""), console=self.console, refresh_per_second=4, transient=False)
            self._live.start()
            self._handler = _LiveHandler(self.console)
        else:
            self._handler = logging.StreamHandler(self.console.file)
        self._handler.setFormatter(_formatter(SHORT, "%H:%M:%S"))
        logger.addHandler(self._handler)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handler is not None:
            logging.getLogger("evenkeel").removeHandler(self._handler)
        if self._live is not None:
            self._live.stop()

    def status(self, title: str, values: Mapping[str, Any]) -> None:
        """Replace the status block; does nothing where there is no terminal."""
        if self._live is not None:
            self._live.update(_block(title, values))


def _block(title: str, values: Mapping[str, Any]) -> Group:
    grid = Table.grid(padding=(0, 3))
    items = [Text.assemble((f"{name} ", "dim"), str(value)) for name, value in values.items()]
    for start in range(0, len(items), 4):
        grid.add_row(*items[start : start + 4])
    return Group(Text(title, style="bold"), grid)


class _LiveHandler(logging.Handler):
    """Prints above the status block."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console

    def emit(self, record: logging.LogRecord) -> None:
        style = {"ERROR": "bold red", "CRITICAL": "bold red", "WARNING": "yellow"}.get(record.levelname, "")
        try:
            self.console.print(Text(self.format(record), style=style))
        except OSError:
            self.handleError(record)
