"""The one door to a private client: `open_port` makes an exchange's adapter, or nothing at all.

In paper, dry, demo and backtests it returns None before anything of engine.venues.adapters is imported; whoever wants to
send an order has to come by here. What has to be there first is engine/config/going_live.py's; how orders are sent is
engine/venues/live's.
"""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from engine.config.errors import ConfigError
from engine.config.going_live import check_live, keys_of
from engine.config.model import Config
from engine.venues.port import Permissions, Port, Unknown

ADAPTERS = "engine.venues.adapters"
log = logging.getLogger("evenkeel.venues")


def open_port(config: Config, env: Mapping[str, str]) -> Port | None:
    """The account that `config` trades live, or None where it does not. ConfigError (78) where something is missing for it, or
    the key can do more than it should."""
    if config.run.mode != "live":
        return None
    check_live(config, env)
    exchange = config.run.exchange
    if exchange not in venues():
        raise ConfigError(
            f"real orders can go to {' or '.join(venues()) or 'no exchange yet'}; {exchange} can be traded on paper"
        )
    port: Port = importlib.import_module(ADAPTERS).make(exchange, *keys_of(exchange, env), base_url=config.run.base_url)
    try:
        _check_rights(port.permissions(), exchange)
    except ConfigError:
        port.close()
        raise
    return port


@contextmanager
def opened(config: Config) -> Iterator[Port | None]:
    """`open_port` with this process's environment, closed at the end."""
    port = open_port(config, os.environ)
    try:
        yield port
    finally:
        if port is not None:
            port.close()


def venues() -> list[str]:
    """Exchanges that real orders can go to, by the files of the adapters; none of them is imported."""
    found = (Path(__file__).parent / "adapters").glob("[a-z]*.py")
    return sorted(path.stem for path in found)


def _check_rights(rights: Permissions | Unknown, exchange: str) -> None:
    """A key that may move money away is refused; one that works from any address is warned of."""
    if isinstance(rights, Unknown):
        log.warning("%s did not say what the key may do (%s); make sure that it cannot withdraw", exchange, rights.why)
        return
    if rights.withdraw:
        raise ConfigError(
            f"this key of {exchange} may withdraw or transfer money. Make one that may only trade, put it in its place, and "
            "delete this one: a key on a server is a key that can be stolen"
        )
    if rights.trade is False:
        raise ConfigError(f"this key of {exchange} may not trade: give it the right to, and no other")
    if rights.ip_bound is False:
        log.warning(
            "the key of %s works from any address; bind it to this machine's if the exchange lets you", exchange
        )
