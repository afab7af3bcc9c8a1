"""Any text in the place of the configuration: it is taken, or refused in words; it never goes live, and never allows more."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from engine.config.reading import parse
from tests.runtime.test_reload_laws import allows_no_more, reloader

WHOLE = (Path(__file__).resolve().parents[2] / "config.example.toml").read_text(encoding="utf-8")
TABLES = ("[run]", "[account]", "[live]", "[sizing]", "[limits]", "[network]", "[[slots]]")
EXAMPLE = "\n\n".join(part for part in WHOLE.split("\n\n") if any(f"\n{name}\n" in part for name in TABLES))
VALUES = [
    "inf", "-inf", "nan", "1e999", "-1", "0", "1", "9" * 5_000, "0x7fffffffffffffff1", "true", '""', '"live"', "'trade'", "[]",
    "{}", "[[[[]]]]", "1979-05-27", '"\\u0000"', '"\\n[run]\\nmode = \\"live\\""', '"""\n[run]\nmode = "live"\n"""',
    '"' + "x" * 9_000 + '"', "{a = {a = {a = 1}}}", '["0.0.0.0"]', '["*"]', "[" * 3_000, '"../../../etc/passwd"',
    '"http://169.254.169.254/"', "1_000_000_000",
]  # fmt: skip
LINES = [
    'run.mode = "live"', '[run]\nmode = "live"', "[limits]\nmax_positions = 1000", "limits.max_gross = 1000.0", "[what]\nx = 1",
    '[live]\nacknowledge = "these orders are real and I may lose this money"\ncapital = 1e9', "account.allow_short = true",
    '[[slots]]\nstrategy = "sma_cross"\nsymbols = ["BTC/USD"]\nallow_short = true', "\x00", "\ufeff", "\r", "# \u202e evil", "[",
    '[network]\nallow_hosts = ["169.254.169.254"]', '[api]\nhost = "0.0.0.0"\nallowed_hosts = ["*"]', '"" = 1', "__proto__ = 1",
]  # fmt: skip


def mangled(dice: random.Random) -> str:
    """The example with a few lines gone, doubled, moved, given another value, or joined by hostile ones."""
    lines = EXAMPLE.splitlines()
    for _ in range(dice.choice([1, 1, 2, 4])):
        at, kind = dice.randrange(len(lines)), dice.randrange(7)
        if kind == 0:
            del lines[at]
        elif kind == 1:
            lines.insert(at, lines[dice.randrange(len(lines))])
        elif kind == 2:
            lines.insert(at, dice.choice(LINES))
        elif kind == 3 and lines[at]:
            cut = dice.randrange(len(lines[at]))
            lines[at] = (
                lines[at][:cut]
                + chr(dice.choice([0, 9, 34, 39, 61, 91, 0x202E, dice.randrange(32, 0xD7FF)]))
                + lines[at][cut:]
            )
        elif "=" in lines[at]:
            lines[at] = f"{lines[at].lstrip('# ').partition('=')[0]}= {dice.choice(VALUES)}"
    return "\n".join(lines)


def hold(count: int, seed: int, folder: Path) -> tuple[int, int]:
    """`count` texts offered to a running engine; how many were taken over, and how many refused."""
    dice, taken, refused = random.Random(seed), 0, 0
    running = parse(EXAMPLE)
    reload = reloader(folder / "config.toml", running)
    for _ in range(count):
        text = mangled(dice)
        reload.offer(text)
        candidate = reload.take()
        refused += reload.refusal() is not None
        assert "Traceback" not in reload.words()
        if candidate is not None:
            taken += 1
            allows_no_more(running, candidate.config)
            assert candidate.config.run.mode == "paper"
            for name in ("live", "api", "network"):
                assert getattr(candidate.config, name) == getattr(running, name), name
            reload.put_back(candidate, running)
    return taken, refused


def test_two_hundred_configurations(tmp_path: Path) -> None:
    taken, refused = hold(200, 1, tmp_path)
    assert taken >= 1
    assert refused >= 50


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(2, 7))
def test_five_thousand_configurations(tmp_path: Path, seed: int) -> None:
    assert sum(hold(1000, seed, tmp_path)) > 500
