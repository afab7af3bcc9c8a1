"""The frame that every page stands in: which run, what kind it is, how the engine is, and the two buttons that matter.

Only the strip with the engine's state refreshes by itself. Nothing from the database is rendered as HTML: the strip's HTML
is made of our own words and of numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from html import escape
from pathlib import Path
from typing import Any

import streamlit as st
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from app import data, formats
from app.clock import now_ms
from app.confirm import ask, pending
from app.palette import Palette, palette
from app.read import runs, system, trouble
from app.rooms import rooms
from db.errors import StorageError
from db.server import told_away
from db.session import sqlite_file
from engine.access.password import is_set
from engine.config.reading import home

STYLE = Path(__file__).parent / "style.css"
PAGE = "page"
"""Where app/script.py leaves the frame's answer for the page it runs next."""
RUN, LEFT, PICKED = "run", "run_left", "run_picked"
"""The run on screen, by name, in no widget's hands; the one that was just left; that this script run is the pick's own."""
GONE, UNSAVED = "run_gone", "run_unsaved"
"""A run that was asked for and is not there, and words that could not be saved because of it."""
KINDS = {"paper": "PAPER", "live": "LIVE", "backtest": "BACKTEST", "imported": "IMPORTED"}
ENDED = ("backtest", "imported")
"""Kinds of run that no engine acts on."""


@dataclass(frozen=True)
class Page:
    """What a page gets from the frame."""

    engine: Engine
    run: Mapping[str, Any]
    colors: Palette

    @property
    def run_id(self) -> int:
        return int(self.run["id"])

    @property
    def quote(self) -> str:
        return str(self.run["quote"])

    @property
    def trading(self) -> bool:
        """Whether an engine may act on this run: anything but a backtest or imported trades."""
        return self.run["kind"] not in ENDED


def colors() -> Palette:
    """The palette of the theme on screen."""
    return palette(st.context.theme.type)


def style(kind: str | None) -> None:
    """Our style sheet, and the colour of the whole page by the kind of run."""
    shade = colors()
    mode = getattr(shade, kind) if kind in KINDS else "transparent"
    names = {
        "mode": mode,
        "on": shade.on_badge,
        "demo": shade.demo,
        "gain": shade.gain,
        "loss": shade.loss,
        "accent": shade.accent,
    }
    variables = "".join(f"--ek-{name}:{value};" for name, value in names.items())
    st.html(STYLE)
    st.html(f"<style>:root{{{variables}}}</style>")


def current() -> Page:
    """What the frame gave the page that is being drawn."""
    page = current_if_any()
    assert page is not None, "app/script.py runs a page without a run only if the page says that it needs none"
    return page


def current_if_any() -> Page | None:
    """The same for a page that says `"needs_run": False`: None while there is no run at all."""
    page: Page | None = st.session_state.pop(PAGE)
    return page


def frame(needs_run: bool = True) -> Page | None:
    """Draw the frame; None where there is no run to show (if the page needs one, the person has been told why)."""
    try:
        engine = data.database()
        found = runs.runs(engine)
    except StorageError as error:
        style(None)
        return _nothing(error) if needs_run else None
    except DBAPIError as error:
        style(None)
        return _nothing(told_away(error))
    if not found:
        style(None)
        return _nothing(None) if needs_run else None
    with st.container(key="frame", horizontal=True, vertical_alignment="center", gap="medium"):
        place = st.empty()
        chosen = _pick(found)
        style(chosen["kind"])
        place.html(_badges(chosen), width="content")
        _strip(engine, chosen)
    _gone(str(chosen["name"]))
    page = Page(engine, chosen, colors())
    pending(page)
    return page


def way_out() -> None:
    """A way to log out, where there is a password to log in with."""
    if is_set(home()):
        st.sidebar.html('<a class="ek-way-out" href="/logout" target="_self">Log out</a>')


def notice() -> None:
    """Remember the run that the address names, before anything is drawn.

    Streamlit drops the address's parameters when a person goes to another page, and may stop this script for that at any
    line after the navigation has been drawn. What the address said has to be safe by then.
    """
    if st.session_state.pop(PICKED, False):
        return
    asked = st.query_params.get("run")
    if asked and asked != st.session_state.get(LEFT):
        st.session_state[RUN] = asked
    if asked == st.session_state.get(RUN):
        st.session_state.pop(LEFT, None)


def choose(name: str) -> None:
    """Go over to another run; the address follows. To be called in a callback or before a rerun."""
    st.session_state[LEFT] = st.query_params.get("run")  # a click on its way from the browser may still carry it
    st.session_state[PICKED] = True
    st.session_state[RUN] = name
    st.session_state.pop(GONE, None)
    st.session_state.pop(UNSAVED, None)
    st.query_params["run"] = name


