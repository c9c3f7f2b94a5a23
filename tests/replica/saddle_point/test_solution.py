"""What a solution promises: its status, its errors, and that it cannot be changed."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import warnings

import numpy as np
import pytest
import reference_solver

from replica import (
    ConvergenceError,
    ParamagnetWarning,
    PottsTokens,
    Problem,
    Solution,
    free_energy,
    solve,
    sweep,
)

PROBLEM = Problem(alpha=2.0, lam=0.1, data=PottsTokens(colors=3, beta=1.5))


def test_too_few_steps_raise_with_the_solution():
    with pytest.raises(ConvergenceError, match=r"max-steps after \d+ evaluations") as stopped:
        solve(PROBLEM, max_steps=2)
    solution = stopped.value.solution
    assert isinstance(solution, Solution)
    assert solution.status == "max-steps"
    assert solution.residual > 1e-10
    assert not solution.converged


def test_without_check_the_solution_is_returned():
    solution = solve(PROBLEM, check=False, max_steps=2)
    assert (solution.status, solution.problem) == ("max-steps", PROBLEM)


def test_an_answer_is_whole():
    solution = solve(PROBLEM)
    assert solution.converged
    names = [field.name for field in dataclasses.fields(solution)]
    values = [getattr(solution, name) for name in names if not name.startswith("masked_")]
    numbers = [value for value in values if isinstance(value, float)]
    assert len(numbers) == 16
    assert np.isfinite(numbers).all()
    assert type(solution.m) is type(solution.q) is type(solution.V) is float
    assert 0 < solution.evaluations <= 60
    assert 0 <= solution.residual < 1e-10


def test_the_residual_is_that_of_one_more_evaluation():
    """Stop early, apply the equations once by hand, and compare the largest relative change."""
    solution = solve(PROBLEM, check=False, max_steps=9)
    assert solution.status == "max-steps"
    hats = np.array([solution.m_hat, solution.q_hat, solution.V_hat])
    before = reference_solver.row(3, 1.5, 0.1, hats)
    average = reference_solver.dense_channel(3, before.m, before.q, before.V, 60)
    again = PROBLEM.alpha * np.array([average.overlap, average.energy, average.response])
    after = reference_solver.row(3, 1.5, 0.1, again)
    changes = [np.abs(again / hats - 1), np.abs(np.array(after[:3]) / before[:3] - 1)]
    assert solution.residual == pytest.approx(np.max(changes), rel=1e-3)


def test_public_objects_are_immutable():
    for thing in (PROBLEM, PROBLEM.data, solve(PROBLEM)):
        for field in dataclasses.fields(thing):
            with pytest.raises(AttributeError):
                setattr(thing, field.name, 1)


def test_an_unconverged_solution_has_no_free_energy():
    unconverged = solve(PROBLEM, check=False, max_steps=2)
    for solution, told in ((unconverged, "'max-steps'"), (3, "3")):
        with pytest.raises(ValueError, match=f"solution = {told} .* a converged Solution"):
            free_energy(solution)


def test_the_error_survives_pickling_and_copying():
    with pytest.raises(ConvergenceError) as stopped:
        solve(PROBLEM, max_steps=2)
    for again in (pickle.loads(pickle.dumps(stopped.value)), copy.copy(stopped.value)):
        assert str(again) == str(stopped.value)
        assert again.solution.q == stopped.value.solution.q


def test_a_curve_cannot_be_changed_through_what_it_hands_out():
    curve = sweep(PROBLEM, [1.0, 2.0])
    curve["test_loss"][:] = 0
    curve.lines()[0]["test_loss"] = 0
    assert (curve["test_loss"] > 0).all()


@pytest.mark.parametrize("steps", [0, -1, 2.5, True, None, "many"])
def test_number_of_steps_is_checked(steps):
    with pytest.raises(ValueError, match=r"max_steps = .* must be an integer, 1 or greater"):
        solve(PROBLEM, max_steps=steps)


def test_problem_is_checked():
    with pytest.raises(ValueError, match="problem = 3 is not allowed: problem must be a Problem"):
        solve(3)
    with pytest.raises(ValueError, match=r"check = 'no' .* check must be True or False"):
        solve(PROBLEM, check="no")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.0, 0.1), "alpha = 0.0"),
        ((-1.0, 0.1), "alpha = -1.0"),
        ((float("nan"), 0.1), "alpha = nan"),
        ((float("inf"), 0.1), "alpha = inf"),
        (("1", 0.1), "alpha = '1'"),
        ((None, 0.1), "alpha = None"),
        ((1.0, -0.1), "lam = -0.1"),
        ((1.0, float("nan")), "lam = nan"),
        ((1.0, float("inf")), "lam = inf"),
        ((1.0, 0.1, "potts"), "data = 'potts'"),
        ((1.0, 0.1, PROBLEM.data, "hinge"), "loss = 'hinge'"),
        ((1.0, 0.1, PROBLEM.data, 0), "loss = 0"),
    ],
)
def test_problems_that_are_refused(arguments, message):
    defaults = (1.0, 0.1, PROBLEM.data)
    with pytest.raises(ValueError, match=f"^{message} is not allowed: .* must be "):
        Problem(*arguments, *defaults[len(arguments) :])


@pytest.mark.parametrize(
    ("colors", "beta", "message"),
    [
        (1, 0.5, "colors = 1"),
        (2.5, 0.5, "colors = 2.5"),
        (True, 0.5, "colors = True"),
        ("3", 0.5, "colors = '3'"),
        (3, 3.0, "beta = 3.0"),
        (3, -3.5, "beta = -3.5"),
        (3, float("nan"), "beta = nan"),
        (3, "1", "beta = '1'"),
    ],
)
def test_data_that_are_refused(colors, beta, message):
    with pytest.raises(ValueError, match=f"^{message} is not allowed: .* must be "):
        PottsTokens(colors, beta)


@pytest.mark.parametrize(("colors", "b"), [(2, 0.97), (4, -0.96), (10, 0.88), (20, 0.6)])
def test_data_that_may_have_left_the_paramagnet(colors, b):
    with pytest.warns(ParamagnetWarning, match=f"^beta = {b * colors}: "):
        PottsTokens(colors, b * colors)


def test_a_safe_paramagnet_is_silent():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for colors, b in ((2, 0.9), (4, -0.9), (20, 0.1)):
            PottsTokens(colors, b * colors)


@pytest.mark.parametrize("beta", [1e-100, 1e-197, 5e-324])
@pytest.mark.parametrize("colors", [2, 3, 7])
def test_couplings_beyond_floating_point_are_none(colors, beta):
    found, none = (solve(Problem(1.0, 0.1, PottsTokens(colors, each))) for each in (beta, 0.0))
    assert found.test_loss == pytest.approx(none.test_loss)


def test_the_error_beside_vanishing_couplings_is_infinite():
    """In silence: the tests make errors of warnings."""
    solution = solve(Problem(1.0, 0.1, PottsTokens(3, 1e-155)))
    assert (solution.status, solution.coupling_error) == ("converged", np.inf)
