"""A sweep's pieces on a Dask cluster by its address: the same function, the same rows. Which pieces there are is told elsewhere.

The candles are sent once to each machine, which keeps its ground from piece to piece. A machine that dies has its pieces done by
another; a cluster that goes away ends the sweep with a sentence, and what had come is kept. Each machine must run this version
of Evenkeel and have the person's own strategies; that is looked at before anything is run.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import queue
import threading
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import pyarrow as pa

import engine as evenkeel
from engine.research.space import Space
from engine.research.study import Study
from engine.research.sweep_ground import Ground
from engine.research.sweep_sets import Sets
from engine.research.sweep_work import Made, Piece, Task
from engine.strategies import catalog
from engine.strategies.base import StrategyError

INSTALL = "python -m pip install -r requirements-cluster.txt"
CONNECT_S, LONELY_S, LOOK_S = 10.0, 20.0, 0.2
TRIES = 4
"""How often a piece is given out when the cluster loses it: a machine that dies may take with it what it had just finished."""
AHEAD = 3
"""Pieces waiting for each thread of the cluster: enough that none waits, few enough that memory stays small."""


class ClusterError(Exception):
    """The cluster cannot be used, or not any more; the message says what to do."""

    exit_code = 69


class _Given(NamedTuple):
    """A piece on its way."""

    future: Any
    piece: Piece
    tries: int


class Cluster:
    """A Runner of sweeps and searches. Close it when done, or use it in a `with`."""

    def __init__(self, address: str) -> None:
        """ClusterError where nothing answers at `address`, as in tcp://10.0.0.5:8786, or what it needs is not installed."""
        try:
            import distributed
        except ImportError:
            raise ClusterError(f"--cluster needs Dask, which is not installed here: {INSTALL}") from None
        self.address = address
        try:
            client: Any = distributed.Client
            self._client = client(address, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError, ImportError) as error:
            raise ClusterError(
                f"no Dask scheduler answers at {address} ({_short(error)}): start one with `dask scheduler`, or leave "
                "--cluster out to use the threads of this machine"
            ) from None
        self._width, self._lonely = 0, 0.0

    def close(self) -> None:
        with suppress(Exception):  # a scheduler that is gone cannot be told good-bye
            self._client.close(timeout=2)

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(
        self, task: Task, pieces: Iterator[tuple[int, Piece]], stopped: Callable[[], bool]
    ) -> Iterator[tuple[int, Made] | None]:
        """As engine.research.sweep.Runner has it. ClusterError where the cluster goes away."""
        ground = packed(task)
        try:
            self._await_workers(stopped)
            self._check(ground)
            yield from self._flow(ground, pieces, stopped)
        except ClusterError:
            raise
        except Exception as error:
            if not _of_cluster(error):
                raise
            raise self._gone(error) from None

    def _flow(
        self, ground: Mapping[str, Any], pieces: Iterator[tuple[int, Piece]], stopped: Callable[[], bool]
    ) -> Iterator[tuple[int, Made] | None]:
        sent = self._send(ground)
        ended: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
        waiting: dict[int, _Given] = {}

        def give(number: int, piece: Piece, tries: int) -> None:
            future = self._client.submit(run_piece, sent, piece, pure=False, retries=3)
            waiting[number] = _Given(future, piece, tries)
            future.add_done_callback(lambda done: ended.put((number, done)))

        try:
            while True:
                room = 0 if stopped() else max(0, max(1, AHEAD * self._width) - len(waiting))
                for number, piece in itertools.islice(pieces, room):
                    give(number, piece, 1)
                if not waiting or stopped():
                    return
                number, made = self._next(ended)
                if made is not None:
                    del waiting[number]
                    yield number, made
                elif number >= 0:
                    lost = waiting[number]
                    if lost.tries == TRIES:
                        raise self._gone(None)
                    if any(one.status != "finished" for one in sent.values()):
                        sent = self._send(
                            ground
                        )  # it was on machines that are gone: others came after it had been sent
                    give(number, lost.piece, lost.tries + 1)
                else:
                    yield None
        finally:
            with suppress(Exception):  # a courtesy to workers that go on; why we leave is on its way up already
                self._client.cancel([given.future for given in waiting.values()])

    def _send(self, ground: Mapping[str, Any]) -> dict[str, Any]:
        """What every piece needs, on each machine that is there now."""
        sent: dict[str, Any] = self._client.scatter(ground, broadcast=True, hash=False)
        return sent

    def _next(self, ended: Any) -> tuple[int, Made | None]:
        """The piece that ended and its rows; (number, None) for one that was lost, (-1, None) where none ended for a while."""
        future: Any
        try:
            number, future = ended.get(timeout=LOOK_S)
        except queue.Empty:
            self._look()
            return -1, None
        try:
            if future.status == "cancelled":
                raise asyncio.CancelledError
            data, excluded = future.result(timeout=CONNECT_S)
        except BaseException as error:
            if not _cancelled(error):
                raise
            self._look()
            return number, None
        return number, (pa.ipc.open_stream(data).read_next_batch(), excluded)

    def _look(self) -> None:
        """Whether the cluster is still there. ClusterError where its scheduler is gone, or its last worker for long."""
        if self._client.status != "running":
            raise self._gone(None)
        workers = self._client.scheduler_info()["workers"]
        self._width = sum(int(one["nthreads"]) for one in workers.values())
        if self._width:
            self._lonely = 0.0
        elif not self._lonely:
            self._lonely = time.monotonic()
        elif time.monotonic() - self._lonely > LONELY_S:
            raise ClusterError(
                f"the cluster at {self.address} has had no worker for {LONELY_S:.0f} s; what is done is kept: start workers with "
                f"`dask worker {self.address}`, and the same command goes on from there"
            )

    def _await_workers(self, stopped: Callable[[], bool]) -> None:
        while not stopped():
            self._look()
            if self._width:
                return
            time.sleep(LOOK_S)

    def _check(self, ground: Mapping[str, Any]) -> None:
        """That each machine would compute what this one would."""
        for worker, why in self._client.run(differs, ground["kernel"], ground["sources"]).items():
            if why:
                raise ClusterError(f"the cluster's machine at {worker} cannot do this: {why}")

    def _gone(self, error: BaseException | None) -> ClusterError:
        why = f" ({_short(error)})" if error is not None else ""
        return ClusterError(
            f"the cluster at {self.address} went away{why}; what is done is kept: the same command goes on from there, with "
            "--cluster or without"
        )


