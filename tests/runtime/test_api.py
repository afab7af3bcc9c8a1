"""The engine's HTTP door: who may pass, what is answered, and what never gets through."""

from __future__ import annotations

import csv
import io
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import select, text
from sqlmodel import col

from db.models import Command, Job
from db.session import open_engine
from engine.ledger.export import TRADES, table
from engine.market.candles import Candles
from engine.market.store import Store
from engine.runtime.api import trades
from engine.runtime.api.tokens import TokenError, create, found, read, revoke
from engine.runtime.pulse import Probe
from tests.app.seed import DAY, NOW
from tests.runtime.api_server import Place, place, reached, well


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(tmp_path_factory.mktemp("api")) as made:
        yield made


@pytest.fixture
def api(shared: Place) -> Iterator[Place]:
    yield shared
    shared.health.pulse, shared.health.probe, shared.health.now = well(), reached(), 1000.0
    with shared.context.writer.execution_options(write=True).begin() as connection:
        connection.execute(text("DELETE FROM command WHERE source = 'api'"))
        connection.execute(text("DELETE FROM job"))


PROTECTED = [
    ("GET", "/api/openapi.json"), ("GET", "/api/status"), ("GET", "/api/runs"), ("GET", "/api/runs/1"),
    ("GET", "/api/trades/export"), ("GET", "/api/backtests"), ("POST", "/api/backtests"), ("GET", "/api/backtests/x"),
    ("DELETE", "/api/backtests/x"), ("GET", "/api/commands"), ("POST", "/api/commands"), ("GET", "/api/commands/x"),
]  # fmt: skip


def test_every_route_but_health_wants_a_token_and_says_how_to_get_one(api: Place) -> None:
    routes = {(method.upper(), path) for path, ways in api.app.openapi()["paths"].items() for method in ways}
    named = {(method, path.replace("/x", "/{uuid}").replace("runs/1", "runs/{run}")) for method, path in PROTECTED}
    assert routes - named == {("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/metrics")}
    for method, path in PROTECTED:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic YTpi"}):
            answer = api.ask(method, path, headers=headers, json={"kind": "pause"})
            assert answer.status_code == 401, (method, path)
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["www-authenticate"] == "Bearer"
            api.context._wrong.clear()
    assert "token new" in api.ask("GET", "/api/status").json()["detail"]
    assert _commands(api) == []


def test_a_token_that_reads_commands_nothing(api: Place) -> None:
    for method, path, body in (
        ("POST", "/api/commands", {"kind": "pause"}),
        ("POST", "/api/backtests", {"strategy": "sma_cross"}),
        ("DELETE", "/api/backtests/x", None),
    ):
        assert api.ask(method, path, "read", json=body).status_code == 403
    assert _commands(api) == []
    assert api.worked == []


def test_who_tries_wrong_tokens_is_told_to_wait_and_the_right_one_is_served(api: Place) -> None:
    codes = [api.get("/api/status", "", headers={"Authorization": f"Bearer {n}"}).status_code for n in range(22)]
    assert codes == [401] * 20 + [429] * 2
    assert api.get("/api/status").status_code == 200
    api.context._wrong.clear()


def test_another_name_or_another_site_is_refused_before_any_route(api: Place) -> None:
    for headers in (
        {"Host": "evil.example"}, {"Host": "evil.example:8600"}, {"Host": ""}, {"Host": "[bad"},
        {"Host": "evil@127.0.0.1"}, {"Host": "127.0.0.1/evil"}, {"Host": "localhost#"},
        {"Origin": "https://evil.example"}, {"Origin": "null"},
    ):  # fmt: skip
        for path in ("/healthz", "/metrics", "/api/status"):
            assert api.get(path, headers=headers).status_code == 403, headers
    for headers in ({"Host": "evenkeel.lan"}, {"Host": "localhost:1"}, {"Origin": "http://127.0.0.1:8501"}):
        assert api.get("/api/status", headers=headers).status_code == 200, headers


def test_a_large_body_is_cut_off(api: Place) -> None:
    answer = api.ask("POST", "/api/commands", "command", data=b" " * 10_000_000)
    assert answer.status_code == 413
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert api.get("/healthz").json() == {"alive": True}


