"""What a seed decides before anything runs: the account, its slots, how violent each kind of fault is, how many lives.

Each chance is drawn from none, low and high, so that quiet runs and violent ones both occur. Only the seed is asked.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import Any

from engine.config.live import PHRASE

MIDNIGHT = 1_767_312_000_000  # 2026-01-02 00:00 UTC
MINUTE = 60_000
LIVE_EVERY = 3

HEAD = """\
[run]
name = "sim"
exchange = "{exchange}"
mode = "{mode}"

[account]
cash = {cash}

[costs]
maker = {maker}
taker = {taker}

[limits]
max_positions = {positions}
max_gross = {gross}
per_symbol = 1.0
consecutive_losses = {losses}
consecutive_losses_minutes = 3
daily_loss_pause = {pause}
daily_loss_halt = 0
drawdown_reduce = 0
drawdown_halt = {halt}
orders_minute = {orders}
venue_errors = {errors}

[engine]
history_bars = 12
grace_ms = {grace}

[api]
enabled = false

[health]
venue_seconds = 0

[schedule]
backup_at = ""
tidy_at = ""

[storage]
data_dir = "{folder}"
warn_mb = 0
hold_mb = 0
reserve_mb = 0
{live}"""
LIVE = """
[live]
acknowledge = "{phrase}"
capital = {cash}
max_exposure = {cash}
max_position = {cash}
max_order = {most}
first_trades = {first}
"""
SLOT = """
[[slots]]
strategy = "{strategy}"
symbols = {symbols}
params = {params}
{rest}"""
STRATEGIES = (
    ("restless", "{{ share = 2 }}"),
    ("sma_cross", "{{ fast = 2, slow = {slow} }}"),
    ("donchian_breakout", "{{ entry = {slow}, exit = 2 }}"),
    ("rsi_reversion", "{{ length = {slow}, oversold = 45, recovered = 55 }}"),
)
COMMANDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("pause", {}), ("resume", {}), ("resume", {}), ("resume", {}), ("kill", {"flatten": True}), ("release", {"breaker": "kill"}),
    ("release", {"breaker": "kill"}), ("release", {"breaker": "kill"}), ("close", {"slot": "all"}),
    ("close", {"slot": "BTC/USD"}),
    ("cash", {"amount": "250.5"}), ("cash", {"amount": "-100"}), ("cash", {"amount": "-1000000"}),
    ("slot_off", {"slot": "BTC/USD"}), ("slot_on", {"slot": "BTC/USD"}), ("slot_on", {"slot": "BTC/USD"}),
    ("tighten_stop", {"slot": "BTC/USD", "price": 1.0}), ("close", {"slot": "nobody"}), ("release", {"breaker": "drawdown_halt"}),
)  # fmt: skip


@dataclass(frozen=True)
class Chances:
    """Per opportunity; what an opportunity is, stands where it is drawn."""

    kill: float = 0.0
    """Per named point passed, ten times that at the rare ones."""
    statement: float = 0.0
    """Of a kill that it strikes between two statements of Python instead."""
    power: float = 0.0
    """Of a death that the power went, and what was not synced with it."""
    lost: float = 0.0
    twice: float = 0.0
    swapped: float = 0.0
    garbage: float = 0.0
    silent: float = 0.0
    gone: float = 0.0
    unreachable: float = 0.0
    refused: float = 0.0
    untidy: float = 0.0
    locked: float = 0.0
    full: float = 0.0
    broken: float = 0.0
    command: float = 0.0
    edit: float = 0.0
    jump: float = 0.0
    press: float = 0.0
    restart: float = 0.0


LOW_HIGH: dict[str, tuple[float, float]] = {
    "kill": (0.0004, 0.0014), "statement": (0.2, 0.5), "power": (0.2, 0.6), "lost": (0.005, 0.03), "twice": (0.02, 0.2),
    "swapped": (0.02, 0.15), "garbage": (0.02, 0.15), "silent": (0.004, 0.015), "gone": (0.004, 0.015),
    "unreachable": (0.1, 0.4), "refused": (0.05, 0.2), "untidy": (0.2, 0.7), "locked": (0.005, 0.03), "full": (0.003, 0.015),
    "broken": (0.0005, 0.002), "command": (0.02, 0.06), "edit": (0.01, 0.04), "jump": (0.01, 0.05), "press": (0.001, 0.004),
    "restart": (0.002, 0.008),
}  # fmt: skip
"""Per seed each is 0, low or high; per step of the schedule where nothing else is said."""
NOT_THE_VENUES = (
    "silent", "gone", "unreachable", "refused", "locked", "full", "broken", "command", "edit", "press", "restart", "lost",
)  # fmt: skip
"""What keeps an account from trading is seldom where real orders are to be made."""


@dataclass(frozen=True)
class Plan:
    """One seed's run: `safety_ms` of market under faults, then `liveness_ms` without any."""

    seed: int
    symbols: tuple[str, ...]
    head: dict[str, Any]
    slots: str
    chances: Chances
    start_ms: int
    safety_ms: int
    liveness_ms: int = 75_000
    busy: float = 0.4
    swing: float = 0.0006
    commit_s: float = 10.0
    beat_s: float = 10.0
    sectors: tuple[str, ...] = field(default=())
    exchange: str = ""
    """Where real orders go; empty: on paper."""
    network: tuple[float, float] = (0.0, 0.0)
    """Low and high chance of each fault of the exchange and of the way there."""

    def dice(self, purpose: str) -> random.Random:
        """Chance for one purpose, so that another's draws do not shift it."""
        return random.Random(f"{self.seed}:{purpose}")

    def text(self, folder: str) -> str:
        return HEAD.format(folder=folder, **self.head) + self.slots


