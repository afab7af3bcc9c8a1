"""The parts of the signals page: judged signals in, charts and tables out. Numbers come from signal_book alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app import charts, formats, signals_charts, signals_words, tables, trade_filters, ui, units
from app.palette import Palette
from app.signals_data import Judged
from app.tiles import Tile, halves, tiles
from engine.analytics.signals_ledger import Rule
from engine.analytics.signals_score import Between, Calibration, Record
from engine.research.signal_book import OWN, SignalBook

FIELDS = {"ic": "information", "won": "hit rate", "mean": "mean return"}
ABOUT_OWN = (
    "Each signal followed up as if it had been taken alone: by the kernel, on the bars of its slot, from the next open, with "
    "its own or the slot's stop, target and trail, until the slot's next exit signal or 500 bars; fees and slippage paid"
)
ABOUT_BARS = "From the next bar's open to the close so many bars on, in the signal's direction, less fees and slippage"


def between(one: Between, *, share: bool = True, digits: int = 1, sign: bool = False) -> str | None:
    """A 90 % interval in words; None without one."""
    if one.low is None or one.high is None:
        return None
    write = formats.percent if share else formats.number
    low, high = (write(end, digits, sign=sign) for end in (one.low, one.high))
    return f"{low.removesuffix(' %')} to {high}"


def head(made: Judged, measure: str) -> None:
    """The numbers looked at first."""
    record, waits = made.record, int((made.book.entry & (made.book.raw["resolved"] == 0)).sum())
    stages = {stage.name: stage.signals for stage in made.funnel}
    how = ABOUT_OWN if measure == OWN else ABOUT_BARS
    over = f"{record.independent:,} windows that do not overlap; 90 % interval. {how}"
    tiles(
        [
            Tile("Entry signals", f"{record.signals:,}", f"{waits:,} still followed" if waits else "all followed up",
                 "every entry a strategy asked for, taken or not; exits are in the table below"),
            Tile("Taken", formats.percent(stages["filled"] / record.signals if record.signals else None, 1),
                 f"{stages['filled']:,} filled", "share of the entries that became a position"),
            Tile("Hit rate", formats.percent(record.won.value, 1), between(record.won), f"above zero after costs. {over}",
                 faint=bool(record.few)),
            Tile("Mean return", formats.percent(record.mean.value, 3, sign=True), between(record.mean, digits=3, sign=True),
                 f"a signal, net of costs. {over}", faint=bool(record.few)),
            Tile("Information", formats.number(record.ic.value, 3, sign=True),
                 between(record.ic, share=False, digits=3, sign=True) or "no value",
                 f"rank correlation of direction x strength with the move that came. {record.ic.reason or over}",
                 faint=bool(record.few)),
            Tile("Independent", f"{record.independent:,}", f"of {record.resolved:,} resolved",
                 "windows of the judged length that hold a signal, symbol by symbol: overlapping signals see one market"),
        ],
        "signals",
    )  # fmt: skip
    if record.few and record.resolved:
        st.caption(f"{record.few[0].upper()}{record.few[1:]}.")


def funnel(made: Judged, colors: Palette) -> None:
    """How many came how far."""
    with tables.section("From signal to winner", "funnel", "Entry signals; won: the trade closed above zero, net"):
        pass
    figure = signals_charts.funnel(made.funnel, colors)
    words = ", ".join(f"{stage.signals:,} {stage.name}" for stage in made.funnel)
    st.plotly_chart(figure, theme=None, key="funnel", config=charts.CONFIG, alt=words)


def decay(made: Judged, colors: Palette) -> None:
    """What is left of a signal's knowledge after so many bars."""
    with tables.section(
        "How long a signal lasts", "decay", "At 1, 4, 12, 24 and 72 bars of the slot; lines are 90 % intervals"
    ):
        now = ui.in_url("decay", "mean", FIELDS.__contains__)
        field = st.segmented_control(
            "Decay of", list(FIELDS), default=now, format_func=FIELDS.__getitem__, key="decay_pick", required=True,
            label_visibility="collapsed",
        )  # fmt: skip
    field = str(field or now)
    ui.to_url(decay="" if field == "mean" else field)
    if all(getattr(one, field).value is None for _, one in made.decay):
        reason = next((getattr(one, field).reason for _, one in made.decay), "")
        st.caption(f"{FIELDS[field].capitalize()} has no value: {reason or 'no signal is resolved yet'}.")
        return
    figure = signals_charts.decay(made.decay, colors, field)
    words = "; ".join(
        f"{bars} bars {getattr(one, field).value:.4f}"
        for bars, one in made.decay
        if getattr(one, field).value is not None
    )
    st.plotly_chart(figure, theme=None, key="decay", config=charts.CONFIG, alt=f"{FIELDS[field]}: {words}")


