"""Any similarity, with fields and biases: moments of a model's sequences against training."""

from __future__ import annotations

import numpy as np
import pytest

from replica import Problem, RowTokens, solve
from simulations import Chains, PottsModel, measure, sample, train

SITES, COLORS, SETS = 40, 3, 25


@pytest.fixture(scope="module")
def model() -> PottsModel:
    """Colours of unequal frequencies, from similarity and fields, at b = 1/2."""
    rng = np.random.default_rng(3)
    U = rng.standard_normal((COLORS, COLORS))
    K0 = np.eye(COLORS) - 1 / COLORS
    U = (U + U.T) / np.abs(np.linalg.eigvalsh(K0 @ (U + U.T) @ K0)).max()
    J = np.triu(rng.standard_normal((SITES, SITES)) / np.sqrt(SITES), 1)
    return PottsModel(J + J.T, COLORS, COLORS / 2, U, 0.5 * rng.standard_normal((SITES, COLORS)))


@pytest.fixture(scope="module")
def many(model) -> np.ndarray:
    chains = Chains(model, 3000, 0)
    chains.burn_in()
    return np.concatenate([chains.run(6) for _ in range(10)])


@pytest.mark.parametrize("bias", [pytest.param(False, marks=pytest.mark.slow), True])
def test_rows_of_one_model(model, many, bias):
    shares = [np.mean(many == a, axis=0) for a in range(COLORS)]
    # A training set of 120 sequences lacks no colour.
    rows = np.nonzero(np.min(shares, axis=0) > 0.08)[0][:4]
    spread = np.ptp([share[rows] for share in shares], axis=0)
    assert len(rows) == 4
    assert spread.max() > 0.3
    given = RowTokens.rows_from_tokens(many, rows, COLORS, model.similarity)
    theory = [solve(Problem(3.0, 0.05, row, "cross-entropy", bias=bias)) for row in given]
    fresh, found = sample(model, 1500, 1), []
    for seed in range(SETS):
        tokens = sample(model, 3 * SITES, 2 + seed)
        trained = train(tokens, COLORS, 0.05, similarity=model.similarity, rows=rows, bias=bias)
        assert trained.status == "converged"
        found.append(measure(model, trained, tokens, fresh, "cross-entropy"))
    for loss in ("test_loss", "train_loss"):
        measured = np.array([getattr(each, loss) for each in found])
        predicted = np.array([getattr(one, loss) for one in theory])
        gaps = (measured / predicted - 1).mean(axis=0)
        errors = (measured / predicted).std(axis=0, ddof=1) / np.sqrt(SETS)
        # Four standard errors are a false alarm once in 10^4; terms of order 1/L are three per
        # cent or less at this length (simulations/BENCHMARKS.md).
        assert np.all(np.abs(gaps) < 4 * errors + 0.03), (loss, gaps, errors)
        assert errors.mean() < 0.03
    # Without the frequencies of the rows themselves the losses are other ones altogether.
    assert np.ptp([one.test_loss for one in theory]) > 0.1
