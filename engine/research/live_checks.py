"""Is it time for real orders? Every check with what was found and what to do: one list for `live check` and the page Go live.

Reads the database, the configuration and what the exchange told when it was last asked. Nothing is asked or sent here, and
no check locks anything: what live trading cannot do without is refused elsewhere (engine/config/going_live.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import orjson
from sqlalchemy import Engine

from db.queries import rows, scalar
from engine.config.going_live import AMOUNTS, unfit, unwritten, without_keys
from engine.config.model import Config
from engine.config.sections import SlotSection
from engine.core.types import MS_DAY
from engine.research.venue_told import Told

State = Literal["pass", "not yet", "cannot say"]
ASK = "run `run_engine.py live check` where the keys are"
STALE_MS, OFFSET_MS = 7 * MS_DAY, 500
ROOM = Decimal("1.2")
"""Over the venue's minimum, so that what was bought can be sold after a fall: as the kernel sizes the first trades."""
SCORE = 0.9

PAPER = """SELECT id, name, demo, created_ts FROM run WHERE kind = 'paper' AND challenger_of IS NULL AND twin_of IS NULL
    AND exchange = :exchange ORDER BY demo, id DESC LIMIT 1"""
_SPAN = "SELECT min(ts) AS first, max(ts) AS last FROM equity WHERE run_id = :run AND slot_id = 0"
_TRADES = "SELECT count(*) FROM trade WHERE run_id = :run"
_COMPARED = "SELECT args, result FROM job WHERE kind = 'versus' AND state = 'done' ORDER BY id DESC LIMIT 100"
_PRICE = """SELECT price FROM signal WHERE run_id = :run AND slot_id IN (SELECT id FROM slot WHERE symbol = :symbol)
    ORDER BY id DESC LIMIT 1"""
_ALERT = "SELECT max(sent_ts) FROM alert_delivery WHERE state = 'sent' AND channel <> 'console'"
_KILL = "SELECT max(acked_ts) FROM command WHERE kind = 'kill' AND state = 'done'"
_KILLED = "SELECT max(ts) FROM run_marker WHERE kind = 'command' AND text LIKE 'kill%'"
_DRY = "SELECT count(*) FROM run WHERE dry"


@dataclass(frozen=True)
class Check:
    """One of them. `found` says what is, `todo` what to do about it (empty where it passes)."""

    name: str
    title: str
    state: State
    found: str
    todo: str = ""


def checks(engine: Engine | None, config: Config, env: Mapping[str, str], told: Told | None, now: int) -> list[Check]:
    """Every check in the order in which one would come to them. `engine` None: there is no database yet; `now` ms UTC of this
    machine."""
    paper = next(iter(rows(engine, PAPER, {"exchange": config.run.exchange})), None) if engine is not None else None
    run = int(paper["id"]) if paper else None
    made = [_days(engine, config, paper), _trades(engine, config, run), _score(engine, run), _dry(engine)]
    made += [_alerts(engine), _kill(engine)]
    asked = told if told is not None and told.exchange == config.run.exchange else None
    made += [_keys(config, env, asked), _rights(asked), *_of_the_venue(config, asked, now)]
    made.append(_sizes(engine, config, asked, run))
    made += [_written(config, env), _fits(config)]
    return made


def ready(made: list[Check]) -> bool:
    """Whether nothing says "not yet"."""
    return all(check.state != "not yet" for check in made)


# ---- on paper ----------------------------------------------------------------------------------------------------------------
def _days(engine: Engine | None, config: Config, paper: Mapping[str, Any] | None) -> Check:
    title, wanted = "Days on paper", config.live.paper_days
    if engine is None or paper is None:
        return Check(
            "days", title, "not yet", f"no paper run on {config.run.exchange}", "start the engine: `run_engine.py run`"
        )
    span = rows(engine, _SPAN, {"run": paper["id"]})[0]
    days = 0.0 if span["first"] is None else (span["last"] - span["first"]) / MS_DAY
    words = f"{days:.1f} days in run {paper['name']}, of {wanted} wanted"
    if paper["demo"]:
        return Check("days", title, "not yet", f"{words}, on a demo exchange", "trade on paper at the real exchange")
    return _either("days", title, days >= wanted, words, "let it go on: a fortnight of one kind of market says little")


def _trades(engine: Engine | None, config: Config, run: int | None) -> Check:
    count = int(scalar(engine, _TRADES, {"run": run}) or 0) if engine is not None and run else 0
    words = f"{count:,} closed, of {config.live.paper_trades} wanted"
    return _either(
        "trades", "Trades on paper", count >= config.live.paper_trades, words, "let it go on until there are more"
    )


