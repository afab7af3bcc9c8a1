"""A SQLite file that somebody else may have made, judged before anything in it is run.

Its structure is read as words alone and held against the one written down (structure.py, the migrations): a view, a trigger, a
generated column, a check of a stranger's would run with the first question. Only then are pages and values looked at. PostgreSQL,
and what rows mean, are not known here.
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from db.schema import APPLICATION_ID, head, migrate, revisions
from db.session import lenient
from db.structure import statements

MOST = 5
"""Problems of a kind that are told."""
LONGEST_SQL = 200_000
OBJECTS = "SELECT type, name, tbl_name, sql FROM sqlite_master LIMIT 5000"
STATISTICS = {"sqlite_stat1": "CREATE TABLE sqlite_stat1(tbl,idx,stat)"}
"""What `ANALYZE` leaves behind, and no harm is in."""
BESIDE = ("-wal", "-journal", "-shm")
"""Files by which SQLite would see another content than the file's own."""

_TOKEN = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | `[^`]*` | \[[^\]]*\] | --[^\n]* | /\*.*?\*/ | [\w$]+ | \S""",
    re.VERBOSE | re.DOTALL,
)
_KINDS = {
    "INT": "integer", "BOOL": "integer", "CHAR": "text", "TEXT": "text", "BLOB": "blob", "FLOA": "real", "DOUB": "real",
    "REAL": "real", "JSON": "json",
}  # fmt: skip
"""By a word of a column's declared type what it holds."""
_Objects = Counter[tuple[str, str, str, str]]


def opened(file: Path, *, checks: bool = False) -> sqlite3.Connection:
    """The file for reading: nothing in its structure may call what is not harmless, and every page is looked at before it is
    used. `checks`: CHECK constraints count; SQLite forgets them where a file is opened for reading alone."""
    raw = sqlite3.connect(f"{file.resolve().as_uri()}?mode={'rw' if checks else 'ro'}", uri=True)
    raw.text_factory = lenient
    raw.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, LONGEST_SQL)
    raw.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    for pragma in ("trusted_schema=OFF", "cell_size_check=ON", "query_only=ON", "temp_store=MEMORY"):
        raw.execute(f"PRAGMA {pragma}")
    return raw


def problems(file: Path) -> list[str]:
    """What keeps this file from being taken for one of ours, in sentences; empty: structure, pages and values are as they
    should be. Nothing in the file is run before its structure is known."""
    beside = [file.name + ending for ending in BESIDE if file.with_name(file.name + ending).exists()]
    if beside:
        return [f"beside {file.name} lies {beside[0]}, which no backup has: it would put another content in its place"]
    with file.open("rb") as content:
        header = content.read(20)
    if header[18:20] == b"\2\2":
        return [
            f"{file.name} is a database in use, or a copy of one, and no backup: take one with `run_engine.py backup`"
        ]
    try:
        with closing(opened(file, checks=True)) as raw:
            return _structure(raw) or _pages(raw) or _values(raw)
    except (sqlite3.Error, UnicodeError) as error:
        return [f"{file.name} is damaged: {error}"]


# ---- structure --------------------------------------------------------------------------------------------------------------
def _structure(raw: sqlite3.Connection) -> list[str]:
    """Sentences about what is more, less or otherwise than this revision's structure."""
    found = raw.execute(OBJECTS).fetchall()
    version = [row for row in found if row[1] == "alembic_version" and _words(row[3]) == _words(_made(head())[0])]
    if not version:
        return ["it is no database of Evenkeel"]
    revision = raw.execute("SELECT version_num FROM alembic_version LIMIT 1").fetchone()
    if revision is None or revision[0] not in revisions():
        return [] if revision is None else [f"it was written by a newer Evenkeel (schema {str(revision[0])[:20]!r})"]
    mine, theirs = _objects(_reference(str(revision[0]))), _objects(found)
    for name, sql in STATISTICS.items():
        theirs.pop(("table", name, name, _form("table", sql)), None)
    return _told(mine, theirs) or _index(raw)


def _told(mine: _Objects, theirs: _Objects) -> list[str]:
    more, less = theirs - mine, mine - theirs
    known = {(kind, name) for kind, name, _, _ in less}
    other = {(kind, name) for kind, name, _, _ in more} & known
    said = [f"its {kind} {name[:60]!r} is not the one that Evenkeel makes" for kind, name in sorted(other)]
    said += [f"it holds the {kind} {name[:60]!r}, which no Evenkeel makes: remove it there, or it would run here"
             for kind, name, _, _ in sorted(more) if (kind, name) not in other]  # fmt: skip
    said += [f"it lacks the {kind} {name!r}" for kind, name, _, _ in sorted(less) if (kind, name) not in other]
    return said[:MOST]


def _index(raw: sqlite3.Connection) -> list[str]:
    """What the full-text index is told about itself; nothing of ours changes that."""
    if not raw.execute("SELECT count(*) FROM sqlite_master WHERE name = 'journal_fts_config'").fetchone()[0]:
        return []
    told = raw.execute("SELECT k, v FROM journal_fts_config LIMIT 2").fetchall()
    return [] if told == [("version", 4)] else ["its full-text index was told to work in another way"]


def _reference(revision: str) -> list[tuple[str, str, str, str | None]]:
    """The objects of an empty database of this revision: as written down, else as the migrations make it."""
    if made := statements(revision):
        with closing(sqlite3.connect(":memory:")) as raw:
            for one in made:
                raw.execute(one)
            return raw.execute(OBJECTS).fetchall()
    engine = create_engine("sqlite://", poolclass=StaticPool)
    try:
        migrate(engine, revision)
        with engine.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(OBJECTS)]
    finally:
        engine.dispose()


def _made(revision: str) -> list[str]:
    return statements(revision) or [str(row[3]) for row in _reference(revision) if row[1] == "alembic_version"]


def _objects(rows: list[tuple[str, str, str, str | None]]) -> _Objects:
    """Each object by kind, name, table and form. Indices that SQLite makes by itself are numbered by their table's text, in
    which constraints may stand in another order: they count by their table."""
    return Counter((k, t if sql is None else n, t, _form(k, sql or "")) for k, n, t, sql in rows)


def _form(kind: str, sql: str) -> str:
    """What the text says: spaces, comments, quotes around names and the order of a table's clauses say nothing."""
    words = _words(sql)
    if kind != "table" or words[:2] != ["create", "table"] or "(" not in words:
        return " ".join(words)
    begin = words.index("(")
    clauses, end = _clauses(words, begin)
    return " ".join([*words[:begin], "(", *sorted(clauses), ")", *words[end + 1 :]])


def _words(sql: str | None) -> list[str]:
    found = (one for one in _TOKEN.findall(sql or "") if not one.startswith(("--", "/*")))
    plain = [one.lower() if one[0] not in "'\"`[" else one if one[0] == "'" else one[1:-1].lower() for one in found]
    return plain[:-1] if plain[-1:] == [";"] else plain


def _clauses(words: list[str], begin: int) -> tuple[list[str], int]:
    """What stands between the commas of the bracket at `begin`, and where that bracket ends."""
    depth, clause, found = 0, list[str](), list[str]()
    for at in range(begin, len(words)):
        one = words[at]
        depth += (one == "(") - (one == ")")
        if depth == 0:
            return [*found, " ".join(clause)], at
        if one == "," and depth == 1:
            found.append(" ".join(clause))
            clause = []
        elif at > begin:
            clause.append(one)
    return [*found, " ".join(clause)], len(words)


# ---- pages and values ---------------------------------------------------------------------------------------------------------
def _pages(raw: sqlite3.Connection) -> list[str]:
    number = raw.execute("PRAGMA application_id").fetchone()[0]
    if number not in (0, APPLICATION_ID):
        return [f"it bears another program's mark ({number})"]
    sound = [str(row[0]) for row in raw.execute(f"PRAGMA integrity_check({2 * MOST})")]
    if sound != ["ok"]:
        return sound
    broken = raw.execute("PRAGMA foreign_key_check").fetchmany(1)
    return [f"rows of {broken[0][0]} point nowhere"] if broken else []


def _values(raw: sqlite3.Connection) -> list[str]:
    """Columns that hold what is not of their kind: SQLite takes any value anywhere, and nobody here expects a text for a time."""
    found = []
    tables = raw.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE TABLE%'").fetchall()
    for (name,) in tables:
        tests = dict(_tests(raw, name))
        sums = ", ".join(f"total({test})" for test in tests.values())
        counts = raw.execute(f'SELECT {sums} FROM "{name}"').fetchone() if tests else ()
        found += [f"{int(n):,} rows of {name} hold no {column}" for column, n in zip(tests, counts, strict=True) if n]
        if tests and not _legible(raw, name, list(tests)):
            found.append(f"a text in {name} is none")
    return found[:MOST]


def _legible(raw: sqlite3.Connection, table: str, columns: list[str]) -> bool:
    """Whether every text is one: whoever reads it otherwise ends there."""
    names = ", ".join(f'"{column}"' for column in columns)
    raw.text_factory = str
    try:
        for _ in raw.execute(f'SELECT {names} FROM "{table}"'):
            pass
    except sqlite3.OperationalError as error:
        if "UTF-8" not in str(error):
            raise
        return False
    finally:
        raw.text_factory = lenient
    return True


def _tests(raw: sqlite3.Connection, table: str) -> Iterator[tuple[str, str]]:
    """By column what is 1 for a value that it cannot hold."""
    for _, column, declared, *_ in raw.execute(f'PRAGMA table_info("{table}")'):
        kind = next((kind for word, kind in _KINDS.items() if word in str(declared).upper()), "")
        here = f'"{column}"'
        if kind == "json":
            yield column, f"CASE typeof({here}) WHEN 'null' THEN 0 WHEN 'text' THEN NOT json_valid({here}) ELSE 1 END"
        elif kind:
            yield column, f"typeof({here}) NOT IN ('{kind}', 'null')"
