"""The newest schema as a SQLite database holds it, written down: a new database takes it at once instead of living through
every migration.

The migrations alone say what the schema is; a test holds the file to them, and `python -m tools.structure` writes it anew.
Nothing about data, old databases or PostgreSQL belongs here.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

FILE = Path(__file__).parent / "migrations" / "structure.sql"
SHADOWS = re.compile(r"_fts_(data|idx|content|docsize|config)$")
"""Tables that SQLite's full-text index makes for itself."""


def statements(revision: str) -> list[str]:
    """What makes an empty SQLite database one of this revision; nothing where the file tells of another revision."""
    lines = FILE.read_text(encoding="utf-8") if FILE.exists() else ""
    found = list(_split(lines))
    return found if found and found[-1].endswith(f"VALUES ('{revision}');") else []


def written(raw: sqlite3.Connection) -> str:
    """The structure of an open, migrated database as SQL, in the order in which it was made."""
    made = raw.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid").fetchall()
    (revision,) = raw.execute("SELECT version_num FROM alembic_version").fetchone()
    parts = [f"{sql};" for name, sql in made if not SHADOWS.search(name)]
    return "\n".join([*parts, f"INSERT INTO alembic_version VALUES ('{revision}');"]) + "\n"


def _split(script: str) -> Iterator[str]:
    """Its statements; a trigger's inner ones stay together."""
    kept = ""
    for line in script.splitlines(keepends=True):
        kept += line
        if sqlite3.complete_statement(kept):
            yield kept.strip()
            kept = ""