# ---- groups -------------------------------------------------------------------------------------------------------------
GROUP_COLUMNS = {
    "name": tables.text("Group", width="medium"),
    "signals": tables.COLUMN.NumberColumn("Signals", format="localized"),
    "resolved": tables.COLUMN.NumberColumn("Resolved", format="localized"),
    "windows": tables.COLUMN.NumberColumn("Independent", help="windows that do not overlap", format="localized"),
    "won": tables.fraction("Hit rate", "above zero after costs", digits=1),
    "won_between": tables.figure("90 %", "Wilson's interval for the independent windows"),
    "mean": tables.fraction("Mean", "net of costs", digits=3, sign=True),
    "mean_between": tables.figure("90 % ", "of the mean"),
    "ic": tables.amount("Information", "rank correlation with the move that came", digits=3, sign=True),
    "ic_between": tables.figure("90 %  ", "of the information coefficient"),
    "mind": tables.text("Mind", width="medium"),
}


def groups(found: Callable[[str], list[tuple[str, Record]]], names: Sequence[str], colors: Palette) -> None:
    """The record by group; `found` judges the groups of a facet, `names` are those offered."""
    with tables.section("Who was right", "groups", "Entry signals by what they have in common"):
        row = st.container(horizontal=True, gap="small", width="content")
    with row:
        words = {name: f"by {signals_words.FACETS[name]}" for name in names}
        facet = trade_filters.choice("Compare by", "by", words, names[0], label_visibility="collapsed", width=190)
    made = found(facet)
    frame = pd.DataFrame([_group(facet, name, one) for name, one in made], columns=[*GROUP_COLUMNS, *EXTRA])
    with row:
        tables.downloads(frame, "signals-by-" + facet)
    shade = tables.colored(frame, ["mean", "ic"], colors) if len(frame) <= 200 else frame
    tables.table(shade, GROUP_COLUMNS, key=f"groups_{facet}", height=tables.tall(len(frame), 12))


EXTRA = ("won_low", "won_high", "mean_low", "mean_high", "ic_low", "ic_high")


def _group(facet: str, name: str, one: Record) -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": signals_words.name(facet, name), "signals": one.signals, "resolved": one.resolved, "windows": one.independent,
        "won_between": between(one.won) or "", "mean_between": between(one.mean, digits=3, sign=True) or "",
        "ic_between": between(one.ic, share=False, digits=3, sign=True) or "",
        "mind": "too few to say" if one.few else one.ic.reason,
    }  # fmt: skip
    for field, scale in (("won", 100), ("mean", 100), ("ic", 1)):
        value: Between = getattr(one, field)
        for ending, number in (("", value.value), ("_low", value.low), ("_high", value.high)):
            made[field + ending] = None if number is None else number * scale
    return made


# ---- the counterfactual ledger ------------------------------------------------------------------------------------------
LEDGER_COLUMNS = {
    "name": tables.text("Rule", width="medium"),
    "signals": tables.COLUMN.NumberColumn("Blocked", format="localized"),
    "followed": tables.COLUMN.NumberColumn("Followed up", format="localized"),
    "win": tables.fraction("Would have won", "above zero after costs", digits=1),
    "win_between": tables.figure("90 %", "Wilson's interval"),
    "mean": tables.fraction("Mean", "what a blocked signal would have returned, net", digits=3, sign=True),
    "mean_between": tables.figure("90 % ", "of the mean"),
    "saved": tables.COLUMN.NumberColumn(
        "Saved", format="localized", help="what the losing ones would have lost, at the slot's usual size"
    ),
    "missed": tables.COLUMN.NumberColumn("Missed", format="localized", help="what the winning ones would have made"),
    "net": tables.amount("Saved less missed", "above zero: the rule paid", sign=True),
    "verdict": tables.text("Verdict", "it paid or it cost: the mean's interval lies on one side of zero", "medium"),
}


