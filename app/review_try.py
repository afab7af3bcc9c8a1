"""From a finding to the backtest page: the run's own settings of one strategy, as an address. Nothing is run here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from app import settings
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


def over(made: Settings, since: int, until: int) -> Settings:
    """Over the UTC days from `since` to `until` (ms)."""
    first, last = str(settings.day_of(since)), str(settings.day_of(max(until - 1, since)))
    return replace(made, period="custom", first=first, last=last)


def button(
    study: Study | None, key: str, since: int, until: int, strategy: str = "", symbols: Sequence[str] = ()
) -> None:
    """'Try a change': the launcher with this configuration, over this time or over all that is stored."""
    if study is None:
        return
    with st.popover("Try a change", type="tertiary", key=f"try_{key}"):
        made = settings_of(study, strategy, symbols)
        st.caption(f"Opens the page Backtest as {made.strategies[0]} runs here. Change one thing, then run both.")
        offered = (
            ("this", "Over this time", over(made, since, until)),
            ("all", "Over all candles", replace(made, period="all")),
        )
        for name, label, asked in offered:
            if st.button(label, key=f"try_{key}_{name}", width="stretch"):
                st.session_state.pop("lab_settings", None)
                address = {name: value for name, value in settings.to_address(asked).items() if value}
                st.switch_page(str(FOLDER / "backtest.py"), query_params=address)
