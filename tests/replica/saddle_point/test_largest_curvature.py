"""The largest eigenvalue of second moments, against closed forms and random matrices."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from replica import CustomTokens, GaussianTokens, IndependentTokens, PottsTokens, Problem
from replica.ensembles import ensemble_of
from replica.predictions.polynomial_course import largest_second_moment

UNEQUAL = [[1, 0.5, 0.1, 0.5], [0.5, 1, 0.5, 0.1], [0.1, 0.5, 1, 0.5], [0.5, 0.1, 0.5, 1]]


@pytest.mark.parametrize("alpha", [0.3, 2.0, 20.0])
def test_marchenko_and_pastur(alpha):
    """G = I/C without class means: (1 + √(α n))²/C."""
    found = largest_second_moment(Problem(alpha, 0.1, IndependentTokens(3, 1.0)))
    np.testing.assert_allclose(found, (1 + np.sqrt(2 * alpha)) ** 2 / 3, rtol=1e-8)


@pytest.mark.parametrize("data", [PottsTokens(3, 1.5), GaussianTokens(2.5, 2)], ids=str)
def test_edge_of_one_mode(data):
    """z(x) = x (α d + <G/(x - G)>) is least at the edge."""
    spectrum, d = ensemble_of(data).spectrum, 2
    G = spectrum.covariances[0]
    edge = minimize_scalar(
        lambda x: x * (2.0 * d + spectrum.weights @ (G / (x - G))),
        bounds=(1.0001 * G.max(), 50 * G.max()),
        method="bounded",
        options={"xatol": 1e-10},
    ).fun
    found = largest_second_moment(Problem(2.0, 0.1, data, "squared-error"))
    np.testing.assert_allclose(found, edge, rtol=1e-8)


@pytest.mark.parametrize(
    ("data", "alpha"),
    [
        (CustomTokens(2, [0.5], [1.0], [16.0]), 6.0),
        (CustomTokens(3, [0.3, 1.0], [0.8, 0.2], [8.0, 1.0]), 4.0),
        (PottsTokens(4, 1.2, UNEQUAL), 2.0),
    ],
    ids=["beyond", "two", "modes"],
)
def test_random_matrices(data, alpha):
    """One matrix of L = 600: the edge fluctuates by L^-2/3, an eigenvalue beyond it by L^-1/2."""
    L, rng, ensemble = 600, np.random.default_rng(0), ensemble_of(data)
    spectrum, law = ensemble.spectrum, ensemble.law
    counts = np.floor(np.cumsum(spectrum.weights) * L + 0.5).astype(int)
    nodes = np.repeat(np.arange(len(counts)), np.diff(counts, prepend=0))
    S = spectrum.scaled[:, nodes]
    w = np.sqrt(spectrum.teacher[nodes] / np.bincount(nodes, minlength=len(counts))[nodes])
    M, (basis, modes) = round(alpha * L), law.axes
    y, total = rng.integers(data.colors, size=M), np.zeros((L, L))
    for axis, mode in zip(basis, modes, strict=True):
        X = np.sqrt(S[mode]) * rng.standard_normal((M, L)) + np.outer(axis[y], S[mode] * w)
        total += X.T @ X / L
    found = largest_second_moment(Problem(alpha, 0.1, data))
    np.testing.assert_allclose(found, np.linalg.eigvalsh(total)[-1], rtol=0.06)
