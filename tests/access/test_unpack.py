"""Files that are not as small as they look are refused before anything holds them."""

from __future__ import annotations

import gzip
import io
import tracemalloc
import zipfile
from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.access.unpack import MB, TooLarge, check

ZEROS = bytes(64 * MB)


def zipped(*files: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return out.getvalue()


def parquet(rows: int, columns: int) -> bytes:
    out = io.BytesIO()
    column = pa.array([0] * rows)
    pq.write_table(pa.table({f"c{n}": column for n in range(columns)}), out)
    return out.getvalue()


BOMBS = {
    "gzip": gzip.compress(ZEROS, 1),
    "two gzips": gzip.compress(ZEROS[: 6 * MB], 1) * 3,
    "zip": zipped(("a.json", ZEROS)),
    "many files": zipped(*((f"{n}.json", b"[]") for n in range(30))),
    "broken zip": b"PK\x03\x04" + bytes(50),
    "wide": parquet(1, 150),
    "broken parquet": b"PAR1" + bytes(50),
    "large": bytes(17 * MB),
}


@pytest.mark.parametrize("name", sorted(BOMBS))
def test_a_bomb_is_refused_and_never_unpacked_into_memory(name: str) -> None:
    tracemalloc.start()
    with pytest.raises(TooLarge):
        check(BOMBS[name], "file", 16 * MB, 16 * MB)
    assert tracemalloc.get_traced_memory()[1] < 4 * MB
    tracemalloc.stop()


def test_what_is_as_it_says_is_taken() -> None:
    for content in (
        b"",
        b"a,b\n1,2\n",
        gzip.compress(b"x" * 1000),
        zipped(("a.json", b"[]")),
        parquet(10, 3),
        gzip.compress(b""),
    ):
        check(content, "file", MB, MB)


@given(st.binary(max_size=200), st.sampled_from([b"", b"\x1f\x8b", b"\x1f\x8b\x08\x00", b"PK\x03\x04", b"PAR1"]))
def test_any_bytes_are_taken_or_refused_in_words(content: bytes, head: bytes) -> None:
    with suppress(TooLarge):
        check(head + content, "file", MB, MB)
