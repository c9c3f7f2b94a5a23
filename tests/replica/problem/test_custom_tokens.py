"""Spectra and covariances of the user's own."""

from __future__ import annotations

import numpy as np
import pytest

from replica import (
    CustomTokens,
    PottsTokens,
    Problem,
    cavity_covariance,
    existence_threshold,
    solve,
)
from simulations import PottsModel, sample

OBSERVABLES = ("m", "q", "V", "test_loss", "train_loss", "optimal_loss", "error_rate")


def potts_spectrum(colors: int, beta: float, nodes: int = 4000) -> CustomTokens:
    """The semicircle by quantiles in the angle, not by Gauss's rule."""
    angle = (np.arange(nodes) + 0.5) * np.pi / nodes
    weights = np.sin(angle) ** 2
    b = beta / colors
    G = 1 / (colors * (1 + b * b - 2 * b * np.cos(angle)))
    return CustomTokens.from_spectrum(G, weights, beta**2 * weights / weights.sum(), colors)


@pytest.mark.parametrize("loss", ["cross-entropy", "squared-error"])
def test_the_potts_spectrum_by_hand(loss):
    exact = solve(Problem(2.0, 0.1, PottsTokens(3, 1.5), loss))
    own = solve(Problem(2.0, 0.1, potts_spectrum(3, 1.5), loss))
    for name in (*OBSERVABLES, "coupling_error"):
        assert getattr(own, name) == pytest.approx(getattr(exact, name), rel=1e-9), name
    assert own.line()["data"] == "custom"


def test_threshold_needs_the_spectrum_only():
    custom = potts_spectrum(3, 1.5)
    assert existence_threshold(custom) == pytest.approx(1.4848232, abs=5e-8)


def test_a_covariance_and_its_eigenbasis_agree():
    rng = np.random.default_rng(1)
    factor = rng.standard_normal((40, 60))
    covariance, teacher = factor @ factor.T / 180, rng.standard_normal(40) / 5
    values, vectors = np.linalg.eigh(covariance)
    by_spectrum = CustomTokens.from_spectrum(
        values[::-1], np.full(40, 7.0), (vectors.T @ teacher)[::-1] ** 2, 3
    )
    by_matrix = CustomTokens.from_covariance(covariance, teacher, 3)
    one, other = (solve(Problem(1.5, 0.2, data)) for data in (by_spectrum, by_matrix))
    for name in OBSERVABLES:
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-9), name


def test_a_measured_covariance_becomes_the_curve():
    """Within 3 % of the analytic losses, where the covariance of whole sequences is off by more.

    The error of the covariance, of order one in sixty in each eigenvalue, is what remains.
    """
    colors, beta, sites, site = 3, 1.5, 60, 0
    model = PottsModel.random(PottsTokens(colors, beta), sites, 3)
    tokens = np.asarray(sample(model, 12000, 4))
    centred = (tokens[:, :, None] == np.arange(colors)) - 1 / colors
    # Per colour, K0's part divided out: <s s'> - 1/C² = G (1 - 1/C).
    measured = np.einsum("mia,mja->ij", centred, centred) / len(tokens) / (colors - 1)
    teacher = beta * np.delete(np.asarray(model.couplings)[site], site)
    cavity = cavity_covariance(measured, site)
    tilted = np.delete(np.delete(measured, site, 0), site, 1)
    exact = cavity_of(model, site, colors, beta)
    assert teacher @ cavity @ teacher == pytest.approx(teacher @ exact @ teacher, rel=0.06)
    assert teacher @ tilted @ teacher > 1.15 * (teacher @ exact @ teacher)
    for alpha in (1.0, 4.0):
        own, true = (
            solve(Problem(alpha, 0.1, CustomTokens.from_covariance(G, teacher, colors)))
            for G in (cavity, exact)
        )
        assert own.test_loss == pytest.approx(true.test_loss, rel=0.03)
        assert own.train_loss == pytest.approx(true.train_loss, rel=0.03)


def cavity_of(model: PottsModel, site: int, colors: int, beta: float) -> np.ndarray:
    """The paramagnet's covariance without the site, with Onsager's term of each site."""
    J = np.delete(np.delete(np.asarray(model.couplings), site, 0), site, 1)
    b = beta / colors
    reaction = b * b * (J**2).sum(axis=1)
    return np.linalg.inv(np.diag(1 + reaction) - b * J) / colors


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (([1.0, -1.0], [1, 1], [1, 1], 3), "eigenvalues = -1.0"),
        (([1.0, 2.0], [1], [1, 1], 3), "weights = "),
        (([1.0, 2.0], [1, 1], [1, -1], 3), "teacher = "),
        (([1.0, 2.0], [0, 0], [1, 1], 3), "weights sum = 0"),
        (([1.0, np.nan], [1, 1], [1, 1], 3), "eigenvalues = "),
        (([], [], [], 3), r"^eigenvalues = \[\] .* one or more"),
        (([1.0], [1], [1], 1), "colors = 1"),
    ],
)
def test_bad_spectrum(arguments, told):
    with pytest.raises(ValueError, match=told):
        CustomTokens.from_spectrum(*arguments)


