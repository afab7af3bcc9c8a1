"""The words of a report as HTML: sections in, one page out that needs nothing else. Every text from data is escaped here.

The page carries Plotly once, its own style sheet and a content policy under which a browser asks no network for anything.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:; font-src data:"
)
Cell = Callable[[Any], str]


def text(value: object) -> str:
    """Data as text: what a browser takes for markup is not."""
    return escape(str(value), quote=True)


def data(value: Any) -> str:
    """JSON inside a script element: no text can end the element."""
    plain = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return plain.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def chart(name: str, figure: dict[str, Any], told: str) -> str:
    """A place for a chart and what is drawn there; `told` says it to those who do not see it."""
    height = int(figure["layout"]["height"])
    return (
        f'<div class="chart" id="{text(name)}" role="img" aria-label="{text(told)}" style="height:{height}px"></div>'
        f'<script type="application/json" data-chart="{text(name)}">{data(figure)}</script>'
    )


def tile(label: str, value: str, note: str = "", hint: str = "", kind: str = "") -> str:
    """One number: its name, its value, what stands below it."""
    below = f"<i>{text(note)}</i>" if note else ""
    return (
        f'<div class="tile {kind}" title="{text(hint)}"><small>{text(label)}</small><b>{text(value)}</b>{below}</div>'
    )


def table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    numbers: Sequence[int] = (),
    *,
    signs: bool = True,
    kind: str = "",
) -> str:
    """A table of texts; columns in `numbers` stand right, and with `signs` take the colour of the sign they carry."""
    right = set(numbers)
    head = "".join(f'<th class="{"n" if k in right else ""}">{text(name)}</th>' for k, name in enumerate(heads))
    body = "".join(
        f"<tr>{''.join(_cell(value, k in right, signs) for k, value in enumerate(row))}</tr>" for row in rows
    )
    return f'<div class="scroll {kind}"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(value: str, right: bool, signs: bool) -> str:
    tone = {"+": " gain", "\u2212": " loss"}.get(value[:1], "") if right and signs else ""
    return f'<td class="{"n" if right else ""}{tone}">{text(value)}</td>'


def section(title: str, *parts: str, note: str = "") -> str:
    """A heading and what stands below it."""
    below = f'<p class="dim">{text(note)}</p>' if note else ""
    return f"<section><h2>{text(title)}</h2>{''.join(parts)}{below}</section>"


def page(title: str, body: str, charts: bool) -> str:
    """The whole document. Plotly is in it only if there is a chart."""
    style = (HERE / "report.css").read_text(encoding="utf-8")
    scripts = f"<script>{plotly()}</script><script>{(HERE / 'report.js').read_text(encoding='utf-8')}</script>"
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"<title>{text(title)}</title><style>{style}</style></head><body><main>{body}</main>"
        f"{scripts if charts else ''}</body></html>"
    )


@lru_cache(maxsize=1)
def plotly() -> str:
    """Plotly's own script, read from the installed package without importing it. FileNotFoundError says what to install."""
    found = importlib.util.find_spec("plotly")
    places = list(found.submodule_search_locations or []) if found is not None else []
    for place in places:
        file = Path(place) / "package_data" / "plotly.min.js"
        if file.exists():
            return file.read_text(encoding="utf-8").replace("</script", "<\\/script")
    raise FileNotFoundError("a report draws with Plotly, which is not installed: `pip install -r requirements.txt`")
