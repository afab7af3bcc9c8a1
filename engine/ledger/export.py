"""What is exported: closed trades with their journal, fills, orders, signals, equity, and fills as tax programs take them.

One fixed set of columns a table, times in ms UTC; trades in the order of run, exit and number. Reading only; `sheets` writes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, text

from engine.ledger.selection import Filter
from engine.ledger.sheets import write

TRADES: dict[str, str] = {
    "run": "text", "seq": "int", "strategy": "text", "label": "text", "symbol": "text", "timeframe_ms": "int", "side": "text",
    "qty": "float", "entry_ts": "int", "exit_ts": "int", "entry_price": "float", "exit_price": "float",
    "entry_notional": "float", "exit_notional": "float", "fees": "float", "funding": "float", "pnl": "float",
    "pnl_pct": "float", "exit_reason": "text", "mae": "float", "mfe": "float", "bars_held": "int", "ambiguous": "bool",
    "kind_pnl": "float", "stop_initial": "float", "risk": "float", "r_multiple": "float", "quote": "text", "exchange": "text",
    "source": "text", "tag": "text", "config": "text", "source_hash": "text", "note": "text", "lesson": "text",
    "rating": "int", "reviewed": "bool", "tags": "text", "mistakes": "text",
}  # fmt: skip
"""Columns of exported trades and what they hold. `source` is paper, live, backtest, or the program a trade was imported from;
`tags` and `mistakes` are the journal's, joined by a bar."""
BAR = "|"

_TRADES = """
SELECT t.run_id, t.seq, s.strategy, s.label, t.symbol, s.timeframe_ms, t.direction, t.qty, t.entry_ts, t.exit_ts, t.entry_price,
       t.exit_price, t.entry_notional, t.exit_notional, t.fees, t.funding, t.pnl, t.pnl_pct, t.exit_reason, t.mae, t.mfe,
       t.bars_held, t.ambiguous, t.kind_pnl, t.stop_initial, t.risk, t.r_multiple, t.source_hash,
       coalesce(g.tag, i.tag, '') AS tag, coalesce(c.hash, '') AS config, i.exit_reason AS exit_word, i.origin,
       coalesce(e.note, '') AS note, coalesce(e.lesson, '') AS lesson, e.rating, coalesce(e.reviewed, FALSE) AS reviewed,
       e.id AS entry
FROM trade t JOIN slot s ON s.id = t.slot_id
LEFT JOIN signal g ON g.run_id = t.run_id AND g.seq = t.signal_seq
LEFT JOIN config_version c ON c.id = t.config_version_id
LEFT JOIN imported_trade i ON i.run_id = t.run_id AND i.trade_seq = t.seq
LEFT JOIN journal_entry e ON e.run_id = t.run_id AND e.trade_seq = t.seq
WHERE {where} ORDER BY t.exit_ts, t.seq
"""
_WORDS = """SELECT w.entry_id, w.kind, w.word FROM journal_word w JOIN journal_entry e ON e.id = w.entry_id
WHERE e.run_id = :run ORDER BY w.word"""
_SAID_OTHERWISE = {"run", "side", "exit_reason", "quote", "exchange", "source", "config", "tags", "mistakes"}
_SAME = tuple(name for name in TRADES if name not in _SAID_OTHERWISE)


