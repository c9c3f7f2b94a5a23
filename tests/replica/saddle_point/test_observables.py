"""The stated quadrature error against a finer computation of another kind."""

from __future__ import annotations

import numpy as np
import pytest
import reference_solver
from scipy.special import log_ndtr

from replica import PottsTokens, Problem, solve
from replica.channels.potts_cross_entropy import CrossEntropyChannel
from replica.quadrature.exchangeable_grid import GridRule
from replica.quadrature.lattice import LatticeRule
from replica.quadrature.rule import Accuracy


def finer_lattice(colors, m, q, V) -> reference_solver.Channel:
    """A lattice with a spacing well below the finest that the solver takes."""
    rule = LatticeRule(colors, q, (0.85 * LatticeRule.near(colors, q).spacings[-1],) * 3)
    found = rule.averages(np.array([m]), np.array([q]), np.array([V]), Accuracy.FINER)
    return reference_solver.Channel(
        found.overlap.item(), found.energy.item(), found.response.item(), found.loss
    )


def exact_observables(problem, solution) -> dict[str, float]:
    colors, beta, lam = problem.data.colors, problem.data.beta, problem.lam

    def row(hats):
        return reference_solver.row(colors, beta, lam, hats)

    def channel(m, q, V):
        return finer_lattice(colors, m, q, V)

    start = [solution.m_hat, solution.q_hat, solution.V_hat]
    found = row(reference_solver.saddle_point(problem.alpha, row, channel, start))
    m, q, V, r, n = found
    right = reference_solver.gaussian_mean(
        lambda x: np.exp((colors - 1) * log_ndtr(x + m / np.sqrt(q)))
    )
    return {
        "m": m,
        "q": q,
        "V": V,
        "test_loss": reference_solver.fresh_loss(colors, m, q),
        "train_loss": channel(m, q, V).loss,
        "error_rate": 1 - right,
        "coupling_error": (beta**2 - 2 * r + n) / beta**2,
    }


@pytest.mark.parametrize(
    ("colors", "b", "alpha", "lam", "rule"),
    [
        (3, 0.73, 23.0, 4e-3, LatticeRule),
        (3, 0.9, 7.1, 4e-5, LatticeRule),
        (4, 0.25, 0.57, 0.4, LatticeRule),
        (4, 0.7, 1.8, 5e-5, GridRule),
        (4, 0.42, 0.23, 2e-4, GridRule),
        (5, 0.06, 60.0, 4e-6, LatticeRule),
        (5, 0.77, 0.82, 4.5, LatticeRule),
        (5, 0.6, 4.0, 1e-2, GridRule),
        (5, 0.146, 0.221, 9e-3, GridRule),
    ],
)
def test_stated_error_bounds_the_true_one(colors, b, alpha, lam, rule):
    problem = Problem(alpha, lam, PottsTokens(colors, b * colors))
    solution = solve(problem)
    order = (np.array([value]) for value in (solution.m, solution.q, solution.V))
    assert isinstance(CrossEntropyChannel(colors).rule(*order), rule)
    assert solution.quadrature_error < 1e-9
    for name, exact in exact_observables(problem, solution).items():
        error = abs(getattr(solution, name) / exact - 1)
        assert error < 3 * solution.quadrature_error, name
