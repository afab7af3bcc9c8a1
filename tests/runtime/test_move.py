"""A life that moves: one file, proved at both ends, and at no instant two copies that would start, killed wherever it may be."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import shutil
import signal
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import insert, text
from typer.testing import CliRunner, Result

from db.errors import StorageError
from db.models import Intent
from db.session import FILE_NAME, migrate, open_engine, write_session
from engine.cli.app import app
from engine.ledger import portable
from engine.runtime import crash
from engine.runtime.lock import EngineLock
from engine.runtime.move import bundle, latch
from engine.runtime.move.arriving import arrive, undo
from engine.runtime.move.bundle import BundleError
from engine.runtime.move.latch import Moved, refuse_moved
from engine.runtime.move.leaving import Place, leave
from engine.venues.live.ids import instance_of, tag_of
from tests.db.samples import ROWS, insert_samples

NOW = 1_767_600_000_000
SECRET = "s3cret-value"
OUT = ("move.latched", "move.copied", "move.bundled", "move.left", "move.named")
IN = ("move.arriving", "move.unpacked", "move.folder", "move.placed", "move.taken")


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stopped engine's folders, made once."""
    root = tmp_path_factory.mktemp("lived")
    engine = open_engine(f"sqlite:///{root / 'data' / FILE_NAME}")
    migrate(engine)
    with write_session(engine) as session:
        insert_samples(session.connection(), {"run", "config_version", "slot"})
        session.execute(insert(Intent), {**ROWS["intent"], "state": "acked"})
    engine.dispose()
    for name, words in {
        "data/runs/1/tape/2026-01-05.jsonl": '["clock",1,0]\n', "data/candles/coinbase/1m/BTC-USD.arrow": "candles",
        "data/instance": "0123456789abcdef",
        "data/KILL": '{"source": "file", "flatten": false, "reason": ""}', "data/logs/engine.log": "log",
        "my/config.toml": f'[storage]\ndatabase_url = ""\n# proxy http://me:{SECRET}@proxy\n',
        "my/strategies/mine.py": "# mine\n", "my/.env": f"EVENKEEL_SLACK_WEBHOOK={SECRET}\n", "my/app-password": SECRET,
    }.items():  # fmt: skip
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(words)
    return root


@pytest.fixture
def old(lived: Path, tmp_path: Path) -> Place:
    shutil.copytree(lived, tmp_path / "old")
    return place(tmp_path / "old")


def place(root: Path) -> Place:
    return Place(root / "data", root / "my", root / "my" / "config.toml", root / "data" / FILE_NAME)


def names(at: Place) -> list[str]:
    engine = open_engine(f"sqlite:///{at.database}", read_only=True)
    with engine.connect() as connection:
        found = [str(row[0]) for row in connection.execute(text("SELECT name FROM run ORDER BY id"))]
    engine.dispose()
    return found


def tree(root: Path) -> dict[str, str]:
    """What of data and my/ travels."""
    found = {}
    for top in ("data/runs", "data/candles", "my/strategies"):
        for path in (root / top).rglob("*"):
            if path.is_file():
                found[str(path.relative_to(root))] = path.read_text()
    return found


def starts(at: Place) -> bool:
    """Whether an engine would start there on what was lived."""
    try:
        refuse_moved(at.data)
    except Moved:
        return False
    return isinstance(at.database, Path) and at.database.exists()


CLEAN = multiprocessing.get_context("forkserver")
"""Children of a process without threads: a fork of this one, whose other threads may hold a lock, could wait for ever."""


def killed_at(point: str, what: Callable[..., object], *args: object) -> None:
    """Do it in a process that kills itself at the point."""
    CLEAN.set_forkserver_preload([__name__])
    child = CLEAN.Process(target=_armed, args=(point, what, args))
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL, f"{point}: ended with {child.exitcode}"


def _armed(point: str, what: Callable[..., object], args: tuple[object, ...]) -> None:
    crash.arm(point, 1)
    what(*args)


def test_everything_but_secrets_travels(old: Place, tmp_path: Path) -> None:
    file = tmp_path / "life.tar"
    manifest, found = leave(old, file, {"EVENKEEL_COINBASE_KEY": SECRET, "EVENKEEL_HOME": "x", "PATH": "y"}, NOW)
    assert (found.audited, manifest.runs) == (1, ("main",))
    assert manifest.needs == ("EVENKEEL_COINBASE_KEY", "EVENKEEL_SLACK_WEBHOOK")
    assert SECRET.encode() not in file.read_bytes()
    assert not {"my/.env", "my/app-password", "data/logs/engine.log"} & set(manifest.files)
    assert file.stat().st_mode & 0o077 == 0
    new = place(tmp_path / "new")
    _, found = arrive(new, file, NOW)
    assert (found.audited, names(new), starts(new), starts(old)) == (1, ["main"], True, False)
    assert tree(tmp_path / "new") == tree(tmp_path / "old")
    assert (new.data / "KILL").exists(), "what was killed stays killed"
    assert "***" in (new.home / "config.toml").read_text()


