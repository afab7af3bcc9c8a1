"""Shares, weights and challengers on their pages, and the way back to an earlier version."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import Engine, text

from app.read import runs
from db.queries import rows
from engine.research import challenged
from tests.app.conftest import Open, said
from tests.app.steered import steer


@pytest.fixture
def engine(database: Engine) -> Engine:
    steer(database, 1)
    return database


def test_a_challenger_has_the_engine_of_its_account_and_stands_below_it(engine: Engine, open_page: Open) -> None:
    found = runs.runs(engine)
    account, challenger = found[0], next(one for one in found if one["challenger_of"])
    assert found.index(challenger) > 0 == found.index(account)
    assert challenger["challenger_of"] == account["id"]
    heard = runs.status(engine, account["id"])
    assert heard is not None
    assert runs.status(engine, challenger["id"]) == heard
    test = open_page("positions", run=challenger["name"])
    assert test.button(key="pause").label == "Pause"
    words = said(test)
    assert ">CHALLENGER<" in words
    assert "No engine has run yet" not in words
    with engine.execution_options(write=True).begin() as put:
        put.execute(text("UPDATE run SET status = 'complete', ended_ts = 1 WHERE id = :id"), {"id": challenger["id"]})
    assert runs.status(engine, challenger["id"]) is None  # its engine lives on, it does not
    assert "<b>ended<" in said(open_page("positions", run=challenger["name"]))


def test_a_challenger_that_is_paused_alone_is_resumed_on_its_own_pages(engine: Engine, open_page: Open) -> None:
    account, challenger = runs.runs(engine)[0], next(one for one in runs.runs(engine) if one["challenger_of"])
    counters = json.dumps({"levels": {str(challenger["id"]): "paused"}})
    with engine.execution_options(write=True).begin() as put:
        put.execute(text("UPDATE engine_status SET counters = :c"), {"c": counters})
    assert open_page("positions", run=account["name"]).button(key="pause").label == "Pause"
    test = open_page("positions", run=challenger["name"])
    assert "Engine paused" in said(test)
    assert test.button(key="pause").label == "Resume"
    test.button(key="pause").click().run()
    test.button(key="confirm_do").click().run()
    asked = rows(engine, "SELECT kind, run_id FROM command ORDER BY id DESC LIMIT 1")
    assert asked == [{"kind": "resume", "run_id": challenger["id"]}]


def test_the_strategies_page_shows_shares_and_challengers(engine: Engine, open_page: Open) -> None:
    page = open_page("strategies", run="1")
    tables = {tuple(frame.value.columns): frame.value for frame in page.dataframe}
    shares = tables["slot", "equal", "times", "seen", "shrunk", "crowd"]
    assert shares["times"].iloc[0] == 1.75
    assert set(shares["equal"]) == {1.0}
    [frame] = [one.value for one in page.dataframe if "verdict" in one.value.columns]
    [row] = frame.to_dict("records")
    made = challenged.against(engine, int(rows(engine, "SELECT id FROM run WHERE challenger_of = 1")[0]["id"]))
    assert row["days"] == str(made.days)
    assert made.days >= 2
    assert row["verdict"] == made.sentence
    assert made.gaps["total_return"].value == pytest.approx(made.own - made.incumbent, abs=0.05)  # type: ignore[union-attr]
    page.selectbox(key="shares_back").select(1)
    page.button(key="shares_go_back").click().run()
    [asked] = rows(engine, "SELECT kind, args, source FROM command WHERE kind = 'shares'")
    assert (json.loads(asked["args"]), asked["source"]) == ({"version": 1}, "app")


def test_the_signals_page_shows_what_was_learned(engine: Engine, open_page: Open) -> None:
    page = open_page("signals", run="1")
    frames = [frame.value for frame in page.dataframe if "weight" in frame.value.columns]
    assert frames[0]["weight"].tolist() == [1.2, 1.2, 1.2]
    assert frames[0]["regime"].tolist() == ["all", "above low", "below high"]
    assert frames[0]["counts"].tolist() == ["", "today", ""]
    page.button(key="weights_go_back").click().run()
    [asked] = rows(engine, "SELECT args FROM command WHERE kind = 'weights'")
    assert json.loads(asked["args"]) == {"version": 0}
