"""What Home says when there is nothing to show: three ways to begin, or why the database cannot be read and what to do."""

from __future__ import annotations

import streamlit as st

from app import data
from db.errors import MissingDatabase, ServerAway, StorageError

SHOWN, AGAIN_S = "server_away_shown", 3
"""How often, in seconds, a page looks whether a server that was away is back."""
DOORS = (
    (
        "Watch the demo",
        "A small exchange on this machine, an engine that trades on it and this app beside it. No account, no network, "
        "nothing real; its data stays in a folder of its own.",
        "make demo",
    ),
    (
        "Backtest BTC over 90 days",
        "Fetches 90 days of one-minute candles and runs a moving-average cross over them, at the exchange's real fees. "
        "With --save the result appears here.",
        ".venv/bin/python run_engine.py fetch --exchange coinbase --symbol BTC/USD --timeframe 1m --days 90\n"
        ".venv/bin/python run_engine.py backtest sma_cross --exchange coinbase --symbol BTC/USD --timeframe 1m --save",
    ),
    (
        "Paper trade without a key",
        "Live prices, simulated fills, 1,000 of play money. Asks five questions, writes my/config.toml and starts.",
        ".venv/bin/python run_engine.py init\n.venv/bin/python run_engine.py run",
    ),
)


def welcome(error: StorageError | None) -> None:
    """The empty page: doors where nothing is there yet, the trouble and its remedy where something is."""
    if isinstance(error, ServerAway):
        _away(error)
        return
    if error is not None and not isinstance(error, MissingDatabase):
        st.header("The database cannot be shown", anchor=False)
        with st.container(border=True):
            st.text(str(error))
            st.caption("This looks at everything and says what is wrong:")
            st.code(".venv/bin/python run_engine.py doctor", language="bash")
        return
    st.header("Nothing has run here yet", anchor=False)
    st.caption("Three ways to begin. Each is one or two commands in this folder; this page fills by itself on reload.")
    for column, (name, words, command) in zip(st.columns(3, border=True), DOORS, strict=True):
        with column:
            st.subheader(name, anchor=False)
            st.write(words)
            st.code(command, language="bash", wrap_lines=True)


def _away(error: ServerAway) -> None:
    st.header("The database server is away", anchor=False)
    with st.container(border=True):
        st.text(str(error))
        st.caption(
            "An engine that runs takes no entries meanwhile, manages what it holds, keeps everything on its tape and writes it "
            "once the server is back. `touch data/KILL` kills as ever. This page comes back by itself."
        )
    st.session_state[SHOWN] = True
    _look_again()


@st.fragment(run_every=AGAIN_S)
def _look_again() -> None:
    """Not in the run that has just found the server away: pages would chase each other."""
    if not st.session_state.pop(SHOWN, False) and data.answers():
        st.rerun()
