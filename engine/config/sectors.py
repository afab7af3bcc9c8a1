"""Which sector a coin belongs to, for the limit of a sector and for the page Portfolio: the map that comes with the program, over
it the person's own my/sectors.toml, over both `sectors` of a configuration's [limits]. Files are read, nothing is written."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from engine.config.reading import home

OTHER = "Other"
HERE = Path(__file__).parent


def own_file() -> Path:
    """Where a person's own map lives: under EVENKEEL_HOME, or my/ beside the program."""
    return home() / "sectors.toml"


def sectors(over: Mapping[str, Sequence[str]] = {}) -> tuple[dict[str, str], str]:
    """(coin to sector, "") or (the map without the person's own file, a sentence about what is wrong with that). `over` has the
    coins of each sector that a configuration names itself."""
    made, wrong = dict(_read(HERE / "sectors.toml", 0)), ""
    own = own_file()
    try:
        if own.exists():
            made |= _read(own, own.stat().st_mtime_ns)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        wrong = f"{own.name} cannot be used, so the map is the default one: {error}"
    return made | named(over), wrong


def named(over: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Coin to sector of what a configuration names: the coins of each sector."""
    return {coin.upper(): str(sector) for sector, coins in over.items() for coin in coins}


@lru_cache(maxsize=4)
def at_start(own: Path) -> dict[str, str]:
    """The map without a configuration's, as it was when this process first asked for it; `own` is `own_file()`."""
    return sectors()[0]


@lru_cache(maxsize=4)
def _read(path: Path, changed: int) -> dict[str, str]:
    """Read once for each `changed` (ns). ValueError says what the file should look like."""
    table = tomllib.loads(path.read_text(encoding="utf-8")).get("sectors")
    if not isinstance(table, dict):
        raise ValueError('it needs a table [sectors] with lines such as "Memes" = ["DOGE", "SHIB"]')
    found: dict[str, str] = {}
    for sector, coins in table.items():
        if not isinstance(coins, list) or not all(isinstance(coin, str) for coin in coins):
            raise ValueError(f'sector "{sector}" is no list of coins: write "{sector}" = ["BTC", "ETH"]')
        found |= {coin.upper(): str(sector) for coin in coins}
    return found


def sector_of(symbol: str, known: dict[str, str]) -> str:
    """The sector of a pair such as BTC/USD, by its base."""
    return known.get(symbol.partition("/")[0].upper(), OTHER)
