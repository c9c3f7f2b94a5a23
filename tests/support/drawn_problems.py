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
    # The rules for many colours have fewer digits, which longer steps are blind to.
    share = 1e-2 if problem.data.colors > 5 else 1e-3
    data: Any = problem.data
    inside = hasattr(data, name)
    here = getattr(data if inside else problem, name)
    h = share * (here - 2.0 if name == "shift" else here)

    def at(t: float) -> np.ndarray:
        moved = problem.at(data=replace(data, **{name: t})) if inside else problem.at(**{name: t})
        return values(solve(moved))

    right, left, further, back = (at(here + k * h) for k in (1, -1, 2, -2))
    return (8 * (right - left) - (further - back)) / (12 * h)
