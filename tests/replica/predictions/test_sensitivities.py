"""Derivatives are those of the solutions, at a fraction of their price and with their error."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_problems import MODELS, OBSERVABLES, differences, drawn, values

from replica import (
    CustomTokens,
    GaussianTokens,
    IndependentTokens,
    PottsTokens,
    Problem,
    RowTokens,
    optimal_lam,
    sensitivities,
    solve,
)
from replica.predictions.differences import derivative


@pytest.mark.parametrize("model", [model for model in MODELS if model != "many colours"])
def test_derivatives_against_differences_of_solutions(model):
    problem = drawn(model, np.random.default_rng(5))
    if model == "independent":  # which takes seconds for other losses and stronger teachers
        problem = Problem(2.0, 0.1, IndependentTokens(2, 0.7), "squared-error")
    solution = solve(problem)
    found = sensitivities(solution)
    assert set(found) == set(OBSERVABLES)
    for name in found.parameters:
        ours = np.concatenate([np.ravel(found[each][name]) for each in OBSERVABLES])
        here = getattr(problem, name, None) or getattr(problem.data, name)
        exact, floor = differences(problem, name), 1e-3 * np.abs(values(solution)) / here
        off = np.abs(ours - exact) / np.maximum(np.abs(exact), floor)
        assert np.nanmax(off) < 1e-6
        assert np.isnan(ours).sum() == np.isnan(values(solution)).sum()


def test_errors_tell_how_far_derivatives_are_off():
    """Ridge regression without weight decay, α C = a: V = 1/(a - 1), excess = noise V C/2."""
    solution = solve(Problem(2.0, 0.0, GaussianTokens(3.0), "squared-error"))
    found = sensitivities(solution)
    assert found.parameters == ("alpha", "lam", "shift")
    for observable, parameter, exact in [
        ("V", "alpha", -1.0),
        ("excess_loss", "alpha", -0.5 / 3),
        ("excess_loss", "shift", -0.5 / 9),
        ("optimal_loss", "lam", 0.0),
    ]:
        off = abs(found[observable][parameter] - exact)
        assert off <= 3 * found.errors[observable][parameter] + 1e-12
        assert found.errors[observable][parameter] < 1e-8


def test_the_best_weight_decay_is_where_the_derivative_vanishes():
    for data in (PottsTokens(3, 1.5), GaussianTokens(3.0)):
        lam, best = optimal_lam(Problem(1.0, 1.0, data))
        found = sensitivities(best)
        curvature = sensitivities(solve(best.problem.at(lam=1.01 * lam)))["test_loss"]["lam"]
        assert abs(found["test_loss"]["lam"]) < 1e-5 * curvature
    assert lam == pytest.approx(3.0, rel=1e-7)


def test_the_end_of_a_range():
    """Without a teacher nothing changes with its norm, to first order."""
    nothing = sensitivities(solve(Problem(2.0, 0.1, IndependentTokens(2, 0.0), "squared-error")))
    assert nothing["q"]["coupling_norm"] == pytest.approx(0.0, abs=1e-8)
    assert nothing["m"]["coupling_norm"] == pytest.approx(0.0, abs=1e-8)
    assert np.isnan(nothing["coupling_error"]["coupling_norm"])


def test_what_has_no_parameters_has_two_derivatives():
    data = CustomTokens.from_spectrum([0.5], [1.0], [2.0], 3)
    found = sensitivities(solve(Problem(2.0, 0.1, data)))
    assert found.parameters == ("alpha", "lam")
    with pytest.raises(TypeError, match="immutable"):
        found["test_loss"]["lam"] = 0.0


def test_a_row_of_one_model_has_a_derivative_in_beta():
    upper = np.triu(np.random.default_rng(4).standard_normal((8, 8)), 1) / 4
    at = [RowTokens.from_couplings(upper + upper.T, 2, 3, 1.0 + h) for h in (0.0, 1e-4, -1e-4)]
    solution, right, left = (solve(Problem(2.0, 0.1, row, "squared-error")) for row in at)
    found = sensitivities(solution)
    assert found.parameters == ("alpha", "lam", "beta")
    for name in ("test_loss", "train_loss", "optimal_loss", "coupling_error", "m", "q", "V"):
        slope = (getattr(right, name) - getattr(left, name)) / 2e-4
        assert found[name]["beta"] == pytest.approx(slope, rel=1e-5), name


def test_unconverged_solutions_are_refused():
    below = solve(Problem(0.1, 0.0, PottsTokens(3, 1.5)), check=False)
    for wrong in (below, 1.0, None):
        with pytest.raises(ValueError, match=r"^solution = .* a converged Solution$"):
            sensitivities(wrong)


def test_differences_of_known_functions():
    found = derivative(lambda t: np.array([np.exp(t), 3.0, np.sqrt(1 + t), np.nan]), 0.1)
    np.testing.assert_allclose(found.value, [1.0, 0.0, 0.5, np.nan], rtol=1e-11)
    assert (np.abs(found.value - [1, 0, 0.5, 0])[:3] <= found.error[:3] + 1e-15).all()
    right = derivative(lambda t: np.array([np.sin(t), np.log1p(t)]), 0.1, centred=False)
    np.testing.assert_allclose(right.value, [1.0, 1.0], atol=1e-9)
