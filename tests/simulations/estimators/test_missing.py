"""Missing tokens add nothing to the fields of others: against a minimum found without kernels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp

from simulations.estimators.missing import train_with_missing

RNG = np.random.default_rng(5)
TOKENS = RNG.integers(4, size=(60, 7)).astype(np.uint8)
TOKENS[:, 2] = RNG.integers(3, size=60)
U = np.array([[1.0, 0.3, 0.0], [0.3, 0.5, -0.2], [0.0, -0.2, 2.0]])


def minimum(row, lam, similarity, loss):
    """The weights at the minimum, from the one-hot form of the sequences."""
    shown = np.vstack([np.eye(3), np.zeros(3)])[TOKENS] @ similarity
    shown[:, row] = 0.0
    y = np.eye(3)[TOKENS[:, row]]

    def objective(w):
        h = np.einsum("j,mjc->mc", w, shown)
        if loss == "cross-entropy":
            value = (logsumexp(h, axis=1) - (y * h).sum(axis=1)).sum()
            slope = np.exp(h - logsumexp(h, axis=1)[:, None]) - y
        else:
            slope = (h - y) - (h - y).mean(axis=1, keepdims=True)
            value = 0.5 * (slope**2).sum()
        down = np.einsum("mc,mjc->j", slope, shown)
        return value + 3.5 * lam * w @ w, down + 7 * lam * w

    return minimize(objective, np.zeros(7), jac=True, method="BFGS", options={"gtol": 1e-10}).x


@pytest.mark.parametrize("loss", ["cross-entropy", "squared-error"])
@pytest.mark.parametrize("similarity", [None, U])
def test_rows_with_missing_tokens(loss, similarity):
    found = train_with_missing(TOKENS, 3, 0.2, loss, similarity, [2])
    expected = minimum(2, 0.2, np.eye(3) if similarity is None else similarity, loss)
    assert found.status == "converged"
    assert np.allclose(found.weights[0], expected, atol=1e-6)


def test_a_row_knows_its_own_tokens():
    with pytest.raises(ValueError, match="rows must be sites whose tokens are all known"):
        train_with_missing(TOKENS, 3, 0.2, "cross-entropy", None, [1, 2])