def ledger(found: Callable[[bool], list[Rule]], measure: str, quote: str, cash: float, colors: Palette) -> None:
    """What each gate, filter and breaker saved or cost; `found` reckons it, in R if told so. `cash` is the run's capital."""
    how = units.current()
    in_r = how.unit == "r"
    frame = pd.DataFrame([_rule(one) for one in found(in_r)], columns=list(LEDGER_COLUMNS))
    help = (
        "Each blocked signal by itself, at what its slot usually puts in. Two of them might have needed the same money, "
        "so rules do not add up"
    )
    with tables.section("What each rule saved or cost", "ledger", help):
        tables.downloads(frame, "signals-rules")
    if frame.empty:
        st.caption("No entry was blocked: every signal here became a position.")
        return
    if not in_r:
        for name in ("saved", "missed", "net"):
            frame[name] = how.amount(frame[name], cash)
    size = "over what its first stop would risk" if in_r else "at the slot's usual size"
    amounts = {
        "saved": how.column("Saved", quote, f"what the losing ones would have lost, {size}", sign=False),
        "missed": how.column("Missed", quote, "what the winning ones would have made", sign=False),
        "net": how.column("Saved less missed", quote, "above zero: the rule paid"),
    }
    shade = tables.colored(frame, ["mean", "net"], colors)
    tables.table(shade, {**LEDGER_COLUMNS, **amounts}, key="ledger", height=tables.tall(len(frame), 12))
    by = (
        "by the kernel with the slot's own exits"
        if measure == OWN
        else f"by the return after {signals_words.MEASURES[measure]}"
    )
    amount = (
        "amounts in R, over what each entry's first stop (or else its slot's usual one) would risk, so none of those without"
        if in_r
        else f"amounts in {how.worded(quote)} at the usual size of an entry"
    )
    st.caption(f"Blocked signals are followed up {by}; {amount}. Net of fees and slippage.")


def _rule(one: Rule) -> dict[str, Any]:
    verdict = one.few or ("within chance" if not one.sure else "it paid" if one.net > 0 else "it cost")
    return {
        "name": signals_words.rule(one.rule), "signals": one.signals, "followed": one.followed,
        "win": None if one.would_win.value is None else one.would_win.value * 100, "win_between": between(one.would_win) or "",
        "mean": None if one.mean.value is None else one.mean.value * 100,
        "mean_between": between(one.mean, digits=3, sign=True) or "", "net": one.net,
        "saved": round(one.saved, 2), "missed": round(one.missed, 2),
        "verdict": verdict,
    }  # fmt: skip


BIN_COLUMNS = {
    "said": tables.text("Confidence"),
    "signals": tables.COLUMN.NumberColumn("Signals", format="localized"),
    "confidence": tables.fraction("Said on average", digits=1),
    "right": tables.fraction("Was right", "above zero after costs", digits=1),
    "between": tables.figure("90 %", "Wilson's interval"),
}


# ---- calibration --------------------------------------------------------------------------------------------------------
def calibration(made: Calibration | str, colors: Palette) -> None:
    """Whether a confidence of 70 % is right in 70 of 100."""
    with tables.section(
        "Is the confidence true?", "calibration", "A signal's strength, 0 to 1, against how often it was right"
    ):
        if isinstance(made, Calibration):
            tables.downloads(_bins(made), "signals-calibration")
    if isinstance(made, str):
        st.caption(f"{made[0].upper()}{made[1:]}.")
        return
    left, right = halves("calibration")
    figure = signals_charts.reliability(made, colors)
    left.plotly_chart(figure, theme=None, key="reliability", config=charts.CONFIG, alt=_said(made))
    with right:
        frame = _bins(made)
        frame["said"] = [f"{low:.0%} to {high:.0%}" for low, high in zip(frame["from"], frame["to"], strict=True)]
        for name in ("confidence", "right"):
            frame[name] = frame[name] * 100
        frame["between"] = [between(one.right) or "" for one in made.bins]
        tables.table(frame, BIN_COLUMNS, key="calibration", height=tables.tall(len(frame), 12))
    st.caption(_said(made))


def _said(made: Calibration) -> str:
    skill = made.skill
    more = "more" if (skill or 0) > 0 else "no more"
    brier, ece = between(made.brier, share=False, digits=3), between(made.ece, digits=1)
    base = formats.number(made.base, 3)
    return (
        f"Brier {formats.number(made.brier.value, 3)} ({brier}), {base} for always saying the base rate: the "
        f"confidence tells {more} than that. ECE {formats.percent(made.ece.value, 1)} ({ece}). {made.signals:,} signals; the "
        "dotted line is perfect calibration."
    )


