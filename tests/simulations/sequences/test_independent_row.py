from __future__ import annotations

import numpy as np
import pytest

from replica.problem import IndependentTokens, Problem
from replica.tables import COLUMNS, Table
from simulations import IndependentRow, measure, simulate, train
from simulations.cli import main

DATA = IndependentTokens(colors=3, coupling_norm=2.0)
PROBLEM = Problem(alpha=2.0, lam=0.1, data=DATA)


def test_the_row_has_the_norm_of_the_ensemble():
    """Mean of 200 squared norms, four standard errors: a false alarm once in 10^4 seeds."""
    rows = [IndependentRow.random(DATA, 40, seed).row for seed in range(200)]
    norms = np.sum(np.square(rows), axis=1)
    assert abs(norms.mean() - 4 * 39 / 40) < 4 * norms.std() / np.sqrt(200)
    assert all(row[0] == 0 for row in rows)


def test_tokens_follow_their_law():
    """Five standard errors at a dozen frequencies: a false alarm once in 10^5 seeds."""
    row = IndependentRow(np.array([0.0, 1.5, -0.8]), 3)
    tokens = row.sample(60_000, 1)
    for first in range(3):
        for second in range(3):
            here = tokens[(tokens[:, 1] == first) & (tokens[:, 2] == second), 0]
            assert abs(len(here) - 60_000 / 9) < 5 * np.sqrt(60_000 * 8 / 81)
            field = np.zeros(3)
            field[first] += 1.5
            field[second] -= 0.8
            law = np.exp(field) / np.exp(field).sum()
            counts = np.bincount(here, minlength=3) / len(here)
            assert np.all(np.abs(counts - law) < 5 * np.sqrt(law * (1 - law) / len(here)))


def test_observables_on_the_tokens_themselves():
    row = IndependentRow.random(DATA, 40, seed=3)
    tokens, fresh = row.sample(80, seed=1), row.sample(20_000, seed=2)
    training = train(tokens, 3, 0.1, rows=[0])
    observed = measure(row, training, tokens, fresh, "cross-entropy")
    fields = np.einsum("j,mjc->mc", training.weights[0], np.eye(3)[fresh])
    loss = np.log(np.exp(fields).sum(axis=1)) - fields[np.arange(len(fresh)), fresh[:, 0]]
    # Four standard errors, a false alarm once in 10^4 seeds.
    assert abs(observed.test_loss[0] - loss.mean()) < 4 * loss.std() / np.sqrt(len(fresh))
    assert observed.m[0] == pytest.approx(row.row @ training.weights[0] / 3)
    assert observed.q[0] == pytest.approx(np.sum(training.weights[0] ** 2) / 3)


def test_line_of_a_table():
    line = simulate(PROBLEM, 20, seed=3, rows=4, test_samples=50)
    assert Table([line]).columns[: len(COLUMNS)] == COLUMNS
    assert (line["data"], line["coupling_norm"], line["rows"]) == ("independent", 2.0, 4)
    assert "beta" not in line
    assert line == simulate(PROBLEM, 20, seed=3, rows=4, test_samples=50)
    other = simulate(Problem(2.0, 0.1, IndependentTokens(3, 2.5)), 20, 3, 4, 50)
    assert other["train_loss"] != line["train_loss"]


@pytest.mark.usefixtures("without_workers")
def test_command(tmp_path):
    out = tmp_path / "sim.csv"
    words = [
        "--data", "independent", "--colors", "2", "--coupling-norm", "1,2", "--lam", "0.1",
        "--alpha", "2", "--sites", "12", "--rows", "3", "--test-samples", "20", "--seeds", "2",
        "--workers", "1", "--out", str(out),
    ]  # fmt: skip
    assert main(words) == 0
    table = Table.from_csv(out)
    np.testing.assert_array_equal(table["coupling_norm"], [1, 1, 2, 2])
    direct = simulate(Problem(2.0, 0.1, IndependentTokens(2, 2.0)), 12, 1, 3, 20)
    assert table.lines()[3]["test_loss"] == direct["test_loss"]
    # The same command finds everything done, and leaves it.
    before = out.read_bytes()
    assert main(words) == 0
    assert out.read_bytes() == before


def test_other_data_cannot_be_sampled(tmp_path, capsys):
    words = ["--data", "custom", "--colors", "2", "--lam", "1", "--alpha", "1"]
    assert main([*words, "--sites", "10", "--out", str(tmp_path / "sim.csv")]) == 2
    assert "data = 'custom' is not allowed" in capsys.readouterr().err
