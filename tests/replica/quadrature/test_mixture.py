"""Proxes with a matrix, and probabilities of orthants, against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from replica.losses.mixture_cross_entropy import MixtureCrossEntropy
from replica.quadrature.largest_field import largest_probability
from replica.quadrature.point_sets import complement
from replica.quadrature.rule import Accuracy
from replica.quadrature.symmetric import packed, packing, roots, unpacked


@pytest.mark.parametrize("rank", [1, 3])
def test_the_prox_is_a_minimum_and_K_its_derivative(rank):
    rng, colors, masked = np.random.default_rng(1), 4, 2
    basis, factor = complement(colors), 2.0 * rng.standard_normal((3, rank))
    V = factor @ factor.T
    loss, omega = MixtureCrossEntropy(basis), 2.0 * rng.standard_normal((5, 3))
    g, K, losses = loss.solved(masked, omega, roots(V), np.zeros((5, 3)))
    for point in range(5):

        def objective(u: np.ndarray, point: int = point) -> float:
            h = (omega[point] + factor @ u) @ basis
            return float(0.5 * u @ u + logsumexp(h) - h[masked])

        least = minimize(objective, np.zeros(rank), tol=1e-12)
        h = omega[point] + V @ g[point]
        assert h == pytest.approx(omega[point] + factor @ least.x, abs=1e-5)
        assert losses[point] == pytest.approx(logsumexp(h @ basis) - (h @ basis)[masked])
    step = 1e-5 * np.eye(3)
    for i in range(3):
        there, back = (loss.solved(masked, omega + s * step[i], roots(V), g).g for s in (1, -1))
        assert (back - there) / 2e-5 == pytest.approx(K[:, :, i], abs=1e-8)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_probabilities_of_orthants(size):
    rng = np.random.default_rng(size)
    for _ in range(4):
        slopes, means = rng.standard_normal((size, size)), 0.5 + rng.standard_normal(size)
        found = largest_probability(means, slopes, Accuracy.FINER)
        exact = multivariate_normal.cdf(means, cov=slopes @ slopes.T, abseps=1e-6, releps=1e-6)
        assert found.mean() == pytest.approx(exact, abs=1e-12 if size < 3 else 3e-5)


def test_probabilities_of_orthants_at_their_edges():
    one, both = np.eye(2)[:1], np.array([[1.0, 0.0], [1.0, 0.0]])

    def found(means: list[float], slopes: np.ndarray) -> float:
        return float(largest_probability(np.array(means), slopes, Accuracy.FINE).mean())

    assert found([0.0], one) == 0.5
    assert found([1.0], 0 * one) == 1.0
    assert found([0.0, 0.0], np.eye(2)) == pytest.approx(0.25)
    assert found([0.0, 1.0], np.eye(2)) == pytest.approx(0.5 * 0.8413447460685429)
    assert found([0.0, -1.0], np.eye(2)) == pytest.approx(0.5 * 0.15865525393145707)
    assert found([0.3, 0.0], both) == pytest.approx(0.5)
    assert found([1.0, -1.0], -both * [[1], [-1]]) == pytest.approx(0.0, abs=1e-15)
    assert found([1.0, 1.0], 0 * both) == 1.0
    # Three components that are one, and three of which one is certain.
    assert found([0.0, 0.5, 1.0], np.ones((3, 1)) * [[1.0, 0.0, 0.0]]) == pytest.approx(0.5)
    assert found([0.0, 0.0, 1.0], np.diag([1.0, 1.0, 0.0])) == pytest.approx(0.25, rel=1e-6)


def test_packed_matrices_keep_inner_products():
    rng = np.random.default_rng(2)
    A, B = (x + x.swapaxes(1, 2) for x in rng.standard_normal((2, 5, 3, 3)))
    assert (packed(A) * packed(B)).sum(axis=1) == pytest.approx((A * B).sum(axis=(1, 2)))
    assert unpacked(packed(A), 3) == pytest.approx(A)
    assert packing(3) @ A[0].ravel() == pytest.approx(packed(A)[0])
