"""The load test's page: one HTML file that opens offline. Figures in, text out; nothing is measured here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

INK, ACCENT, SECOND, GRID = "#1f2933", "#2563a8", "#b0632a", "#e4e7eb"
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Evenkeel under load</title><style>
body{{font:15px/1.5 system-ui,sans-serif;color:{ink};max-width:1000px;margin:2rem auto;padding:0 1rem}}
h1{{font-size:1.6rem}} h2{{font-size:1.2rem;margin-top:2.4rem;border-top:1px solid {grid};padding-top:1rem}}
table{{border-collapse:collapse;margin:.8rem 0;font-variant-numeric:tabular-nums}}
td,th{{padding:.15rem .7rem;border-bottom:1px solid {grid};text-align:right}} td:first-child,th:first-child{{text-align:left}}
.kept{{color:#1b6e4b}} .missed{{color:#a33b20;font-weight:600}} .note{{color:#52606d}}
</style><script>{plotly}</script></head><body><h1>Evenkeel under load</h1>{body}</body></html>"""
Row = Sequence[Any]


def page(result: dict[str, Any]) -> str:
    """The whole report of what `benchmarks.load` found; parts that did not run are left out."""
    parts = [_head(result)]
    made = {
        "machine": _machine, "ticks": _ticks, "screen": _screen, "grid": _grid, "sessions": _sessions, "api": _api,
        "storm": _storm, "recovery": _recovery, "reads": _reads,
    }  # fmt: skip
    for name, write in made.items():
        found = result.get(name)
        if found is not None:
            parts.append(write(found) if "failed" not in found else _failed(name, found))
    return PAGE.format(plotly=get_plotlyjs(), body="".join(parts), ink=INK, grid=GRID)


def number(value: Any) -> str:
    """Three digits that mean something; words as they are."""
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return escape(str(value))
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 10 else f"{value:.1f}"


