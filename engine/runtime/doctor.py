"""Looks at the machine, the folder, the database and the configuration, and says what is wrong and what to do.

Reads only: a doctor that repairs would hide what it found.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOW_DISK, LOW_DISK_MB = 1_000_000_000, 1000


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    what: str
    ok: bool
    text: str


def examine() -> list[Finding]:
    """Every check, in the order in which one would put things right."""
    findings: list[Finding] = []
    for check in (
        _python,
        _packages,
        _sqlite,
        _config,
        _strategies,
        _folder,
        _disk,
        _kernel_cache,
        _database,
        _engine,
        _clock,
    ):
        findings += _guarded(check)
    return findings


def _guarded(check: Callable[[], Iterator[Finding]]) -> list[Finding]:
    name = check.__name__.strip("_").replace("_", " ")
    try:
        return list(check())
    except Exception as error:  # a check that fails is itself a finding, and the others must still run
        words = str(error).strip().partition("\n")[0]
        return [Finding(name, False, f"could not be looked at: {type(error).__name__}: {words}")]


def _python() -> Iterator[Finding]:
    version = sys.version.split()[0]
    good = sys.version_info[:2] >= (3, 11)
    yield Finding("python", good, version if good else f"{version} is too old: Evenkeel needs 3.11 or newer")


def _packages() -> Iterator[Finding]:
    wrong, count = [], 0
    for name, wanted in _locked():
        count += 1
        try:
            have = metadata.version(name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{name} is missing")
            continue
        if have not in wanted:
            wrong.append(f"{name} is {have}, locked {' or '.join(sorted(wanted))}")
    text = f"{count} as locked" if not wrong else f"{'; '.join(wrong[:4])}: run `make install`"
    yield Finding("packages", not wrong, text)


def _locked() -> list[tuple[str, set[str]]]:
    """(name, versions) from requirements.txt; packages for other platforms only are left out."""
    found: dict[str, set[str]] = {}
    for line in (ROOT / "requirements.txt").read_text().splitlines():
        if "==" in line and line[:1].isalnum() and "sys_platform == 'win32'" not in line:
            name, _, rest = line.partition("==")
            found.setdefault(name.split("[")[0].strip(), set()).add(rest.split()[0])
    return list(found.items())


def _sqlite() -> Iterator[Finding]:
    good = sqlite3.sqlite_version_info >= (3, 37)
    yield Finding(
        "sqlite", good, sqlite3.sqlite_version if good else f"{sqlite3.sqlite_version} is too old: 3.37 is needed"
    )


def _config() -> Iterator[Finding]:
    from engine.config.check import check_slots
    from engine.config.errors import ConfigError
    from engine.config.going_live import check_live
    from engine.config.reading import find, load

    path = find()
    if not path.exists():
        yield Finding("configuration", False, f"{path} does not exist: run `run_engine.py init`")
        return
    try:
        config = load(path)
        check_slots(config, str(path))
        check_live(config, os.environ, str(path))
    except ConfigError as error:
        yield Finding("configuration", False, str(error).replace("\n", "; "))
        return
    count = sum(len(slot.symbols) for slot in config.slots)
    yield Finding("configuration", True, f"{path}: run {config.run.name} on {config.run.exchange}, {count} slots")


def _strategies() -> Iterator[Finding]:
    from engine.strategies import catalog
    from engine.strategies.base import StrategyError

    names, bad = sorted(catalog.available()), []
    for name in names:
        try:
            catalog.load(name)
        except StrategyError as error:
            bad.append(str(error))
    yield Finding("strategies", not bad, "; ".join(bad) if bad else ", ".join(names))


def _data_dir() -> Path:
    from engine.config.errors import ConfigError
    from engine.config.reading import find, load

    if os.environ.get("EVENKEEL_DATA"):
        return Path(os.environ["EVENKEEL_DATA"])
    try:
        return Path(load(find()).storage.data_dir)
    except ConfigError:
        return Path("data")


def _existing(path: Path) -> Path:
    path = path.absolute()
    return path if path.exists() else _existing(path.parent)


def _folder() -> Iterator[Finding]:
    folder = _data_dir()
    if not folder.exists():
        parent = _existing(folder)
        good = os.access(parent, os.W_OK)
        yield Finding(
            "data folder", good, f"{folder} will be made at the first start" if good else f"{parent} cannot be written"
        )
        return
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        yield Finding("data folder", False, f"{folder} cannot be written: {error.strerror}. Check its owner and rights")
        return
    yield Finding("data folder", True, str(folder))


def _disk() -> Iterator[Finding]:
    free = shutil.disk_usage(_existing(_data_dir())).free
    good = free >= LOW_DISK
    yield Finding(
        "disk",
        good,
        f"{free / 1e9:.1f} GB free" if good else f"{free / 1e6:.0f} MB free: make room, {LOW_DISK_MB} MB at least",
    )


def _kernel_cache() -> Iterator[Finding]:
    import engine

    folder = Path(os.environ.get("NUMBA_CACHE_DIR", ""))
    count = sum(1 for _ in folder.rglob("*.nbc")) if folder.is_dir() else 0
    text = f"{count} compiled functions kept" if count else "empty: the first start compiles for a few seconds"
    yield Finding("kernel", True, f"{engine.KERNEL_HASH}, {text}")


def _database() -> Iterator[Finding]:
    from db.errors import StorageError
    from db.session import check_schema, database_url, open_engine

    os.environ.setdefault("EVENKEEL_DATA", str(_data_dir()))
    url = database_url()
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        yield Finding("database", True, "there is none yet; the first start makes it")
        return
    engine = open_engine(url, read_only=True)
    try:
        check_schema(engine)
        yield Finding("database", True, "opened, schema as this version knows it")
    except StorageError as error:
        yield Finding("database", False, str(error))
    finally:
        engine.dispose()


def _engine() -> Iterator[Finding]:
    from sqlalchemy import text

    from db.session import database_url, open_engine

    url = database_url()
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        yield Finding("engine", True, "has not run here yet")
        return
    engine = open_engine(url, read_only=True)
    with engine.connect() as connection:
        row = connection.execute(
            text("SELECT state, heartbeat_ts FROM engine_status ORDER BY heartbeat_ts DESC LIMIT 1")
        ).first()
    engine.dispose()
    if row is None:
        yield Finding("engine", True, "has not run here yet")
        return
    age = time.time() - row.heartbeat_ts / 1000
    down = row.state != "stopped" and age > 5
    yield Finding(
        "engine", not down, f"{row.state}, heard {age:,.0f} s ago" + (": it died; start it again" if down else "")
    )


def _clock() -> Iterator[Finding]:
    good = 1_767_225_600 < time.time() < 4_102_444_800
    now = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime())
    yield Finding("clock", good, now if good else f"{now} cannot be right: set the machine's clock (NTP)")
