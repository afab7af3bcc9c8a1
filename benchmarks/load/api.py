"""The engine's HTTP door under load: locust's readers and commanders with tokens, while the engine trades.

Two ways of asking, each beside a stretch in which nobody asks: `within` its pace (every token once a second), and `beyond` it (as
fast as answers come), where most is refused. Refusals by pace (429) are counted apart from answers. The door is a thread of the
engine's own process, so what counts most is what asking does to the way from a tick to a decision.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.load import figures, rig, sides, ticks
from engine.runtime.api.tokens import create

PLACE = rig.ROOT / ".cache" / "locust"
WANTED = Path(__file__).with_name("requirements-locust.txt")
SCRIPT = Path(__file__).with_name("door_users.py")
RATE, SECONDS = 1000.0, 12.0
USERS = {"within": 20, "beyond": 20}
"""Four readers to a commander; within the pace each has a token of its own, beyond it three tokens serve all."""


def locust() -> list[str]:
    """Locust's command, its environment made where it is not there. CalledProcessError without a registry."""
    python, stamp = PLACE / "bin" / "python", PLACE / "complete.txt"
    if not stamp.exists() or stamp.read_text() != WANTED.read_text():
        print(f"making {PLACE.relative_to(rig.ROOT)}", flush=True)
        shutil.rmtree(PLACE, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(PLACE)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "-r", str(WANTED)], check=True)
        stamp.write_text(WANTED.read_text())
    return [str(python), "-m", "locust"]


def measure(folder: Path, quick: bool = False) -> dict[str, Any]:
    """Answers by path within and beyond the pace; tick to decision and the machine's step with and without."""
    command, seconds, turns = locust(), 5.0 if quick else SECONDS, 1 if quick else 3
    keys = {scope: _tokens(folder, scope, scope, count) for scope, count in (("read", 16), ("command", 4))}
    few = {scope: _tokens(folder, scope, f"few-{scope}", count) for scope, count in (("read", 2), ("command", 1))}
    spans: dict[str, list[tuple[float, float]]] = {"alone": [], "within": [], "beyond": []}
    sent: dict[str, list[dict[str, Any]]] = {name: [] for name in spans}
    answers: dict[str, list[Any]] = {"within": [], "beyond": []}
    with rig.market(folder) as exchange, rig.engine(folder, exchange) as engine:
        engine.live()
        door = f"http://127.0.0.1:{engine.api}"
        _ask(command, folder, door, keys, 1.0, 5, 3.0)  # once, unmeasured: what the door needs is loaded
        for turn in range(turns):
            for name in ("alone", "within", "beyond") if turn % 2 == 0 else ("beyond", "within", "alone"):
                begun = time.perf_counter()
                exchange.begin(f"{name}{turn}", RATE, seconds)
                if name != "alone":
                    wait, mine = (1.0, keys) if name == "within" else (0.0, few)
                    answers[name] += _ask(command, folder, door, mine, wait, USERS[name], seconds * 0.9)
                sent[name].append(exchange.done())
                engine.reached(sent[name][-1]["last"] // 1000 * 1000)
                spans[name].append((begun, time.perf_counter()))
        notes = engine.stop()
    decided = {name: [one for row in rows for one in ticks.decisions(row, notes)] for name, rows in sent.items()}
    steps = {name: [one for span in rows for one in sides.steps(notes, *span)] for name, rows in spans.items()}
    return {
        "by": "locust 2.47.0", "users": USERS, "seconds": seconds * 0.9 * turns,
        "ways": {name: _told(rows, seconds * 0.9 * turns) for name, rows in answers.items()},
        "within": sides.both("tick to decision", ("nobody asks", decided["alone"]), ("within the pace", decided["within"])),
        "beyond": sides.both("tick to decision", ("nobody asks", decided["alone"]), ("beyond it", decided["beyond"])),
        "step_ratio_p99": {name: _p99(steps[name]) / _p99(steps["alone"]) for name in answers},
    }  # fmt: skip


def _p99(values: list[float]) -> float:
    return figures.quantile(values, 0.99)


def _tokens(folder: Path, scope: str, name: str, count: int) -> list[str]:
    now = time.time_ns() // 1_000_000
    return [create(folder / "my" / "tokens.json", scope, f"{name}{k}", now) for k in range(count)]


def _ask(
    command: list[str], folder: Path, door: str, keys: dict[str, list[str]], wait: float, users: int, seconds: float
) -> list[Any]:
    """[(path, ms, status, begun)] of every request of `users` for so long."""
    out, told = folder / "answers.json", folder / "door.json"
    out.unlink(missing_ok=True)
    told.write_text(json.dumps({**keys, "run": "load", "out": str(out), "wait": wait}))
    words = ["-f", str(SCRIPT), "--headless", "-H", door, "-u", str(users), "-r", str(users), "-t", f"{max(1, round(seconds))}s",
             "--only-summary", "--stop-timeout", "10", "--exit-code-on-error", "0", "--loglevel", "ERROR"]  # fmt: skip
    run = subprocess.run(
        [*command, *words], cwd=folder, env=rig.environment(folder, EVENKEEL_LOAD_DOOR=str(told)), capture_output=True,
        text=True, timeout=seconds + 180, check=False,
    )  # fmt: skip
    if not out.exists():
        raise RuntimeError(f"locust left no answers:\n{(run.stdout + run.stderr)[-2000:]}")
    return list(json.loads(out.read_text()))


def _told(answers: list[Any], seconds: float) -> dict[str, Any]:
    """Answers by path, refusals by pace beside them, and what failed."""
    good = [row for row in answers if 200 <= row[2] < 300]
    paced = [row for row in answers if row[2] == 429]
    failed = [row for row in answers if not 200 <= row[2] < 300 and row[2] != 429]
    paths = {name: [row[1] / 1000 for row in good if row[0] == name] for name in sorted({row[0] for row in good})}
    return {
        "answered": len(good), "refused": len(paced), "failed": len(failed), "per_second": len(answers) / seconds,
        "statuses": sorted({row[2] for row in failed}), "paths": {name: figures.told(took) for name, took in paths.items()},
        "refusal_ms": figures.told([row[1] / 1000 for row in paced]),
    }  # fmt: skip
