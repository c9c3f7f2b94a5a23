"""Random problems of every data model, and derivatives by solving them again and again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from replica import (
    CustomTokens,
    DataModel,
    GaussianTokens,
    IndependentTokens,
    PottsTokens,
    Problem,
    Solution,
    solve,
)

RING = [[1.0, 0.4, 0.1, 0.4], [0.4, 1.0, 0.4, 0.1], [0.1, 0.4, 1.0, 0.4], [0.4, 0.1, 0.4, 1.0]]

OBSERVABLES = (
    "m", "q", "V", "test_loss", "train_loss", "optimal_loss", "excess_loss", "error_rate",
    "coupling_error", "temperature", "calibrated_loss",
)  # fmt: skip

#: The excess loss, from the end, and the test loss, whose rounding it has.
_EXCESS, _TEST = (
    OBSERVABLES.index(each) - len(OBSERVABLES) for each in ("excess_loss", "test_loss")
)


def _custom(rng: np.random.Generator) -> DataModel:
    atoms = int(rng.integers(1, 5))
    G, weights = np.exp(rng.uniform(-3, 1, atoms)), rng.dirichlet(np.ones(atoms))
    teacher = rng.uniform(0.5, 4.0) * rng.dirichlet(np.ones(atoms)) / G
    return CustomTokens.from_spectrum(G, weights, teacher, int(rng.choice([2, 3, 5])))


#: By name, what draws data of a model.
MODELS = {
    "potts": lambda rng: PottsTokens(C := int(rng.choice([2, 3, 4])), C * rng.uniform(0.1, 0.9)),
    "many colours": lambda rng: PottsTokens(C := int(rng.integers(6, 30)), C * rng.uniform(0, 0.3)),
    "similarity": lambda rng: PottsTokens(4, rng.uniform(0.2, 1.9), RING),
    "independent": lambda rng: IndependentTokens(int(rng.choice([2, 3])), rng.uniform(0.3, 4.0)),
    "gaussian": lambda rng: GaussianTokens(
        2.0 + np.exp(rng.uniform(-3, 2)), int(rng.integers(1, 4)), bool(rng.integers(2))
    ),
    "custom": _custom,
}


def drawn(model: str, rng: np.random.Generator) -> Problem:
    """Return a random problem: α from 0.2 to 20, λ from 1e-4 to 3, either loss."""
    data = MODELS[model](rng)
    alpha, lam = np.exp(rng.uniform(np.log(0.2), np.log(20))), np.exp(rng.uniform(-9, 1))
    return Problem(float(alpha), float(lam), data, str(rng.choice(data.losses)))


def values(solution: Solution) -> np.ndarray:
    """Return all observables in one array."""
    return np.concatenate([np.ravel(getattr(solution, name)) for name in OBSERVABLES])


def differences(problem: Problem, name: str) -> np.ndarray:
    """Differentiate all observables by five-point differences of solutions."""
    return Differences(problem, name).five_point(1.0)


class Differences:
    """Differences of the solutions of problems that differ in one parameter."""

    def __init__(self, problem: Problem, name: str) -> None:
        self.problem, self.name = problem, name
        # The rules for many colours have fewer digits, which longer steps are blind to.
        share = 1e-2 if problem.data.colors > 5 else 1e-3
        self.inside = hasattr(problem.data, name)
        self.here: float = getattr(problem.data if self.inside else problem, name)
        self.h = share * (self.here - 2.0 if name == "shift" else self.here)
        self.found: dict[float, np.ndarray] = {}

    def five_point(self, k: float) -> np.ndarray:
        """Differentiate all observables by steps of k h."""
        right, left, further, back = (self._at(step) for step in (k, -k, 2 * k, -2 * k))
        return (8 * (right - left) - (further - back)) / (12 * k * self.h)

    def error(self) -> np.ndarray:
        """Return the error of the derivative with k = 1.

        That is at least what half the step changes, and at least what it changes of most
        observables, relative to their size, which rounding makes alike, but not below its last
        digit.
        """
        changed, size = np.abs(self.five_point(0.5) - self.five_point(1.0)), np.abs(self._at(1.0))
        size[_EXCESS] = size[_TEST]
        rounding = float(np.nanmedian(changed[size > 0.0] / size[size > 0.0]))
        return np.maximum(changed, max(rounding, 1e-15 / abs(self.h)) * size)

    def _at(self, k: float) -> np.ndarray:
        if k not in self.found:
            moved: Any = {self.name: self.here + k * self.h}
            data: Any = self.problem.data
            other = self.problem.at(**({"data": replace(data, **moved)} if self.inside else moved))
            self.found[k] = values(solve(other))
        return self.found[k]
