"""The settings of what may change sizes by itself, off unless a person switches it on; a class for each table of the file."""

from __future__ import annotations

from pydantic import Field

from engine.config.sections import Section


class AllocatorSection(Section):
    """Shares of capital by evidence: each slot's size times 1 (equal shares) until its trades have shown more. Off by default."""

    enabled: bool = Field(
        False, description="true: the advice on the page Strategies drives the sizes; limits bind as ever"
    )
    every_hours: float = Field(24.0, ge=1, le=720, description="how often the evidence is looked at, in exchange time")
    dwell_days: int = Field(14, ge=1, le=365, description="least days between two changes")
    prior_days: float = Field(180.0, ge=0, le=3650, description="days of no edge that stand against the evidence")
    least: float = Field(0.25, ge=0, le=1, description="no size falls below so much of the configured one")
    most: float = Field(2.5, ge=1, le=10, description="no size grows beyond so much of the configured one")


class LearningSection(Section):
    """A weight for each source of signals, by how its signals did in each regime of the market. Off by default."""

    enabled: bool = Field(False, description="true: records and weights reach the strategies that ask for them")
    sizes: bool = Field(False, description="true: weights also multiply the sizes of each source's slots")
    every_hours: float = Field(24.0, ge=1, le=720, description="how often weights are made anew, in exchange time")
    dwell_days: int = Field(
        7, ge=0, le=365, description="least days between two changes of a weight; records go on meanwhile"
    )
    prior: float = Field(20.0, ge=1, le=1000, description="signals without an edge that stand against the record")
    least: float = Field(0.5, ge=0, le=1, description="no weight falls below this")
    most: float = Field(1.5, ge=1, le=10, description="no weight grows beyond this")
