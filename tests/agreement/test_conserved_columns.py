"""Columns of one letter, and letters that a row never shows, in theory and in training alike."""

from __future__ import annotations

import numpy as np
import pytest

from replica import Problem, RowTokens, average_rows, solve, sweep_rows
from replica.cli import main
from simulations import average_seeds, simulate_many

COLORS, SITES, ROW = 3, 20, 5


@pytest.fixture(scope="module")
def tokens():
    """Each token copies the one before with a probability of 0.4; one column never changes."""
    rng = np.random.default_rng(1)
    found = rng.integers(0, COLORS, (2000, SITES))
    for site in range(1, SITES):
        copied = rng.random(len(found)) < 0.4
        found[:, site] = np.where(copied, found[:, site - 1], found[:, site])
    found[:, ROW] = 2
    return found


def test_a_column_of_one_letter_is_predicted_as_it_is_trained(tokens):
    """Five standard errors over twelve seeds, by Student's law a false alarm in 2000 runs."""
    row = RowTokens.from_tokens(tokens, ROW, COLORS, np.diag([1.0, 0.5, 0.2]))
    problem = Problem(4.0, 0.1, row, "squared-error")
    (trained,) = average_seeds(simulate_many([problem], [], range(12), 1)).lines()
    predicted = solve(problem)
    for name in ("test_loss", "train_loss"):
        away = abs(trained[name] - getattr(predicted, name))
        assert away < 5 * trained[f"{name}_stderr"]
        assert trained[f"{name}_stderr"] < 0.02 * trained[name]


def test_no_column_keeps_others_from_an_answer(tokens):
    rows = RowTokens.rows_from_tokens(tokens, [4, ROW, 6], COLORS)
    layer = sweep_rows(Problem(1.0, 0.1, rows[0], "squared-error"), rows, [2.0])
    assert average_rows(layer)["rows"].tolist() == [3]
    assert average_rows(layer)["status"].tolist() == ["converged"]


def test_a_bias_for_a_letter_that_never_occurs_has_no_best_value(tokens, tmp_path, capsys):
    never = tokens.copy()
    never[never[:, 4] == 0, 4] = 1
    for row, lam in ((4, 0.1), (4, 0.0), (ROW, 0.1)):
        problem = Problem(2.0, lam, RowTokens.from_tokens(never, row, COLORS), bias=True)
        (trained,) = simulate_many([problem], [], [0], 1).lines()
        assert solve(problem, check=False).status == trained["status"] == "diverged"
    np.savetxt(tmp_path / "x.csv", never, fmt="%d", delimiter=",")
    given = ["--data", "tokens", "--tokens", str(tmp_path / "x.csv"), "--rows", "4", "--bias"]
    assert main(["sweep", *given, "--lam", "0.1", "--alpha", "1"]) == 1
    assert "some colour is never the masked token" in capsys.readouterr().err
    # The squared error has a minimum all the same.
    assert solve(problem.at(loss="squared-error")).converged


def test_rows_that_cannot_be_measured_are_named_together(tokens):
    missing = tokens[:100].copy()
    missing[8:, [3, 7]] = COLORS
    with pytest.raises(ValueError, match="20 rows, of which 3, 7 cannot be measured"):
        RowTokens.rows_from_tokens(missing, None, COLORS, missing=True)
    assert len(RowTokens.rows_from_tokens(missing, [0, 1], COLORS, missing=True)) == 2
