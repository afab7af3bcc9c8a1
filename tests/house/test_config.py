"""The configuration is read right, or refused in words that name key, value and remedy."""

from __future__ import annotations

import re
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config.errors import ConfigError
from engine.config.keys import tables
from engine.config.model import Config
from engine.config.reading import find, load, parse
from engine.config.reference import reference
from engine.config.sections import SlotSection
from engine.config.text import bare, commented, example, toml

ROOT = Path(__file__).resolve().parents[2]
SLOT = "[[slots]]\n"


def refusal(text: str, env: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(text, "my/config.toml", env)
    assert caught.value.exit_code == 78
    return str(caught.value)


def test_a_slot_alone_gets_the_defaults_of_a_small_account() -> None:
    config = parse(SLOT)
    assert config.account.cash == Decimal(1000)
    assert (config.sizing.kind, config.sizing.value) == ("share", 0.2)
    assert (config.limits.max_positions, config.limits.max_gross, config.costs.slippage_bps) == (4, 1.0, 5.0)
    assert config.costs.taker is None
    assert config.slots[0].timeframe_ms == 60_000


def test_the_example_file_is_the_schema() -> None:
    text = (ROOT / "config.example.toml").read_text()
    assert text == example(), "run: python -m engine.config.text > config.example.toml"
    assert parse(text) == Config(slots=(SlotSection(),))


def test_the_reference_is_the_schema() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text()
    assert text == reference(), "run: python -m engine.config.reference > docs/configuration.md"
    for name, table in tables().items():
        assert all(f"| `{key}` |" in text.partition(f"[{name}]")[2] for key in table.model_fields)


def toml_samples() -> list[object]:
    return [
        pytest.param(sample, id=f"{page.stem}-{number}")
        for page in sorted((ROOT / "docs").rglob("*.md"))
        for number, sample in enumerate(re.findall(r"^```toml\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL))
        if tomllib.loads(sample).keys() & Config.model_fields.keys()  # a sample of another file says other tables
    ]


@pytest.mark.parametrize("sample", toml_samples())
def test_the_guides_samples_are_configurations(sample: str) -> None:
    parse(sample if "[[slots]]" in sample else sample + "\n" + SLOT)


def test_the_example_covers_every_key_with_a_comment() -> None:
    text = example()
    switched_on = re.sub(r"^# (\w+) = ", r"\1 = ", text, flags=re.MULTILINE)
    data = tomllib.loads(switched_on)
    for name, field in Config.model_fields.items():
        section = SlotSection if name == "slots" else field.annotation
        table = data[name][0] if name == "slots" else data[name]
        assert set(table) == set(section.model_fields)
        assert all(setting.description for setting in section.model_fields.values())
    parse(switched_on)


def test_both_written_forms_read_back_as_the_same_config() -> None:
    config = parse(
        '[run]\nname = "second"\n[account]\ncash = 250.75\nquote = "USDT"\n[costs]\nmaker = 0\n'
        '[[slots]]\nsymbols = ["ETH-USDT", "btcusdt"]\nparams = { fast = 5, word = "a \\"b\\"" }\nstop = 0.03\n'
        'sizing = { kind = "risk", value = 0.01 }\n'
    )
    assert config.slots[0].symbols == ("ETH/USDT", "BTC/USDT")
    assert parse(bare(config)) == config
    assert parse(commented(config)) == config


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"]))
    )
)
def test_any_words_are_written_as_they_are_read(words: dict[str, str]) -> None:
    assert tomllib.loads(f"v = {toml(words)}")["v"] == words


def test_a_stored_configuration_keeps_no_password() -> None:
    config = parse(SLOT, env={"DATABASE_URL": "postgresql+psycopg://me:hunter2@db/evenkeel"})
    assert config.database_url().count("hunter2") == 1
    assert "hunter2" not in bare(config)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[limits]\nmax_position = 3\n" + SLOT, ["max_position in [limits]", "did you mean max_positions?"]),
        ("[limitz]\n" + SLOT, ["limitz", "did you mean limits?"]),
        ("[limits]\nzzz = 1\n" + SLOT, ["zzz in [limits]", "valid keys: max_positions, max_gross"]),
        ("[limits]\nmax_positions = 0\n" + SLOT, ["limits.max_positions = 0", "at least 1"]),
        ("[limits]\nmax_positions = true\n" + SLOT, ["limits.max_positions = true", "whole number"]),
        ("[limits]\ndaily_loss_pause = 3\n" + SLOT, ["daily_loss_pause = 3", "at least 0 and below 1"]),
        (
            "[limits]\ndaily_loss_halt = 0.01\n" + SLOT,
            ["daily_loss_pause (0.03) must not be above daily_loss_halt (0.01)"],
        ),
        ("[run]\nmode = 'real'\n" + SLOT, ['run.mode = "real"', "allowed: paper | dry | live"]),
        ("[account]\ncash = -5\n" + SLOT, ["account.cash = -5", "above 0"]),
        ("[account]\ncash = nan\n" + SLOT, ["account.cash", "above 0"]),
        ("run = 3\n" + SLOT, ["[run] = 3", "a table"]),
        ("", ["[slots] is missing"]),
        ("slots = []", ["[[slots]] is empty"]),
        ("[[slots]]\ntimeframe = '7m'", ["[[slots]] 1: timeframe", "7m", "divides a UTC day"]),
        ("[[slots]]\ntimeframe = 'soon'", ["[[slots]] 1: timeframe", "soon"]),
        ("[[slots]]\nsymbols = ['XYZ']", ["[[slots]] 1: symbols", "XYZ"]),
        ("[[slots]]\nsymbols = []", ["[[slots]] 1: symbols", "at least one symbol"]),
        ("[[slots]]\nsymbols = ['BTC/EUR']", ["BTC/EUR is not quoted in USD"]),
        ("[[slots]]\n[[slots]]", ["[[slots]] 2", "twice", "label"]),
        ("[[slots]]\nstop = 2", ["[[slots]] 1: stop = 2", "above 0 and below 1"]),
        ("[[slots]]\nsizing = { kind = 'share', value = 20 }", ["sizing", "at most 1"]),
        ("[[slots]]\nsizing = { kind = 'sher' }", ["sizing.kind", "share | fixed | risk | volatility"]),
        ("x = \ny = 1", ["not valid TOML", "line 1"]),
    ],
)
def test_what_is_wrong_is_named(text: str, words: list[str]) -> None:
    message = refusal(text)
    assert message.startswith("my/config.toml")
    assert [word for word in words if word not in message] == []
    assert "\n" not in message


