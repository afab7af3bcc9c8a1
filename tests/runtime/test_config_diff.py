"""What an edit changes and when: a table, and laws over all settings."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config.diff import changes, effective, loosens
from engine.config.errors import ConfigError
from engine.config.model import Config
from engine.config.reading import parse
from engine.config.sections import LimitsSection, SlotSection
from engine.config.text import bare

BASE = Config(slots=(SlotSection(),))


def edited(text: str) -> Config:
    return parse(text + "\n[[slots]]\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('log.level = "debug"', "log.level info -> debug (now)"),
        ("engine.slot_budget_ms = 50", "engine.slot_budget_ms 1000 -> 50 (now)"),
        ("engine.latency_ms = 50", "engine.latency_ms 250 -> 50 (next bar)"),
        ("engine.grace_ms = 50", "engine.grace_ms 1000 -> 50 (restart)"),
        ("costs.taker = 0.001", "costs.taker none -> 0.001 (next bar)"),
        ("sizing.value = 0.1", "sizing.value 0.2 -> 0.1 (next bar)"),
        ("account.cash = 5", "account.cash 1000 -> 5 (new run)"),
        ("account.allow_short = true", "account.allow_short False -> True (restart)"),
        ('run.name = "other"', "run.name main -> other (restart)"),
        ('storage.data_dir = "else"', "storage.data_dir data -> else (restart)"),
        ("limits.max_positions = 3", "limits.max_positions 4 -> 3 (next bar)"),
        ("limits.max_positions = 5", "limits.max_positions 4 -> 5 (restart)"),
        ("limits.drawdown_halt = 0", "limits.drawdown_halt 0.2 -> 0.0 (restart)"),
        ("limits.consecutive_losses_minutes = 90", "limits.consecutive_losses_minutes 60 -> 90 (next bar)"),
        ("limits.consecutive_losses_minutes = 30", "limits.consecutive_losses_minutes 60 -> 30 (restart)"),
    ],
)
def test_one_setting(text: str, said: str) -> None:
    assert [str(change) for change in changes(BASE, edited(text))] == [said]


def test_slots_are_known_by_what_they_trade() -> None:
    running = Config(slots=(SlotSection(symbols=("BTC/USD", "ETH/USD")),))
    wanted = Config(slots=(SlotSection(symbols=("ETH/USD",), stop=0.02, enabled=False), SlotSection(timeframe="5m")))
    assert [str(change) for change in changes(running, wanted)] == [
        "sma_cross on BTC/USD at 1m traded -> removed (when flat)",
        "sma_cross on ETH/USD at 1m: enabled True -> False (next bar)",
        "sma_cross on ETH/USD at 1m: stop none -> 0.02 (next bar)",
        "sma_cross on BTC/USD at 5m none -> added (next bar)",
    ]


def test_an_edit_that_needs_a_start_as_a_whole_is_refused() -> None:
    wanted = Config.model_validate({"account": {"quote": "EUR"}, "slots": [{"symbols": ["BTC/EUR"]}]})
    with pytest.raises(ConfigError, match=r"account\.quote can only change at a start"):
        effective(BASE, wanted)


fractions = st.sampled_from([0.0, 0.01, 0.02, 0.04, 0.2])
limits = st.builds(
    dict,
    max_positions=st.integers(1, 9),
    max_gross=st.sampled_from([0.5, 1.0, 3.0]),
    per_symbol=fractions,
    consecutive_losses=st.integers(0, 5),
    consecutive_losses_minutes=st.integers(1, 90),
    daily_loss_pause=st.just(0.0),
    daily_loss_halt=fractions,
    drawdown_reduce=st.just(0.0),
    drawdown_halt=fractions,
).map(LimitsSection.model_validate)
configs = st.builds(
    lambda limits, cash, level, short, stop: Config.model_validate(
        {
            "limits": limits,
            "account": {"cash": cash, "allow_short": short},
            "log": {"level": level},
            "slots": [{"stop": stop}],
        }
    ),
    limits,
    st.sampled_from([Decimal(100), Decimal(1000)]),
    st.sampled_from(["info", "debug"]),
    st.booleans(),
    st.sampled_from([None, 0.01, 0.02]),
)


@given(configs, configs)
def test_what_acts_and_what_waits_are_the_whole_difference(running: Config, wanted: Config) -> None:
    acting = effective(running, wanted)
    assert changes(running, running) == []
    waits = [change for change in changes(running, wanted) if change.when in ("restart", "new run")]
    assert changes(acting, wanted) == waits
    assert {change.when for change in changes(running, acting)} <= {"now", "next bar", "when flat"}
    assert parse(bare(acting)) == acting


@given(configs, configs)
def test_no_limit_ever_allows_more_by_an_edit(running: Config, wanted: Config) -> None:
    acting = effective(running, wanted).limits
    for key in LimitsSection.model_fields:
        assert not loosens(key, getattr(running.limits, key), getattr(acting, key))
    assert running.account.allow_short or not effective(running, wanted).account.allow_short
