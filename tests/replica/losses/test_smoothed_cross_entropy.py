"""The smoothed cross-entropy beside integrals of another library, and its prox as a minimum."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.special import expit

from replica.losses.smoothed_cross_entropy import SmoothedCrossEntropy
from replica.quadrature.gaussian_points import Budget, gaussian_points, noise_points
from replica.quadrature.point_sets import complement
from replica.quadrature.rule import Accuracy

BUDGET = Budget((3000, 20_000, 60_000), (7, 10, 12), (6, 8, 10))


def smoothed(colors, variance, accuracy=Accuracy.FINE, points=noise_points):
    basis, n = complement(colors), colors - 1
    more = {} if points is noise_points else {"sharpness": 1.0}
    x, weights = points(basis, variance * np.eye(n), accuracy=accuracy, budget=BUDGET, **more)
    return SmoothedCrossEntropy(basis, np.sqrt(variance) * x[0], weights[0])


def gaussian(function):
    def integrand(x):
        return function(x) * np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi)

    return quad(integrand, -12, 12, epsabs=1e-13, epsrel=1e-13, limit=400)[0]


@pytest.mark.parametrize("variance", [1e-9, 0.04, 0.5, 3.0, 20.0])
def test_two_colours_are_one_integral(variance):
    """h along (1, -1)/√2: the difference of two fields has twice the variance of a component."""
    loss, root = smoothed(2, variance), np.sqrt(2.0)
    basis = complement(2)
    sign = np.sign(basis[0, 0])
    for x in (-2.0, 0.3, 4.0):
        z = sign * np.array([[x / root]])
        g, H, value = loss._slopes(0, z)

        def noisy(t, x=x):
            return x + np.sqrt(2 * variance) * t

        expected = gaussian(lambda t: np.logaddexp(0.0, -noisy(t)))
        wrong = gaussian(lambda t: expit(-noisy(t)))
        curvature = 2.0 * gaussian(lambda t: expit(noisy(t)) * expit(-noisy(t)))
        assert value[0] == pytest.approx(expected, rel=1e-9)
        assert sign * g[0, 0] == pytest.approx(root * wrong, rel=1e-9)
        assert H[0, 0, 0] == pytest.approx(curvature, rel=1e-8)


@pytest.mark.parametrize("colors", [3, 4])
def test_the_two_rules_for_noise_agree(colors):
    omega = np.random.default_rng(1).standard_normal((30, colors - 1))
    here, there = (
        smoothed(colors, 0.15, Accuracy.FINER, points)._slopes(1, omega)
        for points in (noise_points, gaussian_points)
    )
    for one, other in zip(here, there, strict=True):
        assert one == pytest.approx(other, abs=1e-6 if colors == 4 else 1e-10)


def test_the_prox_is_a_minimum_and_its_derivative_what_is_told():
    colors, n, rng = 4, 3, np.random.default_rng(2)
    loss, root = smoothed(colors, 0.4), rng.standard_normal((n, n))
    V, omega = root @ root.T, 2.0 * rng.standard_normal((5, n))
    found = loss.solved(2, omega, V, np.zeros_like(omega))
    again = loss.solved(2, omega, V, found.g)
    assert again.g == pytest.approx(found.g, abs=1e-12)
    inverse = np.linalg.inv(V)
    for place, g, value in zip(omega, found.g, found.losses, strict=True):

        def objective(z, place=place):
            gap = z - place
            return loss._slopes(2, z[None])[2][0] + 0.5 * gap @ inverse @ gap

        least = minimize(objective, place, tol=1e-12)
        h = place + V @ g
        assert objective(h) <= least.fun + 1e-12
        assert h == pytest.approx(least.x, abs=1e-5)
        assert value == pytest.approx(loss._slopes(2, h[None])[2][0], rel=1e-12)
    step = 1e-5
    for i in range(n):
        moved = np.zeros(n)
        moved[i] = step
        up, down = (loss.solved(2, omega + s * moved, V, found.g).g for s in (1, -1))
        assert -(up - down) / (2 * step) == pytest.approx(found.K[:, :, i], abs=1e-8)


def test_noise_that_is_no_number_is_told():
    assert np.isnan(smoothed(2, 1e6)._slopes(0, np.zeros((1, 1)))[2]).all()
