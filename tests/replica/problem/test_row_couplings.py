"""What describes a row of one given model, and what is refused in a line."""

from __future__ import annotations

import pickle
import re

import numpy as np
import pytest

from replica import Problem, RowTokens
from simulations import PottsModel

J = np.array([[0.0, 0.5, -0.3], [0.5, 0.0, 0.2], [-0.3, 0.2, 0.0]])


def row(couplings=J, row=1, colors=3, beta=1.0) -> RowTokens:
    return RowTokens.from_couplings(couplings, row, colors, beta)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"couplings": J[:2, :2]}, "couplings = 'array of shape (2, 2)"),
        ({"couplings": J[:2]}, "couplings = 'array of shape (2, 3)"),
        ({"couplings": J[0]}, "couplings = 'array of shape (3,)"),
        ({"couplings": 1.0}, "couplings = 'array of shape ()"),
        ({"couplings": np.where(J == 0.2, np.nan, J)}, "couplings = array"),
        ({"couplings": np.triu(J)}, "couplings = 'array with 0.5 at [0, 1] and 0 at [1, 0]"),
        ({"couplings": [["a"] * 3] * 3}, "couplings = [['a'"),
        ({"couplings": None}, "couplings = None"),
        ({"couplings": np.ma.masked_greater(J, 0.3)}, "couplings = 'MaskedArray"),
        ({"row": 3}, "row = 3 is not allowed: row must be an integer from 0 to 2"),
        ({"row": -1}, "row = -1"),
        ({"row": True}, "row = True"),
        ({"row": 1.0}, "row = 1.0"),
        ({"colors": 1}, "colors = 1"),
        ({"colors": 100_001}, "colors = 100001"),
        ({"beta": np.inf}, "beta = inf"),
        ({"beta": 101.0}, "beta = 101.0 is not allowed: beta must be such that |beta J| is 50"),
    ],
)
def test_refused_in_a_line(changes, told):
    with pytest.raises(ValueError, match=re.escape(told)) as refused:
        row(**changes)
    assert "\n" not in str(refused.value)


def test_rows_are_values():
    rounded = J.copy()
    rounded[0, 1] += 1e-14
    assert row() == row(J.tolist()) == pickle.loads(pickle.dumps(row()))
    assert hash(row()) == hash(row(J.copy()))
    assert row(rounded) != row(2 * J)
    assert len({row(), row(row=2), row(beta=2.0), row(colors=4), row(2 * J), row(J + 0.0)}) == 5
    rows = RowTokens.rows_from_couplings(J, None, 3, 1.0)
    assert rows == tuple(row(row=i) for i in range(3))
    assert rows[0].context.model is rows[2].context.model
    with pytest.raises(ValueError, match="read-only"):
        row().context.model.couplings[0, 1] = 1.0


@pytest.mark.parametrize("rows", [[0, 0], [], [3], "all", 1, [0.5]])
def test_rows_that_are_refused(rows):
    with pytest.raises(ValueError, match=r"^rows? = "):
        RowTokens.rows_from_couplings(J, rows, 3, 1.0)


def test_a_row_is_shown_without_its_matrix():
    digest = row().columns()["couplings"]
    shown = f"data='couplings', couplings='{digest}', colors=3, beta=1.0, row=1"
    assert repr(row()) == f"RowTokens({shown})"


def test_columns_tell_rows_and_models_apart():
    told = Problem(1.0, 0.1, row()).columns()
    assert re.fullmatch("sha256:[0-9a-f]{16}", told.pop("couplings"))
    assert told == {
        "loss": "cross-entropy", "data": "couplings", "colors": 3, "beta": 1.0, "row": 1,
        "lam": 0.1, "alpha": 1.0,
    }  # fmt: skip


def test_a_diagonal_is_refused_as_by_the_model_that_is_sampled():
    for make in (row, lambda couplings: PottsModel(couplings, 3, 1.0)):
        with pytest.raises(ValueError, match=r"^couplings = .* with zero diagonal"):
            make(J + 0.5 * np.eye(3))
