"""The filters of closed trades: drawn, kept in the address, cleared, saved under a name. Which trades they mean: read.trades.

A filter's widget has its value from the session, and the session from the address when the page is opened; so a link shows what
its sender saw, and a saved filter is a line of the address.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

import streamlit as st

from app import data, formats, saved, ui
from app.read.trades import ORDERS, Filter
from engine.research.records import ANY, Range

DAY_MS = 86_400_000
PERIODS = {"all": 0, "today": -1, "7 d": 7, "30 d": 30, "90 d": 90}
RESULTS = {"": "any result", "won": "won", "lost": "lost", "even": "even", "ambiguous": "ambiguous"}
SIDES = {"": "long and short", "long": "long", "short": "short"}
SORTS = {
    "newest": "newest first", "oldest": "oldest first", "best": "best first", "worst": "worst first", "best_r": "best R first",
    "worst_r": "worst R first", "longest": "longest first", "shortest": "shortest first", "costliest": "highest fees first",
    "symbol": "by symbol",
}  # fmt: skip
assert set(SORTS) == set(ORDERS)
SELECTS = ("period", "symbol", "strategy", "side", "exit", "result", "tag", "config", "source", "model", "prompt")
SAID: dict[str, tuple[str, str, dict[str, str]]] = {
    "source": ("Signal of", "rule and model", {"rule": "rule", "ai": "model"}),
    "model": ("Model", "any model", {}),
    "prompt": ("Prompt", "any prompt", {}),
}
"""Who said the signal: label, what means all of them, and words of values."""
DATES = ("from", "to")
RANGES = {"pnl": "P&L", "r": "R", "held": "Held, minutes"}
NAMES = (*SELECTS, *DATES, *RANGES, "find")
"""In the address."""


def key(name: str) -> str:
    return f"pick_{name}"


def choice(label: str, name: str, options: Mapping[str, str], default: str = "", **more: Any) -> str:
    """A choice that lives in the address."""
    state = st.session_state
    if key(name) not in state:
        state[key(name)] = ui.in_url(name, default, options.__contains__)
    if state[key(name)] not in options:
        state[key(name)] = default
    picked = str(st.selectbox(label, list(options), format_func=options.__getitem__, key=key(name), **more))
    ui.to_url(**{name: "" if picked == default else picked})
    return picked


def draw(page: ui.Page, offered: Mapping[str, Any], beside: Callable[[], Any]) -> Filter:
    """The filter row; `beside` draws what else is chosen for the page."""
    lists = {
        "symbol": {"": "all symbols", **{name: name for name in offered["symbol"]}},
        "strategy": {"": "all strategies", **{name: formats.strategy(name) for name in offered["strategy"]}},
        "tag": {"": "any tag", **{name: name for name in offered["tag"]}},
        "config": {"": "any", **configs(offered["config"])},
    }
    with st.grid("auto", min_column_width=128, gap="small", key="filters_trades"):
        periods = {name: "all time" if name == "all" else name for name in PERIODS}
        period = choice("Period", "period", periods, "all", disabled=bool(_dates_set()))
        symbol = choice("Symbol", "symbol", lists["symbol"])
        strategy = choice("Strategy", "strategy", lists["strategy"])
        side = choice("Side", "side", SIDES)
        reason = choice("Exit", "exit", {"": "any exit", **formats.REASONS})
        result = choice("Result", "result", RESULTS)
        tag = choice("Tag", "tag", lists["tag"], help="the signal's tag; #: yours, !: a mistake you named")
        said = {name: _said(name, offered[name]) for name in SAID}
        find = text("Notes", "find", "words in notes")
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="filters_more"):
        since, until, config, ranges = more(lists["config"])
        store(st.query_params.to_dict())
        if any(name in st.query_params for name in NAMES):
            st.button("Clear filters", type="tertiary", on_click=put, args=("",), key="filters_clear")
        beside()
    if not (since or until):
        since = _since(page, period)
    held = tuple(None if value is None else value * 60_000 for value in ranges["held"])
    return Filter(
        symbol, strategy, side, reason, result, since, until, tag, int(config or 0), ranges["pnl"], ranges["r"],
        (held[0], held[1]), find, **said,
    )  # fmt: skip


def _said(name: str, offered: list[str]) -> str:
    """Whose signal: asked only where there is more than one answer."""
    if len(offered) < 2:
        return ""
    label, every, words = SAID[name]
    return choice(label, name, {"": every, **{one: words.get(one, one) for one in offered}})


def configs(found: list[dict[str, Any]]) -> dict[str, str]:
    """Configuration versions by number: the short hash and since when."""
    return {str(row["id"]): f"{row['hash'][:7]}, {formats.when(row['created_ts'])}" for row in found}


def text(label: str, name: str, hint: str) -> str:
    """Words that live in the address."""
    if key(name) not in st.session_state:
        st.session_state[key(name)] = st.query_params.get(name, "")[:200]
    typed = str(st.text_input(label, key=key(name), placeholder=hint, max_chars=200) or "").strip()
    ui.to_url(**{name: typed})
    return typed


# ---- what is asked less often ---------------------------------------------------------------------------------------------
def more(versions: Mapping[str, str]) -> tuple[int, int, str, dict[str, Range]]:
    """(since, until in ms UTC or 0, config version, ranges): a popover."""
    used = sum(name in st.query_params for name in ("from", "to", "config", *RANGES))
    with st.popover(f"More filters ({used})" if used else "More filters", key="filters_popover"):
        st.caption("Closed between (UTC, both days included)")
        left, right = st.columns(2)
        with left:
            since = _day("From", "from")
        with right:
            until = _day("To", "to")
        ranges = {name: _range(label, name) for name, label in RANGES.items()}
        config = choice("Configuration", "config", versions)
    return since, until + DAY_MS if until else 0, config, ranges


def _dates_set() -> bool:
    return any(st.session_state.get(key(name)) or st.query_params.get(name) for name in DATES)


def _day(label: str, name: str) -> int:
    if key(name) not in st.session_state:
        st.session_state[key(name)] = day_of(st.query_params.get(name, ""))
    picked = st.date_input(label, key=key(name), value=None, format="YYYY-MM-DD", min_value=date(2009, 1, 3))
    ui.to_url(**{name: picked.isoformat() if isinstance(picked, date) else ""})
    return int(datetime(picked.year, picked.month, picked.day, tzinfo=UTC).timestamp() * 1000) if picked else 0


def day_of(written: str) -> date | None:
    """The day of 2026-01-31, or of a moment that begins so; None for anything else."""
    try:
        found = date.fromisoformat(written[:10])
    except ValueError:
        return None
    return found if found.year >= 2009 else None


def _range(label: str, name: str) -> Range:
    """Lowest and highest, written -50..10 in the address; either side may be open."""
    low_key, high_key = f"{key(name)}_low", f"{key(name)}_high"
    if low_key not in st.session_state:
        st.session_state[low_key], st.session_state[high_key] = bounds(st.query_params.get(name, ""))
    left, right = st.columns(2)
    low = left.number_input(f"{label} from", key=low_key, value=None, step=None, placeholder="any")
    high = right.number_input(f"{label} to", key=high_key, value=None, step=None, placeholder="any")
    ui.to_url(**{name: "" if low is None and high is None else f"{_short(low)}..{_short(high)}"})
    return low, high


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.12g}"


def bounds(written: str) -> Range:
    """A range as the address has it; what is none is open."""
    low, dots, high = written.partition("..")
    return (_number(low), _number(high)) if dots else ANY


def _number(written: str) -> float | None:
    try:
        value = float(written)
    except ValueError:
        return None
    return value if abs(value) < 1e15 else None


def _since(page: ui.Page, period: str) -> int:
    """Counted from the run's last stored moment, not from this machine's clock: a replayed run has its own present."""
    days = PERIODS[period]
    last = data.equity_stamp(page.engine, page.run_id)
    if not days or not last:
        return 0
    midnight = last // DAY_MS * DAY_MS
    return midnight if days < 0 else midnight - (days - 1) * DAY_MS


# ---- set from elsewhere ---------------------------------------------------------------------------------------------------
def put(query: str, **also: str) -> None:
    """Make the filters those of a line of the address; to be called in a callback. All others are cleared."""
    wanted = {**{name: value for name, value in parse_qsl(query) if name in NAMES}, **also}
    for name in NAMES:
        ui.to_url(**{name: wanted.get(name, "")})
        _into_session(name, wanted.get(name, ""))
    ui.to_url(page="", trade="")


def add(**values: str) -> None:
    """Narrow the filters in force by these; to be called in a callback."""
    put(urlencode({name: st.query_params[name] for name in NAMES if name in st.query_params}), **values)


def _into_session(name: str, value: str) -> None:
    state = st.session_state
    if name in DATES:
        state[key(name)] = day_of(value)
    elif name in RANGES:
        state[f"{key(name)}_low"], state[f"{key(name)}_high"] = bounds(value)
    else:
        state[key(name)] = value or ("all" if name == "period" else "")


def store(query: Mapping[str, str]) -> None:
    """Saved filters: apply, save the present ones, forget."""
    present = urlencode({name: query[name] for name in NAMES if name in query})
    kept = saved.listed("trades")
    with st.popover(f"Saved ({len(kept)})" if kept else "Saved", key="filters_saved"):
        for row in kept:
            left, right = st.columns([4, 1])
            left.button(
                _plain(row["name"]), key=f"saved_{row['id']}", on_click=put, args=(row["query"],), width="stretch"
            )
            right.button("Forget", key=f"forget_{row['id']}", on_click=saved.forget, args=(row["id"],), type="tertiary")
        if not present:
            st.caption("Set filters first: then they can be kept under a name.")
            return
        with st.form("save_filter", clear_on_submit=True, border=False):
            name = st.text_input("Keep these filters as", max_chars=60, key="filter_name")
            if st.form_submit_button("Keep") and name.strip():
                saved.keep("trades", name, present)
                st.rerun()


def _plain(label: str) -> str:
    """A name somebody typed, as a button's label: its signs of Markdown are only signs."""
    return "".join(f"\\{sign}" if sign in r"\`*_{}[]()#+-.!~|<>:$" else sign for sign in label)
