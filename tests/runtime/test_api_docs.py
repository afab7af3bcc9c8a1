"""docs/api.md tells every route, and its samples do what it says."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import requests

from tests.runtime.api_server import place

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text()
SAMPLES = re.findall(r"^curl .*$", GUIDE, re.MULTILINE)


def test_every_route_and_figure_stands_in_the_guide_and_every_sample_works(tmp_path: Path) -> None:
    with place(tmp_path, trades=20) as api:
        told = set(re.findall(r"`(GET|POST|DELETE) (/[\w/{}.]+)`", GUIDE))
        there = {(method.upper(), path) for path, ways in api.app.openapi()["paths"].items() for method in ways}
        assert told == there
        figures = set(
            re.findall(
                r"^evenkeel_(\w+?)(?:_bucket)?(?:\{| )", requests.get(f"{api.url}/metrics", timeout=10).text, re.M
            )
        )
        plain = {re.sub(r"_(count|sum)$", "", name).replace("_recent_seconds", "_seconds") for name in figures} - {
            "info"
        }
        assert {name for name in plain if f"`{name}`" not in GUIDE} == set()
        met = set()
        for line in SAMPLES:
            if "/api/backtests --json" in line:
                continue  # without candles it is refused; test_api asks for one
            words = shlex.split(line.replace("$EVENKEEL", api.url).replace("$TOKEN", api.tokens["command"]))
            url = next(word for word in words if word.startswith("http"))
            headers = dict(word.split(": ", 1) for word in words if word.startswith("Authorization"))
            body = json.loads(words[words.index("--json") + 1]) if "--json" in words else None
            method = "POST" if body else "GET"
            answer = requests.request(
                method, url, headers=headers, json={**body, "wait": 0} if body else None, timeout=10
            )
            assert answer.status_code in (200, 202), (line, answer.text)
            met.add(re.sub(r"\?.*", "", url.removeprefix(api.url)))
    assert len(met) >= 9


@pytest.mark.parametrize("sample", [line for line in SAMPLES if "/api/backtests --json" in line])
def test_the_sample_of_a_backtest_asks_for_one(sample: str) -> None:
    from engine.runtime.api.backtests import Asked

    assert Asked.model_validate_json(shlex.split(sample)[-1]).strategy == "sma_cross"
