"""Whether the app may start as it is told to: beyond this machine only with a password and the names it answers to."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware

from app.guard.gate import Gate
from engine.access.addresses import is_loopback
from engine.access.files import keep_from_others
from engine.access.password import PasswordError, stored
from engine.config.reading import home

EXIT_CONFIG = 78
ASK = "EVENKEEL_REQUIRE_CODE"
"""Set to 1: whoever has no password gives a code that stands in the terminal, for a machine with other users."""
CONNECTIONS = 500
"""At once, pages' WebSockets among them; a process may have a thousand files open."""


def gate() -> Middleware:
    """The gate for st.App. Ends the process with 78 and a sentence where the door would stand open."""
    keep_from_others()
    hosts = list(st.config.get_option("server.allowedHosts") or [])
    if (words := refusal(str(st.config.get_option("server.address") or ""), hosts, home())) is not None:
        print(f"error: {words}", file=sys.stderr, flush=True)
        raise SystemExit(EXIT_CONFIG)
    from engine.access.patience import hurry  # with Streamlit's server, not for those who ask `refusal` alone

    hurry(CONNECTIONS)
    kept: Any = Gate
    return Middleware(kept, folder=home(), hosts=hosts, code=_code(os.environ.get(ASK, "")))


def _code(asked: str) -> str:
    """A code for this start, told on the terminal alone; "" where none is asked for, or there is a password."""
    if asked.strip().lower() in ("", "0", "no", "false") or stored(home()) is not None:
        return ""
    code = secrets.token_hex(5)
    print(
        f"The app asks for this code instead of a password, until it is started again: {code}",
        file=sys.stderr,
        flush=True,
    )
    return code


def refusal(address: str, hosts: list[str], folder: Path) -> str | None:
    """Why the app must not listen on `address`; None if it may. Loopback addresses always may."""
    try:
        password = stored(folder)
    except PasswordError as error:
        return str(error)
    if is_loopback(address):
        return None
    where = f"the app would listen on {address or 'every address of this machine'}"
    if password is None:
        return (
            f"{where}, and there is no password. Set one with `run_engine.py password`, or leave server.address at 127.0.0.1 "
            "and come by `ssh -L 8501:localhost:8501`."
        )
    if not set(hosts) - {"localhost", "127.0.0.1", "::1"}:
        return (
            f"{where}, and server.allowedHosts in .streamlit/config.toml names only this machine. Add the name or address that "
            "people will type, or leave server.address at 127.0.0.1."
        )
    return None
