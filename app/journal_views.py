"""Parts of the journal: the review queue, the month's days, what words find, what mistakes cost."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from sqlalchemy import Engine

from app import data, formats, journal_editor, tables, ui, units
from app.read import journal as read
from engine.analytics.attention import Mark, marks, scores

DAY_MS = 86_400_000
SHOWN = 200
REASONS = {
    "beyond_stop": "lost {size} R: more than the first stop risked",
    "wiped_out": "wiped the account out",
    "by_hand": "closed by hand, not by the plan",
    "no_stop": "had no stop",
    "oversized": "{size} times the usual size",
    "outage": "left after an outage",
    "gave_back": "was {size} R ahead and lost",
    "large_loss": "among the largest losses",
    "large_win": "among the largest wins",
    "long_held": "held {size} times as long as usual",
}


# ---- the queue ------------------------------------------------------------------------------------------------------------
@st.cache_data(show_spinner=False, max_entries=16)
def _weighed(_engine: Engine, place: str, run_id: int, stamp: int) -> tuple[dict[str, Any], Any, list[Mark]]:
    trades = read.recent(_engine, run_id)
    found = marks(trades)
    return trades, scores(found, len(trades["seq"])), found


def queue(engine: Engine, run_id: int) -> pd.DataFrame:
    """Trades not reviewed yet, rule breaches first, then oddities, then the newest: with why each stands there."""
    trades, score, found = _weighed(engine, data._place(engine), run_id, data.trades_stamp(engine, run_id))
    done = read.reviewed(engine, run_id)
    left = np.array([seq not in done for seq in trades["seq"].tolist()], bool)
    order = np.lexsort((-trades["exit_ts"], -score))
    order = order[left[order]]
    frame = pd.DataFrame({name: values[order] for name, values in trades.items()})
    frame["why"] = [_why(found, int(at)) if score[at] else "" for at in order[:SHOWN]] + [""] * max(
        len(order) - SHOWN, 0
    )
    frame["breach"] = score[order] >= 100
    return frame


def _why(found: list[Mark], at: int) -> str:
    return "; ".join(REASONS[mark.name].format(size=f"{mark.size[at]:.1f}") for mark in found if bool(mark.mask[at]))


def queue_columns(page: ui.Page) -> dict[str, Any]:
    """Of a list of trades; R has a column of its own."""
    return {
        "closed": tables.short_moment("Closed"),
        "symbol": tables.text("Symbol", width=90),
        "side": tables.text("Side", width=74),
        "pnl": _money_or_share().column("P&L", page.quote, "net of fees and funding"),
        "r_multiple": tables.amount("R", sign=True),
        "why": tables.text("Why it is here", width="large"),
    }


def _money_or_share() -> units.Units:
    now = units.current()
    return now if now.unit == "percent" else units.Units(zone=now.zone)


def _in_unit(page: ui.Page, pnl: Any) -> Any:
    """P&L in the chosen unit: percent of the capital, else money."""
    return _money_or_share().amount(pnl, float(page.run["cash_start"]))


def queue_table(page: ui.Page) -> int | None:
    """The queue; the chosen trade's number."""
    frame = queue(page.engine, page.run_id)
    if frame.empty:
        st.caption("Every trade is reviewed.")
        return None
    breaches, odd = int(frame["breach"].sum()), int((frame["why"] != "").sum())
    tables.heading(
        "To review", "queue", frame.drop(columns=["breach"]), "rule breaches first, then what was unlike the rest"
    )
    st.caption(
        f"{len(frame):,} trades wait; {breaches:,} broke a rule{'' if odd <= breaches else ', others stand out'}."
    )
    shown = frame.head(SHOWN).copy()
    shown["closed"] = tables.utc(shown["exit_ts"])
    shown["side"] = [formats.side(one) for one in shown["direction"]]
    shown["pnl"], columns = _in_unit(page, shown["pnl"]), queue_columns(page)
    first = int(shown["seq"].iloc[0])
    row = tables.table(
        tables.colored(shown[["seq", *columns]], ["pnl", "r_multiple"], page.colors), columns, key=f"queue_{page.run_id}_{first}",
        select=True, height=tables.tall(len(shown), 12),
    )  # fmt: skip
    return int(shown["seq"].iloc[row]) if row is not None and row < len(shown) else None


# ---- the month ------------------------------------------------------------------------------------------------------------
WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def month_of(text: str, last: int) -> date:
    """The first of the month 2026-01, or of the month of `last` (ms UTC)."""
    try:
        return datetime.strptime(text, "%Y-%m").date()
    except ValueError:
        return datetime.fromtimestamp(last / 1000, UTC).date().replace(day=1)


