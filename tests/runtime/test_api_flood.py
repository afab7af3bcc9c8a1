"""Ten thousand requests of somebody who has a token and bad intentions: no failure of ours, no word of ours, nothing done."""

from __future__ import annotations

import json
import random
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from db.session import open_engine
from tests.runtime.api_server import Place, place

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]
REQUESTS = 10_000
PATHS = [
    "/healthz", "/readyz", "/metrics", "/api/status", "/api/runs", "/api/runs/1", "/api/commands", "/api/commands/x",
    "/api/backtests", "/api/backtests/x", "/api/trades/export", "/api/openapi.json", "/docs", "/../../etc/passwd", "//", "/%00",
]  # fmt: skip
WORDS = [
    "1", "-1", "0", "9" * 30, "1e400", "nan", "'", '"', "%00", "%0d%0aX: y", "../..", "%2e%2e%2f", "<script>", "=cmd|' /C x'!A1",
    "' OR 1=1--", "\u202e", "\u00b2", "\u0661", "x" * 500, "true", "null", "[]", "{}", "paper", "kill", "all",
]  # fmt: skip
NAMES = [
    "run", "kind", "limit", "before", "from", "to", "format", "slot", "price", "reason", "confirm", "uuid", "breaker", "flatten",
    "strategy", "symbol", "params", "cash", "fee", "x",
]  # fmt: skip
HEADS = ["Content-Type: application/json", "Content-Type: text/plain", "Transfer-Encoding: chunked", "Expect: 100-continue",
         "X-Forwarded-For: 127.0.0.1", "X-HTTP-Method-Override: DELETE", "Range: bytes=0-1", "Upgrade: websocket", "Cookie: a=b",
         "Accept: */*", "Content-Encoding: gzip", "Origin: https://evil.example", "Host: evil.example"]  # fmt: skip
LEAKS = (b"Traceback", b"sqlalchemy", b"sqlite3", b"site-packages", b'File "', b"/engine/", b"SELECT ")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(tmp_path_factory.mktemp("flood"), trades=20) as made:
        yield made


def value(dice: random.Random, depth: int = 0) -> object:
    kind = dice.randrange(8 if depth < 3 else 6)
    if kind < 3:
        return dice.choice(WORDS)
    if kind < 6:
        return dice.choice([0, -1, 1e308, True, None, float("nan"), 10**25, 0.1])
    if kind == 6:
        return [value(dice, depth + 1) for _ in range(dice.randrange(4))]
    return {dice.choice(NAMES): value(dice, depth + 1) for _ in range(dice.randrange(4))}


def request(dice: random.Random, tokens: dict[str, str]) -> bytes:
    """One request, not always a right one; never one that a person could have meant as a command."""
    method = dice.choice(["GET", "GET", "POST", "DELETE", "PUT", "HEAD", "OPTIONS", "TRACE", "FOO"])
    path = dice.choice(PATHS)
    query = "&".join(f"{dice.choice(NAMES)}={dice.choice(WORDS)}" for _ in range(dice.randrange(4)))
    target = f"{path}?{query}".replace(" ", "+").encode("utf-8", "replace")
    body = json.dumps(value(dice)).encode()[: dice.choice([10_000, 20, 3])] if method != "GET" else b""
    heads = [f"Host: 127.0.0.1\r\nConnection: close\r\nContent-Length: {len(body)}"]
    heads += dice.sample(HEADS, dice.randrange(3))
    if dice.random() < 0.8:
        heads.append(f"Authorization: Bearer {dice.choice([*tokens.values(), 'evk_wrong', ''])}")
    return b"%s %s HTTP/1.1\r\n" % (method.encode(), target) + "\r\n".join(heads).encode() + b"\r\n\r\n" + body


def test_ten_thousand_requests(api: Place, tmp_path: Path) -> None:
    dice, seen = random.Random(6), Counter[bytes]()
    host, port = api.url.removeprefix("http://").split(":")
    for _ in range(REQUESTS):
        asked = request(dice, api.tokens)
        with socket.create_connection((host, int(port)), timeout=20) as link:
            link.sendall(asked)
            if b"chunked" in asked:
                link.shutdown(socket.SHUT_WR)
            answer = b""
            while piece := link.recv(65_536):
                answer += piece
        status = answer[9:12]
        seen[status] += 1
        assert not status.startswith(b"5") or b"/readyz" in asked or b"/healthz" in asked, (asked, answer)
        assert not [leak for leak in LEAKS if leak in answer and b"openapi" not in asked], (asked, answer)
    assert sum(seen.values()) == REQUESTS
    assert {b"200", b"401", b"403", b"404", b"405", b"422"} <= set(seen)
    engine = open_engine(str(api.context.reader.url), read_only=True)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM command WHERE source = 'api'")).scalar() == 0
    engine.dispose()
    assert api.get("/api/status").status_code == 200