def test_bad_input_gets_a_sentence(api: Place) -> None:
    for path, body, words in (
        ("/api/commands", b"{", "JSON"),
        ("/api/commands", b'{"kind": "dance"}', "kind: input should be 'pause'"),
        ("/api/commands", b'{"kind": "pause", "run": "nobody"}', "no run 'nobody'"),
        ("/api/commands", b'{"kind": "close"}', "close wants slot"),
        ("/api/commands", b'{"kind": "kill", "flatten": true}', '"confirm": "flatten"'),
        ("/api/commands", b'{"kind": "release", "breaker": "kill"}', "reason"),
        ("/api/commands", b'{"kind": "pause", "loud": 1}', "loud"),
        ("/api/backtests", b'{"strategy": "nothing_like_it"}', "nothing_like_it"),
        ("/api/backtests", b'{"strategy": "sma_cross", "params": {"fast": -1}}', "fast"),
        ("/api/backtests", b'{"strategy": "sma_cross", "symbol": "???"}', "???"),
        ("/api/backtests", b'{"strategy": "sma_cross", "from": "soon"}', "2026-01-31"),
        ("/api/backtests", b'{"strategy": "sma_cross"}', "fetch"),
    ):
        answer = api.ask("POST", path, "command", data=body, headers={"Content-Type": "application/json"})
        assert 400 <= answer.status_code < 500, (body, answer.text)
        assert words in answer.json()["detail"], answer.text
    for path in (
        "/api/runs?limit=0",
        "/api/trades/export?from=soon",
        "/api/trades/export?format=xml",
        "/api/status?run=",
    ):
        assert api.get(path).status_code == 422, path
    assert api.get("/nowhere").json()["detail"].startswith("there is no /nowhere here")
    assert api.ask("PUT", "/api/runs", "read").status_code == 405


# ---- health -----------------------------------------------------------------------------------------------------------------
def test_ready_says_every_check_and_a_fault_in_words(api: Place) -> None:
    answer = api.get("/readyz", "")
    assert answer.status_code == 200
    assert [check["name"] for check in answer.json()["checks"]] == [
        "engine", "data", "database", "disk", "venue", "clock", "latches",
    ]  # fmt: skip
    api.health.probe = Probe(1000.0, 2, "connection refused", 0.0, None, 5_000.0)
    answer = api.get("/readyz", "")
    assert answer.status_code == 503
    assert [check["name"] for check in answer.json()["checks"] if not check["ok"]] == ["venue"]
    assert "connection refused" in answer.text


def test_the_process_is_dead_only_when_its_loop_is_stuck_for_long(api: Place) -> None:
    api.health.now = 1030.0
    assert (api.get("/healthz", "").status_code, api.get("/readyz", "").status_code) == (200, 503)
    api.health.now = 1061.0
    assert api.get("/healthz", "").status_code == 503
    api.health.pulse = None
    assert (api.get("/healthz", "").status_code, api.get("/readyz", "").status_code) == (200, 503)


def test_figures_are_what_prometheus_reads(api: Place) -> None:
    answer = api.get("/metrics", "")
    found = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert found["evenkeel_ready",] == 1
    assert found["evenkeel_equity",] == 10_100
    assert found["evenkeel_drawdown_ratio",] == pytest.approx(1 - 10_100 / 10_400)
    assert found["evenkeel_bar_age_seconds", "ETH/USD"] == 4
    assert found["evenkeel_reconnects_total",] == 3
    assert found["evenkeel_commit_recent_seconds", "0.99"] == 0.004
    assert found["evenkeel_commit_seconds_count",] == 40
    assert found["evenkeel_database_bytes", "database"] + found["evenkeel_database_bytes", "wal"] > 100_000
    with api.context.reader.connect() as connection:
        refused = connection.execute(
            text("SELECT count(*) FROM signal WHERE run_id = 1 AND status = 'refused'")
        ).scalar()
        waiting = connection.execute(text("SELECT count(*) FROM alert WHERE state = 'new'")).scalar()
    assert sum(value for key, value in found.items() if key[0] == "evenkeel_refusals_total") == refused > 0
    assert found["evenkeel_alerts_waiting",] == waiting
    api.health.pulse = None
    assert "evenkeel_ready 0.0" in api.get("/metrics", "").text


