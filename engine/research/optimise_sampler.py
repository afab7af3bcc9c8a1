"""Optuna behind one small door: asked for sets, told what came of them. Nothing is run and nothing is kept here.

Every dimension is given as the number of its step, or as a choice, so that what is asked for always lies on its axis. A set
that breaks a constraint or has no result is told as one that does, not left out: the sampler learns to stay away.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version as _version
from typing import Any

from engine.research.grid import Axis
from engine.research.space import Point, Space


class Sampler:
    """`signs` one an objective, 1 for the highest; `round` sets are asked for before the first is told."""

    def __init__(
        self, method: str, signs: Sequence[int], seed: int, round: int, axes: Sequence[Axis], space: Space
    ) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._axes, self._signs = axes, signs
        with _quiet():
            sampler: Any
            if method == "tpe":
                sampler = optuna.samplers.TPESampler(
                    seed=seed, multivariate=True, constant_liar=True, n_startup_trials=max(round, 2 * len(axes) + 8)
                )
            else:
                sampler = optuna.samplers.NSGAIISampler(seed=seed, population_size=round)
            self._study = optuna.create_study(directions=["maximize"] * len(signs), sampler=sampler)
        self._room = {one.name: _distribution(one, space) for one in axes}

    def ask(self, count: int) -> list[Any]:
        with _quiet():
            return [self._study.ask(self._room) for _ in range(count)]

    def point(self, trial: Any) -> Point:
        """The values of a trial, in the order of the axes."""
        return {one.name: one.value(int(trial.params[one.name])) for one in self._axes}

    def tell(self, trial: Any, values: Sequence[float] | None, *, broken: bool) -> None:
        """`values` of the objectives, None where a set has none; `broken`: it breaks a constraint."""
        trial.set_constraint("kept", 0.0 if values is not None else 2.0 if broken else 1.0)
        told = [0.0] * len(self._signs) if values is None else values
        with _quiet():
            self._study.tell(trial, [sign * value for sign, value in zip(self._signs, told, strict=True)])


def version() -> str:
    """Another version may ask for other sets."""
    return _version("optuna")


def _distribution(one: Axis, space: Space) -> Any:
    from optuna.distributions import CategoricalDistribution, IntDistribution

    if space.find(one.name).kind == "choice":
        return CategoricalDistribution(list(range(one.count)))
    return IntDistribution(0, one.count - 1)


@contextmanager
def _quiet() -> Iterator[None]:
    """Optuna warns of what it may change one day; its version is pinned."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