@pytest.mark.parametrize(
    ("covariance", "teacher", "told"),
    [
        ([[1.0, 2.0]], [1.0], "covariance = "),
        ([[1.0, 0.5], [0.1, 1.0]], [1.0, 1.0], "covariance = "),
        (np.eye(3), [1.0, 1.0], "teacher = "),
        ([[1.0, 2.0], [2.0, 1.0]], [1.0, 1.0], "covariance = .* eigenvalue -1"),
        ([[np.inf, 0.0], [0.0, 1.0]], [1.0, 1.0], "covariance = "),
        (1j * np.eye(2), [1.0, 1.0], "covariance = "),
        (np.eye(2), "abc", "teacher = 'abc'"),
    ],
)
def test_bad_covariance(covariance, teacher, told):
    with pytest.raises(ValueError, match=told):
        CustomTokens.from_covariance(covariance, teacher, 3)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((3, [1.0, -1.0], [0.5, 0.5], [1, 1]), "eigenvalues = -1.0"),
        ((3, [1.0, 2.0], [0.5, 0.6], [1, 1]), "weights sum = 1.1 "),
        ((3, [1.0, 2.0], [0.5, 0.5], [1, -1]), "teacher = "),
        ((3, "abc", [0.5, 0.5], [1, 1]), "eigenvalues = 'abc'"),
        ((3, [1.0, 2.0], [0.5, 0.5], [1, 1j]), "teacher = "),
        ((1, [1.0], [1.0], [1.0]), "colors = 1"),
    ],
)
def test_the_bare_constructor_checks_as_well(arguments, told):
    with pytest.raises(ValueError, match=told):
        CustomTokens(*arguments)


def test_equal_spectra_are_equal_data():
    one, same, other = (CustomTokens.from_spectrum([1, 2], [1, 1], [1, t], 3) for t in (2, 2, 3))
    assert (one, hash(one)) == (same, hash(same))
    assert one not in (other, 3)


@pytest.mark.parametrize(
    ("covariance", "site", "told"),
    [
        ([[1.0, np.nan], [np.nan, 1.0]], 0, "covariance = "),
        ([[2.0, 1.0], [0.0, 2.0]], 0, "covariance = .* symmetric"),
        ([[1.0, 2.0], [2.0, 1.0]], 0, "covariance = .* eigenvalue -1' .* positive definite"),
        (np.ones((3, 3)), 0, "covariance = "),
        (3.0, 0, "covariance = "),
        ("abc", 0, "covariance = 'abc'"),
        (np.eye(2), 2, "site = 2 "),
    ],
)
def test_bad_covariance_of_whole_sequences(covariance, site, told):
    with pytest.raises(ValueError, match=told):
        cavity_covariance(covariance, site)


def test_a_strong_teacher_by_sampled_regression():
    """Ridge regression on inputs G w* y + G^{1/2} z with ρ near 90, where m is near its bound 1.

    The mean of 30 draws at 300 sites, four standard errors plus 3/L: false alarms once in 8000.
    """
    rng = np.random.default_rng(3)
    L, C, alpha, lam = 300, 3, 2.0, 0.1
    eigenvalues, teacher = np.linspace(0.15, 0.7, L), 15 * rng.standard_normal(L) / np.sqrt(L)
    basis = np.array([[1, -1, 0], [1, 1, -2]]).T / np.sqrt([2, 6])
    found = []
    for _ in range(30):
        y = (np.eye(C) - 1 / C)[rng.integers(C, size=int(alpha * L))] @ basis
        x = y[:, :, None] * (eigenvalues * teacher)
        x += rng.standard_normal(x.shape) * np.sqrt(eigenvalues)
        x, y = x.reshape(-1, L), y.ravel()
        w = np.linalg.solve(x.T @ x + L * lam * np.eye(L), x.T @ y)
        train = 0.5 * np.sum((y - x @ w) ** 2) / (alpha * L)
        distance = np.sum((w - teacher) ** 2) / np.sum(teacher**2)
        found.append((distance, w @ (eigenvalues * teacher), train))
    data = CustomTokens.from_spectrum(eigenvalues, np.ones(L), teacher**2, C)
    solution = solve(Problem(alpha, lam, data, "squared-error"))
    expected = np.array([solution.coupling_error, solution.m, solution.train_loss])
    error = np.std(found, axis=0, ddof=1) / np.sqrt(len(found))
    assert solution.m > 0.9
    assert (np.abs(np.mean(found, axis=0) - expected) < 4 * error + 3 / L * expected).all()