def _pick(found: list[dict[str, Any]]) -> dict[str, Any]:
    """The run that the person chose, else the one heard last. The address always names it, so that a link shows the same."""
    by_name = {row["name"]: row for row in found}
    if st.session_state.get(RUN) not in by_name:
        if missing := st.session_state.get(RUN):
            st.session_state[GONE] = missing
            to_url(trade="", day="", job="")  # they meant something of that run
        st.session_state[RUN] = found[0]["name"]
    name = st.session_state[RUN]
    st.session_state["pick_run"] = name
    st.selectbox(
        "Run",
        list(by_name),
        key="pick_run",
        format_func=lambda n: _run_label(by_name[n]),
        label_visibility="collapsed",
        width=250,
        on_change=lambda: choose(st.session_state["pick_run"]),
    )
    if st.query_params.get("run") != name:
        st.query_params["run"] = name
    return by_name[name]


def _gone(name: str) -> None:
    """That another run is shown than the one asked for, and what was being written on that one."""
    missing, unsaved = st.session_state.get(GONE), st.session_state.get(UNSAVED)
    if not missing:
        return
    with st.container(border=True, key="failed_gone"):
        st.text(f"There is no run {missing} any more: it was deleted or renamed. This is {name}; choose another above.")
        if unsaved:
            st.caption("What you had written on it and could not be saved:")
            st.code(unsaved, language=None, wrap_lines=True)


def _run_label(row: Mapping[str, Any]) -> str:
    words = {"twin_of": "paper twin", "challenger_of": "challenger", "demo": "demo", "dry": "dry"}
    return f"{row['name']} · {next((word for name, word in words.items() if row[name]), row['kind'])}"


def _badges(row: Mapping[str, Any]) -> str:
    """What kind of run this is, in words and shape as well as colour; the style sheet changes the header for `live`."""
    more = '<span class="ek-badge demo">DEMO</span>' if row["demo"] else ""
    more += '<span class="ek-badge demo">TWIN</span>' if row["twin_of"] else ""
    more += '<span class="ek-badge demo">CHALLENGER</span>' if row["challenger_of"] else ""
    if row["kind"] == "live":
        return f'<span class="ek-badge live">LIVE<i>real money</i></span>{more}'
    if row["dry"]:
        return f'<span class="ek-badge dry">DRY<i>nothing is sent</i></span>{more}'
    return f'<span class="ek-badge">{KINDS[row["kind"]]}</span>{more}'


@st.fragment(run_every=2)
def _strip(engine: Engine, row: Mapping[str, Any]) -> None:
    """Engine state, ages and the last command's fate, every two seconds; and the buttons, which follow the state."""
    try:
        status = runs.status(engine, row["id"])
        command = runs.last_command(engine, row["id"])
    except (
        SQLAlchemyError,
        StorageError,
    ):  # the file may vanish under an open page: the next full run says so in words
        st.html('<div class="ek-strip"><span class="bad">database out of reach</span></div>')
        return
    now = now_ms()
    health = runs.health(dict(row), status, now)
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="strip"):
        st.html(_health_html(health) + _command_html(command, now))
        if row["kind"] not in ENDED:
            _buttons(health)
    if row["kind"] not in ENDED:
        _alarm(engine, row["id"], health, status)
    if health.alive and health.state in ("reduce_only", "halted", "killed"):
        _way_out(engine, row["id"], health.state)


def _alarm(engine: Engine, run_id: int, health: runs.Health, status: Mapping[str, Any] | None) -> None:
    """A band across the page while nobody minds the positions; numbers below it stand faint, as they are old."""
    quiet = health.down and status is not None
    locked = quiet and trouble.is_locked(sqlite_file(engine.url.render_as_string(hide_password=False)))
    process = trouble.process_of(status) if quiet and status is not None else trouble.ELSEWHERE
    found = trouble.told(health, status, held=runs.held(engine, run_id), locked=locked, process=process)
    if found is not None:
        words = escape(found.words).replace("`run_engine.py run`", "<code>run_engine.py run</code>")
        tone = "dead" if found.dead else "warn"
        st.html(f'<div class="ek-alarm {tone}" role="alert"><b>{escape(found.title)}.</b> {words}</div>')


def _way_out(engine: Engine, run_id: int, state: str) -> None:
    """What a person has to do before trading goes on."""
    tripped = [b["name"] for b in system.breakers(engine, run_id) if b["state"] == "tripped" and b["level"] == state]
    name = "kill" if state == "killed" and not tripped else tripped[0] if tripped else ""
    if name:
        st.caption(f"Trading goes on when this is released: `run_engine.py release {name} --reason '...'`")


