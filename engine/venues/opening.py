"""The one door to a private client: `open_port` makes an exchange's adapter, or nothing at all.

In paper, dry, demo and backtests it returns None before anything of engine.venues.adapters is imported; whoever wants to
send an order has to come by here. What has to be there first is engine/config/going_live.py's; how orders are sent is
engine/venues/live's.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col

from db.errors import StorageError
from db.models import Run, Watermark
from db.session import open_engine
from engine.access.files import keep_memory
from engine.config.errors import ConfigError
from engine.config.going_live import check_live, keys_of
from engine.config.model import Config
from engine.market.pace import pace_of
from engine.venues.key_lock import key_lock
from engine.venues.port import NativeStop, Permissions, Port, Unknown

log = logging.getLogger("evenkeel.venues")

NATIVE_STOPS: Mapping[str, NativeStop] = {"binance": "stop", "coinbase": "stop_limit"}
"""The stops that each exchange keeps, as its adapter has it: a dry run writes them without importing one."""


@contextmanager
def opened(config: Config) -> Iterator[Port | None]:
    """`open_port` with this process's environment, closed at the end. One engine a key: a second one that trades with the same
    would take the first one's orders for strangers'."""
    if config.run.mode != "live":
        yield None
        return
    check_live(config, os.environ)
    with key_lock(*keys_of(config.run.exchange, os.environ)):
        port = open_port(config, os.environ)
        assert port is not None
        try:
            yield port
        finally:
            port.close()


def open_port(config: Config, env: Mapping[str, str]) -> Port | None:
    """The account that `config` trades live, or None where it does not. ConfigError (78) where something is missing for it, or
    the key can do more than it should."""
    if config.run.mode != "live":
        return None
    check_live(config, env)
    keep_memory()
    port = private_client(config, env)
    try:
        port.sync()  # a machine whose clock is off could not even ask what the key may do
        check_rights(port.permissions(), config.run.exchange)
    except ConfigError:
        port.close()
        raise
    return port


def private_client(config: Config, env: Mapping[str, str]) -> Port:
    """The adapter with the keys of `env`, whatever the mode: `live check` looks with it. ConfigError without keys."""
    exchange = config.run.exchange
    if exchange not in venues():
        raise ConfigError(f"real orders can go to {' or '.join(venues())}; {exchange} can be traded on paper")
    key, secret = keys_of(exchange, env)
    if not key or not secret:
        raise ConfigError(f"there is no key of {exchange} in the environment or in my/.env")
    from engine.venues import adapters  # not before a person has asked for it

    base_url = config.run.base_url
    silent = silent_ms(config.database_url(), exchange, time.time_ns() // 1_000_000)
    return adapters.make(
        exchange, key, secret, base_url=base_url, by_machine=pace_of(base_url) != 1.0, silent_ms=silent
    )


def silent_ms(url: str, exchange: str, now: int) -> int:
    """How long `exchange` still wants no requests at `now` (ms UTC), as former processes have kept it; 0 where nothing is."""
    query = select(func.max(col(Watermark.ts))).join(Run, col(Run.id) == col(Watermark.run_id))
    mine = (col(Watermark.stream) == "silence", col(Run.exchange) == exchange)
    try:
        engine = open_engine(url, read_only=True)
        try:
            with engine.connect() as connection:
                until = connection.execute(query.where(*mine)).scalar()
        finally:
            engine.dispose()
    except (SQLAlchemyError, StorageError):
        return 0  # no database yet, or one of another version: its own door says so
    if until and until > now:
        log.warning("%s has asked for silence: nothing is sent to it for %.0f s", exchange, (until - now) / 1000)
    return max(int(until or 0) - now, 0)


def venues() -> list[str]:
    """Exchanges that real orders can go to, by the files of the adapters; none of them is imported."""
    return sorted(path.stem for path in (Path(__file__).parent / "adapters").glob("[a-z]*.py"))


def check_rights(rights: Permissions | Unknown, exchange: str) -> None:
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
