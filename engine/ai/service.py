"""Asks models beside the loop: takes questions that the loop has committed, reserves their cost, sends them once that has landed,
and gives each answer back as an event. It never touches the trader, the tape or the ledger.

Whatever goes wrong with a call is an answer too: "none", and the rule decides as if nobody had been asked.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import orjson
from sqlalchemy import Connection, Engine, select
from sqlmodel import col

from db.models import AiCall, Alert
from engine.ai import budget, prompts
from engine.ai.budget import Budgets
from engine.ai.client import Client, Reply, is_local, key_from_environment
from engine.ai.pace import Pace
from engine.ai.prices import NoPrice, Price, price_of
from engine.ai.record import hit_rate, record_words
from engine.analytics.learning import EVERY, weigh
from engine.config.ai import AiSection
from engine.research.learning import outcomes_of, regime_at
from engine.strategies._ask import TRADING

log = logging.getLogger("evenkeel.ai")

LOOK_S, AT_ONCE, PRICES_S = 0.2, 4, 6 * 3600.0
STEP = 0.01
"""A change of the spent share that the limits are told of."""
Write = Callable[[Connection], None]


class Doors(Protocol):
    """The ways back to the loop."""

    def event(self, kind: str, *words: Any) -> None: ...

    def write(self, work: Write) -> None: ...


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


class AiService:
    """`exchange_now` gives the exchange time in ms that the loop has reached, `speed` how fast it runs; the data `folder` tells
    the market's regime to prompts that ask for a record."""

    name = "ai"

    def __init__(
        self, ai: AiSection, engine: Engine, run_id: int, doors: Doors, exchange_now: Callable[[], int], speed: float,
        folder: Path | None = None,
    ) -> None:  # fmt: skip
        self.ai, self.engine, self.run_id, self.doors, self.folder = ai, engine, run_id, doors, folder
        self.exchange_now, self.speed = exchange_now, speed
        self.pace = Pace(time.monotonic)
        self._prices: dict[str, Price] = {}
        self._prices_at = float("-inf")
        self._taken: dict[int, tuple[Any, list[dict[str, str]], Price, str]] = {}
        self._seen: set[int] = set()
        self._told: set[str] = set()
        self._wake, self._end = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="ai", daemon=True)
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="ai-call")
        self.share = 0.0
        self.calls = 0
        self._heard, self._heard_on = 0.0, ""

    # ---- on the loop's thread ----------------------------------------------------------------------------------------------
    def start(self) -> None:
        run_id = self.run_id

        def close(connection: Connection) -> None:
            budget.close_left_over(connection, run_id, wall_ms())
            self._spent(budget.tell(connection, run_id, Budgets.of(self.ai), wall_ms()))

        self.doors.write(close)
        self._thread.start()

    def committed(self) -> None:
        self._wake.set()

    def reconfigured(self, config: Any) -> None:
        self.ai = config.ai
        self.pace.forget()

    def vitals(self) -> Mapping[str, Any]:
        return {"ai_budget_used": round(self.share, 4), "ai_calls": self.calls}

    def stop(self, seconds: float) -> None:
        self._end.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(seconds)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _spent(self, share: float) -> None:
        """The share of the budget that is spent, for the `ai_budget` breaker: told where it has changed by a percent or passed a
        level, and again on each day of the exchange, since the breaker begins every day at nothing."""
        self.share, day = share, budget.day_of(self.exchange_now())
        passed = any((share * 100 >= level) != (self._heard * 100 >= level) for level in budget.LEVELS)
        if passed or abs(share - self._heard) >= STEP or (day != self._heard_on and share >= STEP):
            self._heard, self._heard_on = share, day
            self.doors.event("command", "fault", {"source": "ai", "used": round(share, 4)}, 0)

    # ---- on its own ----------------------------------------------------------------------------------------------------------
    def _run(self) -> None:
        while not self._end.is_set():
            self._wake.wait(LOOK_S if self._taken else 5.0)
            self._wake.clear()
            try:
                self.look()
            except Exception:  # a locked or lost database: the questions stay where they are
                log.exception("questions for the model could not be looked at")
                self._end.wait(1.0)

    def look(self) -> None:
        """Take up what has been asked, and send what has been reserved."""
        if self._end.is_set():
            return
        mine = (col(AiCall.run_id) == self.run_id) & (col(AiCall.purpose) == "live")
        with self.engine.connect() as connection:
            asked = connection.execute(select(AiCall.__table__).where(mine, col(AiCall.state) == "asked")).all()  # type: ignore[attr-defined]
            held = {
                row.id: row
                for row in connection.execute(
                    select(col(AiCall.id), col(AiCall.state), col(AiCall.outcome), col(AiCall.error)).where(
                        col(AiCall.id).in_(list(self._taken))
                    )
                )
            }
        for number, row in held.items():
            if row.state == "reserved":
                self._pool.submit(self._send, *self._taken.pop(number))
            elif row.state == "done":
                call = self._taken.pop(number)[0]
                self._say_once(row.outcome, row.error, "warning")
                self._answer(call, None)
        for call in asked:
            if call.id not in self._seen:
                self._seen.add(call.id)
                self._take(call)

    def _take(self, call: Any) -> None:
        """Prepare a question: its prompt, its price, its reservation."""
        why = self._against(call)
        if why is not None:
            self._drop(call, *why)
            return
        try:
            prompt = prompts.load(call.prompt_name)
            price = self.price(self.ai.model)
        except prompts.PromptError as error:
            self._drop(call, "prompt", str(error))
            return
        except NoPrice as error:
            self._drop(call, "no_model" if error.unknown else "no_price", str(error))
            return
        rate = self._hit_rate(call) if "hit_rate" in prompt.fields else ""
        record = self._record(call) if "record" in prompt.fields else ""
        sent = prompts.messages(prompt, call.context, rate, record)
        amount = price.most(sent, self.ai.max_tokens)
        values = {
            "model": self.ai.model,
            "prompt_hash": prompt.version,
            "prompt_text": orjson.dumps(sent).decode(),
            "context": {"key": call.context["key"], "rule": call.context["rule"]},
        }
        budgets, run_id = Budgets.of(self.ai), self.run_id

        def reserve(connection: Connection) -> None:
            now = wall_ms()
            against = budget.reserve(connection, call.id, call.strategy, amount, budgets, now, **values)
            self._spent(budget.tell(connection, run_id, budgets, now, refused=bool(against)))

        self._taken[call.id] = (call, sent, price, prompt.version)
        self.doors.write(reserve)

    def _against(self, call: Any) -> tuple[str, str] | None:
        """Why a question is not asked at all: (outcome, words)."""
        facts = call.context
        if not facts.get("wanted", True):
            return "expired", "the slot takes no entries now"
        if self.exchange_now() >= call.about_ts + int(facts["life_ms"]):
            return "expired", "the market had gone on before it could be asked"
        if not key_from_environment() and not is_local(self.ai.base_url):
            return "no_key", "OPENROUTER_API_KEY is not set: put it in my/.env; strategies go on by their rules alone"
        if words := self.pace.against():
            return "unavailable", words
        return None

    def price(self, model: str) -> Price:
        """The model's price. NoPrice in a sentence."""
        ai, now = self.ai, time.monotonic()
        age = now - self._prices_at
        if ai.price_prompt is None and (age > PRICES_S or (age > 60.0 and model not in self._prices)):
            self._prices_at = now
            try:
                self._prices = Client(ai.base_url, min(ai.timeout_s, 15.0)).prices()
            except ValueError as error:
                log.warning("%s", error)
        return price_of(model, self._prices, ai.price_prompt, ai.price_answer)

    def _hit_rate(self, call: Any) -> str:
        with self.engine.connect() as connection:
            return hit_rate(connection, self.run_id, call.strategy, self.ai.model)

    def _record(self, call: Any) -> str:
        """As of the bar that is asked about."""
        known = outcomes_of(self.engine, self.run_id, call.about_ts, call.strategy)
        regime = regime_at(call.about_ts, self.folder) if self.folder is not None else EVERY
        return record_words(weigh(known, call.about_ts), call.strategy, regime)

    def _send(self, call: Any, sent: list[dict[str, str]], price: Price, version: str) -> None:
        """On a thread of the pool: ask once, and hand back whatever came of it."""
        ai = self.ai
        patience = min(ai.timeout_s, max(0.8 * call.timeframe_ms / 1000 / self.speed, 0.5))
        try:
            reply = Client(ai.base_url, ai.timeout_s).complete(ai.model, sent, ai.max_tokens, price, patience)
        except Exception as error:  # nothing a provider does may leave a question without an end
            log.exception("a call of the model failed")
            reply = Reply("unavailable", error=f"the call failed: {type(error).__name__}")
        self.calls += 1
        self.pace.heard(reply.outcome, reply.wait_s)
        now = self.exchange_now()
        self._answer(call, reply, ai.model, version)
        values = {**row_of(reply, price, price.most(sent, ai.max_tokens)), "arrived_ts": now}
        budgets, run_id = Budgets.of(ai), self.run_id

        def finish(connection: Connection) -> None:
            budget.finish(connection, call.id, values, wall_ms())
            self._spent(budget.tell(connection, run_id, budgets, wall_ms()))

        self.doors.write(finish)
        if reply.outcome not in ("answered", "abstained"):
            self._say_once(reply.outcome, reply.error, "warning")

    def _answer(self, call: Any, reply: Reply | None, model: str = "", version: str = "") -> None:
        """Give the loop a decision; or none, where an entry may be waiting for it."""
        decision = reply.decision if reply is not None else None
        if decision is None and call.mode not in TRADING:
            return
        told = (decision.direction, decision.confidence, decision.horizon) if decision else (None, 0.0, 0)
        self.doors.event("answer", call.context["key"], call.about_ts, *told, call.id, model, version)

    def _drop(self, call: Any, outcome: str, words: str) -> None:
        values = {"outcome": outcome, "error": words, "model": self.ai.model}
        self.doors.write(lambda connection: budget.finish(connection, call.id, values, wall_ms()))
        self._answer(call, None)
        if outcome != "expired":
            self._say_once(outcome, words, "error" if outcome in ("prompt", "no_model") else "warning")

    def _say_once(self, outcome: str, words: str, severity: str) -> None:
        """A failure is told where a person looks: a line in the log each time, an alert once a day and kind."""
        log.warning("the model was not heard (%s): %s", outcome, words)
        key = f"ai:{self.run_id}:{outcome}:{budget.day_of(wall_ms())}"
        if outcome == "budget" or key in self._told:
            return
        self._told.add(key)
        run_id, now = self.run_id, wall_ms()
        self.doors.write(lambda connection: _alert(connection, run_id, now, outcome, words, key))


