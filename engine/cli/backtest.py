"""backtest: one strategy over candles, by the rules the engine trades by; figures, trades and curve.

What engine.research.backtest needs is put together in `_spec` alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli import candles as sources
from engine.cli import portfolio, trials
from engine.cli.ai import Replay, say_replayed
from engine.cli.failures import USAGE, Fail
from engine.cli.output import emit_json, emit_pairs, say, say_compiling, when
from engine.cli.period import Period
from engine.cli.strategy import make_strategy
from engine.cli.tables import check_kind, write_table

if TYPE_CHECKING:
    from engine.core.types import Instrument, Protection, Sizing
    from engine.market.candles import Candles
    from engine.research.backtest import BacktestResult, BacktestSpec
    from engine.strategies.base import Strategy

EXAMPLE = "Example: run_engine.py backtest sma_cross --data candles.parquet --param fast=10 --param slow=50 --json"


@dataclass(frozen=True)
class Options:
    """What costs, sizes and protects: fractions, but for cash and the slippage in hundredths of a percent."""

    cash: Decimal
    maker: Decimal | None
    taker: Decimal | None
    slippage_bps: float
    size: float
    stop: float | None
    target: float | None
    delay_bars: int = 0
    trail: float | None = None
    breakeven: float | None = None
    time_stop: int | None = None
    sizing: str = ""
    research: bool = False
    short: bool = False

    def check(self) -> None:
        """Fail (2) for a fraction that was meant as a percentage, or that is no fraction at all."""
        for fee in (self.maker, self.taker):
            if fee is not None and fee >= 1:
                raise Fail(f"--fee {fee} is a fraction of the notional: 0.001 is 0.1 %", USAGE)
        most_of = {"size": 1.0, "stop": 0.999, "target": 100.0, "trail": 0.999, "breakeven": 100.0}
        for name, most in most_of.items():
            value = getattr(self, name)
            if value is not None and not 0 < value <= most:
                raise Fail(f"--{name} {value:g} is no fraction above 0 and up to {most:g}: 0.02 is 2 %", USAGE)
        self.sized()

    def sized(self) -> Sizing:
        """How much an entry buys: --sizing, or a share of equity. Fail (2) for what is no sizing."""
        from engine.core.types import Sizing

        if not self.sizing:
            return Sizing("share", self.size)
        kind, _, text = self.sizing.partition(":")
        most = {"share": 1.0, "fixed": 1e12, "risk": 0.999, "volatility": 100.0}
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if kind not in most or not 0 < value <= most[kind]:
            raise Fail(
                f"--sizing {self.sizing} is not known: share:0.2 of equity, fixed:500 of quote currency, risk:0.01 of equity "
                "at the stop, or volatility:0.3 a year",
                USAGE,
            )
        return Sizing(kind, value)  # type: ignore[arg-type]  # one of the four

    def protection(self) -> Protection:
        """The exits that every entry gets."""
        from engine.core.types import Protection

        return Protection(self.stop, self.target, self.trail, self.breakeven, self.time_stop)

    @property
    def free(self) -> bool:
        """No fee or no slippage: typed, and badged."""
        return 0 in (self.maker, self.taker) or self.slippage_bps == 0


@dataclass(frozen=True)
class Over:
    """Which candles: a file's, or those that are stored of an exchange."""

    data: Path | None
    rows: int | None
    repair: str | None
    exchange: str | None
    symbol: str | None
    timeframe: str | None


def register(app: typer.Typer) -> None:
    app.command(epilog=EXAMPLE)(backtest)


