"""Rows of one given model, each predicted and trained on that very model."""

from __future__ import annotations

import numpy as np
import pytest

from replica import PottsTokens, Problem, RowTokens, average_rows, solve, sweep_rows
from replica.tables import Table
from simulations import PottsModel, average_seeds, simulate_many

#: With fixed seeds the outcome is fixed; with fresh ones the mean of eight squares, whose unit is
#: known to 8 %, would exceed 2.5 by chance once in a hundred and fifty times.
SEEDS, ROWS = range(16), range(8)
MOST = 2.5


@pytest.mark.parametrize(("colors", "loss"), [(2, "cross-entropy"), (3, "squared-error")])
def test_every_row_follows_its_own_prediction(colors, loss):
    beta = 0.5 * colors
    model = PottsModel.random(PottsTokens(colors, beta), 50, 2)
    rows = RowTokens.rows_from_couplings(model.couplings, ROWS, colors, beta)
    problem = Problem(2.0, 0.1, rows[0], loss)
    theory = sweep_rows(problem, rows, [2.0])
    systems = simulate_many([problem.at(data=row) for row in rows], [], SEEDS, test_samples=2000)
    measured = average_seeds(systems)
    assert measured["row"].tolist() == theory["row"].tolist() == list(ROWS)
    error = np.sqrt(np.mean(measured["test_loss_stderr"] ** 2))
    for name, predicted, agrees in (
        ("given", theory["test_loss"], True),
        ("alike", solve(problem.at(data=PottsTokens(colors, beta))).test_loss, False),
    ):
        square = np.mean((measured["test_loss"] - predicted) ** 2) / error**2
        assert bool(square < MOST) is agrees, (name, square)
    # The mean over rows, whose error is the one over seeds.
    (whole,) = average_seeds(average_rows(systems)).lines()
    (mean,) = average_rows(Table(theory.lines())).lines()
    assert whole["rows"] == mean["rows"] == len(ROWS)
    assert abs(whole["test_loss"] - mean["test_loss"]) < 4 * whole["test_loss_stderr"]