def _bins(made: Calibration) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"from": one.low, "to": one.high, "signals": one.signals, "confidence": one.confidence, "right": one.right.value,
             "right_low": one.right.low, "right_high": one.right.high}
            for one in made.bins
        ]
    )  # fmt: skip


def _narrow(label: str, help: str, width: int = 76) -> Any:
    return tables.COLUMN.NumberColumn(label, help=help, format="%+.2f %%", width=width)


# ---- one by one ---------------------------------------------------------------------------------------------------------
COLUMNS = {
    "decided_ts": tables.moment("Said", seconds=False),
    "strategy": tables.text("Strategy"),
    "symbol": tables.text("Symbol", width=84),
    "side": tables.text("Signal", width=74),
    "fate": tables.text("Became", width=84),
    "rule": tables.text("Blocked by"),
    "result": _narrow("Own exits", ABOUT_OWN, 84),
    "r1": _narrow("1 bar", ABOUT_BARS),
    "r4": _narrow("4 bars", ABOUT_BARS),
    "r12": _narrow("12 bars", ABOUT_BARS),
    "r24": _narrow("24 bars", ABOUT_BARS),
    "r72": _narrow("72 bars", ABOUT_BARS),
    "mae": _narrow("Worst", "maximum adverse excursion of 72 bars, before costs"),
    "mfe": _narrow("Best", "maximum favourable excursion of 72 bars, before costs"),
    "strength": tables.amount("Strength", "the strategy's confidence, 0 to 1"),
    "exit": tables.text("Would leave by"),
    "regime": tables.text("Regime"),
    "tag": tables.text("Tag", width=84),
    "pnl": tables.amount("P&L", "of the trade it became, quote currency", sign=True),
    "price": tables.figure("Price"),
}
PERCENT = ("result", "r1", "r4", "r12", "r24", "r72", "mae", "mfe")


def shown(some: SignalBook) -> pd.DataFrame:
    """Signals as the table shows them, with their numbers; percent."""
    raw, facets = some.raw, some.facets
    frame = pd.DataFrame({"seq": raw["seq"], "decided_ts": tables.utc(raw["decided_ts"])})
    for name in ("strategy", "symbol", "side", "fate", "rule", "regime", "tag"):
        one = facets[name]
        words = [signals_words.name(name, word) if word or name == "regime" else "" for word in one.names]
        frame[name] = [words[code] for code in one.codes.tolist()]
    frame.loc[~some.entry, "regime"] = ""
    for name in PERCENT:
        frame[name] = raw[name] * (-100 if name == "mae" else 100)
    frame["strength"], frame["pnl"] = raw["strength"], some.pnl
    reasons = {
        **{code: formats.exit_reason(code) for code in set(raw["exit_reason"].tolist())},
        "": "",
        "horizon": "500 bars",
    }
    frame["exit"] = [reasons[code] for code in raw["exit_reason"].tolist()]
    frame["price"] = [formats.price(value) if np.isfinite(value) else formats.DASH for value in raw["price"].tolist()]
    frame["trade"] = raw["trade_seq"]
    return frame


def detail(some: SignalBook, row: int, told: Mapping[str, Any] | None) -> None:
    """One signal: its checks, its distances, and the way to its trade."""
    frame = shown(some.take(np.array([row])))
    one = frame.iloc[0]
    with st.container(border=True, key="signal_detail"):
        st.markdown(f"**Signal {int(one['seq'])}**")
        st.text(
            f"{one['strategy']} on {one['symbol']}, {one['side']}, {units.current().stamp(float(some.raw['decided_ts'][row]))}"
        )
        if told is not None:
            checks = told["checks"] if isinstance(told["checks"], dict) else json.loads(told["checks"] or "{}")
            if checks:
                st.text("; ".join(f"{name}: {'yes' if value else 'no'}" for name, value in checks.items()))
            known = {"stop": told["stop_distance"], "target": told["target_distance"], "trail": told["trail_distance"]}
            words = [f"{name} {formats.price(value)} away" for name, value in known.items() if value]
            st.text(", ".join(words) if words else "It named no stop, target or trail of its own: the slot's apply.")
        if one["rule"]:
            st.text(f"{one['fate']} by: {one['rule']}" if one["fate"] == "blocked" else f"{one['fate']}: {one['rule']}")
        if np.isfinite(one["trade"]):
            st.text(
                f"Its trade is number {int(one['trade'])}, {formats.number(float(one['pnl']), sign=True)} {some.quote}."
            )