def backtest(
    strategy: Annotated[str | None, typer.Argument(help="a strategy's name, as `strategies` lists it")] = None,
    config: Annotated[
        Path | None, typer.Option(help="instead: all slots of a configuration, with its costs, limits and breakers")
    ] = None,
    slot: Annotated[
        list[str] | None,
        typer.Option(metavar="S:SYM:TF:K=V,..", help="instead: a strategy on a symbol; several share one account"),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="candles: Parquet, Feather or CSV")] = None,
    rows: Annotated[int | None, typer.Option(min=1, help="the file's first N rows")] = None,
    repair: Annotated[
        str | None, typer.Option(metavar="drop|fill", help="for files with defects [default: refuse]")
    ] = None,
    exchange: Annotated[str | None, typer.Option(help="stored candles of this exchange instead of a file")] = None,
    symbol: Annotated[str | None, typer.Option(help="BTC/USD, BTC-USD or BTCUSD")] = None,
    timeframe: Annotated[str | None, typer.Option(help="1m, 5m, 15m, 1h, 4h, 1d")] = None,
    from_: Annotated[str | None, typer.Option("--from", metavar="DAY", help="first day, UTC")] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="DAY", help="up to this moment, UTC")] = None,
    days: Annotated[
        float | None, typer.Option(min=0.01, help="of stored candles the last 30, 60, 90, ... days")
    ] = None,
    fetch: Annotated[bool, typer.Option("--fetch", help="fetch what the store lacks of the period first")] = False,
    base_url: Annotated[str | None, typer.Option(help="with --fetch: another REST address")] = None,
    param: Annotated[
        list[str] | None, typer.Option(metavar="K=V", help="a parameter; several times for several")
    ] = None,
    cash: Annotated[str, typer.Option(help="starting cash in quote currency")] = "1000",
    fee: Annotated[str | None, typer.Option(help="fee, a fraction [default: Coinbase's entry tier]")] = None,
    maker: Annotated[str | None, typer.Option(help="fee of resting orders, where it differs from --fee")] = None,
    taker: Annotated[str | None, typer.Option(help="fee of market orders and stops, where it differs")] = None,
    slippage_bps: Annotated[float, typer.Option(min=0, max=1000, help="of market orders and stops")] = 5.0,
    spread_bps: Annotated[float, typer.Option(min=0, max=1000, help="half of it is paid beside the slippage")] = 0.0,
    delay_bars: Annotated[int, typer.Option(min=0, max=1000, help="bars between a decision and its order")] = 0,
    size: Annotated[float, typer.Option(help="fraction of equity an entry uses")] = 0.2,
    sizing: Annotated[
        str, typer.Option(metavar="KIND:N", help="instead of --size: fixed:500, risk:0.01, volatility:0.3")
    ] = "",
    stop: Annotated[float | None, typer.Option(help="stop loss as a fraction of the fill")] = None,
    target: Annotated[float | None, typer.Option(help="take profit as a fraction of the fill")] = None,
    trail: Annotated[float | None, typer.Option(help="trailing stop as a fraction of the fill")] = None,
    breakeven: Annotated[float | None, typer.Option(help="gain that moves the stop to the entry")] = None,
    time_stop: Annotated[int | None, typer.Option(min=1, help="bars after which a position is closed")] = None,
    research: Annotated[
        bool,
        typer.Option("--research/--exact", help="size at the fill as other libraries do, or as an exchange makes us"),
    ] = False,
    short: Annotated[bool, typer.Option("--short", help="take short entries too")] = False,
    execution: Annotated[
        str | None, typer.Option(metavar="TF", help="candles that orders fill on; with --slot and --config, the finest")
    ] = None,
    auto_ack: Annotated[
        str | None, typer.Option(metavar="24h", help="with --config: a latch that waits for a person ends after this")
    ] = None,
    ai: Annotated[
        str | None, typer.Option(metavar="MODE", help="replay a model's recorded answers: shadow, veto, scale or trade")
    ] = None,
    ai_model: Annotated[str, typer.Option(help="whose answers [default: the model with most of them]")] = "",
    ai_cutoff: Annotated[str, typer.Option(metavar="DAY", help="up to when that model knows the world")] = "",
    save: Annotated[bool, typer.Option("--save", help="keep the run in the database, for the app")] = False,
    trades_out: Annotated[Path | None, typer.Option(help="one row a trade: .csv, .json or .parquet")] = None,
    equity_out: Annotated[Path | None, typer.Option(help="the curve: .csv, .json or .parquet")] = None,
    json_out: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Run a strategy over candles and print what it would have earned, costs included."""
    for path in (trades_out, equity_out):
        check_kind(path)
    _one_way(strategy, config, slot, data, auto_ack, fetch)
    period = Period(days, from_, to, fetch, base_url)
    period.check()
    outs = portfolio.Outs(save, trades_out, equity_out, json_out)
    replay = Replay(ai, ai_model, ai_cutoff) if ai is not None else None
    if config is not None:
        portfolio.run(portfolio.study_of(config, period, execution, auto_ack), outs, replay)
        return
    options = Options(
        amount("cash", cash), *_fees(fee, maker, taker), slippage_bps + spread_bps / 2, size, stop, target, delay_bars,
        trail, breakeven, time_stop, sizing, research, short,
    )  # fmt: skip
    options.check()
    over = Over(data, rows, repair, exchange, symbol, timeframe)
    if strategy is not None and execution is None:
        _single(strategy, param or [], options, period, outs, over, replay)
        return
    _several(strategy, param or [], slot or [], options, period, outs, over, execution, replay)


def _one_way(
    strategy: str | None,
    config: Path | None,
    slots: list[str] | None,
    data: Path | None,
    auto_ack: str | None,
    fetch: bool,
) -> None:
    """Fail (2) where what is asked for contradicts itself."""
    if config is not None and (strategy is not None or data is not None or slots):
        raise Fail(
            "--config brings its own strategies and stored candles: leave the strategy, --slot and --data out", USAGE
        )
    if strategy is not None and slots:
        raise Fail("give a strategy or --slot, not both: each --slot names its own", USAGE)
    if strategy is None and config is None and not slots:
        raise Fail("name a strategy, as in `run_engine.py backtest sma_cross`, or give --slot or --config FILE", USAGE)
    if auto_ack is not None and config is None:
        raise Fail("--auto-ack lets a configuration's breakers go: without --config there are none", USAGE)
    if fetch and data is not None:
        raise Fail("--fetch brings candles into the store: leave --data out", USAGE)


def _several(
    strategy: str | None, params: list[str], slots: list[str], options: Options, period: Period, outs: portfolio.Outs,
    over: Over, execution: str | None, replay: Replay | None,
) -> None:  # fmt: skip
    """Slots as typed, or one strategy whose orders fill on finer candles, in one account."""
    from engine.research.study import Source

    asked = [portfolio.slot_words(text, over.timeframe) for text in slots]
    if strategy is not None:
        symbol = over.symbol or (sources.symbol_in(over.data.stem) if over.data is not None else "")
        if not (symbol and over.timeframe):
            raise Fail(
                "--execution fills on finer candles than the strategy's: say --symbol and --timeframe too", USAGE
            )
        asked = [(strategy, sources.pair_of(symbol), over.timeframe, params)]
    source = Source(
        "", over.exchange or "coinbase", execution or "", str(over.data or ""), over.rows or 0, over.repair or ""
    )
    portfolio.run(portfolio.study_of_slots(asked, options, source, period), outs, replay)


def _single(
    strategy: str, params: list[str], options: Options, period: Period, outs: portfolio.Outs, over: Over,
    replay: Replay | None,
) -> None:  # fmt: skip
    """The common case by the short way: no database, no frames of several symbols."""
    made = make_strategy(strategy, params)
    if over.data is not None and period.days:
        raise Fail("--days counts back in stored candles: with --data choose --rows", USAGE)
    first = last = None
    if over.data is None and over.symbol and over.timeframe:
        start, end = period.of(over.exchange or "coinbase", [sources.pair_of(over.symbol)], over.timeframe)
        first, last = (None if moment is None else str(moment) for moment in (start, end))
    stored = (over.exchange, over.symbol, over.timeframe)
    candles = sources.chosen(over.data, over.rows, over.repair, stored, (first, last))
    spec = _spec(strategy, made, candles, over.exchange or "", options)
    if replay is not None:
        spec = replace(spec, recorded=replay.answers([(spec.slot, made)])[0])
    result = _run(spec, outs.save)
    if outs.trades is not None:
        write_table(outs.trades, result.trade_columns())
    if outs.equity is not None:
        write_table(outs.equity, result.equity_columns())
    _report(result, options, outs.json)
    _count(spec, result)


def _fees(fee: str | None, maker: str | None, taker: str | None) -> tuple[Decimal | None, Decimal | None]:
    """(maker, taker) as typed; None = the exchange's entry tier."""
    both = None if fee is None else amount("fee", fee)
    return (
        both if maker is None else amount("maker", maker),
        both if taker is None else amount("taker", taker),
    )


