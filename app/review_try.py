"""From a finding to the backtest page: the run's own settings of one strategy, as an address. Nothing is run here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from app import settings, ui
from app.rooms import FOLDER
from app.settings import STEPS, Settings
from engine.core.types import BreakerSpec
from engine.research.study import Study


def settings_of(study: Study, strategy: str = "", symbols: Sequence[str] = ()) -> Settings:
    """One strategy of a study (its first, if none is named) on the given symbols (all it trades), as the form has it."""
    setup = study.setup
    name = strategy or setup.slots[0].strategy
    mine = [
        k for k, slot in enumerate(setup.slots) if slot.strategy == name and (not symbols or slot.symbol in symbols)
    ]
    mine = mine or [k for k, slot in enumerate(setup.slots) if slot.strategy == name] or [0]
    slot, account = setup.slots[mine[0]], setup.account
    instrument = next(one for one in setup.instruments if one.symbol == slot.symbol)
    kept, words = slot.protection, {ms: name for name, ms in STEPS.items()}
    own = [k for k in mine if setup.slots[k].timeframe_ms == slot.timeframe_ms]
    exchange = next((source.exchange for source in study.sources if source.symbol == slot.symbol), "")
    made = Settings(
        strategies=(slot.strategy,), exchange=exchange, symbols=tuple(dict.fromkeys(setup.slots[k].symbol for k in own)),
        timeframe=words.get(slot.timeframe_ms, "1h"), cash=float(account.cash), maker=float(instrument.maker),
        taker=float(instrument.taker), slippage=account.slippage_bps, delay=round(account.delay_ms / slot.timeframe_ms),
        sizing=slot.sizing.kind, size=slot.sizing.value, stop=kept.stop or 0.0, target=kept.target or 0.0,
        trail=kept.trail or 0.0, breakeven=kept.breakeven or 0.0, time_stop=kept.time_stop or 0, short=slot.allow_short,
        research=account.research, limits=bool(setup.breakers), max_positions=account.max_positions,
        max_gross=account.max_gross, per_symbol=account.symbol_cap, params={slot.strategy: dict(setup.params[mine[0]])},
    )  # fmt: skip
    return _guarded(made, setup.breakers) if setup.breakers else made


def _guarded(made: Settings, breakers: Sequence[BreakerSpec]) -> Settings:
    """With the thresholds of the run's breakers; one that it does not have is off."""
    by = {(one.kind, one.action): one for one in breakers}
    losses = next((one for one in breakers if one.kind == "consecutive_losses"), None)

    def threshold(kind: str, action: str) -> float:
        found = by.get((kind, action))  # type: ignore[call-overload]
        return float(found.threshold) if found is not None else 0.0

    return replace(
        made, losses=int(losses.threshold) if losses else 0, losses_minutes=losses.minutes if losses else 60,
        day_pause=threshold("daily_loss", "paused"), day_halt=threshold("daily_loss", "halted"),
        fall_reduce=threshold("drawdown", "reduce_only"), fall_halt=threshold("drawdown", "halted"),
    )  # fmt: skip


def address(page: ui.Page, made: Settings, since: int, until: int) -> dict[str, str]:
    """The backtest page's address for this run's `made` over all candles, beside the days from `since` to `until` (ms UTC)."""
    days = f"{settings.day_of(since)}..{settings.day_of(max(until - 1, since))}"
    own = {name: value for name, value in settings.to_address(replace(made, period="all")).items() if value}
    named = {"try": f"{made.strategies[0]}:{','.join(made.symbols)}", "days": days}
    return {"run": str(page.run["name"]), **own, **named}


def button(
    page: ui.Page,
    study: Study | None,
    key: str,
    since: int,
    until: int,
    strategy: str = "",
    symbols: Sequence[str] = (),
) -> None:
    """'Try a change': the launcher with this configuration, this time and all candles side by side."""
    if study is None:
        return
    made = settings_of(study, strategy, symbols)
    words = (
        f"the page Backtest as {made.strategies[0]} runs here: change one thing there and see this time and all candles"
    )
    if st.button("Try a change", type="tertiary", key=f"try_{key}", help=words):
        st.session_state.pop("lab_settings", None)
        for name in [name for name in st.session_state if str(name).startswith("lab_")]:
            st.session_state.pop(name)
        st.switch_page(str(FOLDER / "backtest.py"), query_params=address(page, made, since, until))