def test_several_defects_are_told_at_once() -> None:
    message = refusal("[limits]\nmax_positions = 0\nmax_gros = 1\n[account]\ncash = 0\n" + SLOT)
    assert len(message.splitlines()) == 3


def test_the_environment_lies_over_the_file() -> None:
    env = {
        "EVENKEEL_LIMITS_MAX_POSITIONS": "2",
        "EVENKEEL_RUN_NAME": "7",
        "EVENKEEL_ACCOUNT_ALLOW_SHORT": "true",
        "EVENKEEL_ACCOUNT_CASH": "500.5",
        "EVENKEEL_DATA": "elsewhere",
        "HOME": "/",
    }
    config = parse("[limits]\nmax_positions = 9\n" + SLOT, env=env)
    assert config.limits.max_positions == 2
    assert config.run.name == "7"
    assert config.account.allow_short is True
    assert config.account.cash == Decimal("500.5")
    assert config.database_url() == "sqlite:///elsewhere/evenkeel.db"


def test_a_wrong_environment_is_refused_like_a_wrong_file() -> None:
    assert "max_positionz" in refusal(SLOT, {"EVENKEEL_LIMITS_MAX_POSITIONZ": "2"})
    assert "limits.max_positions" in refusal(SLOT, {"EVENKEEL_LIMITS_MAX_POSITIONS": "many"})


def test_a_config_cannot_be_changed() -> None:
    config = parse(SLOT)
    with pytest.raises(ValueError, match="frozen"):
        config.limits.max_positions = 9


def test_a_missing_or_unreadable_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"does not exist.*run_engine.py init"):
        load(tmp_path / "config.toml", {})
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="UTF-8"):
        load(tmp_path / "binary.toml", {})


def test_the_configuration_in_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EVENKEEL_CONFIG", raising=False)
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path / "own"))
    assert find() == tmp_path / "own" / "config.toml"
    (tmp_path / "config.toml").write_text(SLOT)
    assert find() == Path("config.toml")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "config.toml").write_text(SLOT)
    assert find() == tmp_path / "own" / "config.toml"
    monkeypatch.setenv("EVENKEEL_CONFIG", "named.toml")
    assert find() == Path("named.toml")
