"""The load test's page: one HTML file that opens offline. Figures in, text out; nothing is measured here."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

from plotly.offline import get_plotlyjs

from benchmarks.load import parts
from benchmarks.load.drawing import GRID, INK, Limits, number

ORDER: dict[str, Callable[[dict[str, Any], Limits], str]] = {
    "machine": parts.machine, "ticks": parts.ticks, "screen": parts.screen, "grid": parts.grid, "sessions": parts.sessions,
    "api": parts.api, "storm": parts.storm, "recovery": parts.recovery, "gains": parts.gains,
}  # fmt: skip
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Evenkeel under load</title><style>
body{{font:15px/1.5 system-ui,sans-serif;color:{ink};max-width:1000px;margin:2rem auto;padding:0 1rem}}
h1{{font-size:1.6rem}} h2{{font-size:1.2rem;margin-top:2.4rem;border-top:1px solid {grid};padding-top:1rem}}
table{{border-collapse:collapse;margin:.8rem 0;font-variant-numeric:tabular-nums}}
td,th{{padding:.15rem .7rem;border-bottom:1px solid {grid};text-align:right}} td:first-child,th:first-child{{text-align:left}}
.kept{{color:#1b6e4b}} .missed{{color:#a33b20;font-weight:600}} .note{{color:#52606d}}
</style><script>{plotly}</script></head><body><h1>Evenkeel under load</h1>{body}</body></html>"""


def page(result: dict[str, Any]) -> str:
    """The whole report of what `benchmarks.load` found; parts that did not run are left out."""
    limits = Limits.of(result.get("machine"))
    written = [_head(result)]
    for name, write in ORDER.items():
        found = result.get(name)
        if found is not None:
            written.append(write(found, limits) if "failed" not in found else _failed(name, found))
    return PAGE.format(plotly=get_plotlyjs(), body="".join(written), ink=INK, grid=GRID)


def _head(result: dict[str, Any]) -> str:
    verdicts = "".join(
        f'<li class="{kind}">{word}: {escape(one["words"])}</li>'
        for one in result.get("verdicts", [])
        for kind, word in [("kept", "kept") if one["kept"] else ("missed", "WARN, missed")]
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