def _ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


def calendar(page: ui.Page, span: tuple[int, int]) -> int | None:
    """The month's days with P&L and notes; the chosen day's midnight (ms UTC), from the address."""
    month = month_of(st.query_params.get("month", ""), span[1])
    after = (month + timedelta(days=32)).replace(day=1)
    days = read.days(page.engine, page.run_id, _ms(month), _ms(after))
    _turn(month, after, span)
    how = units.current()
    total = sum(_of_day(page, row, how) or 0.0 for row in days.values())
    count = sum(row["trades"] for row in days.values())
    good, bad = sum(row["pnl"] > 0 for row in days.values()), sum(row["pnl"] < 0 for row in days.values())
    earned = how.written(total, page.quote)
    st.caption(f"{count:,} trades closed, {earned}; {good} days up, {bad} down. Days are UTC; ✎ has notes.")
    chosen = _chosen_day()
    with st.container(key="calendar"), st.grid(7, gap="xsmall", key="calendar_days"):
        for name in WEEK:
            st.caption(name)
        for _ in range(month.weekday()):
            st.container(key=f"day_before_{_}", height=1, border=False)
        day = month
        while day < after:
            _day(page, day, days.get(_ms(day) // DAY_MS), chosen)
            day += timedelta(days=1)
    return chosen


def _turn(month: date, after: date, span: tuple[int, int]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="month_turn"):
        before = (month - timedelta(days=1)).replace(day=1)
        st.button(
            "‹",
            key="month_before",
            help="the month before",
            disabled=_ms(month) <= span[0],
            on_click=_go,
            args=(before,),
        )
        st.subheader(month.strftime("%B %Y"), anchor=False, width="content")
        st.button(
            "›", key="month_after", help="the month after", disabled=_ms(after) > span[1], on_click=_go, args=(after,)
        )


def _go(month: date) -> None:
    ui.to_url(month=month.strftime("%Y-%m"), day="", trade="")


def _chosen_day() -> int | None:
    try:
        return _ms(date.fromisoformat(st.query_params.get("day", "")))
    except ValueError:
        return None


def _of_day(page: ui.Page, row: Mapping[str, Any], how: units.Units) -> float | None:
    """A day's result in the chosen unit; None where no trade has an R."""
    if how.unit == "r":
        return None if row["r"] is None else float(row["r"])
    return float(how.amount(row["pnl"], float(page.run["cash_start"])))


def _day(page: ui.Page, day: date, row: Mapping[str, Any] | None, chosen: int | None) -> None:
    pnl = _of_day(page, row, units.current()) if row and row["trades"] else None
    tone = "none" if pnl is None or pnl == 0 else "gain" if pnl > 0 else "loss"
    amount = "" if pnl is None else f"  \n{formats.number(pnl, 0 if abs(pnl) >= 100 else 2, sign=True)}"
    mark = " ✎" if row and row["notes"] else ""
    spoken = f"{row['trades']} trades" if row and row["trades"] else "no trade"
    with st.container(key=f"day_{tone}_{'on' if chosen == _ms(day) else 'off'}_{day.isoformat()}"):
        st.button(f"**{day.day}**{mark}{amount}", key=f"pick_{day.isoformat()}", width="stretch", help=spoken,
                  on_click=_pick, args=(day,))  # fmt: skip


def _pick(day: date) -> None:
    ui.to_url(day=day.isoformat(), trade="", month=day.strftime("%Y-%m"))


# ---- by words -------------------------------------------------------------------------------------------------------------
def search(page: ui.Page) -> int | None:
    """Entries by words, tag and mistake; the chosen one's trade."""
    known = read.vocabulary(page.engine)
    words = ["", *(f"#{word}" for word in known["tag"]), *(f"!{word}" for word in known["mistake"])]
    with st.grid("auto", min_column_width=160, gap="small", key="filters_journal"):
        find = _typed("Find", "find", "words in notes and lessons")
        word = _one_of("Tag or mistake", "word", words)
        lessons = st.toggle("Lessons only", key="journal_lessons", value=st.query_params.get("lessons") == "1")
    ui.to_url(lessons="1" if lessons else "")
    found = read.found(page.engine, page.run_id, find, word, lessons)
    if not found:
        asked = bool(find or word or lessons)
        ui.empty(
            "No entry fits" if asked else "Nothing is written yet",
            "Fewer or other words may find one." if asked else "Choose a trade of the queue or a day, and write.",
        )
        return None
    frame = pd.DataFrame(found)
    tables.heading(f"{len(found):,} entries", "entries", frame.assign(words=[" ".join(w) for w in frame["words"]]))
    frame["about"] = [_about(row) for row in found]
    frame["closed"] = tables.utc(frame["exit_ts"].fillna(frame["day_ts"]) if "exit_ts" in frame else frame["day_ts"])
    frame["tags"] = [" ".join(row["words"]) for row in found]
    frame["stars"] = ["★" * int(row["rating"] or 0) for row in found]
    frame["pnl"] = _in_unit(page, pd.to_numeric(frame["pnl"]))
    columns = {
        "closed": tables.short_moment("When"),
        "about": tables.text("About", width=150),
        "pnl": _money_or_share().column("P&L", page.quote),
        "lesson": tables.text("Lesson", width="medium"),
        "note": tables.text("Note", width="large"),
        "tags": tables.text("Tags and mistakes"),
        "stars": tables.text("★", width=70),
    }
    shade = tables.colored(frame[["trade_seq", *columns]], ["pnl"], page.colors)
    row = tables.table(shade, columns, key=f"entries_{hash((find, word, lessons, len(found)))}", select=True,
                       height=tables.tall(len(frame), 10))  # fmt: skip
    if row is None or row >= len(found):
        return None
    if found[row]["day_ts"] is not None:
        ui.to_url(day=str(np.datetime64(int(found[row]["day_ts"]), "ms").astype("datetime64[D]")))
    return None if found[row]["trade_seq"] is None else int(found[row]["trade_seq"])


def _about(row: Mapping[str, Any]) -> str:
    return (
        f"trade {row['trade_seq']}, {row['symbol']}"
        if row["trade_seq"] is not None
        else f"the day {np.datetime64(int(row['day_ts']), 'ms').astype('datetime64[D]')}"
    )


def _typed(label: str, name: str, hint: str) -> str:
    key = f"journal_{name}"
    if key not in st.session_state:
        st.session_state[key] = st.query_params.get(name, "")[:200]
    typed = str(st.text_input(label, key=key, placeholder=hint, max_chars=200) or "").strip()
    ui.to_url(**{name: typed})
    return typed


def _one_of(label: str, name: str, options: list[str]) -> str:
    key = f"journal_{name}"
    if st.session_state.get(key, st.query_params.get(name, "")) not in options:
        st.session_state[key] = ""
    elif key not in st.session_state:
        st.session_state[key] = st.query_params.get(name, "")
    picked = str(st.selectbox(label, options, key=key, format_func=lambda word: word or "any"))
    ui.to_url(**{name: picked})
    return picked


def mistakes(page: ui.Page) -> None:
    """What each mistake cost so far."""
    found = read.costs_of_mistakes(page.engine, page.run_id)
    if not found:
        return
    frame = pd.DataFrame(found)
    tables.heading("What mistakes cost", "mistakes", frame.copy(), "a trade with two mistakes counts in both")
    frame["pnl"] = _in_unit(page, frame["pnl"])
    columns = {
        "word": tables.text("Mistake"),
        "trades": tables.COLUMN.NumberColumn("Trades"),
        "pnl": _money_or_share().column("P&L", page.quote),
        "r": tables.amount("R a trade", sign=True),
    }
    tables.table(tables.colored(frame, ["pnl", "r"], page.colors), columns, key="mistakes")


def day_trades(page: ui.Page, day_ts: int) -> int | None:
    """A day's trades; the chosen one's number."""
    from app.read import trades

    chosen = trades.Filter(since=day_ts, until=day_ts + DAY_MS)
    raw = trades.page(page.engine, page.run_id, chosen, "oldest", 1, SHOWN)
    if not len(raw["seq"]):
        st.caption("No trade was closed on this day.")
        return None
    frame = pd.DataFrame(raw)
    frame["closed"] = tables.utc(frame["exit_ts"])
    frame["pnl"] = _in_unit(page, frame["pnl"])
    frame["side"] = [formats.side(one) for one in frame["direction"]]
    frame["exit"] = [
        word or formats.exit_reason(c) for word, c in zip(frame["exit_word"], frame["exit_reason"], strict=True)
    ]
    columns = {
        **{name: column for name, column in queue_columns(page).items() if name != "why"},
        "exit": tables.text("Exit"),
        "note": tables.text("Note", width="medium"),
    }
    row = tables.table(tables.colored(frame[["seq", *columns]], ["pnl", "r_multiple"], page.colors), columns,
                       key=f"day_{day_ts}", select=True, height=tables.tall(len(frame), 10))  # fmt: skip
    return int(frame["seq"].iloc[row]) if row is not None and row < len(frame) else None


__all__ = ["calendar", "day_trades", "journal_editor", "mistakes", "month_of", "queue", "queue_table", "search"]
