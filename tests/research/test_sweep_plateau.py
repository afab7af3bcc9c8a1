"""The plateau beside the peak: medians of neighbours."""

import numpy as np
import pyarrow as pa
import pytest

from engine.research.sweep_plateau import plateau
from engine.research.sweep_table import Table


def table(**columns: object) -> Table:
    names = tuple(name for name in columns if name != "sharpe")
    data = pa.table({**columns, "error": pa.nulls(len(columns["sharpe"]), pa.string())})  # type: ignore[arg-type]
    return Table(data, names, data.num_rows, 0, True)


def test_a_lone_peak_has_low_neighbours() -> None:
    made = table(a=[1, 1, 1, 5, 5, 5, 9, 9, 9], b=[2, 3, 4] * 3, sharpe=[0.0, 1, 2, 3, 99, 4, 5, 6, 7.0])
    around = plateau(made, "sharpe")
    assert around[4] == np.median([0, 1, 2, 3, 4, 5, 6, 7])
    assert around[0] == np.median([1, 3, 99])
    assert around[8] == np.median([99, 4, 6])


def test_holes_choices_and_undefined_values() -> None:
    made = table(a=[1, 2, 3, 1], kind=["x", "x", "x", "y"], sharpe=[1.0, None, 3.0, 8.0])
    around = plateau(made, "sharpe")
    assert around[1] == 2.0
    assert np.isnan(around[[0, 2, 3]]).all()


def test_points_that_are_no_grid_are_refused() -> None:
    n = 400
    rng = np.random.default_rng(1)
    made = table(**{name: rng.random(n) for name in "abc"}, sharpe=rng.random(n))
    with pytest.raises(ValueError, match="in grids only"):
        plateau(made, "sharpe")
