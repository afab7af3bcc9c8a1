"""Options that several commands have alike: which candles, and what an account on them is like. Words and bounds only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[Path | None, typer.Option(help="candles: Parquet, Feather or CSV")]
Rows = Annotated[int | None, typer.Option(min=1, help="the file's first N rows")]
Repair = Annotated[str | None, typer.Option(metavar="drop|fill", help="for files with defects")]
Exchange = Annotated[str | None, typer.Option(help="stored candles of this exchange instead of a file")]
Symbol = Annotated[str | None, typer.Option(help="BTC/USD, BTC-USD or BTCUSD")]
Timeframe = Annotated[str | None, typer.Option(help="1m, 5m, 15m, 1h, 4h, 1d")]
From = Annotated[str | None, typer.Option("--from", metavar="DAY", help="first day, UTC")]
To = Annotated[str | None, typer.Option("--to", metavar="DAY", help="up to this moment, UTC")]
Cash = Annotated[str, typer.Option(help="starting cash in quote currency")]
Fee = Annotated[str | None, typer.Option(help="fee, a fraction [default: Coinbase's entry tier]")]
SlippageBps = Annotated[float, typer.Option(min=0, max=1000, help="of market orders and stops")]
Size = Annotated[float, typer.Option(help="fraction of equity an entry uses")]
Stop = Annotated[float | None, typer.Option(help="stop loss as a fraction of the fill")]
Target = Annotated[float | None, typer.Option(help="take profit as a fraction of the fill")]
Short = Annotated[bool, typer.Option("--short", help="take short entries too")]
