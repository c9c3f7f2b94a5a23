"""A course is a table in the order of time, whose columns are attributes."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from replica import PottsTokens, Problem, Table
from replica.predictions.course import Course

PROBLEM = Problem(2.0, 0.1, PottsTokens(3, 1.5))


def course(losses):
    lines = [
        {
            "source": "theory",
            **PROBLEM.columns(),
            "step": step,
            "rate": 0.3,
            "test_loss": loss,
            "test_loss_stderr": 0.01,
            "m": 0.1 * step,
            "status": "converged" if np.isfinite(loss) else "diverged",
        }
        for step, loss in enumerate(losses)
    ]
    return Course(PROBLEM, lines, error=[1e-9] * len(lines))


def test_columns_are_attributes():
    one = course([1.1, 0.9, 1.0])
    assert len(one) == 3
    assert one.steps.tolist() == [0, 1, 2]
    assert one.alphas.tolist() == [2, 2, 2]
    assert np.array_equal(one.test_loss, one["test_loss"])
    assert one.m.tolist() == [0.0, 0.1, 0.2]
    with pytest.raises(AttributeError, match="no attribute or column 'losses'"):
        one.losses  # noqa: B018
    with pytest.raises(KeyError, match="no column 'losses'"):
        one["losses"]


def test_standard_errors_are_those_of_what_is_sampled():
    one = course([1.1, 0.9])
    assert one.stderr.tolist() == [0.01, 0.01]
    assert one.standard_error("m").tolist() == [0.0, 0.0]
    assert one.error.tolist() == [1e-9, 1e-9]
    with pytest.raises(KeyError, match="no column 'losses'"):
        one.standard_error("losses")


def test_the_best_point_is_that_of_least_test_loss():
    one = course([1.1, 0.9, float("nan"), 1.0])
    assert one.best["step"] == 1
    assert one.best["test_loss"] == 0.9
    assert not one.converged
    assert course([1.0, 2.0]).converged
    with pytest.raises(ValueError, match="no point of this course has a test loss"):
        _ = course([float("nan")]).best


def test_a_course_survives_pickling_and_files(tmp_path):
    one = course([1.1, 0.9])
    again = pickle.loads(pickle.dumps(one))
    assert again.lines() == one.lines()
    assert again.problem == PROBLEM
    with pytest.raises(ValueError, match="read-only"):
        one.error[0] = 0.0
    one.to_csv(tmp_path / "course.csv", command="test")
    table = Course.from_csv(tmp_path / "course.csv")
    assert type(table) is Table
    assert table["test_loss"].tolist() == [1.1, 0.9]
    beside = json.loads((tmp_path / "course.json").read_text())
    assert beside["parameters"]["rate"] == 0.3
    assert beside["parameters"]["alpha"] == 2.0
    assert beside["error"] == [1e-9, 1e-9]
    assert json.loads(json.dumps(one.values()))[1]["test_loss"] == 0.9
