"""What the page of AI cost asks the database: what models were asked, what it cost and brought. No statistic is made here."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine

from db.queries import rows
from engine.config.ai import AiSection
from engine.config.errors import ConfigError
from engine.config.reading import parse

SPENT = """SELECT day, model, strategy, outcome, count(*) AS calls, sum(cost) AS cost, sum(tokens_prompt) AS asked,
    sum(tokens_answer) AS answered, sum(latency_ms) AS waited FROM ai_call WHERE run_id = :run AND state = 'done' AND day <> ''
    GROUP BY day, model, strategy, outcome ORDER BY day"""
CALLS = """SELECT id, about_ts, strategy, symbol, model, prompt_name, prompt_hash, outcome, direction, confidence, cost,
    latency_ms, reasons, error FROM ai_call WHERE run_id = :run ORDER BY id DESC LIMIT 200"""
SENT = "SELECT prompt_text FROM ai_call WHERE id = :id AND run_id = :run"
SIGNALS = "SELECT count(*) AS n FROM signal WHERE run_id = :run AND source = 'ai'"
TRADES = """SELECT count(*) AS n, coalesce(sum(t.pnl), 0) AS pnl FROM trade t JOIN slot s ON s.id = t.slot_id
    WHERE t.run_id = :run AND s.strategy IN (SELECT DISTINCT strategy FROM ai_call WHERE run_id = :run)"""


def spent(engine: Engine, run_id: int) -> list[dict[str, Any]]:
    """Ended calls by UTC day, model, strategy and outcome."""
    return rows(engine, SPENT, {"run": run_id})


def calls(engine: Engine, run_id: int) -> list[dict[str, Any]]:
    """The 200 newest."""
    return rows(engine, CALLS, {"run": run_id})


def sent(engine: Engine, run_id: int, call: int) -> str:
    """A question as it was sent, as stored; empty where it was not."""
    found = rows(engine, SENT, {"run": run_id, "id": call})
    return str(found[0]["prompt_text"]) if found else ""


def brought(engine: Engine, run_id: int) -> tuple[int, int, float]:
    """(signals of models, trades of the strategies that ask, their P&L before AI cost)."""
    who = {"run": run_id}
    signals, trades = rows(engine, SIGNALS, who)[0], rows(engine, TRADES, who)[0]
    return int(signals["n"]), int(trades["n"]), float(trades["pnl"])


BY_DAY = """SELECT day, strategy, sum(CASE WHEN state = 'reserved' THEN reserved ELSE cost END) AS cost, count(*) AS calls
    FROM ai_call WHERE day >= :first AND day <= :last GROUP BY day, strategy ORDER BY day"""
IN_FORCE = "SELECT c.text FROM run r JOIN config_version c ON c.id = r.config_version_id WHERE r.id = :run"


def by_day(engine: Engine, first: str, last: str) -> list[dict[str, Any]]:
    """What counts against budgets by UTC day and strategy, over all runs and past bars, both days included."""
    return rows(engine, BY_DAY, {"first": first, "last": last})


def settings(engine: Engine, run_id: int) -> AiSection | None:
    """[ai] as the run's configuration has it; None where the run has none, or one that this version cannot read."""
    found = rows(engine, IN_FORCE, {"run": run_id})
    try:
        return parse(str(found[0]["text"])).ai if found else None
    except ConfigError:
        return None


SPOKEN = "SELECT EXISTS (SELECT 1 FROM signal WHERE run_id = :run AND source = 'ai') AS there"


def spoken(engine: Engine, run_id: int) -> bool:
    """Whether a model has given a signal or a view in this run."""
    return bool(rows(engine, SPOKEN, {"run": run_id})[0]["there"])


COST = """SELECT slot_id, sum(cost) AS cost FROM ai_call WHERE run_id = :run AND slot_id IS NOT NULL AND about_ts >= :since
    AND about_ts <= :until GROUP BY slot_id"""


def cost_of_slots(engine: Engine, run_id: int, since: int, until: int) -> dict[int, float]:
    """By slot id, USD of the calls about bars from `since` to `until` (exchange time, ms UTC)."""
    found = rows(engine, COST, {"run": run_id, "since": since, "until": until})
    return {int(row["slot_id"]): float(row["cost"] or 0.0) for row in found}
