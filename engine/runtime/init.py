"""Five questions, and my/config.toml is written. Nothing else is created, and an existing file is never overwritten."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.config.door import write_atomically
from engine.config.errors import ConfigError
from engine.config.model import Config
from engine.config.reading import parse
from engine.config.text import commented, toml
from engine.runtime.templates import STRATEGY, TEST

Ask = Callable[[str, str], str]
"""(question, default) -> answer."""

QUESTIONS = (
    ("exchange", "Which exchange? Any that ccxt knows, by its id", "coinbase"),
    ("symbols", "Which symbols? Separated by commas", "BTC/USD, ETH/USD"),
    ("cash", "How much paper money to start with, in the symbols' quote currency?", "1000"),
    ("strategy", "Which strategy? `run_engine.py strategies` lists them", "sma_cross"),
    ("timeframe", "On bars of which length? 1m, 5m, 15m, 1h, 4h, 1d", "1h"),
)


def write(folder: Path, ask: Ask) -> Path:
    """Ask, check, write `folder`/config.toml; its path. ConfigError where one stands already or an answer cannot be used."""
    path = folder / "config.toml"
    if path.exists():
        raise ConfigError(f"{path} exists already and is left as it is. Edit it, or move it away and run init again.")
    config = from_answers({key: ask(question, default).strip() for key, question, default in QUESTIONS})
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "strategies").mkdir(exist_ok=True)
    write_atomically(path, commented(config))
    return path


def from_answers(answers: dict[str, str]) -> Config:
    """The configuration that the five answers mean. ConfigError names the answer that cannot be used."""
    symbols = [symbol.strip().upper() for symbol in answers["symbols"].split(",") if symbol.strip()]
    text = "\n".join(
        [
            f"[run]\nexchange = {toml(answers['exchange'].lower())}",
            f"[account]\ncash = {answers['cash']}\nquote = {toml(_quote_of(symbols))}",
            f"[[slots]]\nstrategy = {toml(answers['strategy'])}\nsymbols = {toml(symbols)}",
            f"timeframe = {toml(answers['timeframe'])}",
        ]
    )
    return parse(text, source="your answers")


def _quote_of(symbols: list[str]) -> str:
    from engine.market.symbols import canonical

    try:
        return canonical(symbols[0]).partition("/")[2].partition(":")[0] if symbols else "USD"
    except ValueError:
        return "USD"


def new_strategy(folder: Path, name: str) -> Path:
    """Write a strategy that runs into `folder`/strategies/<name>.py and its test beside it; the strategy's path.

    ConfigError for a bad or taken name.
    """
    if not name.isidentifier() or name != name.lower() or name.startswith(("_", "test_")):
        raise ConfigError(
            f"{name!r} is no name for a strategy: use lower-case letters, digits and underscores, as in my_breakout."
        )
    from engine.strategies import catalog

    if name in catalog.available():
        raise ConfigError(f"there is a strategy {name} already; choose another name.")
    path = folder / "strategies" / f"{name}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    words: dict[str, Any] = {
        "name": name,
        "title": name.replace("_", " ").capitalize(),
        "cls": "".join(part.capitalize() for part in name.split("_")),
    }
    write_atomically(path, STRATEGY.format(**words))
    write_atomically(path.with_name(f"test_{name}.py"), TEST.format(**words))
    return path
