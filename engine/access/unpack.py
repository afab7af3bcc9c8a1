"""Whether a file that somebody hands us is as small as it looks: packed files are counted out before anybody reads them.

Nothing is written and nothing is kept; what the file means is its reader's business.
"""

from __future__ import annotations

import io
import struct
import time
import zipfile
import zlib

MB = 1 << 20
MOST_FILES, MOST_COLUMNS, MOST_ROWS = 20, 100, 6_000_000
"""Ten years of minutes are five million rows."""
MOST_LISTED = 1_500_000
"""Lists and objects in a JSON: each costs two hundred times its two bytes once it is read."""
SECONDS = 10.0
_BLOCK = 1 << 16


class Until:
    """How long somebody's file may take its reader, in seconds of this thread's processor; 0 is as long as it does."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._end = seconds, time.thread_time() + seconds

    def look(self) -> None:
        """TooLarge once it is over."""
        if self._seconds and time.thread_time() > self._end:
            raise TooLarge(f"this file takes more than {self._seconds:g} s to read: use the command line for it")


class TooLarge(ValueError):
    """The file is larger than what is read here, or holds more than it shows; the words say what to do."""


def check(content: bytes, name: str, most: int, most_unpacked: int) -> None:
    """TooLarge if `content` has more than `most` bytes, or more than `most_unpacked` once it is unpacked (gzip, zip, Feather),
    a Parquet or Feather file announces more rows or columns than any of ours, or a JSON holds more lists."""
    elsewhere = "use the command line for larger files"
    if len(content) > most:
        raise TooLarge(f"{name} has {len(content) / MB:,.0f} MB, at most {most // MB} MB are read here: {elsewhere}")
    size = _unpacked(content, most_unpacked, name)
    if size > most_unpacked:
        raise TooLarge(f"{name} holds more than {most_unpacked // MB} MB once it is unpacked: {elsewhere}")


def _unpacked(content: bytes, most: int, name: str) -> int:
    if content[:2] == b"\x1f\x8b":
        return _gzip(content, most, name)
    if content[:4] == b"PK\x03\x04":
        return _zip(content, name)
    if content[:4] == b"PAR1":
        return _parquet(content, name)
    if content[:6] == b"ARROW1":
        return _feather(content, name)
    _refuse_lists(content, content, name)
    return len(content)


def _refuse_lists(head: bytes, piece: bytes, name: str, before: int = 0) -> int:
    """How many lists and objects a JSON has so far; nothing counts in another text."""
    if head.lstrip()[:1] not in (b"[", b"{"):
        return 0
    count = before + piece.count(b"[") + piece.count(b"{")
    if count > MOST_LISTED:
        raise TooLarge(f"{name} holds more than {MOST_LISTED:,} rows: use the command line for it")
    return count


def _gzip(content: bytes, most: int, name: str) -> int:
    """Counted as it comes, never held; what is broken is its reader's to tell."""
    size, rest, head, lists = 0, content, b"", 0
    while rest[:2] == b"\x1f\x8b" and size <= most:
        stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
        piece = rest
        try:
            while size <= most and not stream.eof:
                out = stream.decompress(piece, _BLOCK)
                size += len(out)
                head = head or out[:100]
                lists = _refuse_lists(head, out, name, lists)
                piece = stream.unconsumed_tail
                if not out and not piece:
                    return size
        except zlib.error:
            return size
        rest = stream.unused_data
    return size


