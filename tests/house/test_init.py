"""`init` and `new-strategy` write what works, into the person's own folder, and never over anything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.config.errors import ConfigError
from engine.config.reading import load
from engine.runtime import init
from tests.house.conftest import Cli

ROOT = Path(__file__).resolve().parents[2]
ANSWERS = {
    "exchange": "kraken",
    "symbols": "btc-eur, ETHEUR",
    "cash": "750.5",
    "strategy": "sma_cross",
    "timeframe": "4h",
}


def asked(answers: dict[str, str]) -> init.Ask:
    by_question = {question: answers[key] for key, question, _ in init.QUESTIONS}
    return lambda question, default: by_question[question]


def test_five_answers_become_a_configuration(tmp_path: Path) -> None:
    path = init.write(tmp_path / "my", asked(ANSWERS))
    config = load(path, {})
    assert len(init.QUESTIONS) == 5
    assert (config.run.exchange, config.account.quote, str(config.account.cash)) == ("kraken", "EUR", "750.5")
    assert config.slots[0].symbols == ("BTC/EUR", "ETH/EUR")
    assert config.slots[0].timeframe == "4h"
    assert path.read_text().count("#") > 30


def test_pressing_return_five_times_is_right(tmp_path: Path) -> None:
    assert load(init.write(tmp_path, lambda question, default: default), {}).run.exchange == "coinbase"


def test_an_existing_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("mine")
    with pytest.raises(ConfigError, match="left as it is"):
        init.write(tmp_path, asked(ANSWERS))
    assert (tmp_path / "config.toml").read_text() == "mine"


@pytest.mark.parametrize(
    ("key", "answer", "word"),
    [
        ("cash", "plenty", "TOML"),
        ("cash", "-1", "account.cash"),
        ("timeframe", "7m", "timeframe"),
        ("symbols", "", "symbol"),
    ],
)
def test_an_answer_that_cannot_be_used_writes_nothing(tmp_path: Path, key: str, answer: str, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        init.write(tmp_path / "my", asked({**ANSWERS, key: answer}))
    assert not (tmp_path / "my").exists()


def test_a_new_strategy_passes_the_test_that_comes_with_it(cli: Cli, folder: Path) -> None:
    assert cli("new-strategy", "my_breakout").code == 0
    beside = folder / "my" / "strategies" / "test_my_breakout.py"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), str(beside)],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "my_breakout" in cli("strategies").out
    assert "test_my_breakout" not in cli("strategies").out
