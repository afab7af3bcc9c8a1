"""Frames out of blocks: whatever way a stream of bytes is cut, the same messages come out, as the library would read them."""

from __future__ import annotations

import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websocket import ABNF
from websocket._abnf import continuous_frame, frame_buffer

from engine.market.feeds._frames import BINARY, CLOSE, CONTINUED, PING, PONG, TEXT, Frames


def encoded(first: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", first, size)
    elif size < 65_536:
        head = struct.pack("!BBH", first, 126, size)
    else:
        head = struct.pack("!BBQ", first, 127, size)
    return head + payload


def taken(data: bytes, cuts: list[int]) -> list[tuple[int, bytes]]:
    """The stream in blocks that end at `cuts`."""
    frames, found, low = Frames(), [], 0
    for high in [*sorted(cuts), len(data)]:
        found += frames.take(data[low:high])
        low = max(low, high)
    return found


def by_the_library(data: bytes) -> list[tuple[int, bytes]]:
    rest = [data]

    def some(count: int) -> bytes:
        block, rest[0] = rest[0][:count], rest[0][count:]
        if not block:
            raise EOFError
        return block

    buffer, parts, found = frame_buffer(some, True), continuous_frame(False, True), []
    try:
        while True:
            frame = buffer.recv_frame()
            if frame.opcode in (CLOSE, PING, PONG):
                found.append((frame.opcode, bytes(frame.data)))
                continue
            parts.validate(frame)
            parts.add(frame)
            if parts.is_fire(frame):
                opcode, whole = parts.extract(frame)
                found.append((opcode, bytes(whole.data)))
    except EOFError:
        return found


RUNS = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
SIZES = st.sampled_from([0, 1, 125, 126, 127, 300, 65_535, 65_536, 70_000])
PAYLOADS = st.builds(lambda size, one: bytes([one]) * size, SIZES, st.integers(0, 255))
CONTROL = st.builds(
    lambda kind, text: [encoded(0x80 | kind, text)], st.sampled_from([PING, PONG]), st.binary(max_size=125)
)


@st.composite
def messages(draw: st.DrawFn) -> list[bytes]:
    """A message whole, or in parts with control frames between them."""
    kind, parts = draw(st.sampled_from([TEXT, BINARY])), draw(st.lists(PAYLOADS, min_size=1, max_size=3))
    found = []
    for k, payload in enumerate(parts):
        last = 0x80 if k == len(parts) - 1 else 0
        found.append(encoded(last | (CONTINUED if k else kind), payload))
        found += [] if last else draw(st.just([]) | CONTROL)
    return found


@RUNS
@given(st.lists(messages() | CONTROL, max_size=6), st.lists(st.integers(0, 200_000), max_size=8))
def test_any_cutting_gives_what_the_library_reads(streams: list[list[bytes]], cuts: list[int]) -> None:
    data = b"".join(part for stream in streams for part in stream)
    assert taken(data, [cut for cut in cuts if cut <= len(data)]) == by_the_library(data)


@RUNS
@given(st.lists(st.binary(max_size=140), min_size=1, max_size=4))
def test_byte_by_byte_is_the_same_as_at_once(texts: list[bytes]) -> None:
    data = b"".join(encoded(0x81, text) for text in texts)
    assert taken(data, list(range(len(data)))) == [(TEXT, text) for text in texts]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x81\x85mask12345", "masked"),
        (b"\xc1\x01a", "extension"),
        (encoded(0x80 | CONTINUED, b"a"), "out of turn"),
        (encoded(TEXT, b"a") + encoded(0x81, b"b"), "out of turn"),
        (encoded(0x83, b"a"), "out of turn"),
        (encoded(PING, b"half"), "control frame"),
        (encoded(0x80 | PONG, b"x" * 126), "control frame"),
        (struct.pack("!BBQ", 0x81, 127, 1 << 40), "announced"),
        (struct.pack("!BBQ", 0x81, 127, (1 << 20) + 1), "announced"),
        (encoded(TEXT, b"") + encoded(CONTINUED, b"") * 1001, "without an end"),
        (
            encoded(TEXT, b"x" * (1 << 19)) + encoded(CONTINUED, b"x" * (1 << 19)) + encoded(CONTINUED, b"x"),
            "without an end",
        ),
    ],
)
def test_what_breaks_the_protocol_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Frames().take(data)


def test_the_opcodes_are_the_librarys() -> None:
    names = ("CONT", "TEXT", "BINARY", "CLOSE", "PING", "PONG")
    assert [getattr(ABNF, f"OPCODE_{name}") for name in names] == [CONTINUED, TEXT, BINARY, CLOSE, PING, PONG]
