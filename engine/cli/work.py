"""work: the process that does what the app asks for (backtests, sweeps, fetching), one for each data folder."""

from __future__ import annotations

import logging
import os
import signal
import threading
from types import FrameType
from typing import Annotated

import typer

from engine.cli.output import emit_json, say


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: run_engine.py work --once")(work)


def work(
    once: Annotated[bool, typer.Option("--once", help="do what waits, then end")] = False,
    idle: Annotated[float, typer.Option(min=0, help="end after so many seconds without work; 0 = never")] = 0.0,
    json_out: Annotated[bool, typer.Option("--json", help="print one JSON object at the end")] = False,
) -> None:
    """Do the jobs the app asked for until told to stop. SIGTERM and Ctrl-C put the running job back; it goes on next time."""
    from db.session import migrate, open_engine
    from engine.access.redact import mask_logs
    from engine.cli.store import permit_hosts, point_to_data, spare_disk
    from engine.config.going_live import no_keys
    from engine.research.work_kinds import KINDS, Kind
    from engine.research.worker import work as work_off
    from engine.runtime import promote

    KINDS["promote"] = Kind(promote.job)  # it knows configurations, which research does not

    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    mask_logs()
    for name in (
        os.environ.keys() - no_keys(os.environ).keys()
    ):  # a worker runs a person's strategies and sends no order
        del os.environ[name]
    logging.getLogger("evenkeel").setLevel(logging.INFO)
    point_to_data()
    permit_hosts()
    spare_disk()
    engine = open_engine()
    migrate(engine)
    stop = threading.Event()
    _stop_on_signals(stop)
    done = work_off(engine, once=once, stop=stop, idle_s=idle)
    if json_out:
        emit_json({"jobs": done})
    else:
        say(f"{done} job{'' if done == 1 else 's'} done")


def _stop_on_signals(stop: threading.Event) -> None:
    """The first signal asks the running job to end at its next step; a second one ends the process at once."""

    def asked(signum: int, _frame: FrameType | None) -> None:
        stop.set()
        signal.signal(signum, signal.SIG_DFL)

    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, asked)