def _zip(content: bytes, name: str) -> int:
    """As announced: zipfile gives no byte more than that."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise TooLarge(f"{name} cannot be unpacked: {error}") from None
    if len(files) > MOST_FILES:
        raise TooLarge(f"{name} holds {len(files):,} files: unpack it and choose one")
    return sum(one.file_size for one in files)


def _parquet(content: bytes, name: str) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        told = pq.ParquetFile(io.BytesIO(content)).metadata
        size = sum(told.row_group(n).total_byte_size for n in range(told.num_row_groups))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise TooLarge(f"{name} cannot be read as Parquet: {str(error)[:200]}") from None
    if told.num_rows > MOST_ROWS or told.num_columns > MOST_COLUMNS:
        raise TooLarge(
            f"{name} announces {told.num_rows:,} rows of {told.num_columns:,} columns: that is no file of ours"
        )
    return int(size)


# ---- Feather: an Arrow file, whose footer names batches, whose buffers begin with the size that they are unpacked to --
_FORMATS = {1: "<b", 2: "<H", 4: "<i", 8: "<q"}


def _feather(content: bytes, name: str) -> int:
    """By the same numbers as its reader will set memory aside."""
    try:
        blocks = _blocks(content)
        sizes = [_batch(content, offset, length) for offset, length in blocks]
    except (struct.error, IndexError, ValueError) as error:
        raise TooLarge(f"{name} cannot be read as Feather: {error}") from None
    rows, columns = sum(one[0] for one in sizes), max((one[1] for one in sizes), default=0)
    if rows > MOST_ROWS or columns > MOST_COLUMNS or len(blocks) > MOST_ROWS // 100:
        raise TooLarge(f"{name} announces {rows:,} rows of {columns:,} columns: that is no file of ours")
    return sum(one[2] for one in sizes)


def _blocks(content: bytes) -> list[tuple[int, int]]:
    """(place, length of its description) of every batch and dictionary that the footer names."""
    if content[-6:] != b"ARROW1":
        raise ValueError("its end is missing")
    footer = len(content) - 10 - _at(content, len(content) - 10, 4)
    root = footer + _at(content, footer, 4)
    found = []
    for field in (2, 3):
        begin, count = _vector(content, root, field)
        if count > len(content) // 24:
            raise ValueError("its footer names more than it holds")
        found += [(_at(content, begin + 24 * n, 8), _at(content, begin + 24 * n + 8, 4)) for n in range(count)]
    return found


def _batch(content: bytes, offset: int, length: int) -> tuple[int, int, int]:
    """(rows, columns, bytes once unpacked) of one batch."""
    at = offset + (8 if content[offset : offset + 4] == b"\xff" * 4 else 4)
    message = at + _at(content, at, 4)
    batch = _table(content, message, 2)
    if _at(content, _field(content, message, 1), 1) == 2:  # a dictionary: the batch is within it
        batch = _table(content, batch, 1)
    where = _field(content, batch, 0)
    rows = _at(content, where, 8) if where else 0
    _, nodes = _vector(content, batch, 1)
    begin, count = _vector(content, batch, 2)
    if not rows >= 0 or count > len(content) // 16:
        raise ValueError("a batch of it is none")
    packed, total = bool(_field(content, batch, 3)), 0
    for n in range(count):
        place, size = (_at(content, begin + 16 * n + k, 8) for k in (0, 8))
        told = _at(content, offset + length + place, 8) if packed and size >= 8 else size
        total += max(told, size)
    return rows, nodes, total


def _at(content: bytes, place: int, size: int) -> int:
    if place < 0:
        raise ValueError("it points out of itself")
    return int(struct.unpack_from(_FORMATS[size], content, place)[0])


def _field(content: bytes, table: int, number: int) -> int:
    """Where a field of a table stands; 0 where it is left out."""
    shape = table - _at(content, table, 4)
    entry = 4 + 2 * number
    step = _at(content, shape + entry, 2) if entry < _at(content, shape, 2) else 0
    return table + step if step else 0


def _table(content: bytes, table: int, number: int) -> int:
    where = _field(content, table, number)
    if not where:
        raise ValueError("a part of it is missing")
    return where + _at(content, where, 4)


def _vector(content: bytes, table: int, number: int) -> tuple[int, int]:
    """(where it begins, how many) of a field that is a list; nothing where it is left out."""
    where = _field(content, table, number)
    if not where:
        return 0, 0
    begin = where + _at(content, where, 4)
    return begin + 4, max(_at(content, begin, 4), 0)
