"""The identity of a problem on the lines of tables, whoever writes them."""

from __future__ import annotations

import math

import pytest

from replica import BayesBound, bayes_bound, solve
from replica.cli.family import Family
from replica.cli.sweep_chunks import ERROR, Stretch
from replica.problem import CustomTokens, GaussianTokens, IndependentTokens, PottsTokens, Problem
from replica.saddle_point.solution import behind

RING = [[1.0, 0.5, 0.0, 0.5], [0.5, 1.0, 0.5, 0.0], [0.0, 0.5, 1.0, 0.5], [0.5, 0.0, 0.5, 1.0]]

PROBLEMS = {
    "potts": (
        Problem(2.0, 0.1, PottsTokens(3, 1.5)),
        {"loss": "cross-entropy", "data": "potts", "colors": 3, "beta": 1.5},
    ),
    "similarity": (
        Problem(2.0, 0.1, PottsTokens(4, 1.5, RING), "squared-error"),
        {"loss": "squared-error", "data": "potts", "colors": 4, "beta": 1.5,
         "similarity": "circulant:1;0.5;0;0.5"},
    ),
    "independent": (
        Problem(2.0, 0.1, IndependentTokens(2, 0.5)),
        {"loss": "cross-entropy", "data": "independent", "colors": 2, "coupling_norm": 0.5},
    ),
    "gaussian": (
        Problem(2.0, 0.1, GaussianTokens(3.0, 2, joint=True)),
        {"loss": "squared-error", "data": "gaussian", "colors": 2, "shift": 3.0, "joint": True},
    ),
    "custom": (
        Problem(2.0, 0.1, CustomTokens.from_spectrum([0.5, 1.0], [1, 1], [1, 1], 3)),
        {"loss": "cross-entropy", "data": "custom", "colors": 3},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PROBLEMS)
def test_columns_are_loss_data_and_the_two_numbers(name):
    problem, known = PROBLEMS[name]
    assert problem.columns() == known | {"lam": 0.1, "alpha": 2.0}
    assert problem.columns(without="lam") == known | {"alpha": 2.0}
    assert problem.columns(without="alpha") == known | {"lam": 0.1}
    with pytest.raises(ValueError, match="without = 'lambda' is not allowed"):
        problem.columns(without="lambda")


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_solution_and_a_point_that_failed_are_told_alike(name):
    problem, _ = PROBLEMS[name]
    told = {"source": "theory", **problem.columns()}
    assert solve(problem).line().items() >= told.items()
    (failed,) = Stretch(Family((problem,))).failed("ValueError: no")
    unknown = dict.fromkeys(behind(problem))
    assert failed == told | {"status": "failed: ValueError: no", ERROR: None} | unknown
    assert Family((problem,)).identity(problem) == told
    # At its best, the weight decay is a result.
    (failed,) = Stretch(Family((problem,), optimal=True)).failed("ValueError: no")
    assert "lam" not in failed
    status = {"status": failed["status"], ERROR: None}
    assert failed | {"lam": 0.1} == told | {"lam": 0.1} | status | unknown


@pytest.mark.parametrize("name", ["potts", "similarity"])
def test_a_bound_is_told_without_weight_decay(name):
    problem, known = PROBLEMS[name]
    # Whatever the loss of the problem, the bound is one of the cross-entropy.
    known = known | {"loss": "cross-entropy"}
    optimal = solve(problem.at(loss="cross-entropy")).optimal_loss
    bound = bayes_bound(problem.alpha, problem.data)
    line = bound.line(problem, optimal)
    assert line.items() >= {"source": "theory", **known, "alpha": 2.0}.items()
    assert "lam" not in line
    assert (line["test_loss"], line["status"]) == (bound.test_loss, "converged")
    assert line["excess_loss"] + optimal == pytest.approx(bound.test_loss, rel=1e-14)
    # The overlap of a posterior mean with the truth is that with itself.
    assert line["q"] is line["m"] is bound.m


def test_a_bound_that_is_no_number_is_no_answer():
    problem, _ = PROBLEMS["potts"]
    line = BayesBound(math.nan, math.nan, 0.5, 1.0, 0.0).line(problem, 0.5)
    assert line["status"] == "not-finite"
    assert math.isnan(line["excess_loss"])
