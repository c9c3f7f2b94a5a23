"""Theory of orthogonal and Hopfield couplings against trained systems, extrapolated in 1/L."""

from __future__ import annotations

import pytest

from replica import PottsTokens, Problem, solve
from replica.tables import Table
from simulations import average_seeds, extrapolate, simulate_many

#: Seeds at each number of sites.
SEEDS = {40: 24, 80: 12}
OBSERVABLES = ("test_loss", "train_loss", "excess_loss", "coupling_error")
RING = [[1, 0.5, 0, 0.5], [0.5, 1, 0.5, 0], [0, 0.5, 1, 0.5], [0.5, 0, 0.5, 1]]
FAMILY = [
    Problem(2.0, 0.1, PottsTokens(2, 2.4, couplings="orthogonal")),
    Problem(2.0, 0.1, PottsTokens(3, 0.8, couplings="hopfield:2")),
    Problem(2.0, 0.1, PottsTokens(4, 0.8, RING, "hopfield:1")),
]


@pytest.mark.parametrize(
    "problem",
    [*FAMILY[:2], pytest.param(FAMILY[2], marks=pytest.mark.slow)],
    ids=lambda p: f"{p.data.couplings}-{p.data.colors}",
)
def test_extrapolated_systems_agree_with_theory(problem):
    """Three standard errors at 12 values: at fresh seeds a false alarm once in thirty times."""
    lines = []
    for sites, seeds in SEEDS.items():
        table = simulate_many([problem], [sites], range(seeds), test_samples=500)
        lines += average_seeds(table).lines()
    solution, points = solve(problem), Table(lines)
    assert set(points["status"]) == {"converged"}
    for name in OBSERVABLES:
        limit = extrapolate(points["sites"], points[name], points[f"{name}_stderr"])
        assert limit.stderr < 0.06 * limit.value, name
        assert abs(limit.value - getattr(solution, name)) < 3 * limit.stderr, name
