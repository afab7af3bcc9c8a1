"""The parts that calculate: formats, thinning, exports, curves, and the theme told twice."""

from __future__ import annotations

import json
import tomllib
from io import BytesIO, StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine, insert, text

from app import charts, formats
from app.export import to_csv, to_json, to_parquet
from app.palette import DARK, LIGHT, palette
from app.read import overview, positions
from app.thin import thin
from db.session import migrate, open_engine, write_session

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (formats.number(1234.5), "1,234.50"),
        (formats.number(-0.001, sign=True), "0.00"),
        (formats.number(-3, sign=True), "−3.00"),
        (formats.number(float("nan")), "–"),
        (formats.percent(0.0123, sign=True), "+1.23 %"),
        (formats.price(61250.5), "61,250.50"),
        (formats.price(0.00001234), "0.0000123400"),
        (formats.quantity(0.00120000), "0.0012"),
        (formats.duration(450), "0.5 s"),
        (formats.duration(7_500_000), "2 h 5 min"),
        (formats.duration(90_000_000), "1 d 1 h"),
        (formats.duration(3_600_500), "1 h"),
        (formats.when(0), "1970-01-01 00:00"),
        (formats.timeframe(900_000), "15m"),
        (formats.many(1, "day"), "1 day"),
        (formats.many(1_200, "trade"), "1,200 trades"),
        (formats.slot("sma_cross", "BTC/USD"), "SMA cross on BTC/USD"),
        (formats.slot("macd_trend", "ETH/USD", "slow"), "MACD trend on ETH/USD (slow)"),
        (formats.exit_reason("trail"), "trailing stop"),
    ],
)
def test_formats(text: str, wanted: str) -> None:
    assert text == wanted


def test_thinning_keeps_ends_and_extremes() -> None:
    y = np.random.default_rng(3).normal(size=100_003).cumsum()
    kept = thin(y, 2_000)
    assert len(kept) <= 2_002
    assert (np.diff(kept) > 0).all()
    assert (kept[0], kept[-1]) == (0, len(y) - 1)
    assert (y[kept].min(), y[kept].max()) == (y.min(), y.max())
    assert thin(y[:50]).tolist() == list(range(50))


FRAME = pd.DataFrame(
    {
        "=1+1": ["=cmd|' /C calc'!A0", "+1", "-2", "@x", "\tx", "plain", "  =y"],
        "pnl": [-1.5, 0.1 + 0.2, 3, 4, 5, 6, 1e-9],
    }
)


def test_csv_cells_cannot_become_formulas() -> None:
    back = pd.read_csv(StringIO(to_csv(FRAME).decode()))
    assert back.columns[0] == "'=1+1"
    assert [cell[0] for cell in back.iloc[:, 0]] == ["'", "'", "'", "'", "'", "p", "'"]
    assert back["pnl"].tolist() == FRAME["pnl"].tolist()


def test_json_and_parquet_keep_values() -> None:
    assert json.loads(to_json(FRAME))[1] == {"=1+1": "+1", "pnl": pytest.approx(0.3, abs=1e-15)}
    pd.testing.assert_frame_equal(pd.read_parquet(BytesIO(to_parquet(FRAME))), FRAME)


@pytest.fixture
def curve_of(tmp_path: Path):  # type: ignore[no-untyped-def]
    def make(values: list[float]) -> dict[str, np.ndarray]:
        from db.models import Equity, Run

        engine = open_engine(f"sqlite:///{tmp_path / f'{len(values)}.db'}")
        migrate(engine)
        rows = [
            {"run_id": 1, "slot_id": 0, "ts": 60_000 * i, "equity": v, "cash": v, "exposure": 0.0}
            for i, v in enumerate(values)
        ]
        with write_session(engine) as session:
            session.execute(
                insert(Run),
                {"id": 1, "name": "x", "kind": "paper", "status": "running", "cash_start": 100.0, "created_ts": 0},
            )
            session.execute(insert(Equity), rows)
        return overview.curve(engine, 1, 100.0)

    return make


