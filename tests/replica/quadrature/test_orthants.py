"""The probability that correlated normal variables all stay below their limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import ndtr
from scipy.stats import norm

from replica.quadrature.mode_error_rate import exceeded
from replica.quadrature.orthants import outside
from replica.quadrature.rule import Accuracy


def one_factor(h, shares):
    """1 - ∫Dx Π Φ((h + s x)/√(1 - s²)) for correlations s_i s_j, by adaptive quadrature."""
    rest = np.sqrt(1.0 - shares**2)
    inside = quad(
        lambda x: norm.pdf(x) * ndtr((h + shares * x) / rest).prod(), -12, 12, epsabs=1e-13
    )
    return 1.0 - inside[0]


@pytest.mark.parametrize(("n", "nodes", "close"), [(2, 16, 1e-12), (5, 16, 1e-10), (7, 5, 1e-5)])
def test_correlations_of_one_factor(n, nodes, close):
    rng = np.random.default_rng(n)
    h, shares = rng.normal(0.5, 0.7, n), rng.uniform(-0.6, 0.95, n)
    R = np.outer(shares, shares)
    np.fill_diagonal(R, 1.0)
    assert outside(h, R, nodes) == pytest.approx(one_factor(h, shares), rel=close)


def test_three_variables_by_their_angles():
    r = 0.9, -0.3, 0.1
    R = np.array([[1, r[0], r[1]], [r[0], 1, r[2]], [r[1], r[2], 1]])
    expected = 7 / 8 - sum(map(math.asin, r)) / (4 * math.pi)
    assert outside(np.zeros(3), R, 20) == pytest.approx(expected, rel=1e-12)


def test_small_probabilities_keep_their_digits():
    """Independent variables far below their limits: the sum of their tails."""
    h = np.array([7.0, 8.0, 7.5, 9.0])
    R = 0.5 * (np.eye(4) + 1.0)
    pairs = outside(h, R, 16)
    assert pairs == pytest.approx(norm.sf(h).sum(), rel=2e-3)
    assert pairs < norm.sf(h).sum()


@pytest.mark.parametrize("angle", [0.3, 1.2, 2.5])
def test_a_cone_of_the_plane(angle):
    """Four half planes of which two bound the cone: the matrix of correlations has rank two."""
    directions = np.array([0.0, math.pi - angle, 0.5 * (math.pi - angle), 0.3 * (math.pi - angle)])
    slopes = np.column_stack([np.cos(directions), np.sin(directions)])
    rate = exceeded(np.zeros(4), slopes, Accuracy.FINE)
    assert rate.value == pytest.approx(1.0 - angle / (2.0 * math.pi), rel=1e-9)


def test_differences_without_noise_are_certain():
    slopes = np.array([[1.0, 0.0], [0.0, 0.0]])
    assert exceeded(np.array([0.3, 0.0]), slopes, Accuracy.FINE).value == pytest.approx(
        norm.sf(0.3)
    )
    assert exceeded(np.array([0.3, -0.1]), slopes, Accuracy.FINE).value == 1.0


def test_many_variables_are_within_their_error():
    """Nine correlations of one factor, at five limits, within three standard errors."""
    rng = np.random.default_rng(9)
    shares = rng.uniform(0.3, 0.9, 9)
    slopes = np.column_stack([shares, np.diag(np.sqrt(1.0 - shares**2))])
    for _ in range(3):
        h = rng.normal(0.8, 0.5, 9)
        rate = exceeded(h, slopes, Accuracy.FINE)
        assert abs(rate.value - one_factor(h, shares)) < 4.0 * rate.error
        assert rate.error < 2e-5 * rate.value
