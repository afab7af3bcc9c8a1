"""How fast an exchange's time runs: a sandbox says so itself, a real exchange runs as life does. Nothing else is asked here."""

from __future__ import annotations

import json
import time

import requests

from engine.access import outbound_http
from engine.access.outbound import current

SECONDS, MOST = 10.0, 65_536


def pace_of(base_url: str) -> float:
    """How fast the exchange's time runs: a sandbox says so itself, a real exchange runs as life does."""
    if not base_url:
        return 1.0
    try:
        with outbound_http.session(SECONDS, current().with_sandbox(base_url)) as session:
            answer = session.get(
                base_url.rstrip("/") + "/sandbox/status", timeout=5, allow_redirects=False, stream=True
            )
            told = outbound_http.body(answer, MOST, time.monotonic() + SECONDS)
            return float(json.loads(told)["speed"]) if answer.status_code == 200 else 1.0
    except (requests.RequestException, ValueError, KeyError, TypeError):
        return 1.0
