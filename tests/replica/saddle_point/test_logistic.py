"""Two colours are logistic regression: the whole solution by scipy's quad, brentq and root."""

from __future__ import annotations

import numpy as np
import pytest
from reference_solver import gaussian_mean, logistic_channel, row, saddle_point
from scipy.special import ndtr

from replica import PottsTokens, Problem, solve


@pytest.mark.parametrize(
    ("beta", "alpha", "lam"), [(1.0, 1.0, 0.1), (1.7, 0.3, 1e-2), (0.4, 6.0, 1.0), (-1.2, 3.0, 0.0)]
)
def test_every_observable(beta, alpha, lam):
    solution = solve(Problem(alpha, lam, PottsTokens(2, beta)))

    start = alpha * np.array([0.3, 0.3, 0.1])
    hats = saddle_point(alpha, lambda h: row(2, beta, lam, h), logistic_channel, start)
    expected = row(2, beta, lam, hats)
    m, q, V = expected.m, expected.q, expected.V
    w2, rho = beta**2, beta**2 / 2

    def loss(m, q):
        return gaussian_mean(lambda z: np.logaddexp(0, -m - np.sqrt(2 * q) * z))

    assert solution.m == pytest.approx(m, rel=1e-9)
    assert solution.q == pytest.approx(q, rel=1e-9)
    assert pytest.approx(V, rel=1e-9) == solution.V
    assert solution.test_loss == pytest.approx(loss(m, q), rel=1e-9)
    assert solution.train_loss == pytest.approx(logistic_channel(m, q, V).loss, rel=1e-9)
    assert solution.optimal_loss == pytest.approx(loss(rho, rho), rel=1e-9)
    assert solution.error_rate == pytest.approx(ndtr(-m / np.sqrt(2 * q)), rel=1e-9)
    distance = (w2 - 2 * expected.r + expected.n) / w2
    assert solution.coupling_error == pytest.approx(distance, rel=1e-9)
    assert [solution.m_hat, solution.q_hat, solution.V_hat] == pytest.approx(hats, rel=1e-9)
