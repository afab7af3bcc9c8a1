"""Which sector a coin belongs to: the map that comes with the app, and over it the person's own my/sectors.toml."""

from __future__ import annotations

import os
import tomllib
from functools import lru_cache
from pathlib import Path

OTHER = "Other"
HERE = Path(__file__).parent


def own_file() -> Path:
    """Where a person's own map lives: under EVENKEEL_HOME, or my/ beside the program."""
    return Path(os.environ.get("EVENKEEL_HOME") or HERE.parent / "my") / "sectors.toml"


def sectors() -> tuple[dict[str, str], str]:
    """(coin to sector, "") or (the default map, a sentence about what is wrong with the person's own file)."""
    made = dict(_read(HERE / "sectors.toml", 0))
    own = own_file()
    if not own.exists():
        return made, ""
    try:
        return made | _read(own, own.stat().st_mtime_ns), ""
    except (OSError, ValueError, TypeError, AttributeError) as error:
        return made, f"{own.name} cannot be used, so the map is the default one: {error}"


@lru_cache(maxsize=4)
def _read(path: Path, changed: int) -> dict[str, str]:
    """Read once for each `changed` (ns). ValueError says what the file should look like."""
    table = tomllib.loads(path.read_text(encoding="utf-8")).get("sectors")
    if not isinstance(table, dict):
        raise ValueError('it needs a table [sectors] with lines such as "Memes" = ["DOGE", "SHIB"]')
    found = {}
    for sector, coins in table.items():
        if not isinstance(coins, list) or not all(isinstance(coin, str) for coin in coins):
            raise ValueError(f'sector "{sector}" is no list of coins: write "{sector}" = ["BTC", "ETH"]')
        found |= {coin.upper(): str(sector) for coin in coins}
    return found


def sector_of(symbol: str, known: dict[str, str]) -> str:
    """The sector of a pair such as BTC/USD, by its base."""
    return known.get(symbol.partition("/")[0].upper(), OTHER)
