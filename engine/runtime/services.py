"""Which services run beside the loop, made from the configuration. One line a service; each lives in a room of its own."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from db.session import open_engine
from engine.ai.service import AiService
from engine.alerts.service import Alerts, Where
from engine.config.model import Config
from engine.runtime.api.service import Api
from engine.runtime.beside import Doors, Service
from engine.runtime.clock import wall_ms
from engine.runtime.health import Health
from engine.runtime.live_orders import live_orders
from engine.runtime.ping import Ping
from engine.runtime.scheduled import Schedule
from engine.runtime.session import Session
from engine.runtime.steering import Steering
from engine.runtime.systemd import Systemd
from engine.runtime.works import works


def services(config: Config, session: Session, doors: Doors) -> list[Service]:
    """The services of this run, not started yet."""
    health = Health(config, session)
    made: list[Service] = [health, Systemd(), Steering(config, session.run_id, doors)]
    made.append(Alerts(config, _where(config, session), doors))
    reader = partial(open_engine, config.database_url(), read_only=True)
    made += [Ping(config, health.ready), Schedule(config, reader, doors, works(doors), wall_ms)]
    if config.api.enabled:
        made.append(Api(config, session, health, doors.kill))
    made.append(asking_service(config, session, doors))
    made += live_orders(config, session, doors)
    return made


def _where(config: Config, session: Session) -> Where:
    """The run as the alerts see it. Its days go by the exchange's clock where that runs faster than life."""
    vitals, trader = session.vitals, session.trader
    return Where(
        config.database_url(), session.run_id, lambda: vitals.feed,
        wall_ms if vitals.speed == 1.0 else lambda: trader.now,
    )  # fmt: skip


def asking_service(config: Config, session: Session, doors: Doors) -> Service:
    """The one that asks models; it reads the database over a connection of its own."""
    reader = open_engine(config.database_url(), read_only=True)
    folder, speed = Path(config.storage.data_dir), session.vitals.speed
    return AiService(config.ai, reader, session.run_id, doors, lambda: session.trader.now, speed, folder)