def table(head: Row, rows: Iterable[Row]) -> str:
    top = "".join(f"<th>{escape(str(one))}</th>" for one in head)
    body = "".join("<tr>" + "".join(f"<td>{number(one)}</td>" for one in row) + "</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>"


def plot(figure: Any, title: str, x: str, y: str, log: bool = False) -> str:
    figure.update_layout(
        title=title, height=340, margin={"l": 60, "r": 20, "t": 50, "b": 45}, paper_bgcolor="white", plot_bgcolor="white",
        font={"color": INK, "size": 13}, colorway=[ACCENT, SECOND, "#5b8c5a", "#7a5c99", "#8a8f98"],
    )  # fmt: skip
    figure.update_xaxes(title=x, gridcolor=GRID, zeroline=False)
    figure.update_yaxes(title=y, gridcolor=GRID, zeroline=False, type="log" if log else "linear")
    return str(figure.to_html(full_html=False, include_plotlyjs=False, config={"displayModeBar": False}))


def _head(result: dict[str, Any]) -> str:
    verdicts = "".join(
        f'<li class="{"kept" if one["kept"] else "missed"}">{"kept" if one["kept"] else "missed"}: {escape(one["words"])}</li>'
        for one in result.get("verdicts", [])
    )
    words = [f"Taken {result['taken']} in {number(result.get('seconds'))} s"]
    words += [
        f"load average {number(result['load'][0])} before and {number(result['load'][1])} after, on {result['cores']} cores"
    ]
    if result.get("shared"):
        words.append(
            "on a machine that others were using: times of the wall are too long, ratios and processor times stand"
        )
    return f'<p class="note">{escape("; ".join(words))}.</p><ul>{verdicts}</ul>'


def _failed(name: str, found: dict[str, Any]) -> str:
    return f'<h2>{escape(name)}</h2><p class="missed">could not be measured: {escape(str(found["failed"]))}</p>'


def _quantiles(name: str, told: dict[str, Any]) -> Row:
    return [name, told["n"], told["p50"], told["p90"], told["p99"], told["max"]]


def _machine(found: dict[str, Any]) -> str:
    rows = [
        _quantiles("commit of one row, synchronous=FULL, ms", found["commit_ms"]),
        _quantiles("4 KiB behind a file's end and fsync, ms", found["sync_ms"]),
        _quantiles("round trip over the loopback, us", found["round_trip_us"]),
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


def _ticks(found: dict[str, Any]) -> str:
    head = (
        "ticks/s", "decision p50 ms", "p99 ms", "bar closes p99 ms", "commit p99 ms", "of a core", "ticks per processor second",
        "borne",
    )  # fmt: skip
    rows = [
        (s["rate"], s["decision_ms"]["p50"], s["decision_ms"]["p99"], s["bar_ms"]["p99"], s["commit_ms"]["p99"],
         s["engine_cpu"], s["ticks_per_cpu_s"], "yes" if s["borne"] else "no")
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
        + table(head, rows) + plot(figure, "Latency by rate", "ticks a second", "ms", log=True)
        + plot(course, f"Tick to decision at {number(found['steady']['rate'])} ticks a second", "seconds", "ms", log=True)
        + f"<p>{escape(said)}</p>"
    )  # fmt: skip


def _screen(found: dict[str, Any]) -> str:
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
    rows = [_quantiles(words, found[name]) for name, words in names.items()]
    return (
        "<h2>Tick to screen</h2>" + f"<p>{escape(said)}</p>" + table(("ms", "n", "p50", "p90", "p99", "max"), rows)
        + plot(figure, "Tick to screen", "seconds", "ms")
    )  # fmt: skip


def _grid(found: dict[str, Any]) -> str:
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
    return "".join(parts)


def _sides(found: dict[str, Any]) -> str:
    """Two sides in turn, and their ratio."""
    rows = [_quantiles(one["name"], one["told"]) for one in found["sides"]]
    figure = go.Figure()
    for one in found["sides"]:
        values = sorted(one["values"])
        share = [(k + 1) / len(values) for k in range(len(values))]
        figure.add_scatter(x=values, y=share, name=one["name"], mode="lines")
    figure.update_xaxes(type="log")
    late, middle = number(found["ratio_p99"]), number(found["ratio_p50"])
    said = f"<p>p99 with, over p99 without: <b>{late}</b>; of the middle values {middle}.</p>"
    return (
        table((f"{found['what']}, ms", "n", "p50", "p90", "p99", "max"), rows)
        + said + plot(figure, found["what"], "ms", "share of all that is not above")
    )  # fmt: skip


def _sessions(found: dict[str, Any]) -> str:
    script = found["script_ms"]
    said = (
        f"{number(found['sessions'])} sessions of the app read a run of {number(found['trades'])} trades, "
        f"{number(found['runs'])} script runs, p50 {number(script['p50'])} ms, p99 {number(script['p99'])} ms."
    )
    return "<h2>Sessions of the app beside the engine</h2>" + f"<p>{escape(said)}</p>" + _sides(found)


def _api(found: dict[str, Any]) -> str:
    parts = ["<h2>The HTTP door</h2>"]
    words = {"within": "Every token once a second", "beyond": "As fast as answers come, which most tokens may not"}
    for name, title in words.items():
        way = found["ways"][name]
        said = (
            f"{title}: {number(found['users'][name])} users of {found['by']}, {number(way['per_second'])} requests a second; "
            f"{number(way['answered'])} answered, {number(way['refused'])} refused for their pace (429), "
            f"{number(way['failed'])} failed."
        )
        rows = [_quantiles(path, told) for path, told in way["paths"].items()]
        if way["refused"]:
            rows.append(_quantiles("a refusal", way["refusal_ms"]))
        parts.append(
            f"<p>{escape(said)}</p>" + table(("ms", "n", "p50", "p90", "p99", "max"), rows) + _sides(found[name])
        )
    return "".join(parts)


def _storm(found: dict[str, Any]) -> str:
    said = (
        f"{number(found['alerts'])} alerts at once, a channel that never answers beside one that does: "
        f"{number(found['sent'])} sent."
    )
    return "<h2>A storm of alerts</h2>" + f"<p>{escape(said)}</p>" + _sides(found)


def _recovery(found: dict[str, Any]) -> str:
    limits = found["limits"]
    cpu = limits["read"][1]
    rows = [(name, *pair, pair[1] / cpu if cpu else None) for name, pair in found["parts"].items()]
    rows += [("the ledger's file read once", *limits["read"], 1.0)]
    rows += [("its fills added up in SQL", *limits["walk"], limits["walk"][1] / cpu if cpu else None)]
    said = (
        f"A ledger of {number(found['fills'])} fills, {number(limits['bytes'] / 1e6)} MB; {number(found['events'])} events on "
        f"the tape behind the last snapshot; {number(len(found['all']))} kills, the middle one is told."
    )
    head = ("", "s", "s of the processor", "times reading the file (processor)")
    return "<h2>Taking up a long run</h2>" + f"<p>{escape(said)}</p>" + table(head, rows)


def _reads(found: dict[str, Any]) -> str:
    rows = [(name, *values) for name, values in found["pages"].items()]
    return "<h2>Pages</h2>" + table(("page", "first s", "again s"), rows)
