"""Rows of given sequences: trained on some, tested on the rest, against one minimised apart."""

from __future__ import annotations

import numpy as np
import pytest
from known_mixtures import Mixture
from scipy.optimize import minimize
from scipy.special import log_softmax

from replica import Problem, RowTokens
from replica.problem.row_sequences import GivenSequences
from replica.tables.columns import failed
from simulations import simulate_many
from simulations.experiments.sequences import SequencesExperiment
from simulations.sequences.given import parted

LAW = Mixture.random([0.5, 0.3, 0.2], 7, 0.5)
TOKENS = LAW.sample(150, 0).astype(np.uint8)
ROWS = RowTokens.rows_from_tokens(TOKENS, [0, 5], 3)


def problems(rows, alphas=(2.0,), lam=0.1, **options):
    return [Problem(alpha, lam, row, **options) for row in rows for alpha in alphas]


def test_lines_are_those_of_rows_minimised_apart():
    task = SequencesExperiment(tuple(problems(ROWS)), 4)
    sequences = ROWS[0].context.sequences
    seed = np.random.SeedSequence((4, 16, int(sequences.digest, 16)))
    part = parted(sequences, np.ones(150), 16, seed)
    assert isinstance(sequences, GivenSequences)
    for line, row in zip(task.run(), (0, 5), strict=True):

        def losses(w, tokens, row=row):
            shown = np.eye(3)[tokens]
            shown[:, row] = 0.0
            fields = np.einsum("j,mjc->mc", w, shown)
            wrong = fields.argmax(axis=1) != tokens[:, row]
            chosen = log_softmax(fields, axis=1)[np.arange(len(tokens)), tokens[:, row]]
            return -chosen, wrong

        def objective(w, losses=losses):
            return losses(w, part.train_tokens)[0].sum() + 0.5 * 8 * 0.1 * w @ w

        w = minimize(objective, np.zeros(8), method="BFGS", options={"gtol": 1e-7}).x
        test, wrong = losses(w, part.test_tokens)
        assert line["train_loss"] == pytest.approx(losses(w, part.train_tokens)[0].mean(), abs=1e-5)
        assert line["test_loss"] == pytest.approx(test.mean(), abs=1e-5)
        assert line["error_rate"] == pytest.approx(wrong.mean(), abs=1e-12)
        assert (line["row"], line["sites"], line["samples"], line["seed"]) == (row, 8, 16, 4)
        assert (line["test_samples"], line["status"]) == (134, "converged")


def test_tables_do_not_depend_on_what_is_computed_together():
    whole = simulate_many(problems(ROWS, (1.0, 2.0)), [], [0, 1])
    alone = simulate_many(problems(ROWS[1:], (2.0,)), [], [1])
    (line,) = (x for x in whole.lines() if (x["row"], x["alpha"], x["seed"]) == (5, 2.0, 1))
    assert alone.lines()[0]["test_loss"] == pytest.approx(line["test_loss"], rel=1e-9)
    assert len(whole) == 8
    assert not any(map(failed, whole.lines()))


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("loss", ["cross-entropy", "squared-error"])
def test_weights_missing_tokens_similarity_and_bias(missing, loss):
    tokens = np.where(np.random.default_rng(1).random(TOKENS.shape) < 0.1, 3, TOKENS)
    U = np.array([[1.0, 0.3, 0.0], [0.3, 0.5, -0.2], [0.0, -0.2, 2.0]])
    weights = np.random.default_rng(2).uniform(0.5, 1.0, 150)
    rows = RowTokens.rows_from_tokens(
        tokens if missing else TOKENS, [0, 5], 3, U, weights=weights, missing=missing
    )
    table = simulate_many(problems(rows, loss=loss, bias=not missing), [], [0])
    assert set(table["status"]) == {"converged"}
    highest = np.log(3) if loss == "cross-entropy" else 1 / 3
    assert np.all(table["train_loss"] < highest)
    assert np.all(table["test_loss"] > table["train_loss"])
    known = (tokens[:, [0, 5]] < 3).sum(axis=0) if missing else [150, 150]
    assert table["test_samples"].tolist() == [n - 16 for n in known]


def test_what_cannot_be_trained_is_refused():
    missing = RowTokens.rows_from_tokens(
        np.append(TOKENS, TOKENS[:1] * 0 + 3, 0), [0], 3, missing=True
    )
    with pytest.raises(ValueError, match="bias must be False where tokens are missing"):
        simulate_many(problems(missing, bias=True), [], [0])
    with pytest.raises(ValueError, match="left out for rows of given sequences"):
        simulate_many(problems(ROWS), [8], [0])
    with pytest.raises(ValueError, match="left out for rows of given sequences"):
        simulate_many(problems(ROWS), [], [0], rows=2)
    with pytest.raises(ValueError, match="ensemble must be left out for rows of given sequences"):
        simulate_many(problems(ROWS), [], [0], ensemble=0)
    with pytest.raises(ValueError, match="alpha must be from"):
        simulate_many(problems(ROWS, (0.01,)), [], [0])