def _short(error: BaseException) -> str:
    return str(error).strip().splitlines()[0][:120] if str(error).strip() else type(error).__name__


def _of_cluster(error: BaseException) -> bool:
    """Whether the cluster failed rather than what was asked of it."""
    named = type(error).__module__.partition(".")[0] == "distributed"
    return named or _cancelled(error) or isinstance(error, (OSError, TimeoutError))


def _cancelled(error: BaseException) -> bool:
    """Whether the cluster gave up a piece, by the error that its result raises."""
    return isinstance(error, asyncio.CancelledError) or type(error).__name__ == "FutureCancelledError"


# ---- what is sent --------------------------------------------------------------------------------------------------------
def packed(task: Task) -> dict[str, Any]:
    """All that a machine needs to run any piece of `task`, as plain values."""
    space = task.space
    candles = dict(task.ground.candles)
    sources = {}
    for slot in space.study.setup.slots:
        try:
            sources[slot.strategy] = catalog.source(slot.strategy)[1]
        except StrategyError as error:
            raise ClusterError(f"only strategies with a file of their own run on a cluster: {error}") from None
    schema = task.schema.serialize().to_pybytes()
    told = {"study": space.study.to_json(), "names": task.names, "schema": schema, "kernel": evenkeel.KERNEL_HASH,
            "sources": sources, "candles": candles}  # fmt: skip
    digest = hashlib.sha256(f"{told['study']} {told['names']} {sources}".encode() + schema)
    for one in candles.values():
        for column in (one.ts, *one.ohlcv):
            digest.update(zlib.crc32(column.tobytes()).to_bytes(4, "big"))
    return {**told, "key": digest.hexdigest()}


# ---- on the cluster's machines -------------------------------------------------------------------------------------------
MOST_GROUNDS = 2
_grounds: OrderedDict[str, tuple[Task, threading.local]] = OrderedDict()
_lock = threading.Lock()


def run_piece(sent: Mapping[str, Any], piece: Piece) -> tuple[bytes, int]:
    """(rows as an Arrow stream, how many points broke a constraint)."""
    task, own = _task_of(sent)
    if not hasattr(own, "sets"):
        own.sets = Sets(task.ground)
    made = task.run(piece, own.sets, lambda: False)
    assert made is not None
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, made[0].schema) as stream:
        stream.write_batch(made[0])
    return sink.getvalue().to_pybytes(), made[1]


def _task_of(sent: Mapping[str, Any]) -> tuple[Task, threading.local]:
    with _lock:
        found = _grounds.get(sent["key"])
        if found is None:
            study = Study.from_json(sent["study"])
            schema = pa.ipc.read_schema(pa.py_buffer(sent["schema"]))
            found = Task(Space(study), tuple(sent["names"]), Ground(study, sent["candles"]), schema), threading.local()
            _grounds[sent["key"]] = found
            while len(_grounds) > MOST_GROUNDS:
                _grounds.popitem(last=False)
        _grounds.move_to_end(sent["key"])
        return found


def differs(kernel: str, sources: Mapping[str, str]) -> str:
    """What on this machine is not as on the one that asks; "" where nothing is."""
    if kernel != evenkeel.KERNEL_HASH:
        return "it runs another version of Evenkeel; give all machines the same"
    for name, digest in sources.items():
        try:
            if catalog.source(name)[1] != digest:
                return f"its file of the strategy {name} is another one; copy my/strategies there"
        except StrategyError as error:
            return f"{error}; copy my/strategies there"
    return ""
