"""Addresses that somebody made by hand, or sent to a person: every page bears every word in every one of its parameters."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from app import settings
from app.rooms import rooms
from app.trade_filters import NAMES
from tests.app.conftest import Open

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]
ROOT = Path(__file__).resolve().parents[2]
ASKED = re.compile(r"query_params(?:\.get\(|\[)\"(\w+)\"")
KNOWN = {
    name
    for room in ("app", "pages")
    for file in (ROOT / room).glob("*.py")
    for name in ASKED.findall(file.read_text(encoding="utf-8"))
}
EVERY = sorted(
    KNOWN | set(NAMES) | {*settings.to_address(settings.Settings())} | {"sma_cross.fast", "q", "symbol", "month", "day"}
)
WORDS = {
    "numbers": ["nan", "-inf", "1e999", "9" * 400, "-0", "1..2", "\u0661", "\u00b2", "0x10", "1_000", "2026-99-99", "9999-12-31"],
    "marks": ["'; DROP TABLE trade;--", "%' OR '1'='1", "<img src=x onerror=alert(1)>", "${7*7}", "=cmd|' /C x'!A1",
        "\x00", "a,b,,", ".."],
    "long": ["x" * 20_000, "\u202e" * 500, "\U0001f600" * 500, "," * 5_000, "[" * 5_000, "BTC/USD," * 2_000],
}  # fmt: skip


@pytest.mark.parametrize("kind", list(WORDS))
@pytest.mark.parametrize("page", [room.name for room in rooms()])
def test_every_page_bears_every_address(open_page: Open, database: Engine, page: str, kind: str) -> None:
    words = WORDS[kind]
    for turn in range(2):
        query = {name: words[(n + turn) % len(words)] for n, name in enumerate(EVERY)}
        open_page(page, **{**query, **({} if turn else {"run": "test-data"})})
    with database.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM command WHERE created_ts > 1767600000000")).scalar() == 0
        assert int(connection.execute(text("SELECT count(*) FROM trade")).scalar() or 0) > 10