def _score(engine: Engine | None, run: int | None) -> Check:
    title, todo = "Paper equals backtest", "compare them on the page Backtest vs paper, and look at the causes"
    for row in rows(engine, _COMPARED, {}) if engine is not None and run else ():
        if _json(row["args"]).get("run_id") != run:
            continue
        result = _json(row["result"])
        score = (result.get("candles") or {}).get("reproduced")
        if not result.get("tape", {}).get("ok"):
            return Check("score", title, "not yet", "the run's tape replayed gives other trades", todo)
        if score is None:
            return Check("score", title, "cannot say", str(result.get("why_not") or "no candles to compare with"), todo)
        return _either("score", title, score >= SCORE, f"{score:.0%} of trades reproduced on candles", todo)
    return Check("score", title, "cannot say", "never compared", todo)


def _dry(engine: Engine | None) -> Check:
    seen = bool(scalar(engine, _DRY, {})) if engine is not None else False
    words = "orders were prepared without being sent" if seen else "no run has been dry"
    return _either("dry", "Dry run", seen, words, 'set mode = "dry" for some days: everything but the sending')


# ---- what stops it -----------------------------------------------------------------------------------------------------------
def _alerts(engine: Engine | None) -> Check:
    seen = scalar(engine, _ALERT, {}) if engine is not None else None
    words = "a message has reached you" if seen else "no message has gone out by any channel"
    return _either(
        "alerts", "Alerts tried", seen is not None, words, "set up a channel and send a test (docs/alerts.md)"
    )


def _kill(engine: Engine | None) -> Check:
    seen = None if engine is None else scalar(engine, _KILL, {}) or scalar(engine, _KILLED, {})
    words = "a running engine has obeyed it" if seen is not None else "nobody has pressed it yet"
    todo = "on paper: `run_engine.py kill`, look what it does, then `run_engine.py release kill --reason tried`"
    return _either("kill", "Kill tried", seen is not None, words, todo)


# ---- the account at the exchange ---------------------------------------------------------------------------------------------
def _keys(config: Config, env: Mapping[str, str], told: Told | None) -> Check:
    missing = list(without_keys(config, env))
    there = not missing or (told is not None and told.keys)
    words = "present; they are never shown or stored" if there else missing[0]
    todo = f"make a key that may trade and not withdraw, bound to this machine's address; {ASK}"
    return _either("keys", "Keys", there, words, todo)


def _rights(told: Told | None) -> Check:
    title = "Keys cannot withdraw"
    if told is None or not told.keys:
        return Check("rights", title, "cannot say", "the exchange has not been asked", ASK)
    if told.withdraw is None:
        why = told.why.get("permissions", "the exchange does not tell what a key may do")
        return Check("rights", title, "cannot say", why, "look at the key's rights on the exchange's own page")
    if told.withdraw:
        return Check(
            "rights",
            title,
            "not yet",
            "this key may move money away",
            "make another that may only trade; delete this one",
        )
    if told.trade is False:
        return Check("rights", title, "not yet", "it may not trade either", "give it the right to trade, and no other")
    bound = {True: ", bound to addresses", False: ", from any address: bind it to this machine's", None: ""}[
        told.ip_bound
    ]
    return Check("rights", title, "pass", f"it may trade and not withdraw{bound}")


def _of_the_venue(config: Config, told: Told | None, now: int) -> Iterator[Check]:
    names = {"fees": "Fee tier", "balance": "Money at the exchange", "stops": "Stops at the exchange", "clock": "Clock"}
    if told is None or not told.keys or now - told.ts > STALE_MS:
        found = "the exchange has not been asked" if told is None or not told.keys else "asked more than a week ago"
        yield from (Check(name, title, "cannot say", found, ASK) for name, title in names.items())
        return
    yield _fees(config, told)
    yield _money(config, told)
    yield _stops(told)
    yield _clock(told)


def _fees(config: Config, told: Told) -> Check:
    title, taker = "Fee tier", told.decimal("taker")
    if taker is None:
        return Check("fees", title, "cannot say", told.why.get("fees", "not told"), ASK)
    words = f"taker {taker:.3%}, maker {told.decimal('maker'):.3%}"
    assumed = config.costs.taker
    if assumed is None:
        return Check("fees", title, "pass", f"{words}; paper reckons with the entry tier")
    low = assumed < taker
    words += f"; paper reckons with {assumed:.3%}"
    return _either("fees", title, not low, words, f"paper has paid too little: set costs.taker = {taker} and try again")


def _money(config: Config, told: Told) -> Check:
    title, total, capital, quote = (
        "Money at the exchange",
        told.decimal("balance"),
        config.live.capital,
        config.account.quote,
    )
    if total is None:
        return Check("balance", title, "cannot say", told.why.get("balance", "not told"), ASK)
    if capital is None:
        return Check(
            "balance", title, "cannot say", f"{total:,.2f} {quote} there", "set live.capital, of that what you can lose"
        )
    words = f"{total:,.2f} {quote} there, {capital:,} of it to trade with"
    return _either("balance", title, total >= capital, words, "pay in, or set live.capital to what is there")