def test_where_others_can_reach_it_health_wants_a_token_too(tmp_path: Path) -> None:
    with place(tmp_path, trades=5, open_to_all=False) as other:
        assert [other.get(path, "").status_code for path in ("/healthz", "/readyz", "/metrics")] == [200, 401, 401]
        assert other.get("/metrics").status_code == 200


# ---- runs and trades -----------------------------------------------------------------------------------------------------------
def test_status_is_the_runs_own(api: Place) -> None:
    told = api.get("/api/status").json()
    assert (told["run"], told["alive"], told["state"]) == ("test-data", True, "running")
    assert {one["slot"] for one in told["positions"]} == {
        "sma_cross:BTC/USD",
        "rsi_reversion:SOL/USD",
        "donchian_breakout:ETH/USD",
    }
    assert api.get("/api/status?run=1").json() == told
    assert api.get("/api/status?run=nobody").status_code == 404


def test_runs_come_in_pages_newest_first(api: Place) -> None:
    every = [row["id"] for row in api.get("/api/runs").json()]
    assert every == sorted(every, reverse=True)
    pages = [api.get(f"/api/runs?limit=1&before={before}").json() for before in (2**31 - 1, every[0])]
    assert [page[0]["id"] for page in pages] == every[:2]
    assert {row["kind"] for row in api.get("/api/runs?kind=backtest").json()} == {"backtest"}
    assert api.get(f"/api/runs/{every[0]}").json()["id"] == every[0]


@pytest.mark.parametrize("format", ["csv", "json"])
@pytest.mark.parametrize("piece", [1, 7, 10_000])
def test_an_export_in_pieces_is_the_export_whole(
    api: Place, format: str, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trades, "PIECE", piece)
    rested: list[float] = []
    for runs, since, until in (([1, 2], 0, 0), ([2, 1], NOW - DAY, NOW), ([1], NOW, 0), ([], 0, 0)):
        whole = table(api.context.reader, "trades", runs, since, until).file(format)
        made = trades.pieces(api.context.reader, runs, format, since, until, threading.Lock(), rested.append)
        assert b"".join(made) == whole
    assert rested


def test_an_export_over_http_holds_every_trade_once(api: Place) -> None:
    answer = api.get(f"/api/trades/export?format=csv&run=test-data&from={NOW - DAY}")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert list(rows[0]) == list(TRADES)
    assert all(int(row["exit_ts"]) >= NOW - DAY for row in rows)
    assert len({row["seq"] for row in rows}) == len(rows) == len(api.get(
        f"/api/trades/export?format=json&run=1&from={NOW - DAY}").json())  # fmt: skip
    assert api.get("/api/trades/export?run=nobody").status_code == 404