@pytest.mark.parametrize("point", OUT)
def test_killed_on_the_way_out(old: Place, tmp_path: Path, point: str) -> None:
    file = tmp_path / "life.tar"
    killed_at(point, leave, old, file, {}, NOW)
    assert not starts(old)
    if file.exists():
        assert bundle.unpack(file).runs == ("main",)
        with pytest.raises(Moved, match="already"):
            leave(old, tmp_path / "other.tar", {}, NOW)
    else:
        leave(old, file, {}, NOW)
    assert not starts(old)
    assert {path.name for path in tmp_path.glob("life*")} - {"life.tar"} == set()
    arrive(place(tmp_path / "new"), file, NOW)
    assert names(place(tmp_path / "new")) == ["main"]


@pytest.mark.parametrize("point", IN)
def test_killed_on_the_way_in(old: Place, tmp_path: Path, point: str) -> None:
    file, new = tmp_path / "life.tar", place(tmp_path / "new")
    leave(old, file, {}, NOW)
    killed_at(point, arrive, new, file, NOW)
    assert not starts(new)
    with pytest.raises(Moved, match="--in"):
        refuse_moved(new.data)
    arrive(new, file, NOW)
    assert (starts(new), starts(old), names(new)) == (True, False, ["main"])
    assert tree(tmp_path / "new") == tree(tmp_path / "old")
    assert not new.stage.exists()


@pytest.mark.parametrize("point", ["move.folder", "move.taken"])
def test_a_move_in_that_was_broken_off_can_be_undone(old: Place, tmp_path: Path, point: str) -> None:
    file, new = tmp_path / "life.tar", place(tmp_path / "new")
    new.home.mkdir(parents=True)
    (new.home / ".env").write_text("EVENKEEL_SLACK_WEBHOOK=mine\n")
    leave(old, file, {}, NOW)
    killed_at(point, arrive, new, file, NOW)
    undo(new)
    assert sorted(path.name for path in new.home.rglob("*") if path.is_file()) == [".env"]
    assert [path.name for path in new.data.iterdir()] == []


def test_nothing_is_replaced(old: Place, tmp_path: Path) -> None:
    file, new = tmp_path / "life.tar", place(tmp_path / "new")
    leave(old, file, {}, NOW)
    with pytest.raises(Moved, match="very copy"):
        arrive(old, file, NOW)
    arrive(new, file, NOW)
    with pytest.raises(StorageError, match="is there already"):
        arrive(new, file, NOW)
    third = place(tmp_path / "third")
    third.home.mkdir(parents=True)
    (third.home / "config.toml").write_text("# mine\n")
    with pytest.raises(StorageError, match=r"config\.toml is there already"):
        arrive(third, file, NOW)
    assert (starts(new), third.data.exists()) == (True, False)


