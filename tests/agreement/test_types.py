"""What the type checker is told of the packages is so when it runs."""

from __future__ import annotations

import math
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import typed_use

from replica import GaussianTokens, IndependentTokens, PottsTokens, Problem, solve
from replica.problem.problem import Changes

ROOT = Path(__file__).parents[2]


def test_what_is_typed_runs():
    found = typed_use.course()
    assert all(isinstance(value, float) and math.isfinite(value) for value in found)
    assert pytest.approx(1.4848, abs=1e-4) in found


def test_one_mode_is_a_number_and_several_are_an_array():
    ring = [[1, 0.5, 0, 0.5], [0.5, 1, 0.5, 0], [0, 0.5, 1, 0.5], [0.5, 0, 0.5, 1]]
    one = solve(Problem(2.0, 0.1, PottsTokens(3, 1.5)))
    several = solve(Problem(2.0, 0.1, PottsTokens(4, 1.5, ring)))
    assert (typed_use.modes(one), typed_use.modes(several)) == (1, 2)
    assert all(isinstance(value, float) for value in (one.m, one.q, one.V))
    assert isinstance(several.V, np.ndarray)
    assert typed_use.told(one) == "converged"


@pytest.mark.parametrize(
    "data",
    [PottsTokens(3, 1.5), IndependentTokens(3, 1.0), GaussianTokens(3.0)],
    ids=lambda d: d.name,
)
def test_the_checker_knows_every_parameter_of_a_problem(data):
    problem = Problem(2.0, 0.1, data)
    assert {*data.parameters, *(field.name for field in fields(problem))} <= {
        *Changes.__annotations__
    }


def test_the_build_checks_the_types_of_what_a_user_writes():
    assert "mypy tests/support/typed_use.py" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
