"""The other libraries, in environments of their own: made, asked live, their answers recorded.

    python -m tests.oracles make      environments in .oracles/ (nothing is done for one that is complete)
    python -m tests.oracles record    their trades and statistics on every case, written to tests/oracles/expected/
    python -m tests.oracles live      compares trade by trade on ten times the bars; exit code 1 on a difference

The ordinary suite needs none of this: it compares with the recorded answers.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tests.oracles import cases, statistics_peers
from tests.oracles.cases import Case
from tests.oracles.compare import differences, run_ours

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
EXPECTED = HERE / "expected"
LIBRARIES = {"vectorbt": "peer_vectorbt.py", "backtesting": "peer_backtesting.py"}
ENVIRONMENTS = (*LIBRARIES, "statistics")


def python_of(library: str) -> Path:
    return ROOT / ".oracles" / library / "bin" / "python"


def make() -> None:
    """One environment a library; a stamp with the text of its requirements says that it is complete."""
    for library in ENVIRONMENTS:
        wanted = "".join(path.read_text() for path in _requirements(library))
        folder = ROOT / ".oracles" / library
        stamp = folder / "complete.txt"
        if stamp.exists() and stamp.read_text() == wanted:
            continue
        print(f"making .oracles/{library}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        _install(library, folder)
        stamp.write_text(wanted)


def _requirements(library: str) -> list[Path]:
    """What is installed, and, where there is a second file, what is installed without what it asks for itself."""
    names = (f"requirements-{library}.txt", f"requirements-{library}-alone.txt")
    return [HERE / name for name in names if (HERE / name).exists()]


def _install(library: str, folder: Path) -> None:
    uv = shutil.which("uv") or next((str(p) for p in [Path(sys.executable).with_name("uv")] if p.exists()), None)
    if uv:
        subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(folder)], check=True)
        install = [uv, "pip", "install", "-q", "--python", str(python_of(library))]
    else:
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        install = [str(python_of(library)), "-m", "pip", "install", "-q"]
    for path in _requirements(library):
        alone = ["--no-deps"] if path.stem.endswith("-alone") else []
        subprocess.run([*install, *alone, "-r", str(path)], check=True)


def ask(library: str, case: Case, rows: int | None = None) -> dict[str, Any]:
    """A library's answer on a case: its name, version and trades [entry bar, exit bar, entry price, exit price,
    pnl].
    """
    bars = cases.bars_of(case, rows)
    entry, leave = cases.signals_of(case, bars)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.npz"
        np.savez(
            path,
            entry=entry,
            exit=leave,
            short=np.array(case.short),
            stop=np.array(case.stop),
            target=np.array(case.target),
            fee=np.array(float(cases.FEE)),
            amount=np.array(cases.AMOUNT),
            cash=np.array(cases.CASH),
            **bars,
        )
        command = [str(python_of(library)), "-W", "ignore", str(HERE / LIBRARIES[library]), str(path)]
        answer: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        return answer


def record() -> None:
    EXPECTED.mkdir(exist_ok=True)
    statistics_peers.record(python_of)
    for case in cases.CASES:
        for library in LIBRARIES:
            answer = ask(library, case)
            head = json.dumps({"library": answer["library"], "version": answer["version"]})[:-1]
            rows = ",\n".join(json.dumps(trade) for trade in answer["trades"])
            (EXPECTED / f"{case.name}.{library}.json").write_text(f'{head}, "trades": [\n{rows}\n]}}\n')


def live() -> int:
    worst = statistics_peers.live(python_of)
    for case in cases.CASES:
        if not case.available:
            print(f"{case.name}: skipped, there is no {case.source}")
            continue
        rows = 10 * case.rows if not case.source else 30_000
        ours, bars = run_ours(case, rows)
        for library in LIBRARIES:
            answer = ask(library, case, rows)
            found = differences(library, case, bars, ours, answer["trades"])
            worst = max(worst, len(found.unexplained))
            print(f"{case.name:16} {answer['library']} {answer['version']}: {found.summary()}")
            for line in found.unexplained[:5]:
                print("   ", line)
    return 1 if worst else 0


def main(arguments: list[str]) -> int:
    if arguments == ["make"]:
        make()
    elif arguments == ["record"]:
        record()
    elif arguments == ["live"]:
        return live()
    else:
        print(__doc__)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
