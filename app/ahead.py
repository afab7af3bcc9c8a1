"""What pages import, imported while nobody waits: the server has just come up and a person is still looking at the first page.

Only what the tops of the pages' files name; compiled kernels are left to the page that wants them.
"""

from __future__ import annotations

import ast
import importlib
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

from app.rooms import GROUPS, rooms

LOOKED_AT = GROUPS[1:2]
"""The results' pages, whose first opening waited longest. Others load numba, which would be in the way of the first page."""
log = logging.getLogger("evenkeel.app")


def modules() -> Iterator[str]:
    """Names of the modules that the pages of LOOKED_AT import at their tops, each once."""
    seen: set[str] = set()
    for room in rooms():
        if room.group in LOOKED_AT:
            for name in _tops(Path(room.file)):
                if name not in seen:
                    seen.add(name)
                    yield name


def _tops(file: Path) -> Iterator[str]:
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{one.name}" for one in node.names if node.module == "app")


def begin() -> threading.Thread:
    """Import them all on a thread of their own, which is returned; what fails here fails again on its page, and is told there."""
    thread = threading.Thread(target=_import_all, name="ahead", daemon=True)
    thread.start()
    return thread


def _import_all() -> None:
    for name in modules():
        try:
            importlib.import_module(name)
        except Exception:  # a page's file may raise anything; a thread has nobody to tell, the page itself has
            log.debug("%s could not be imported ahead", name, exc_info=True)
