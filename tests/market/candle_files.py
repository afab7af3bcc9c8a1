"""Candle files made on the spot, and where the real ones are."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as parquet
import pytest

from engine.market.candles import COLUMNS, Candles

MINUTE = 60_000
START = 1_704_067_200_000  # 2024-01-01T00:00Z
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def real(relative: str) -> Path:
    path = DATA / relative
    if not path.exists():
        pytest.skip(f"real candles are not here ({relative}); they are looked for beside the repository")
    return path


def candles(n: int = 50, step: int = MINUTE, seed: int = 3) -> Candles:
    rng = np.random.default_rng(seed)
    close = np.round(100 + np.cumsum(rng.normal(0, 0.1, n)), 2)
    open_ = np.concatenate(([100.0], close[:-1]))[:n]
    high, low = np.maximum(open_, close) + 0.05, np.minimum(open_, close) - 0.05
    volume = np.round(rng.uniform(0.1, 5, n), 4)
    return Candles(START + step * np.arange(n, dtype=np.int64), open_, high, low, close, volume, step)


def rows_of(c: Candles) -> list[list[object]]:
    return [[int(c.ts[i]), *(float(getattr(c, name)[i]) for name in COLUMNS)] for i in range(len(c))]


def write_csv(
    path: Path, rows: list[list[object]], header: str = "ts,open,high,low,close,volume", sep: str = ","
) -> Path:
    body = "\n".join(sep.join(str(value) for value in row) for row in rows)
    path.write_text(f"{header}\n{body}\n" if header else f"{body}\n")
    return path


def write_table(path: Path, c: Candles, unit: str = "ms", zone: str | None = "UTC") -> Path:
    ts = pa.array(c.ts).cast(pa.timestamp("ms")).cast(pa.timestamp(unit, zone))
    table = pa.table({"ts": ts, **{name: getattr(c, name) for name in COLUMNS}})
    if path.suffix == ".parquet":
        parquet.write_table(table, path)
    else:
        feather.write_feather(table, path)
    return path


def equal(a: Candles, b: Candles) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in ("ts", *COLUMNS))