def _stops(told: Told) -> Check:
    words = {
        "stop": "the exchange keeps stops that sell at the market, also while this machine is down",
        "stop_limit": "the exchange keeps stop-limits; one triggered and not filled in 5 s is sold at the market",
    }.get(told.native_stop)
    if words is None:
        return Check(
            "stops",
            "Stops at the exchange",
            "not yet",
            "it keeps none",
            "stops act only while this machine runs: choose another",
        )
    return Check("stops", "Stops at the exchange", "pass", words)


def _clock(told: Told) -> Check:
    if told.offset_ms is None:
        return Check("clock", "Clock", "cannot say", told.why.get("clock", "not told"), ASK)
    words = f"{abs(told.offset_ms):,} ms {'behind' if told.offset_ms > 0 else 'ahead of'} the exchange's"
    return _either(
        "clock", "Clock", abs(told.offset_ms) <= OFFSET_MS, words, "set the machine's clock by NTP (`timedatectl`)"
    )


# ---- sizes and words ---------------------------------------------------------------------------------------------------------
def _sizes(engine: Engine | None, config: Config, told: Told | None, run: int | None) -> Check:
    title = "Sizes above the exchange's minimum"
    if told is None or not told.rules:
        return Check("sizes", title, "cannot say", "the exchange's minimums have not been asked", ASK)
    small, unknown, shut = [], [], []
    for slot in config.incumbents:
        for symbol in slot.symbols:
            rules = told.rules.get(symbol)
            least = _least(engine, rules, symbol, run) if rules else None
            wish = _wish(config, slot)
            if rules and not rules.get("trading", True):
                shut.append(symbol)
            elif least is None or wish is None:
                unknown.append(symbol)
            elif wish < least:
                small.append(f"{symbol}: {wish:,.2f} of at least {least:,.2f} {config.account.quote}")
    if shut:
        return Check(
            "sizes", title, "not yet", f"not traded there now: {', '.join(dict.fromkeys(shut))}", "take them out"
        )
    if small:
        return Check("sizes", title, "not yet", "; ".join(small), "raise sizes or amounts, or trade fewer symbols")
    if unknown:
        names = ", ".join(dict.fromkeys(unknown))
        return Check("sizes", title, "cannot say", f"no size or price known for {names}", "trade them on paper first")
    return Check(
        "sizes",
        title,
        "pass",
        f"every slot, with a fifth to spare; the first {config.live.first_trades} trades take the minimum",
    )


def _least(engine: Engine | None, rules: Mapping[str, Any], symbol: str, run: int | None) -> Decimal | None:
    """The venue's smallest order in quote currency, with room; None where it is told in coins and no price is known."""
    notional, qty = Decimal(rules["min_notional"]), Decimal(rules["min_qty"])
    price = scalar(engine, _PRICE, {"run": run, "symbol": symbol}) if engine is not None and run and qty else None
    if price is None and qty and not notional:
        return None
    return max(notional * ROOM, qty * Decimal(str(price or 0)))


def _wish(config: Config, slot: SlotSection) -> Decimal | None:
    """What an entry of the slot would be worth at the capital, within [live]; None where it hangs on the market."""
    sizing = slot.sizing or config.sizing
    if sizing.kind == "share":
        wish = config.cash * Decimal(str(sizing.value))
    elif sizing.kind == "fixed":
        wish = Decimal(str(sizing.value))
    else:
        return None
    bounds = (config.live.max_order, config.live.max_position, config.live.max_exposure)
    return min([wish, *(one for one in bounds if one is not None)])


def _written(config: Config, env: Mapping[str, str]) -> Check:
    title, missing = "Limits and acknowledgement", list(unwritten(config, env))
    amounts = [f"live.{key}" for key in AMOUNTS if getattr(config.live, key) is None]
    others = [words for words in missing if not words.startswith(tuple(f"{key} is missing" for key in amounts))]
    words = "; ".join([*([f"not set: {', '.join(amounts)}"] if amounts else []), *others])
    said = words or "the sentence is typed, capital and every limit are set"
    return _either("limits", title, not missing, said, "write them into [live] of the configuration (docs/live.md)")


def _fits(config: Config) -> Check:
    wrong = list(unfit(config))
    words = "; ".join(wrong) if wrong else "spot, long, without leverage"
    return _either("spot", "What real orders can be", not wrong, words, "change the configuration")


def _either(name: str, title: str, good: bool, found: str, todo: str) -> Check:
    return Check(name, title, "pass" if good else "not yet", found, "" if good else todo)


def _json(value: Any) -> Any:
    try:
        found = orjson.loads(value) if isinstance(value, str | bytes) else value
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
