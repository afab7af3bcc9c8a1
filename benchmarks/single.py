"""One backtest on 129,600 and on 1,036,800 one-minute bars: Evenkeel beside vectorbt and backtesting.py.

Each contender lives in a process of its own, warm; they take turns within one run, so that a ratio is of times
measured seconds apart. Absolute times on a shared machine drift; the ratios are what is claimed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import work

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
CLAIMS = {
    (work.DAYS_90, "vectorbt"): 12.0,
    (work.DAYS_720, "vectorbt"): 7.0,
    (work.DAYS_90, "backtesting.py"): 500.0,
}


@dataclass
class Contender:
    """A warm process that makes one timed run for each line it is sent."""

    command: list[str]
    name: str = ""
    version: str = ""
    times: list[float] = field(default_factory=list)
    trades: int = 0
    equity: float = 0.0
    loaded_mib: float = 0.0

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT
        )
        facts = self._answer()
        self.name, self.version = facts["name"], facts["version"]
        self.loaded_mib = float(facts.get("loaded_mib", 0.0))

    def turn(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        row = self._answer()
        self.times.append(row["seconds"])
        self.trades, self.equity = row["trades"], row["equity"]

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(
                f"{' '.join(self.command)} ended with code {self.process.wait()}; run it by hand to see why"
            )
        answer: dict[str, Any] = json.loads(line)
        return answer

    def stop(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def contenders(count: int) -> list[Contender]:
    """Ours, and every peer whose environment is there."""
    found = [
        [sys.executable, "-m", "benchmarks.ours", str(count)],
        [sys.executable, "-m", "benchmarks.ours", str(count), "exact"],
    ]
    vectorbt = ROOT / ".oracles" / "vectorbt" / "bin" / "python"
    backtesting = ROOT / ".oracles" / "backtesting" / "bin" / "python"
    for python in (vectorbt, backtesting):
        if not python.exists():
            print(f"no {python.relative_to(ROOT)}: `make oracles` makes it", file=sys.stderr)
    if vectorbt.exists():
        script = str(HERE / "peer_vectorbt.py")
        found += [[str(vectorbt), "-W", "ignore", script, str(count), kind] for kind in ("numba", "rust")]
    if backtesting.exists():
        found.append([str(backtesting), "-W", "ignore", str(HERE / "peer_backtesting.py"), str(count)])
    return [Contender(command) for command in found]


def race(count: int, rounds: int) -> list[Contender]:
    """Turns in order, `rounds` times; backtesting.py, which takes a thousand times as long, sits out all but
    three.
    """
    field_ = contenders(count)
    try:
        for contender in field_:
            contender.start()
        for number in range(rounds):
            for contender in field_:
                if contender.name != "backtesting.py" or number < (3 if count < 500_000 else 1):
                    contender.turn()
    finally:
        for contender in field_:
            contender.stop()
    return field_


def table(count: int, field_: list[Contender]) -> list[dict[str, Any]]:
    ours = median(field_[0].times)
    rows = []
    print(f"\n{count:,} bars, median of {len(field_[0].times)} turns")
    print(f"{'':18}{'version':>10}{'ms':>12}{'ns/bar':>10}{'x ours':>9}{'trades':>9}{'final equity':>16}")
    for contender in field_:
        middle = median(contender.times)
        ratio = middle / ours
        print(
            f"{contender.name:18}{contender.version:>10}{middle * 1e3:12.2f}{middle / count * 1e9:10.1f}{ratio:9.1f}"
            f"{contender.trades:9,}{contender.equity:16,.0f}"
        )
        rows.append(
            {
                "bars": count,
                "name": contender.name,
                "version": contender.version,
                "seconds": middle,
                "all_seconds": contender.times,
                "ratio": ratio,
                "trades": contender.trades,
                "equity": contender.equity,
            }
        )
    return rows


def verdicts(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each claim against the best of the peers it is about."""
    out = []
    for (count, peer), claim in CLAIMS.items():
        ratios = [row["ratio"] for row in rows if row["bars"] == count and row["name"].startswith(peer)]
        if ratios:
            out.append(
                {"claim": f"{claim:g}x {peer} at {count:,} bars", "measured": min(ratios), "kept": min(ratios) >= claim}
            )
    return out


def main(rounds: int = 15) -> dict[str, Any]:
    rows: list[dict[str, Any]] = []
    for count in (work.DAYS_90, work.DAYS_720):
        rows += table(count, race(count, rounds if count == work.DAYS_90 else max(5, rounds // 2)))
    result = {"rows": rows, "verdicts": verdicts(rows)}
    print()
    for verdict in result["verdicts"]:
        print(f"{'kept  ' if verdict['kept'] else 'BROKEN'} {verdict['claim']}: {verdict['measured']:.1f}x")
    return result


if __name__ == "__main__":
    main()
