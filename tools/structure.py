"""Write db/migrations/structure.sql anew, after a migration has been added: python -m tools.structure"""

from __future__ import annotations

import sqlite3

from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from db.schema import migrate
from db.structure import FILE, written


def main() -> None:
    """Migrate a database in memory step by step, and write down what it has become."""
    FILE.unlink(missing_ok=True)
    engine = create_engine("sqlite://", poolclass=StaticPool)
    migrate(engine)
    raw = engine.raw_connection().driver_connection
    assert isinstance(raw, sqlite3.Connection)
    FILE.write_text(written(raw), encoding="utf-8")
    print(FILE.name)


if __name__ == "__main__":
    main()