def amount(name: str, text: str) -> Decimal:
    """An option's text as an exact decimal, zero or more. Fail (2) otherwise."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or value < 0 or (name == "cash" and value == 0):
        sample = "1000" if name == "cash" else "0.001"
        raise Fail(f"--{name} {text} is no amount: write a number, as in --{name} {sample}", USAGE)
    return value


def _spec(name: str, strategy: Strategy, candles: Candles, exchange: str, options: Options) -> BacktestSpec:
    """The options as the core's nouns: no limits and no breakers, as a backtest without a configuration has."""
    from engine.core.types import AccountSpec, SlotSpec
    from engine.research.backtest import BacktestSpec

    instrument: Instrument = sources.plain_instrument(candles, options.maker, options.taker)
    account = AccountSpec(
        cash=options.cash,
        quote=instrument.quote,
        quantum=instrument.quantum,
        max_positions=1,
        symbol_cap=0.0,
        slippage_bps=options.slippage_bps,
        delay_ms=options.delay_bars * candles.timeframe_ms,
        research=options.research,
    )
    slot = SlotSpec(
        label="",
        strategy=name,
        symbol=instrument.symbol,
        timeframe_ms=candles.timeframe_ms,
        sizing=options.sized(),
        protection=options.protection(),
        allow_short=options.short,
    )
    return BacktestSpec(
        strategy=strategy, candles=candles, instrument=instrument, account=account, slot=slot, exchange=exchange
    )


