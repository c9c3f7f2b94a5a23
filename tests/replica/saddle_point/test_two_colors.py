"""Two colours, whose curves one kernel follows, against the solver for all."""

from __future__ import annotations

import numpy as np
import pytest

import replica.saddle_point.solver as solver
from replica import PottsTokens, Problem, sweep
from replica.tables.columns import OBSERVABLES


@pytest.mark.parametrize(("beta", "lam"), [(1.0, 0.1), (1.6, 1e-4), (0.2, 1.0)])
def test_a_curve_is_that_of_the_general_solver(beta, lam, monkeypatch):
    problem, alphas = Problem(1.0, lam, PottsTokens(2, beta)), np.geomspace(0.5, 10, 25)
    kernel, followed = solver.solve_two_colors, []

    def counted(*args):
        followed.append(kernel(*args))
        return followed[-1]

    monkeypatch.setattr(solver, "solve_two_colors", counted)
    curve = sweep(problem, alphas)
    monkeypatch.setattr(solver, "solve_two_colors", lambda *_: None)
    general = sweep(problem, alphas)
    assert len(followed) == 24
    assert sum(each is not None for each in followed) > 12
    assert curve.converged
    names = [name for name in (*OBSERVABLES, "V") if name in general.lines()[0]]
    for one, other in zip(curve.solutions, general.solutions, strict=True):
        allowed = one.quadrature_error + other.quadrature_error
        assert allowed < 1e-9
        assert one.residual < 2e-10
        for name in (*names, "m_hat", "q_hat", "V_hat"):
            assert getattr(one, name) == pytest.approx(getattr(other, name), rel=3 * allowed), name


def test_bounds_on_evaluations_hold():
    problem = Problem(1.0, 0.1, PottsTokens(2, 1.0))
    _, state = solver.solve_from(problem, None)
    found, _ = solver.solve_from(problem.at(alpha=1.001), state, 1)
    assert found.status == "max-steps"
    assert found.evaluations <= 8
