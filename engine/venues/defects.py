"""What becomes of an exception nobody foresaw where a live account must go on: told with its place, once. Decides nothing.

The exception's own message is left out: between an adapter and its exchange it may hold what was signed.
"""

from __future__ import annotations

import logging
import traceback

log = logging.getLogger("evenkeel.venues")

_told: set[tuple[str, str, str, int | None]] = set()


def tell(where: str, error: Exception) -> None:
    """Log that `where` met `error`, and the lines it passed through; the same one from the same line is told once a process."""
    steps = traceback.extract_tb(error.__traceback__)
    last = steps[-1]
    key = (where, type(error).__name__, last.filename, last.lineno)
    if key in _told:
        return
    _told.add(key)
    passed = "".join(traceback.format_list(steps)).rstrip()
    log.error(
        "%s failed with %s: it counts as no answer, and is said once. Please report these lines:\n%s",
        where, type(error).__name__, passed,
    )  # fmt: skip
