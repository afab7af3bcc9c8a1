"""A bundle, or a latch, that a stranger made: it opens no door, fills no disk and removes nothing of a person's."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from db.errors import StorageError
from db.session import FILE_NAME
from engine.runtime.move import bundle, latch
from engine.runtime.move.arriving import undo
from engine.runtime.move.bundle import BundleError
from engine.runtime.move.latch import ARRIVING, Latch
from engine.runtime.move.leaving import Place

HUGE = 1 << 40


def manifest(files: Mapping[str, tuple[str, int]]) -> bytes:
    told = {"version": "1", "schema": "x", "made": 0, "files": files, "data_dir": "data", "server": False}
    return json.dumps({**told, "runs": [], "needs": [], "notes": []}).encode()


def add(tar: tarfile.TarFile, name: str, content: bytes, **headers: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.pax_headers = len(content), headers
    tar.addfile(entry, io.BytesIO(content))


@pytest.mark.parametrize(
    "name",
    [".env", ".env.live", "tokens.json", "app-password", "APP-PASSWORD", "deep/down/tokens.json", "tls.pem", "id.key"],
)
def test_nobody_is_given_the_keys_to_this_machine(tmp_path: Path, name: str) -> None:
    """A token, a password or an environment that somebody else chose would open the API, the app, or lead orders elsewhere."""
    file, content = tmp_path / "life.tar", b"theirs"
    with tarfile.open(file, "w") as tar:
        add(tar, bundle.MANIFEST, manifest({f"my/{name}": (hashlib.sha256(content).hexdigest(), len(content))}))
        add(tar, f"my/{name}", content)
    with pytest.raises(BundleError, match="no bundle of ours carries"):
        bundle.unpack(file, tmp_path / "into")
    assert not (tmp_path / "into").exists()


def test_holes_fill_no_disk(tmp_path: Path) -> None:
    """A kilobyte that says it is a terabyte, of which the rest is holes."""
    file, name = tmp_path / "life.tar", "data/runs/1/tape/x"
    holes = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": name,
        "GNU.sparse.realsize": str(HUGE),
    }
    with tarfile.open(file, "w", format=tarfile.PAX_FORMAT) as tar:
        add(tar, bundle.MANIFEST, manifest({name: ("0" * 64, HUGE)}))
        add(tar, "sparse", b"1\n0\n512\n".ljust(512, b"\0") + bytes(512), **holes)
    with tarfile.open(file) as tar:
        assert [(one.name, one.size, one.issparse()) for one in tar][1] == (name, HUGE, True)
    with pytest.raises(BundleError, match="not as large"):
        bundle.unpack(file, tmp_path / "into")
    assert not (tmp_path / "into").exists()


@pytest.mark.parametrize("size", [0, 5, 7, HUGE])
def test_a_size_that_is_not_so_is_refused_before_a_byte_is_written(tmp_path: Path, size: int) -> None:
    file, name = tmp_path / "life.tar", "data/runs/1/tape/x"
    with tarfile.open(file, "w") as tar:
        add(tar, bundle.MANIFEST, manifest({name: (hashlib.sha256(b"123456").hexdigest(), size)}))
        add(tar, name, b"123456")
    with pytest.raises(BundleError, match="not as large"):
        bundle.unpack(file, tmp_path / "into")
    assert not (tmp_path / "into").exists()


@pytest.mark.parametrize(
    "text", [b"[" * 50_000, b'{"files": ' * 20_000, b"\xff\xfe", b"", b"null", b'{"files": {"data/x": 1}}']
)
def test_a_list_that_is_none_is_told_in_a_sentence(tmp_path: Path, text: bytes) -> None:
    with tarfile.open(tmp_path / "life.tar", "w") as tar:
        add(tar, bundle.MANIFEST, text)
    with pytest.raises(BundleError):
        bundle.manifest_of(tmp_path / "life.tar")


def test_an_undo_removes_nothing_but_what_an_arrival_puts(tmp_path: Path) -> None:
    place = Place(tmp_path / "data", tmp_path / "my", tmp_path / "my" / "config.toml", tmp_path / "data" / FILE_NAME)
    dear = tmp_path / "dear"
    for folder in (dear, place.home / "strategies"):
        folder.mkdir(parents=True)
        (folder / "mine.py").write_text("# mine\n")
    for named in (
        dear,
        place.data,
        place.home,
        place.home / "strategies",
        place.home / ".." / "dear" / "mine.py",
        Path("/"),
    ):
        Latch(ARRIVING, "x.tar", placed=(str(place.data / "candles"), str(named))).write(place.data)
        (place.data / "candles").mkdir(exist_ok=True)
        with pytest.raises(StorageError, match="look who wrote"):
            undo(place)
        assert (place.data / "candles").exists(), "all or nothing"
    assert (dear / "mine.py").exists()
    assert (place.home / "strategies" / "mine.py").exists()
    Latch(ARRIVING, "x.tar", placed=(str(place.data / "candles"),)).write(place.data)
    undo(place)
    assert not (place.data / "candles").exists()
    assert latch.read(place.data) is None