def _run(spec: BacktestSpec, save: bool) -> BacktestResult:
    """The result, saved where that is asked: then the database is made or moved forward first."""
    from engine.research.backtest import run_backtest, save_backtest

    say_compiling()
    result = run_backtest(spec)
    if not save:
        return result
    from db.session import migrate, open_engine
    from engine.cli.store import point_to_data

    point_to_data()
    engine = open_engine()
    migrate(engine)
    return save_backtest(engine, spec, result)


def _count(spec: BacktestSpec, result: BacktestResult) -> None:
    """One more variant was tried, saved or not."""
    from engine.core.setup import Setup

    setup = Setup(spec.account, (spec.instrument,), (spec.slot,), (spec.params,), (), 0, 0)
    trials.count(setup, result.played.start, result.played.end, result.account.returns, result.run_id)


def _report(result: BacktestResult, options: Options, json_out: bool) -> None:
    stats: dict[str, Any] = result.as_dict()
    if json_out:
        emit_json(stats)
        return
    undefined = stats.pop("undefined")
    for sentence in stats.pop("look_ahead"):
        say(f"WARNING: it looks ahead, so nothing here can be believed: {sentence}. `check` says more")
    stats.pop("lookahead")
    why = stats.pop("why_no_trades")
    portfolio.say_record(stats.pop("own_record", None))
    if told := stats.pop("ai", None):
        say_replayed(told)
    emit_pairs({**stats, "start": when(stats["start"]), "end": when(stats["end"])})
    if why:
        say(f"note: {why}")
    for reason in dict.fromkeys(undefined.values()):
        names = ", ".join(name.replace("_", " ") for name, why in undefined.items() if why == reason)
        say(f"note: no {names}: {reason}")
    if options.free:
        say("note: fee or slippage is zero; no exchange is that kind")
