"""The review: this time beside the one before, parts that add up, what was changed, and the way to another try."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, insert, text

from app import formats, review_try, settings
from app.read import review as read
from app.settings import Settings
from db.models import AiCall
from engine.research import stored_study
from engine.strategies import catalog
from tests.app.conftest import Open, said, tables
from tests.app.seed import DAY, NOW


def test_it_says_what_was_earned_and_why(open_page: Open, database: Engine) -> None:
    test = open_page("review")
    words = said(test)
    assert words.count("USD in the") == 1
    for heading in ("Bad luck, or broken?", "From gross to net", "Three causes that cost most", "Five trades that cost most",
                    "Signals missed and blocked", "Breakers", "What was changed", "Results by configuration"):  # fmt: skip
        assert heading in words


def test_the_five_worst_are_the_five_worst(open_page: Open, database: Engine) -> None:
    frame = next(one for one in tables(open_page("review")) if "mfe" in one)
    since = (NOW - 1) // DAY * DAY - 6 * DAY
    with database.connect() as connection:
        sql = "SELECT pnl FROM trade WHERE run_id = 1 AND pnl < 0 AND exit_ts >= :since ORDER BY pnl LIMIT 5"
        assert frame["pnl"].tolist() == [row[0] for row in connection.execute(text(sql), {"since": since})]


def test_r_is_the_unit_of_everything_that_trades_made(open_page: Open, database: Engine) -> None:
    """The sums of the page are those of the trades' own R; nothing is left in money."""
    test = open_page("review", unit="r", range="all")
    assert "USD" not in said(test)
    assert " R by closed trades in the" in said(test)
    frames = tables(test)
    with database.connect() as connection:
        made = connection.execute(
            text("SELECT r_multiple FROM trade WHERE run_id = 1 AND exit_ts IS NOT NULL")
        ).scalars()
        multiples = [one for one in made if one is not None]
    lost = sorted(one for one in multiples if one < 0)[:5]
    assert next(one for one in frames if "mfe" in one)["pnl"].tolist() == pytest.approx(lost)
    assert next(one for one in frames if "judged" in one)["total"].sum() == pytest.approx(sum(multiples))
    assert f"{formats.number(sum(multiples), 2, sign=True)} R" in [one.delta for one in test.metric]


def test_the_address_holds_the_time(open_page: Open, database: Engine) -> None:
    test = open_page("review", range="1")
    assert "1 d" in said(test) or "h " in said(test)
    test = test.segmented_control(key="review_pick").set_value("all").run()
    assert test.query_params["range"] == "all"
    everything = next(one for one in tables(test) if "judged" in one)
    with database.connect() as connection:
        assert everything["trades"].sum() == connection.execute(text("SELECT count(*) FROM trade")).scalar()


def test_what_was_changed_is_shown_as_lines(open_page: Open, database: Engine) -> None:
    assert "+allow_short = true" in said(open_page("review"))


def test_a_run_without_equity_says_so(open_page: Open, database: Engine) -> None:
    with database.begin() as connection:
        connection.execute(text("DELETE FROM equity"))
    assert "Nothing to review yet" in said(open_page("review"))


def test_without_trades_it_stands(open_page: Open, database: Engine) -> None:
    with database.begin() as connection:
        connection.execute(text("DELETE FROM trade"))
    assert "no trade was closed in this time" in said(open_page("review"))


def test_a_try_is_the_runs_own_configuration() -> None:
    asked = Settings(
        strategies=("sma_cross",), exchange="coinbase", symbols=("BTC/USD", "ETH/USD"), timeframe="15m", cash=2_500.0,
        maker=0.001, taker=0.002, slippage=3.0, sizing="risk", size=0.01, stop=0.02, target=0.05, time_stop=40, short=True,
        limits=True, max_positions=3, per_symbol=0.3, losses=4, losses_minutes=90, day_pause=0.02, day_halt=0.0,
        fall_reduce=0.08, fall_halt=0.15, params={"sma_cross": {"fast": 12, "slow": 40}},
    )  # fmt: skip
    study = settings.study_of(asked, 0, 0, {})
    found = review_try.settings_of(study)
    assert settings.to_address(found) == settings.to_address(asked)
    again = settings.from_address(settings.to_address(found), tuple(catalog.available()))
    assert settings.to_address(again) == settings.to_address(asked)
    assert review_try.settings_of(study, "sma_cross", ("ETH/USD",)).symbols == ("ETH/USD",)


def test_a_report_is_kept_from_the_page(open_page: Open, database: Engine) -> None:
    test = open_page("review")
    test.text_input(key="report_name_review").input("Sundays")
    test.selectbox(key="report_every_review").select("weekly")
    next(one for one in test.button if one.label == "Keep it").click().run()
    assert [error.value for error in test.exception] == []
    with database.connect() as connection:
        kept = connection.execute(text("SELECT name, run_id, days, every, sections FROM report_plan")).one()
    assert tuple(kept) == ("Sundays", 1, 7, "weekly", "")
    assert "Sundays: a week, every Monday" in said(test)


def test_no_question_scans_a_big_table(database: Engine) -> None:
    asked = {"run": 1, "since": 0, "until": NOW}
    with database.connect() as connection:
        for sql in (read.BLOCKED, read.BREAKERS, read.VERSIONS, read.MARKERS, read.UNDER, stored_study._SPAN):
            plan = [str(row[3]) for row in connection.execute(text(f"EXPLAIN QUERY PLAN {sql}"), asked)]
            assert [step for step in plan if step.startswith("SCAN") and "CONSTANT" not in step] == [], sql


def test_what_asking_models_cost_is_a_step(open_page: Open, database: Engine) -> None:
    def steps() -> str:
        return next(
            one.proto.spec for one in open_page("review").get("plotly_chart") if '"waterfall"' in one.proto.spec
        )

    assert '"AI"' not in steps()
    with database.execution_options(write=True).begin() as connection:
        connection.execute(
            insert(AiCall).values(
                run_id=1, slot_id=1, strategy="sma_cross", symbol="BTC/USD", timeframe_ms=60_000, about_ts=NOW - DAY,
                asked_ts=NOW, created_ts=NOW, state="done", outcome="answered", cost=0.25,
            )
        )  # fmt: skip
    assert '"AI"' in steps()
