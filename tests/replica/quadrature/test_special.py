"""Elementary functions of the kernels against those of numpy."""

from __future__ import annotations

import numpy as np

from replica.jit import jit
from replica.quadrature.kernels.special import exponential


@jit
def filled(x, y):
    for i in range(x.size):
        y[i] = exponential(x[i])
    return y


def exponentials(x) -> np.ndarray:
    return filled(np.array(x, dtype=float), np.empty(len(x)))


def test_exponential_is_that_of_numpy():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(-700, 700, 20_000), rng.uniform(-1, 1, 20_000)])
    np.testing.assert_allclose(exponentials(x), np.exp(x), rtol=5e-16)
    assert exponentials([0.0])[0] == 1.0


def test_exponential_far_below_and_of_no_number():
    found = exponentials([-1e300, -np.inf, -709.0, np.nan])
    assert (found[:3] < 1e-300).all()
    assert np.isnan(found[3])