def test_a_short_curve_is_exact(curve_of) -> None:  # type: ignore[no-untyped-def]
    got = curve_of([90.0, 110.0, 99.0, 121.0, 60.5])
    assert got["equity"].tolist() == [90.0, 110.0, 99.0, 121.0, 60.5]
    assert got["drawdown"] == pytest.approx([-0.1, 0.0, -0.1, 0.0, -0.5])


def test_a_long_curve_is_thinned_and_hides_no_low(curve_of) -> None:  # type: ignore[no-untyped-def]
    values = (1000 + np.random.default_rng(1).normal(size=12_000).cumsum()).round(6)
    values[7_777] = 400.0
    got = curve_of(values.tolist())
    assert len(got["ts"]) < 1_700
    exact = values / np.maximum.accumulate(np.maximum(values, 100.0)) - 1
    assert got["drawdown"].min() == pytest.approx(exact.min(), rel=1e-12)
    assert got["equity"][-1] == values[-1]


def test_the_difference_of_two_configurations() -> None:
    assert overview.difference("a = 1\nb = 2", "a = 1\nb = 3") == "b = 3; was: b = 2"


def test_the_theme_file_says_what_the_palette_says() -> None:
    theme = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"]
    for name, colors in (("light", LIGHT), ("dark", DARK)):
        told = theme[name]
        assert (told["backgroundColor"], told["secondaryBackgroundColor"]) == (colors.ground, colors.panel)
        assert (told["textColor"], told["primaryColor"], told["borderColor"]) == (
            colors.text,
            colors.accent,
            colors.border,
        )
        assert (told["greenColor"], told["redColor"]) == (colors.gain, colors.loss)
        assert len(told["chartCategoricalColors"]) >= 10
    assert palette(None) is LIGHT


def test_nobody_is_told_and_nobody_else_can_look() -> None:
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    assert config["server"]["address"] == "127.0.0.1"
    assert set(config["server"]["allowedHosts"]) == {"localhost", "127.0.0.1"}
    assert config["browser"]["gatherUsageStats"] is False
    assert config["client"]["showErrorDetails"] == "none"
    assert config["client"]["disableDataExport"] is True
    server = config["server"]
    assert (server["enableXsrfProtection"], server["enableCORS"], server["enableStaticServing"]) == (True, True, False)
    assert max(server["maxUploadSize"], server["maxMessageSize"]) <= 64
    assert server["maxWidgetStateSize"] <= 2


def test_every_chart_stands_on_nothing_and_on_one_point() -> None:
    nothing = {"ts": np.empty(0), "pnl": np.empty(0), "symbol": np.empty(0, object)}
    point = {"ts": np.array([0]), "equity": np.array([1.0]), "drawdown": np.array([0.0])}
    figure = charts.equity(point, nothing, [], [], LIGHT, quote="USD", start=1.0)
    assert len(figure.data) == 2
    assert len(charts.running({"ts": np.empty(0), "total": np.empty(0)}, DARK, quote="USD").data) == 1


def test_an_open_position_s_stop_path_begins_where_its_stop_stood_first(database: Engine) -> None:
    """Its moves are rows from the start on; its first stop becomes one only with the trade's end."""
    with write_session(database) as session:
        session.execute(text("DELETE FROM stop_move"))
        session.execute(
            text(
                "INSERT INTO stop_move (run_id, slot_id, trade_seq, ts, stop, reason) "
                "SELECT run_id, slot_id, NULL, entry_ts + 60000, stop_initial + 1, '' FROM position WHERE stop IS NOT NULL"
            )
        )
    position = positions.open_positions(database, 1)[0]
    path = positions.stop_path(database, 1, position)
    assert [(m["ts"] - position["entry_ts"], m["stop"] - position["stop_initial"]) for m in path] == [
        (0, 0.0),
        (60_000, pytest.approx(1.0)),
    ]
