"""Two colours, whose curves one kernel follows, against the solver for all."""

from __future__ import annotations

import numpy as np
import pytest

import replica.saddle_point.solver as solver
import replica.saddle_point.two_colors as two_colors
from replica import PottsTokens, Problem, solve, sweep
from replica.tables.columns import OBSERVABLES


@pytest.mark.parametrize(("beta", "lam"), [(1.0, 0.1), (1.6, 1e-4), (0.2, 1.0)])
def test_a_curve_is_that_of_the_general_solver(beta, lam, monkeypatch):
    problem, alphas = Problem(1.0, lam, PottsTokens(2, beta)), np.geomspace(0.5, 10, 25)
    follow, followed = solver.follow, []

    def counted(*args):
        found = list(follow(*args))
        followed.append(len(found))
        return found

    monkeypatch.setattr(solver, "follow", counted)
    curve = sweep(problem, alphas)
    monkeypatch.setattr(solver, "follow", lambda *_: ())
    general = sweep(problem, alphas)
    assert sum(followed) > 12
    assert curve.converged
    names = [name for name in (*OBSERVABLES, "V") if name in general.lines()[0]]
    for one, other in zip(curve.solutions, general.solutions, strict=True):
        allowed = one.quadrature_error + other.quadrature_error
        assert allowed < 1e-9
        assert one.residual < 2e-10
        for name in (*names, "m_hat", "q_hat", "V_hat"):
            assert getattr(one, name) == pytest.approx(getattr(other, name), rel=3 * allowed), name


def test_a_curve_is_followed_in_parts_and_past_equal_points(monkeypatch):
    """Points that a kernel leaves off, at twice the same alpha too, are those of one alone."""
    problem, alphas = Problem(1.0, 0.1, PottsTokens(2, 1.0)), [0.9, 1.0, 1.0, 1.1, 1.2, 1.3]
    whole = sweep(problem, alphas).solutions
    monkeypatch.setattr(two_colors, "_BUDGET", 1.0)
    for part, one in zip(sweep(problem, alphas).solutions, whole, strict=True):
        alone = solve(one.problem)
        assert vars(part) == vars(one)
        for name in ("m", "q", "V", "test_loss", "train_loss", "error_rate", "calibrated_loss"):
            assert getattr(one, name) == pytest.approx(getattr(alone, name), rel=1e-9), name


def test_bounds_on_evaluations_hold():
    problem = Problem(1.0, 0.1, PottsTokens(2, 1.0))
    _, state = solver.solve_from(problem, None)
    found, _ = solver.solve_from(problem.at(alpha=1.001), state, 1)
    assert found.status == "max-steps"
    assert found.evaluations <= 8
