"""Files that are not as small as they look are refused before anything holds them."""

from __future__ import annotations

import gzip
import io
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow.feather import write_feather

from engine.access.unpack import MB, MOST_LISTED, TooLarge, Until, check

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


def feather(rows: int = 10, columns: int = 3, packed: str = "zstd", times: int = 1) -> bytes:
    out = io.BytesIO()
    table = pa.table({f"c{n}": pa.array([0.0]).take(pa.array([0] * rows)) for n in range(columns)})
    write_feather(pa.concat_tables([table] * times), out, compression=packed)
    return out.getvalue()


@pytest.mark.parametrize("packed", ["zstd", "lz4", "uncompressed"])
def test_feather_is_counted_as_its_reader_will_unpack_it(packed: str) -> None:
    content = feather(200_000, 6, packed)
    size = 200_000 * 6 * 8
    with pytest.raises(TooLarge, match="once it is unpacked"):
        check(content, "file", 64 * MB, size - 1000)
    check(content, "file", 64 * MB, size + 10_000)
    words = pa.table({"a": pa.array(["x" * 100] * 50_000).dictionary_encode(), "b": pa.array(["y" * 100] * 50_000)})
    out = io.BytesIO()
    write_feather(words, out, compression=packed, chunksize=1000)
    with pytest.raises(TooLarge, match="once it is unpacked"):
        check(out.getvalue(), "file", 64 * MB, 5_000_000)
    check(out.getvalue(), "file", 64 * MB, 6 * MB)


def test_feather_that_announces_too_much_is_refused() -> None:
    for content in (feather(1, 150), feather(700_000, 1, times=10), b"ARROW1\0\0" + bytes(50), b"ARROW1"):
        with pytest.raises(TooLarge):
            check(content, "file", 64 * MB, 1 << 40)


@settings(max_examples=150)
@given(st.integers(8, 1_000), st.integers(0, 255), st.sampled_from([feather(), feather(50, 2, "uncompressed")]))
def test_feather_of_any_bytes_is_taken_or_refused_in_words(at: int, byte: int, content: bytes) -> None:
    place = len(content) - 1 - at % len(content)
    with suppress(TooLarge):
        check(content[:place] + bytes([byte]) + content[place + 1 :], "file", MB, MB)
    with suppress(TooLarge):
        check(content[:place], "file", MB, MB)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_json_of_more_lists_than_anybody_needs_is_refused(pack: Callable[[bytes], bytes]) -> None:
    many = b"[" + b"[1]," * MOST_LISTED + b"[1]]"
    with pytest.raises(TooLarge, match="1,500,000 rows"):
        check(pack(many), "file", 64 * MB, 64 * MB)
    check(pack(b"a,b\n" + b"[{\n" * MOST_LISTED), "file", 64 * MB, 64 * MB)


def test_time_is_counted() -> None:
    Until(0).look()
    Until(1e6).look()
    with pytest.raises(TooLarge, match="takes more than"):
        Until(-1).look()
