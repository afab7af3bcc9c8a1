"""Is a seeded bug caught, and by which seed? The simulation's own proof that it can fail."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tests.simulation import bugs, many

MOST = 500
ROOT = Path(__file__).resolve().parents[2]


def hunt(bug: str, *, first: int = 1, most: int = MOST, workers: int | None = 1) -> int | None:
    """The first seed of at most so many that catches `bug`; None where none does."""
    seeds = range(first, first + most)
    for seed, told in zip(seeds, many.each(seeds, workers=workers, bug=bug), strict=True):
        if isinstance(told, str):
            return seed
    return None


def rotation(count: int) -> list[str]:
    """So many bugs, others with every other version of the code: its hash decides, not the clock."""
    told = hashlib.blake2b(digest_size=8)
    for folder in ("engine", "db"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            told.update(path.read_bytes())
    begin, all_of = int.from_bytes(told.digest(), "big"), bugs.names()
    return [all_of[(begin + place * 7) % len(all_of)] for place in range(min(count, len(all_of)))]
