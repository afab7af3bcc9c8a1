"""WebSocket frames out of what a socket gave (RFC 6455, a client's side), many at a time. Pure: no socket, no text decoding.

The library's own reader takes three reads and a check of every byte for a message; a busy stream is read in blocks instead. Text
stays bytes: whoever parses it refuses what is not UTF-8.
"""

from __future__ import annotations

CONTINUED, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
MOST = 1024 * 1024
"""Bytes of a message. The largest that the recorded streams of Binance, Coinbase and Kraken hold has 80 kB; the book by levels,
whose snapshots are larger, is subscribed nowhere."""
MOST_PARTS = 1000
"""Frames of a message: empty ones would never add up to too many bytes."""
_DATA = (TEXT, BINARY)


class Frames:
    """What has come of one connection so far."""

    def __init__(self) -> None:
        self._rest = b""
        self._parts: list[bytes] = []
        self._kind = self._size = 0

    def take(self, data: bytes) -> list[tuple[int, bytes]]:
        """(opcode, payload) of every whole message and control frame that `data` completes, in order. ValueError where the other
        side does not keep to the protocol: the connection is of no use any more."""
        buffer = self._rest + data if self._rest else data
        found: list[tuple[int, bytes]] = []
        at, size = 0, len(buffer)
        while size - at >= 2:
            first, length = buffer[at], buffer[at + 1]
            begin = at + 2
            if length == 126:
                begin = at + 4
                length = int.from_bytes(buffer[at + 2 : begin], "big")
            elif length == 127:
                begin = at + 10
                length = int.from_bytes(buffer[at + 2 : begin], "big")
            elif length > 127:
                raise ValueError("the exchange sent a masked frame")
            if begin > size:
                break
            if length > MOST:
                raise ValueError(f"the exchange announced a message of {length:,} bytes")
            end = begin + length
            if end > size:
                break
            at = end
            if first == 0x81 and not self._kind:  # nearly always: a text message in one frame
                found.append((TEXT, buffer[begin:end]))
            else:
                self._other(first, buffer[begin:end], found)
        self._rest = buffer[at:]
        return found

    def _other(self, first: int, payload: bytes, found: list[tuple[int, bytes]]) -> None:
        final, opcode = first & 0x80, first & 0x0F
        if first & 0x70:
            raise ValueError("the exchange sent a frame of an extension nobody agreed on")
        if opcode in (CLOSE, PING, PONG):
            if not final or len(payload) > 125:
                raise ValueError("the exchange sent a control frame in parts, or too long a one")
            found.append((opcode, payload))
        elif (opcode in _DATA and not self._kind) or (opcode == CONTINUED and self._kind):
            self._kind = self._kind or opcode
            self._parts.append(payload)
            self._size += len(payload)
            if self._size > MOST or len(self._parts) > MOST_PARTS:
                raise ValueError("the exchange sent a message without an end")
            if final:
                found.append((self._kind, b"".join(self._parts)))
                self._parts, self._kind, self._size = [], 0, 0
        else:
            raise ValueError(f"the exchange sent a frame out of turn (opcode {opcode})")
