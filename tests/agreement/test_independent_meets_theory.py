"""Theory of independent tokens against trained finite systems, extrapolated in 1/L."""

from __future__ import annotations

import pytest

from replica import IndependentTokens, Problem, solve
from replica.tables import Table
from simulations import average_seeds, extrapolate, simulate_many

#: Seeds at each number of sites; twenty rows each, with sequences of their own.
SEEDS = {40: 20, 80: 10, 120: 6}
OBSERVABLES = ("test_loss", "train_loss", "error_rate", "coupling_error", "m", "q")
FAMILY = [
    Problem(alpha, 0.1, IndependentTokens(3, 2.0), loss)
    for alpha in (1.0, 3.0)
    for loss in ("cross-entropy", "squared-error")
]


@pytest.fixture(scope="module")
def measured() -> Table:
    lines = []
    for sites, seeds in SEEDS.items():
        table = simulate_many(FAMILY, [sites], range(seeds), rows=20, test_samples=1000)
        lines += average_seeds(table).lines()
    return Table(lines)


@pytest.mark.slow
@pytest.mark.parametrize("problem", FAMILY, ids=lambda p: f"{p.alpha}-{p.loss}")
def test_extrapolated_simulation_agrees_with_theory(problem, measured):
    """Three standard errors at 24 values: at fresh seeds a false alarm once in sixteen times."""
    solution = solve(problem)
    points = measured.where(alpha=problem.alpha, loss=problem.loss)
    assert set(points["status"]) == {"converged"}
    for name in OBSERVABLES:
        limit = extrapolate(points["sites"], points[name], points[f"{name}_stderr"])
        assert limit.stderr < 0.04 * limit.value, name
        assert abs(limit.value - getattr(solution, name)) < 3 * limit.stderr, name
