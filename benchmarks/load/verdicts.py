"""What was promised, held against what was found. Pure."""

from __future__ import annotations

from typing import Any

STEADY, DECISION_MS, RECOVERY_S, COMMIT_RATIO = 5000.0, 50.0, 2.0, 1.10


def verdicts(result: dict[str, Any]) -> list[dict[str, Any]]:
    """[{"kept", "words"}] of every target whose part was measured."""
    found: list[dict[str, Any]] = []

    def say(kept: bool, words: str) -> None:
        found.append({"kept": bool(kept), "words": words})

    if (ticks := _of(result, "ticks")) is not None:
        steady, lost = ticks["steady"], ticks["lost"]
        late = steady["decision_ms"]["p99"]
        say(
            steady["rate"] >= STEADY and bool(steady["borne"]),
            f"{steady['rate']:,.0f} ticks a second for {steady['seconds']:g} s: tick to decision {_ms(late)} at p99, "
            f"under {DECISION_MS:g} ms, on {_share(steady['engine_cpu'])} of a core",
        )
        whole = lost["seconds_wrong"] == 0 and lost["lots_sent"] == lost["lots_taken"]
        say(
            whole and lost["events_on_tape"] == lost["events_in_ledger"],
            f"nothing lost: {lost['ticks_sent']:,} prints, {lost['seconds_wrong']} of {lost['seconds']:,} seconds differ",
        )
    if (sessions := _of(result, "sessions")) is not None:
        say(
            sessions["ratio_p99"] is not None and sessions["ratio_p99"] <= COMMIT_RATIO,
            f"{sessions['sessions']} sessions of the app: commit p99 {_times(sessions['ratio_p99'])} of what it is without, "
            f"at most {COMMIT_RATIO:g}; the engine's own quiet phases differ {_times(sessions['own'])}",
        )
    if (recovery := _of(result, "recovery")) is not None:
        wall, cpu = recovery["ready_s"], recovery["ready_cpu_s"]
        say(
            (cpu if result.get("shared") else wall) < RECOVERY_S,
            f"a run of {recovery['fills']:,} fills is taken up in {wall:.2f} s, {cpu:.2f} s of the processor, under "
            f"{RECOVERY_S:g} s{' of the processor' if result.get('shared') else ''}",
        )
    return found


def _of(result: dict[str, Any], name: str) -> dict[str, Any] | None:
    part = result.get(name)
    return part if part is not None and "failed" not in part else None


def _ms(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1f} ms"


def _share(value: float | None) -> str:
    return "an unknown share" if value is None else f"{value:.0%}"


def _times(value: float | None) -> str:
    return "an unknown multiple" if value is None else f"{value:.2f} times"