def _buttons(health: runs.Health) -> None:
    paused = health.state == "paused"
    with st.container(horizontal=True, gap="small", width="content"):
        if st.button(
            "Resume" if paused else "Pause", key="pause", help="no new entries; open positions are managed on"
        ):
            ask("resume" if paused else "pause")
        if st.button("Kill", key="kill", help="stop all trading now; stays so until released"):
            ask("kill")


def _health_html(health: runs.Health) -> str:
    if health.heartbeat_age is None and not health.down:
        return f'<div class="ek-strip"><span><i class="ek-dot off"></i><b>{escape(health.word)}</b></span></div>'
    dot = "" if health.alive and health.state == "running" else "off" if health.state == "stopped" else "bad"
    tone = "bad" if health.down or health.state in ("halted", "killed") else ""
    parts = [f'<span class="{tone}"><i class="ek-dot {dot}"></i><b>Engine {escape(health.word)}</b></span>']
    if health.heartbeat_age is not None:
        parts.append(_age("heard", health.heartbeat_age, health.down))
    if health.data_age is not None:
        parts.append(_age("newest bar", health.data_age, health.stale))
    if health.stale and health.heartbeat_age is not None:
        parts.append('<span class="bad">stale data</span>')
    return f'<div class="ek-strip">{"".join(parts)}</div>'


def _age(label: str, ms: float, bad: bool) -> str:
    return f'<span><span class="dim">{label}</span> <span class="{"bad" if bad else ""}">{formats.duration(ms)} ago</span></span>'


def _command_html(command: Mapping[str, Any] | None, now: int) -> str:
    """The newest command for two minutes after its answer, or until it is answered."""
    if command is None or (command["state"] != "new" and now - (command["acked_ts"] or 0) > 120_000):
        return ""
    kind = escape(formats.words(command["kind"]))
    if command["state"] == "new":
        waited = formats.duration(now - command["created_ts"])
        return f'<div class="ek-strip"><span><b>{kind}</b> <span class="dim">sent, no answer for {waited}</span></span></div>'
    took = formats.duration((command["acked_ts"] or 0) - command["created_ts"])
    word, tone = ("done", "good") if command["state"] == "done" else ("refused", "bad")
    why = f": {escape(str(command['result'])[:90])}" if command["state"] == "refused" and command["result"] else ""
    result = f'<span class="{tone}">{word}</span> <span class="dim">after {took}{why}</span>'
    return f'<div class="ek-strip"><span><b>{kind}</b> {result}</span></div>'


def _nothing(error: StorageError | None) -> None:
    from app.welcome import welcome

    welcome(error)


def title(text: str, sentence: str = "") -> None:
    """What this page shows, said once."""
    st.header(text, anchor=False)
    if sentence:
        st.caption(sentence)


def live(page: Page, draw: Callable[[Page], None], seconds: int) -> None:
    """Draw a part of the page that refreshes by itself while an engine may act on the run. Nothing to be typed or selected."""

    @wraps(draw)
    def drawn(page: Page) -> None:
        try:
            draw(page)
        except DBAPIError as error:
            st.caption(f"{told_away(error)} This part comes back by itself.")

    st.fragment(drawn, run_every=seconds if page.trading else None)(page)


def empty(what: str, why: str, command: str = "", leads: str = "") -> None:
    """An empty place says why it is empty and what fills it; `leads` is the name of the page that does, to be opened from here.

    These words are our own: what comes from data goes into `command`, which is never read as Markdown."""
    with st.container(border=True):
        st.markdown(f"**{what}**")
        if why:
            st.caption(why)
        if leads:
            room = next(one for one in rooms() if one.name == leads)
            st.page_link(str(room.file), label=f"Open {room.title}")
        if command:
            st.code(command, language="bash")


def in_url(name: str, default: str, allowed: Callable[[str], bool]) -> str:
    """A page's setting as the URL has it, or the default."""
    value = st.query_params.get(name, default)
    return value if allowed(value) else default


def view(options: Mapping[str, str], key: str, on_change: Callable[[], None] | None = None) -> str:
    """Which of a page's views: picked by its words, named in the address as `view`; the first where nothing is said."""
    first = next(iter(options))
    st.session_state.setdefault(key, in_url("view", first, options.__contains__))
    picked = st.segmented_control(
        "View", list(options), key=key, format_func=options.__getitem__, label_visibility="collapsed", required=True,
        on_change=on_change,
    )  # fmt: skip
    chosen = str(picked or first)
    to_url(view="" if chosen == first else chosen)
    return chosen


def to_url(**values: str | int) -> None:
    """Write a page's settings into the URL; empty ones leave it."""
    for name, value in values.items():
        if value in ("", 0):
            st.query_params.pop(name, None)
        elif st.query_params.get(name) != str(value):
            st.query_params[name] = str(value)
