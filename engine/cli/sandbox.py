"""sandbox: the local exchange alone, for the demo, for tests and for anybody's own bot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.failures import USAGE, Fail
from engine.cli.output import emit_json, say

if TYPE_CHECKING:
    from engine.sandbox.server import Sandbox

EXAMPLE = "Example: run_engine.py sandbox --port 8765 --speed 60 --fault disconnect:at=0,probability=0.01"


def register(app: typer.Typer) -> None:
    app.command(epilog=EXAMPLE)(sandbox)


def sandbox(
    port: Annotated[int, typer.Option(min=0, max=65535, help="where it listens, on 127.0.0.1; 0: a free port")] = 8765,
    speed: Annotated[float, typer.Option(min=1, max=3600, help="exchange seconds a second")] = 1,
    replay: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[SYMBOL=]FILE", help="candles to replay instead of the simulation; several times for several"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="same seed, same market")] = 7,
    symbol: Annotated[list[str] | None, typer.Option(help="list only this; several times for several")] = None,
    start: Annotated[str | None, typer.Option(metavar="TIME", help="exchange time at the start [default: now]")] = None,
    seconds: Annotated[float | None, typer.Option(help="exchange seconds after which the clock stands still")] = None,
    hold: Annotated[bool, typer.Option("--hold", help="stop the clock while no client is connected")] = False,
    rate: Annotated[float, typer.Option(min=0.01, max=10, help="multiplies the number of prints")] = 1,
    fault: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND[:K=V,...]", help="what goes wrong: docs/sandbox.md lists the kinds"),
    ] = None,
    trouble: Annotated[
        int | None, typer.Option(metavar="SEED", help="much goes wrong with orders: same seed, same trouble")
    ] = None,
    balance: Annotated[
        list[str] | None,
        typer.Option(metavar="ASSET=AMOUNT", help="what both accounts begin with [default: 100000 USD and USDT]"),
    ] = None,
    json_out: Annotated[
        bool, typer.Option("--json", help="print its addresses as one JSON object when it listens")
    ] = False,
) -> None:
    """A local exchange with Coinbase's and Binance's REST and WebSocket; point ccxt or your own bot at it."""
    from engine.sandbox.server import serve

    def ready(served: Sandbox) -> None:
        if json_out:
            emit_json(
                {"rest_url": served.rest_url, "ws_url": served.ws_url, "port": served.port, "keys": _keys(served)}
            )
        say(f"sandbox: REST {served.rest_url}  WebSocket {served.ws_url}  {speed:g}x  (Ctrl-C ends it)")
        for venue, keys in _keys(served).items():
            say(f"demo key of {venue}: {keys[0]['apiKey']}\n{keys[0]['secret'].strip()}")

    serve(
        port,
        on_ready=ready,
        seed=seed,
        replay=replay or (),
        start=start,
        speed=speed,
        hold=hold,
        seconds=seconds,
        symbols=symbol,
        rate=rate,
        faults=[parse_fault(text) for text in fault or ()],
        trouble=trouble,
        balances=dict(_balance(text) for text in balance) if balance else None,
    )


def _keys(served: Sandbox) -> dict[str, list[dict[str, str]]]:
    """Keys that protect nothing: they are made of the sandbox's seed."""
    return {
        venue: [{"apiKey": key.name, "secret": key.secret} for key in served.keys(venue)]
        for venue in ("coinbase", "binance")
    }


def _balance(text: str) -> tuple[str, str]:
    from engine.sandbox.trading.terms import atoms

    asset, _, amount = text.partition("=")
    try:
        if asset and atoms(amount) >= 0:
            return asset.strip().upper(), amount
    except ValueError:
        pass
    raise Fail(f"--balance {text}: write an asset and an amount, such as USD=5000", USAGE)


def parse_fault(text: str) -> dict[str, Any]:
    """`silence:seconds=30,at=1000` as what POST /sandbox/faults takes. Fail (2) says what is wrong with it."""
    from pydantic import ValidationError

    from engine.sandbox.faults import read_fault

    kind, _, rest = text.partition(":")
    pairs = [part.partition("=") for part in rest.split(",") if part]
    asked: dict[str, Any] = {"kind": kind, **{key.strip(): value.strip() for key, _, value in pairs}}
    try:
        read_fault(asked)
    except ValidationError as error:
        words = "; ".join(f"{'.'.join(map(str, e['loc'])) or kind}: {e['msg']}" for e in error.errors())
        raise Fail(f"--fault {text}: {words}", USAGE) from None
    return asked
