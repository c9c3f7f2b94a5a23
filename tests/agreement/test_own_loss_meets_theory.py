"""Label smoothing: the theory's loss and the simulation's, each written for its side."""

from __future__ import annotations

import pytest
from smoothed import SmoothedCrossEntropy, SmoothedTrainingToOptimum

from replica import IndependentTokens, PottsTokens, Problem, solve
from replica.tables import Table
from simulations import average_seeds, extrapolate, simulate_many

pytestmark = pytest.mark.slow

SMOOTHING = 0.2

#: Seeds at each number of sites.
SEEDS = {40: 16, 80: 8, 120: 5}
OBSERVABLES = ("test_loss", "train_loss", "optimal_loss", "error_rate", "coupling_error")


FAMILY = [
    Problem(2.0, 0.05, PottsTokens(3, 1.5), SmoothedCrossEntropy(SMOOTHING)),
    Problem(2.0, 0.05, IndependentTokens(3, 2.0), SmoothedCrossEntropy(SMOOTHING)),
]


@pytest.fixture(scope="module")
def measured() -> Table:
    lines = []
    for sites, seeds in SEEDS.items():
        table = simulate_many(
            FAMILY,
            [sites],
            range(seeds),
            rows=20,
            test_samples=1000,
            own_loss=SmoothedTrainingToOptimum(SMOOTHING),
        )
        lines += average_seeds(table).lines()
    return Table(lines)


@pytest.mark.parametrize("problem", FAMILY, ids=lambda p: p.data.name)
def test_extrapolated_simulation_agrees_with_theory(problem, measured):
    """Three standard errors at ten values: at fresh seeds a false alarm once in 37 times."""
    solution = solve(problem)
    assert solution.quadrature_error < 1e-7
    points = measured.where(data=problem.data.name)
    assert set(points["status"]) == {"converged"}
    for name in OBSERVABLES:
        limit = extrapolate(points["sites"], points[name], points[f"{name}_stderr"])
        assert limit.stderr < 0.03 * limit.value, name
        assert abs(limit.value - getattr(solution, name)) < 3 * limit.stderr, name
    # The cross-entropy itself would lead elsewhere.
    plain = solve(problem.at(loss="cross-entropy"))
    assert abs(plain.coupling_error - solution.coupling_error) > 0.05