def row_of(reply: Reply, price: Price, reserved: float) -> dict[str, Any]:
    """What a reply leaves in its row. Where nobody says what it cost, the price list does; where nobody knows what was
    used, it is what was reserved."""
    decision, tokens = reply.decision, dict(reply.tokens)
    if reply.cost is not None:
        cost, source = reply.cost, "usage"
    elif not reply.charged:
        cost, source = 0.0, ""
    elif tokens.get("tokens_prompt"):
        cost, source = price.of(tokens["tokens_prompt"], tokens.get("tokens_answer", 0)), "price list"
    else:
        cost, source = reserved, "reserved"
    return {
        **tokens,
        "outcome": reply.outcome,
        "cost": cost,
        "cost_source": source,
        "latency_ms": round(reply.latency_ms, 1),
        "error": reply.error,
        "direction": decision.direction if decision else None,
        "confidence": decision.confidence if decision else None,
        "horizon": decision.horizon if decision else None,
        "reasons": "\n".join(decision.reasons) if decision else "",
    }


def _alert(connection: Connection, run_id: int, now: int, outcome: str, words: str, key: str) -> None:
    if connection.execute(select(col(Alert.id)).where(col(Alert.dedupe_key) == key)).first() is None:
        title = {
            "no_key": "no model is asked: there is no key",
            "no_credit": "no model is asked: the key's credit is spent",
            "prompt": "a prompt cannot be used",
            "no_model": "the model does not exist",
        }.get(outcome, "a model could not be heard")
        connection.execute(
            Alert.__table__.insert().values(  # type: ignore[attr-defined]
                run_id=run_id, ts=now, created_ts=now, severity="warning", kind="error", title=title,
                body=f"{words}. Strategies go on by their rules alone.", dedupe_key=key, state="new",
            )
        )  # fmt: skip
