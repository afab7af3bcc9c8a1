"""Whether a file that somebody hands us is as small as it looks: packed files are counted out before anybody reads them.

Nothing is written and nothing is kept; what the file means is its reader's business.
"""

from __future__ import annotations

import io
import zipfile
import zlib

MB = 1 << 20
MOST_FILES, MOST_COLUMNS, MOST_ROWS = 20, 100, 6_000_000
"""Ten years of minutes are five million rows."""
_BLOCK = 1 << 16


class TooLarge(ValueError):
    """The file is larger than what is read here, or holds more than it shows; the words say what to do."""


def check(content: bytes, name: str, most: int, most_unpacked: int) -> None:
    """TooLarge if `content` has more than `most` bytes, or more than `most_unpacked` once it is unpacked (gzip, zip), or a
    Parquet file announces more rows or columns than any of ours."""
    elsewhere = "use the command line for larger files"
    if len(content) > most:
        raise TooLarge(f"{name} has {len(content) / MB:,.0f} MB, at most {most // MB} MB are read here: {elsewhere}")
    size = _unpacked(content, most_unpacked, name)
    if size > most_unpacked:
        raise TooLarge(f"{name} holds more than {most_unpacked // MB} MB once it is unpacked: {elsewhere}")


def _unpacked(content: bytes, most: int, name: str) -> int:
    if content[:2] == b"\x1f\x8b":
        return _gzip(content, most)
    if content[:4] == b"PK\x03\x04":
        return _zip(content, name)
    if content[:4] == b"PAR1":
        return _parquet(content, name)
    return len(content)


def _gzip(content: bytes, most: int) -> int:
    """Counted as it comes, never held; what is broken is its reader's to tell."""
    size, rest = 0, content
    while rest[:2] == b"\x1f\x8b" and size <= most:
        stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
        piece = rest
        try:
            while size <= most and not stream.eof:
                out = stream.decompress(piece, _BLOCK)
                size += len(out)
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
