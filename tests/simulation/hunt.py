"""Is a seeded bug caught, and by which seed? The simulation's own proof that it can fail."""

from __future__ import annotations

import hashlib
import tomllib
from itertools import count, islice
from pathlib import Path

from tests.simulation import bugs, many
from tests.simulation.plan import is_live

MOST = 500
CAUGHT = Path(bugs.__file__).with_name("seeds.toml")
ROOT = Path(__file__).resolve().parents[2]


def hunt(bug: str, *, first: int = 1, most: int = MOST, workers: int | None = 1) -> int | None:
    """A seed that catches the bug: the one that did when all were hunted last, else the first of at most so many of the kind of
    account that has it; None where none does."""
    if (last := caught().get(bug)) is not None and isinstance(many.tried(last, bug), str):
        return last
    fit = (seed for seed in count(first) if is_live(seed) == bugs.is_live(bug))
    seeds = list(islice(fit, most))
    for seed, told in zip(seeds, many.each(seeds, workers=workers, bug=bug), strict=True):
        if isinstance(told, str):
            return seed
    return None


def caught() -> dict[str, int]:
    """By bug, the seed that caught it when all were hunted last. It may have ceased to: what the engine asks of its storage
    moves a seed's dice."""
    return tomllib.loads(CAUGHT.read_text()) if CAUGHT.exists() else {}


def remember(seeds: dict[str, int]) -> None:
    """What the next hunt tries first."""
    CAUGHT.write_text("".join(f"{bug} = {seed}\n" for bug, seed in sorted(seeds.items())))


def rotation(number: int) -> list[str]:
    """So many bugs of paper accounts, others with every other version of the code: its hash decides, not the clock."""
    told = hashlib.blake2b(digest_size=8)
    for folder in ("engine", "db"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            told.update(path.read_bytes())
    begin, all_of = int.from_bytes(told.digest(), "big"), [name for name in bugs.names() if not bugs.is_live(name)]
    return [all_of[(begin + place * 7) % len(all_of)] for place in range(min(number, len(all_of)))]
