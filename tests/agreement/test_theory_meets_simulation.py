"""Replica theory against trained finite systems, extrapolated to infinitely long sequences."""

from __future__ import annotations

import pytest

from replica import PottsTokens, Problem, solve
from replica.tables import Table
from simulations import average_seeds, extrapolate, simulate_many

pytestmark = pytest.mark.slow

#: Seeds at each number of sites. With fixed seeds the outcome is fixed; at fresh ones, the 24
#: comparisons below at three standard errors would fail by chance once in sixteen times.
SEEDS = {50: 40, 100: 20, 200: 10}
OBSERVABLES = ("test_loss", "train_loss", "error_rate", "coupling_error")
FAMILY = [
    Problem(2.0, 0.1, PottsTokens(colors, colors / 2), loss)
    for colors in (2, 3, 5)
    for loss in ("cross-entropy", "squared-error")
]


@pytest.fixture(scope="module")
def measured() -> Table:
    lines = []
    for sites, seeds in SEEDS.items():
        table = simulate_many(FAMILY, [sites], range(seeds), 2, test_samples=500)
        lines += average_seeds(table).lines()
    return Table(lines)


@pytest.mark.parametrize("problem", FAMILY, ids=lambda p: f"{p.data.colors}-{p.loss}")
def test_extrapolated_simulation_agrees_with_theory(problem, measured):
    solution = solve(problem)
    points = measured.where(colors=problem.data.colors, loss=problem.loss)
    assert set(points["status"]) == {"converged"}
    for name in OBSERVABLES:
        limit = extrapolate(points["sites"], points[name], points[f"{name}_stderr"])
        assert limit.stderr < 0.01 * limit.value, name
        assert abs(limit.value - getattr(solution, name)) < 3 * limit.stderr, name
