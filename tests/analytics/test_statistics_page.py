"""docs/statistics.md says what the table of definitions says."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.analytics.table import DEFINITIONS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "statistics.md").read_text()


@pytest.mark.parametrize("name", DEFINITIONS)
def test_the_page_has_every_statistic_as_it_is_defined(name: str) -> None:
    row = DEFINITIONS[name]
    line = next(line for line in PAGE.splitlines() if f"| `{name}` |" in line)
    assert line.startswith(f"| {row.label} |")
    assert row.sentence in line
    assert (f"{row.minimum} {row.sample}" in line) == (row.minimum > 0)