def plan_of(seed: int) -> Plan:
    """Everything about a run that only its seed decides."""
    dice = random.Random(f"{seed}:plan")
    symbols = tuple(dice.sample(("BTC/USD", "ETH/USD", "SOL/USD"), dice.choice((1, 2, 2, 3))))
    quiet = dice.random() < 0.1
    chances = {name: 0.0 if quiet else dice.choice((0.0, *levels)) for name, levels in LOW_HIGH.items()}
    if not quiet and not chances["kill"] and dice.random() < 0.5:
        chances["kill"] = LOW_HIGH["kill"][0]
    head = {
        "exchange": "coinbase", "mode": "paper", "live": "", "maker": 0.0002,
        "cash": dice.choice((1000, 10_000)), "taker": dice.choice((0.0005, 0.006)), "positions": dice.choice((1, 2, 4)),
        "gross": dice.choice((0.5, 1.0)), "losses": dice.choice((0, 2, 3)), "pause": dice.choice((0, 0.01)),
        "halt": dice.choice((0, 0.05)), "orders": dice.choice((0, 0, 1, 3)), "grace": dice.choice((0, 1000, 2500)),
        "errors": 5,
    }  # fmt: skip
    late = dice.random() < 0.15
    start = MIDNIGHT + (
        -dice.randrange(3, 8) * MINUTE if late else dice.randrange(14, 40) * MINUTE + dice.randrange(60_000)
    )
    plan = Plan(
        seed, symbols, head, _slots(dice, symbols), Chances(**chances), start, dice.randrange(2, 7) * MINUTE,
        busy=dice.choice((0.1, 0.25, 0.5)), swing=dice.choice((0.0004, 0.001)),
        commit_s=dice.choice((5.0, 20.0, 60.0)), beat_s=dice.choice((10.0, 30.0)),
    )  # fmt: skip
    return live_plan(plan) if is_live(seed) else plan


def is_live(seed: int) -> bool:
    """Whether a seed trades real orders, or on paper."""
    return seed % LIVE_EVERY == 0