@dataclass(frozen=True)
class Table:
    """Columns by name, what each holds, and how many rows there are."""

    columns: Mapping[str, Sequence[Any]]
    kinds: Mapping[str, str]

    @property
    def rows(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def file(self, format: str) -> bytes:
        """As csv, json or parquet."""
        return write(self.columns, self.kinds, format)


def trades(engine: Engine, runs: Sequence[int], chosen: Filter | None = None, full_text: bool = True) -> Table:
    """The chosen closed trades of these runs, by run's name, exit and number."""
    with engine.connect() as connection:
        found = sorted((_run(connection, run) for run in runs), key=lambda run: (run["name"], run["id"]))
        columns: dict[str, list[Any]] = {name: [] for name in TRADES}
        for run in found:
            _add(connection, run, chosen or Filter(), full_text, columns)
    return Table(columns, TRADES)


def _run(connection: Connection, run_id: int) -> dict[str, Any]:
    """What a run's rows say of it: an imported one speaks for the run it came from."""
    sql = text("SELECT id, name, kind, quote, exchange, params FROM run WHERE id = :run")
    row = dict(connection.execute(sql, {"run": run_id}).mappings().one())
    origin = as_mapping(row["params"]).get("imported", {}) if row["kind"] == "imported" else {}
    return {**row, "name": origin.get("run", row["name"]), "kind": origin.get("source", row["kind"])}


def as_mapping(value: Any) -> dict[str, Any]:
    """A JSON column as plain SQL gives it: text on SQLite, an object on PostgreSQL."""
    found = orjson.loads(value) if isinstance(value, str) else value
    return dict(found) if isinstance(found, Mapping) else {}


def _add(
    connection: Connection, run: Mapping[str, Any], chosen: Filter, full_text: bool, into: dict[str, list[Any]]
) -> None:
    where, params = chosen.where(full_text)
    words: dict[tuple[int, str], list[str]] = {}
    for entry, kind, word in connection.execute(text(_WORDS), {"run": run["id"]}):
        words.setdefault((entry, kind), []).append(word)
    sql = text(_TRADES.format(where=where))
    for row in connection.execute(sql, {**params, "run": run["id"]}).mappings():
        origin = as_mapping(row["origin"]) if row["origin"] else {}
        for name in _SAME:
            into[name].append(row[name])
        into["run"].append(run["name"])
        into["side"].append("long" if row["direction"] > 0 else "short")
        into["exit_reason"].append(row["exit_word"] or row["exit_reason"])
        into["quote"].append(run["quote"])
        into["exchange"].append(run["exchange"])
        into["source"].append(run["kind"])
        into["config"].append(origin.get("config", "") or row["config"])
        for name, kind in (("tags", "tag"), ("mistakes", "mistake")):
            into[name].append(BAR.join(words.get((row["entry"], kind), ())))


# ---- the ledger's other tables --------------------------------------------------------------------------------------------
_KINDS = {
    "fills": "run:text seq:int order_seq:int symbol:text side:text qty:float price:float base_price:float notional:float "
    "fee:float liquidity:text ts:int venue_trade_id:text cash_after:float",
    "orders": "run:text seq:int signal_seq:int symbol:text side:text purpose:text type:text qty:float filled_qty:float "
    "price_ref:float limit_price:float state:text reason:text created_ts:int known_ts:int done_ts:int client_order_id:text",
    "signals": "run:text seq:int strategy:text symbol:text decided_ts:int known_ts:int kind:text direction:int strength:float "
    "tag:text status:text reason:text price:float stop_distance:float target_distance:float order_seq:int "
    "source:text model:text prompt:text",
    "equity": "run:text ts:int equity:float cash:float exposure:float",
}
_SQL = {
    "fills": ("fill t", "t.ts", "t.seq"),
    "orders": ("orders t", "t.created_ts", "t.seq"),
    "signals": ("signal t JOIN slot s ON s.id = t.slot_id", "t.decided_ts", "t.seq"),
    "equity": ("equity t", "t.ts", "t.ts"),
}
TABLES = ("trades", "fills", "tax", "orders", "signals", "equity")


def table(engine: Engine, name: str, runs: Sequence[int], since: int = 0, until: int = 0) -> Table:
    """One of TABLES for these runs, [since, until) in ms UTC (0 is open): a trade counts where it was closed."""
    if name == "trades":
        return trades(engine, runs, Filter(since=since, until=until))
    if name == "tax":
        return tax(engine, runs, since, until)
    kinds = dict(pair.split(":") for pair in _KINDS[name].split())
    source, ts, order = _SQL[name]
    own = {"strategy": "s.strategy", "symbol": "s.symbol"} if name == "signals" else {}
    listed = ", ".join(f"{own.get(column, 't.' + column)} AS {column}" for column in kinds if column != "run")
    more = " AND t.slot_id = 0" if name == "equity" else ""
    sql = text(
        f"SELECT {listed} FROM {source} WHERE t.run_id = :run{more} AND {ts} >= :since AND {ts} < :until ORDER BY {order}"
    )
    columns: dict[str, list[Any]] = {column: [] for column in kinds}
    with engine.connect() as connection:
        for run in sorted((_run(connection, one) for one in runs), key=lambda one: (one["name"], one["id"])):
            who = {"run": run["id"], "since": since, "until": until or 2**62}
            got = connection.execute(sql, who).fetchall()
            columns["run"] += [run["name"]] * len(got)
            for at, column in enumerate(column for column in kinds if column != "run"):
                columns[column] += [row[at] for row in got]
    return Table(columns, kinds)


TAX = dict.fromkeys(
    ("Date", "Sent Amount", "Sent Currency", "Received Amount", "Received Currency", "Fee Amount", "Fee Currency", "Label",
     "Description", "TxHash"),
    "text",
)  # fmt: skip
"""The layout that Koinly calls universal and most tax programs read: one line a fill, what was given and what was got, in plain
decimals. The fee stands beside, not inside."""
_TAX = """
SELECT f.ts, f.seq, f.symbol, f.side, f.qty, f.price, f.notional, f.fee, f.venue_trade_id FROM fill f
WHERE f.run_id = :run AND f.ts >= :since AND f.ts < :until ORDER BY f.ts, f.seq
"""


def tax(engine: Engine, runs: Sequence[int], since: int = 0, until: int = 0) -> Table:
    """Every fill of these runs as a line for a tax program; imported trades have no fills, and none are invented for them."""
    columns: dict[str, list[Any]] = {name: [] for name in TAX}
    with engine.connect() as connection:
        for run in sorted((_run(connection, one) for one in runs), key=lambda one: (one["name"], one["id"])):
            who = {"run": run["id"], "since": since, "until": until or 2**62}
            for row in connection.execute(text(_TAX), who).mappings():
                for name, value in zip(TAX, _tax(run, dict(row)), strict=True):
                    columns[name].append(value)
    return Table(columns, TAX)


def _tax(run: Mapping[str, Any], row: Mapping[str, Any]) -> tuple[str, ...]:
    base, _, quote = str(row["symbol"]).partition("/")
    coin, money = (decimal(row["qty"]), base), (decimal(row["notional"]), quote.partition(":")[0] or str(run["quote"]))
    sent, got = (money, coin) if row["side"] == "buy" else (coin, money)
    when = datetime.fromtimestamp(row["ts"] / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    words = f"{row['side']} {row['symbol']} at {decimal(row['price'])}, run {run['name']}, {run['kind']}"
    mark = row["venue_trade_id"] or f"{run['name']}-{row['seq']}"
    return (when, *sent, *got, decimal(row["fee"]), money[1], "", words, str(mark))


def decimal(value: float) -> str:
    """All digits of a float without an exponent: 0.00001234, 61250.5."""
    from decimal import Decimal

    shown = f"{Decimal(repr(float(value))):f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown
