"""Each part of the load test as a section of its page. Figures in, text out; nothing is measured here."""

from __future__ import annotations

from html import escape
from typing import Any

import plotly.graph_objects as go

from benchmarks.load.drawing import Limits, both_sides, durations, number, plot, quantiles, table, times

COMMITS, TRIPS = "durable commits", "round trips"


def machine(found: dict[str, Any], limits: Limits) -> str:
    rows = [
        quantiles("commit of one row, synchronous=FULL, ms", found["commit_ms"]),
        quantiles("4 KiB behind a file's end and fsync, ms", found["sync_ms"]),
        quantiles("round trip over the loopback, us", found["round_trip_us"]),
    ]
    single = [
        ("one message's JSON read, us of the processor", found["json_us"]),
        ("prints a second through the loopback, unread", found["loopback_ticks_s"]),
        ("a step of a plain Python loop, ns of the processor", found["additions_ns"]),
    ]
    said = f"<p class='note'>{escape(str(found['system']))}, Python {found['python']}, {found['cores']} cores.</p>"
    return (
        "<h2>The machine's own limits</h2>"
        + said
        + table(("", "n", "p50", "p90", "p99", "max"), rows)
        + table(("", ""), single)
    )


def ticks(found: dict[str, Any], limits: Limits) -> str:
    head = (
        "ticks/s", "decision p50 ms", "p99 ms", "bar closes p99 ms", "commit p99 ms", "of a core", "ticks per processor second",
        "JSON reads a tick", "borne",
    )  # fmt: skip
    rows = [
        (s["rate"], s["decision_ms"]["p50"], s["decision_ms"]["p99"], s["bar_ms"]["p99"], s["commit_ms"]["p99"],
         s["engine_cpu"], s["ticks_per_cpu_s"],
         times(1e6 / s["ticks_per_cpu_s"], limits.json_us) if s["ticks_per_cpu_s"] else None, "yes" if s["borne"] else "no")
        for s in found["stages"]
    ]  # fmt: skip
    figure = go.Figure()
    for name in ("p50", "p99"):
        told = [s["decision_ms"][name] for s in found["stages"]]
        figure.add_scatter(
            x=[s["rate"] for s in found["stages"]], y=told, name=f"tick to decision, {name}", mode="lines+markers"
        )
    told = [s["commit_ms"]["p99"] for s in found["stages"]]
    figure.add_scatter(x=[s["rate"] for s in found["stages"]], y=told, name="tick to commit, p99", mode="lines+markers")
    course = go.Figure()
    steady = found["steady"]["course"]
    course.add_scatter(x=[one[0] for one in steady], y=[one[1] for one in steady], mode="markers", marker={"size": 4})
    lost = found["lost"]
    said = (
        f"{number(lost['ticks_sent'])} prints sent, over {number(lost['seconds'])} whole seconds of exchange time; "
        f"{number(lost['seconds_wrong'])} of those seconds differ on the tape in any symbol's volume; "
        f"{number(lost['events_on_tape'])} events on the tape, {number(lost['events_in_ledger'])} in the ledger."
    )
    return (
        "<h2>Ticks through the WebSocket</h2>"
        + f"<p>Each print is a message of its own; exchange time runs {number(found['speed'])} times as fast as life.</p>"
        + table(head, rows) + _steady(found["steady"], limits) + plot(figure, "Latency by rate", "ticks a second", "ms", log=True)
        + plot(course, f"Tick to decision at {number(found['steady']['rate'])} ticks a second", "seconds", "ms", log=True)
        + f"<p>{escape(said)}</p>"
    )  # fmt: skip


def _steady(stage: dict[str, Any], limits: Limits) -> str:
    """One rate against the machine's own limits."""
    name = f"at {number(stage['rate'])} ticks a second, ms"
    return durations(name, [("tick to decision", stage["decision_ms"])], limits.trip, TRIPS) + durations(
        name,
        [("tick to commit", stage["commit_ms"]), ("the transaction", stage["transaction_ms"])],
        limits.commit,
        COMMITS,
    )


def screen(found: dict[str, Any], limits: Limits) -> str:
    names = {
        "decision_ms": "tick to decision", "commit_ms": "tick to commit", "screen_ms": "tick to screen",
        "page_ms": "of which commit to screen",
    }  # fmt: skip
    figure = go.Figure()
    x, y = [one[0] for one in found["course"]], [one[1] for one in found["course"]]
    figure.add_scatter(x=x, y=y, mode="markers", marker={"size": 5})
    said = (
        f"The overview in a real browser: {number(found['bars'])} bars changed the account's equity, {number(found['unseen'])} "
        f"of them were never seen. The page looks every {number(found['look_s'])} s, which alone is a wait of "
        f"{number(found['look_s'] * 500)} ms in the middle; the rest is the page's own."
    )
    rows = [(words, found[name]) for name, words in names.items()]
    return (
        "<h2>Tick to screen</h2>" + f"<p>{escape(said)}</p>" + durations("ms", rows, limits.commit, COMMITS)
        + plot(figure, "Tick to screen", "seconds", "ms")
    )  # fmt: skip


def grid(found: dict[str, Any], limits: Limits) -> str:
    parts = ["<h2>Strategies and symbols</h2>"]
    for name, words in (
        ("frame_us", "A second's frame, us of the processor"),
        ("bar_ms", "All strategies at a bar's close, ms"),
    ):
        figure = go.Figure()
        for strategies, values in zip(found["strategies"], found[name], strict=True):
            figure.add_scatter(x=found["symbols"], y=values, name=f"{strategies} strategies", mode="lines+markers")
        parts.append(plot(figure, words, "symbols", words.rsplit(", ", 1)[1], log=True))
        rows = [[s, *values] for s, values in zip(found["strategies"], found[name], strict=True)]
        parts.append(table(["strategies \\ symbols", *found["symbols"]], rows))
        steps, thousands = times(found[name][-1][-1], limits.loop_ns), 1 if name == "frame_us" else 1000
        told = number(steps * thousands) if steps is not None else number(None)
        said = f"The last of these takes as long as {told} thousand steps of a plain Python loop."
        parts.append(f"<p class='note'>{escape(said)}</p>")
    return "".join(parts)


def sessions(found: dict[str, Any], limits: Limits) -> str:
    script = found["script_ms"]
    said = (
        f"{number(found['sessions'])} sessions of the app read a run of {number(found['trades'])} trades, "
        f"{number(found['runs'])} script runs, p50 {number(script['p50'])} ms, p99 {number(script['p99'])} ms."
    )
    more = (
        f"The ratios are those of the middle of {number(len(found['phases_p99_ms'][0]))} phases each, in turn. Without any "
        f"session the engine's own phases differ {number(found['own'])} times at p99. A commit takes "
        f"{number(found['cpu_ms'])} ms of the processor; beside the sessions {number(found['cpu_ratio_p50'])} times as much "
        f"in the middle. Commits that found the "
        f"database locked: {number(found['locked_out']['alone'])} alone, {number(found['locked_out']['beside'])} beside them."
    )
    return (
        "<h2>Sessions of the app beside the engine</h2>" + f"<p>{escape(said)}</p>" + both_sides(found, limits.commit, COMMITS)
        + f"<p>{escape(more)}</p>"
    )  # fmt: skip


def api(found: dict[str, Any], limits: Limits) -> str:
    parts = ["<h2>The HTTP door</h2>"]
    words = {"within": "Every token once a second", "beyond": "As fast as answers come, which most tokens may not"}
    for name, title in words.items():
        way = found["ways"][name]
        said = (
            f"{title}: {number(found['users'][name])} users of {found['by']}, {number(way['per_second'])} requests a second; "
            f"{number(way['answered'])} answered, {number(way['refused'])} refused for their pace (429), "
            f"{number(way['failed'])} failed."
        )
        rows = list(way["paths"].items())
        if way["refused"]:
            rows.append(("a refusal", way["refusal_ms"]))
        parts.append(f"<p>{escape(said)}</p>" + durations("ms", rows, limits.trip, TRIPS))
        parts.append(both_sides(found[name], limits.trip, TRIPS))
    return "".join(parts)


def storm(found: dict[str, Any], limits: Limits) -> str:
    said = (
        f"{number(found['alerts'])} alerts at once, a channel that never answers beside one that does: "
        f"{number(found['sent'])} sent."
    )
    return (
        "<h2>A storm of alerts</h2>"
        + f"<p>{escape(said)}</p>"
        + both_sides(found, limits.trip, TRIPS)
        + (both_sides(found["commit"], limits.commit, COMMITS))
    )


def recovery(found: dict[str, Any], limits: Limits) -> str:
    file = found["limits"]
    cpu = file["read"][1]
    rows = [
        (name, *pair, times(pair[1], cpu), times(pair[0] * 1000, limits.commit))
        for name, pair in found["parts"].items()
    ]
    rows += [("the ledger's file read once", *file["read"], 1.0, None)]
    rows += [("its fills added up in SQL", *file["walk"], times(file["walk"][1], cpu), None)]
    said = (
        f"A ledger of {number(found['fills'])} fills, {number(file['bytes'] / 1e6)} MB; {number(found['events'])} events on "
        f"the tape behind the last snapshot; {number(len(found['all']))} kills, the middle one is told."
    )
    figure = go.Figure()
    for k, clock in enumerate(("the wall", "the processor")):
        figure.add_bar(y=[row[0] for row in rows], x=[row[1 + k] for row in rows], name=clock, orientation="h")
    head = ("", "s", "s of the processor", "times reading the file (processor)", f"in {COMMITS} (wall)")
    return (
        "<h2>Taking up a long run</h2>" + f"<p>{escape(said)}</p>" + table(head, rows)
        + plot(figure, "From the kill to ready", "seconds", "", named=True)
    )  # fmt: skip


def gains(found: dict[str, Any], limits: Limits) -> str:
    head = ("what: as it was, as it is", "before us", "after us", "times", "timed by the")
    rows = [(one["what"], one["before"], one["after"], one["times"], one["clock"]) for one in found["rows"]]
    figure = go.Figure()
    figure.add_bar(y=[row[0] for row in rows], x=[row[3] for row in rows], orientation="h")
    figure.update_xaxes(type="log")
    said = "The old way and the present one of the same work, in this run, in turns."
    drawn = plot(figure, "Times less", "times", "", named=True)
    return "<h2>What was optimised</h2>" + f"<p>{escape(said)}</p>" + table(head, rows) + drawn