def live_plan(plan: Plan) -> Plan:
    """The same with real orders at an exchange of its seed's choice, on two symbols at least and few limits in the way: what is
    looked for are orders that meet faults, not accounts that wait."""
    dice = plan.dice("live plan")
    symbols = plan.symbols if len(plan.symbols) > 1 else tuple(dict.fromkeys((*plan.symbols, "BTC/USD", "ETH/USD")))[:2]
    exchange = dice.choice(("binance", "binance", "binance", "coinbase"))
    maker, taker = {"binance": (0.001, 0.001), "coinbase": (0.006, 0.012)}[exchange]
    cash = plan.head["cash"]
    live = LIVE.format(phrase=PHRASE, cash=cash, most=dice.choice((cash, cash // 4)), first=dice.choice((0, 0, 2)))
    head = {**plan.head, "exchange": exchange, "mode": "live", "live": live, "maker": maker, "taker": taker}
    if dice.random() < 0.8:  # what fees cost in a few minutes would end the trading
        head |= {"losses": 0, "pause": 0, "halt": 0, "gross": 1.0}
    head |= {"positions": dice.choice((2, 4)), "orders": dice.choice((0, 0, 0, 3)), "errors": dice.choice((0, 0, 5))}
    slots = _slots(dice, symbols)
    if dice.random() < 0.75:
        slots = slots.replace("{ share = 2 }", "{ share = 2, by_turns = true }")
    if "\nstop = " not in slots and dice.random() < 0.8:
        slots = slots.replace(
            'strategy = "restless"\n', f'strategy = "restless"\nstop = {dice.choice((0.001, 0.004, 0.02))}\n'
        )
    few = replace(plan.chances, **{name: getattr(plan.chances, name) / 5 for name in NOT_THE_VENUES})
    few = replace(few, kill=few.kill / 3)  # there are those on the way to the exchange besides
    network = (
        (0.0, 0.0) if not any(vars(plan.chances).values()) else dice.choice(((0.0, 0.0), (0.01, 0.05), (0.02, 0.2)))
    )
    return replace(
        plan,
        head=head,
        exchange=exchange,
        network=network,
        slots=slots,
        symbols=symbols,
        chances=few,
        busy=max(plan.busy, 0.25),
        safety_ms=plan.safety_ms + 5 * MINUTE,
    )


def _slots(dice: random.Random, symbols: tuple[str, ...]) -> str:
    made = []
    for number in range(dice.choice((1, 1, 2))):
        name, params = STRATEGIES[0] if number == 0 else dice.choice(STRATEGIES)
        mine = dice.sample(symbols, dice.randint(1, len(symbols))) if number else symbols
        rest = [f'label = "n{number}"'] if number else []
        for key, values in (
            ("stop", (0.002, 0.01)),
            ("target", (0.003, 0.01)),
            ("trail", (0.002,)),
            ("time_stop", (2, 4)),
        ):
            if dice.random() < 0.4:
                rest.append(f"{key} = {dice.choice(values)}")
        listed = "[" + ", ".join(f'"{symbol}"' for symbol in mine) + "]"
        made.append(
            SLOT.format(
                strategy=name,
                symbols=listed,
                params=params.format(slow=dice.choice((3, 4, 6))),
                rest="\n".join(rest) + "\n",
            )
        )
    return "".join(made)


def edited(text: str, symbol: str, dice: random.Random) -> str:
    """An edit of a configuration: right, wrong, or half written."""
    kind = dice.randrange(7)
    if kind == 0:
        return text[: dice.randrange(len(text))]
    if kind == 1:
        return text + "\nnonsense = [\n"
    if kind == 2:
        return text.replace("max_positions", "max_postions")
    if kind == 3:
        return text.replace("max_gross = ", "max_gross = -")
    if kind == 4:
        return text.replace("share = 2", "share = 3")
    if kind == 5:
        return text + SLOT.format(
            strategy="sma_cross",
            symbols=f'["{symbol}"]',
            params="{ fast = 2, slow = 3 }",
            rest=f'label = "x{dice.randrange(3)}"\n',
        )
    return (
        text.replace("max_positions = 1", "max_positions = 3")
        if "max_positions = 1" in text
        else text.replace("max_positions = 4", "max_positions = 2")
    )