def test_wrong_books_stay_where_they_are(old: Place, tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{old.database}")
    with write_session(engine) as session:
        insert_samples(session.connection(), {"orders", "fill"} | {"trade"})
    engine.dispose()
    with pytest.raises(StorageError, match="books are not right"):
        leave(old, tmp_path / "life.tar", {}, NOW)
    assert starts(old)
    assert {*os.listdir(tmp_path)} == {"old"}


def _spoiled(file: Path, target: Path, change: str) -> None:
    """The bundle again with one thing wrong."""
    with tarfile.open(file) as tar, tarfile.open(target, "w") as wrong:
        for entry in tar:
            stream = tar.extractfile(entry)
            assert stream is not None
            content = stream.read()
            if change == "missing" and entry.name.endswith(".arrow"):
                continue
            if change == "bytes" and entry.name.endswith(".arrow"):
                content = content[:-1] + b"!"
            if change == "outside" and entry.name == bundle.MANIFEST:
                told = json.loads(content)
                told["files"]["data/../../x"] = ["0", 0]
                content = json.dumps(told).encode()
            entry.size = len(content)
            wrong.addfile(entry, io.BytesIO(content))
        if change == "more":
            wrong.addfile(tarfile.TarInfo("data/extra"))
        if change == "link":
            link = tarfile.TarInfo("data/runs/link")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
            wrong.addfile(link)


@pytest.mark.parametrize("change", ["missing", "bytes", "outside", "more", "link", "cut", "other"])
def test_a_bundle_that_is_not_as_written_is_refused(old: Place, tmp_path: Path, change: str) -> None:
    file, wrong = tmp_path / "life.tar", tmp_path / "wrong.tar"
    leave(old, file, {}, NOW)
    if change == "cut":
        wrong.write_bytes(file.read_bytes()[:-20_000])
    elif change == "other":
        wrong.write_bytes(b"PK" + bytes(2000))
    else:
        _spoiled(file, wrong, change)
    new = place(tmp_path / "new")
    with pytest.raises(BundleError):
        arrive(new, wrong, NOW)
    assert not (new.data / FILE_NAME).exists()
    assert latch.read(new.data) is None
    arrive(new, file, NOW)
    assert starts(new)


def _cli(monkeypatch: pytest.MonkeyPatch, root: Path, *words: str, given: str = "") -> Result:
    monkeypatch.setenv("EVENKEEL_DATA", str(root / "data"))
    monkeypatch.setenv("EVENKEEL_HOME", str(root / "my"))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    return CliRunner().invoke(app, ["move", *words], input=given)


def test_the_command(old: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, file = tmp_path / "old", str(tmp_path / "life.tar")
    url = f"sqlite:///{old.database}"
    running = EngineLock(open_engine(url), url)
    running.acquire()
    refused = _cli(monkeypatch, root, "--out", file)
    running.release()
    assert "Stop it first: Ctrl-C" in str(refused.exception)
    assert latch.read(old.data) is None
    assert _cli(monkeypatch, root, "--out", file, "--undo").exit_code != 0
    out = _cli(monkeypatch, root, "--out", file)
    assert out.exit_code == 0, out.output
    assert "EVENKEEL_SLACK_WEBHOOK" in out.output
    assert SECRET not in out.output
    there = _cli(monkeypatch, tmp_path / "new", "--in", file, "--json")
    assert there.exit_code == 0, there.output
    assert json.loads(there.stdout.splitlines()[0])["runs"] == ["main"]
    assert "nothing was done" in str(_cli(monkeypatch, root, "--undo", given="no\n").exception)
    assert not starts(old)
    back = _cli(monkeypatch, root, "--undo", given="undo\n")
    assert "may be started again" in back.output
    assert starts(old)


def test_orders_at_the_exchange_are_told_and_stay_ours(old: Place, tmp_path: Path) -> None:
    """The installation's name travels: fills of an order that stood there meanwhile are booked as its, not as a stranger's."""
    new = place(tmp_path / "new")
    manifest, _ = leave(old, tmp_path / "life.tar", {}, NOW)
    assert any("1 order may stand at the exchange" in note for note in manifest.notes)
    arrive(new, tmp_path / "life.tar", NOW)
    assert tag_of(instance_of(new.data)) == tag_of(instance_of(old.data)) == tag_of("0123456789abcdef")


@pytest.mark.postgres
@pytest.mark.long
def test_a_ledger_on_a_server_moves_to_a_server_or_a_file(old: Place, tmp_path: Path, postgres: str) -> None:
    admin = open_engine(postgres).execution_options(isolation_level="AUTOCOMMIT")
    servers = []
    with admin.connect() as connection:
        for name in ("evenkeel_moved_from", "evenkeel_moved_to"):
            connection.execute(text(f"CREATE DATABASE {name}"))
            servers.append(open_engine(postgres.replace("/postgres?", f"/{name}?")))
    assert isinstance(old.database, Path)
    portable.into_server(old.database, servers[0])
    old.database.unlink()
    there, here = replace(old, database=servers[0]), place(tmp_path / "here")
    manifest, _ = leave(there, tmp_path / "life.tar", {}, NOW)
    assert (manifest.server, manifest.runs) == (True, ("main",))
    assert any("still holds it" in note for note in manifest.notes)
    with pytest.raises(StorageError, match="holds runs already"):
        arrive(replace(place(tmp_path / "full"), database=servers[0]), tmp_path / "life.tar", NOW)
    for new in (replace(place(tmp_path / "new"), database=servers[1]), here):
        arrive(new, tmp_path / "life.tar", NOW)
    with servers[1].connect() as connection:
        moved = [str(row[0]) for row in connection.execute(text("SELECT name FROM run ORDER BY id"))]
    assert (moved, starts(there)) == (names(here), False)
    for server in servers:
        server.dispose()
    with admin.connect() as connection:
        for name in ("evenkeel_moved_from", "evenkeel_moved_to"):
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()
