"""Distances from the cone in any metric: a published integral, scipy's projections, derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import nnls

from replica.quadrature.cone import Faces, FieldPoints, cone_averages
from replica.quadrature.cone_distance import squared_distance
from replica.quadrature.kernels.nearest import nearest_points
from replica.quadrature.point_sets import complement
from replica.quadrature.radial import mean_powers, radial_moments
from replica.quadrature.rule import Accuracy


def random_fields(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A mean, a covariance and a metric, either of a condition number near a hundred."""
    rng = np.random.default_rng((n, seed))
    Q, V = (A @ A.T + 0.02 * np.eye(n) for A in rng.standard_normal((2, n, n)))
    return rng.standard_normal(n), Q, V


def forces(fields: np.ndarray, V: np.ndarray) -> np.ndarray:
    """The g >= 0 with ω + V g >= 0 and g·(ω + V g) = 0 minimises |Rᵀg + R^{-1}ω|, V = R Rᵀ."""
    root = np.linalg.cholesky(V)
    return np.array([nnls(root.T, -np.linalg.solve(root, each))[0] for each in fields])


@pytest.mark.parametrize("k", [0, 1, 4, 19])
def test_radial_moments_by_scipy(k):
    for s in (-30.0, -4.0, -1.6, -1.4, 0.0, 2.0, 9.0):
        found = radial_moments(np.array([s]), k)[:, 0]
        # About its maximum the integrand is of order one.
        top = 0.5 * (s + np.sqrt(s * s + 4 * k)) if k else max(s, 0.0)
        log_top = (k * np.log(top) if k else 0.0) - 0.5 * (top - s) ** 2

        def density(r: float, power: int, s: float = s, log_top: float = log_top) -> float:
            return np.exp(power * np.log(r) - 0.5 * (r - s) ** 2 - log_top) if r > 0 else power == 0

        width = 14.0 / max(1.0, -s / 8)
        expected = [
            quad(density, max(top - width, 0), top + width, (k + i,), epsabs=0, limit=200)[0]
            for i in range(3)
        ]
        assert found * np.exp(-log_top) == pytest.approx(expected, rel=1e-8)
        means = mean_powers(np.array([s]), k)[:, 0]
        assert means == pytest.approx([found[1] / found[0], found[2] / found[0]], rel=1e-9)


@pytest.mark.parametrize(("colors", "digits"), [(2, 1e-11), (3, 1e-11), (4, 1e-9), (5, 1e-7)])
def test_alike_fields_have_the_distance_of_the_known_integral(colors, digits):
    basis = complement(colors)
    D = (basis[:, [0]] - np.delete(basis, 0, axis=1)).T
    for c in (0.0, 0.7, 3.0):
        found = Faces(colors - 1).outside(c * D @ basis[:, 0], D @ D.T, D @ D.T, Accuracy.FINER)
        expected = squared_distance(colors, c)
        assert 2 * found.distance[0] == pytest.approx(expected, rel=digits)


@pytest.mark.parametrize("n", [3, 6, 12])
def test_nearest_points_by_scipy(n):
    rng = np.random.default_rng(n)
    _, _, V = random_fields(n, 1)
    fields = 2 * rng.standard_normal((60, n))
    g, K = np.zeros_like(fields), np.zeros((2, n, n))
    assert nearest_points(fields, V, rng.random((60, n)) < 0.5, g, K) == 0
    assert g == pytest.approx(forces(fields, V), rel=1e-9, abs=1e-9)
    # g is linear around every point, and K is -∂g/∂ω.
    step = 1e-6 * np.eye(n)
    slopes = [(forces(fields + d, V) - forces(fields - d, V)).sum(axis=0) / 2e-6 for d in step]
    assert K.sum(axis=0) == pytest.approx(-np.array(slopes), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 6])
def test_distances_by_sampling_and_derivatives_by_differences(n):
    """Four standard errors at five places: a false alarm once in three thousand seeds."""
    m, Q, V = random_fields(n, 0)
    averages = cone_averages(n)
    found = averages.outside(m, Q, V, Accuracy.FINE)
    fields = m + np.random.default_rng(7).standard_normal((4000, n)) @ np.linalg.cholesky(Q).T
    g = forces(fields, V)
    sampled = 0.5 * np.einsum("pi,ij,pj->p", g, V, g)
    gap = found.distance.mean() - sampled.mean()
    assert abs(gap) < 4 * sampled.std() / np.sqrt(len(sampled))
    # E g, E g gᵀ and K are derivatives of the distance by m, V and Q.
    rng, step = np.random.default_rng(1), 1e-4
    move = rng.standard_normal(n)
    turn = rng.standard_normal((n, n))
    turn = turn + turn.T

    def slope(*change: np.ndarray) -> float:
        ends = (
            averages.outside(
                *(x + side * step * d for x, d in zip((m, Q, V), change, strict=True)),
                Accuracy.FINE,
            ).distance.mean()
            for side in (1, -1)
        )
        return float(np.subtract(*ends)) / (2 * step)

    none, no_turn = np.zeros(n), np.zeros((n, n))
    exact = 1e-5 if n <= 3 else 2e-3
    size = abs(found.distance.mean())
    g, square, K = (each.mean(axis=0) for each in found[:3])
    assert slope(move, no_turn, no_turn) == pytest.approx(-g @ move, rel=exact, abs=exact * size)
    assert slope(none, turn, no_turn) == pytest.approx(
        0.5 * (K * turn).sum(), rel=exact, abs=exact * size
    )
    assert slope(none, no_turn, turn) == pytest.approx(
        -0.5 * (square * turn).sum(), rel=exact, abs=exact * size
    )


def test_points_and_faces_agree():
    m, Q, V = random_fields(4, 3)
    faces = Faces(4).outside(m, Q, V, Accuracy.FINER).distance[0]
    parts = FieldPoints(4).outside(m, Q, V, Accuracy.FINER).distance
    # Four parts: five standard errors of their mean, false alarm one in two hundred seeds.
    assert abs(parts.mean() - faces) < 5 * parts.std(ddof=1) / 2
