"""Results to stdout: a table for people, one JSON object for scripts. Nothing else may print there."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any


def emit_json(value: Mapping[str, Any]) -> None:
    """One JSON object on one line; what is not a finite number becomes null."""
    sys.stdout.write(json.dumps(plain(value), ensure_ascii=False, allow_nan=False) + "\n")
    sys.stdout.flush()


def plain(value: Any) -> Any:
    """JSON's own types: numpy scalars, decimals, paths and dataclasses' values included."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, Decimal):
        return str(value)
    if hasattr(value, "item") and not isinstance(value, (str, bytes)):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value) if isinstance(value, (Path, datetime)) else value


def emit_pairs(pairs: Mapping[str, Any], title: str = "") -> None:
    """Name and value, one line each."""
    if title:
        sys.stdout.write(f"{title}\n")
    width = max((len(name) for name in pairs), default=0)
    for name, value in pairs.items():
        sys.stdout.write(f"  {name.replace('_', ' '):<{width}}  {show(value)}\n")


def emit_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], empty: str) -> None:
    """A table as wide as it needs to be; `empty` is the sentence shown when there are no rows."""
    cells = [[show(value) for value in row] for row in rows]
    if not cells:
        sys.stdout.write(f"{empty}\n")
        return
    numeric = [all(_is_number(row[i]) for row in cells) for i in range(len(columns))]
    widths = [max(len(name), *(len(row[i]) for row in cells)) for i, name in enumerate(columns)]
    for row in [list(columns), *cells]:
        line = "  ".join(
            text.rjust(w) if right else text.ljust(w) for text, w, right in zip(row, widths, numeric, strict=True)
        )
        sys.stdout.write(line.rstrip() + "\n")


def show(value: Any) -> str:
    """A value as a person reads it: at most six significant decimals, no value as a dash."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "-"
    if isinstance(value, float):
        return f"{value:,.6f}".rstrip("0").rstrip(".") if abs(value) < 1000 else f"{value:,.2f}"
    if isinstance(value, dict):
        return ", ".join(f"{key}={show(item)}" for key, item in value.items()) or "-"
    return str(value)


def when(ms: int | None) -> str:
    """Milliseconds UTC as 2026-01-31 23:59:59Z."""
    if not ms:
        return "-"
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", ""))
    except ValueError:
        return text in ("-", "")
    return True


def say(text: str) -> None:
    """A line for the person at the terminal; stderr, so that stdout stays the result's."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def say_compiling() -> None:
    """Tell that the kernel will be compiled, where this machine has not done so for the present source."""
    import engine  # noqa: F401  # points NUMBA_CACHE_DIR at the folder of this source

    folder = Path(os.environ["NUMBA_CACHE_DIR"])
    if not any(folder.rglob("kernel.*.nbc")):
        say("compiling the kernel, once on this machine: a few seconds")