# ---- commands and backtests ----------------------------------------------------------------------------------------------------
def test_a_command_is_one_row_however_often_it_is_sent(api: Place) -> None:
    body = {
        "kind": "tighten_stop",
        "slot": "sma_cross:BTC/USD",
        "price": 61000.5,
        "uuid": "6f0f1f5e-2d3c-4b43-9a38-6b5a1c2f9d11",
    }
    answers = [api.ask("POST", "/api/commands", "command", json=body) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {202}
    assert [(row.kind, row.args, row.source, row.run_id) for row in _commands(api)] == [
        ("tighten_stop", {"slot": "sma_cross:BTC/USD", "price": 61000.5}, "api", 1)
    ]
    assert api.get(answers[0].headers["location"]).json() == answers[0].json()
    assert api.ask("POST", "/api/commands", "command", json={**body, "price": 1.0}).status_code == 409


def test_a_command_waits_for_the_engines_answer(api: Place) -> None:
    def answer() -> None:
        while not _commands(api):
            threading.Event().wait(0.01)
        with api.context.writer.execution_options(write=True).begin() as connection:
            connection.execute(
                text("UPDATE command SET state = 'done', acked_ts = :now, result = 'paused' WHERE source = 'api'"),
                {"now": NOW},
            )

    engine = threading.Thread(target=answer)
    engine.start()
    told = api.ask("POST", "/api/commands", "command", json={"kind": "pause", "wait": 10})
    engine.join()
    assert (told.status_code, told.json()["state"], told.json()["result"]) == (200, "done", "paused")


def test_kill_presses_the_switch_before_it_writes(api: Place) -> None:
    pressed: list[tuple[str, bool, str, int]] = []

    def press(source: str, flatten: bool, reason: str) -> str:
        pressed.append((source, flatten, reason, len(_commands(api))))
        return "killed"

    api.context.press = press
    try:
        api.ask(
            "POST",
            "/api/commands",
            "command",
            json={"kind": "kill", "flatten": True, "confirm": "flatten", "reason": "now"},
        )
    finally:
        api.context.press = None
    assert pressed == [("api:command", True, "now", 0)]
    assert [(row.kind, row.args) for row in _commands(api)] == [("kill", {"flatten": True})]


def test_kill_acts_while_the_database_is_locked(api: Place) -> None:
    pressed: list[str] = []
    api.context.press = lambda source, flatten, reason: pressed.append(source)
    former, api.context.writer = api.context.writer, open_engine(str(api.context.writer.url), busy_ms=10)
    try:
        with former.execution_options(write=True).begin():
            answer = api.ask("POST", "/api/commands", "command", json={"kind": "kill"})
            other = api.ask("POST", "/api/commands", "command", json={"kind": "pause"})
    finally:
        api.context.writer.dispose()
        api.context.writer, api.context.press = former, None
    assert (answer.status_code, answer.json()["state"], pressed) == (200, "done", ["api:command"])
    assert (other.status_code, _commands(api)) == (503, [])


def test_a_backtest_runs_on_no_engine(api: Place) -> None:
    assert api.ask("POST", "/api/commands", "command", json={"kind": "pause", "run": "2"}).status_code == 422


def test_a_backtest_is_a_job(api: Place) -> None:
    close = 100.0 + np.arange(400) % 7
    ts = NOW + np.arange(400, dtype=np.int64) * 3_600_000
    candles = Candles(ts, close, close + 1, close - 1, close, np.ones(400), 3_600_000)
    Store(api.context.data_dir / "candles").write("coinbase", "BTC/USD", "1h", candles)
    body: dict[str, Any] = {"strategy": "sma_cross", "timeframe": "4h", "params": {"fast": 3, "slow": 9}, "cash": 5000}
    asked = [api.ask("POST", "/api/backtests", "command", json=body) for _ in range(2)]
    assert [answer.status_code for answer in asked] == [202, 202]
    assert api.worked
    assert asked[0].json()["uuid"] == asked[1].json()["uuid"]
    assert api.get(asked[0].headers["location"]).json()["state"] == "new"
    with api.context.reader.connect() as connection:
        row = connection.execute(select(col(Job.source), col(Job.args))).one()
    assert row.source == "api"
    assert row.args["study"]["setup"]["params"] == [{**row.args["study"]["setup"]["params"][0], "fast": 3, "slow": 9}]
    cancelled = api.ask("DELETE", asked[0].headers["location"], "command")
    assert cancelled.json()["state"] == "cancelled"
    assert [one["uuid"] for one in api.get("/api/backtests").json()] == [asked[0].json()["uuid"]]


# ---- tokens ------------------------------------------------------------------------------------------------------------------
def test_a_token_is_kept_as_a_hash_that_only_its_owner_reads(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    text = create(path, "read", "grafana", NOW)
    assert text not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    kept = read(path)
    match = found(kept, text)
    assert match is not None
    assert (match.name, match.scope) == ("grafana", "read")
    assert [found(kept, other) for other in ("", text[:-1], text + "x", kept[0].hash)] == [None] * 4
    with pytest.raises(TokenError, match="already"):
        create(path, "read", "grafana", NOW)
    revoke(path, "grafana")
    assert read(path) == []


def test_a_file_that_others_read_lets_nobody_in(api: Place) -> None:
    path = api.context.keys.path
    path.chmod(0o644)
    api.context.keys._stamp = None
    answer = api.get("/api/status")
    path.chmod(0o600)
    api.context.keys._stamp = None
    assert answer.status_code == 503
    assert "chmod 600" in answer.json()["detail"]
    assert api.get("/api/status").status_code == 200


def test_who_sends_nothing_is_let_go(api: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.access.patience.HEADER_S", 0.05)
    host, port = api.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as slow:
        slow.sendall(b"GET /healthz HT")
        assert slow.recv(100) == b""


def _commands(api: Place) -> list[Any]:
    with api.context.reader.connect() as connection:
        return list(
            connection.execute(select(Command).where(col(Command.source) == "api").order_by(col(Command.id))).all()
        )
