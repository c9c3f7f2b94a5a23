"""Gaussian tokens against closed forms, trained systems and ridge regression itself."""

from __future__ import annotations

import numpy as np
import pytest

from replica import (
    GaussianTokens,
    PottsTokens,
    Problem,
    existence_threshold,
    optimal_lam,
    solve,
)
from replica.tables import Table
from simulations import average_seeds, extrapolate, simulate_many


def problem(
    alpha: float, lam: float, shift: float = 2.2, colors: int = 1, joint: bool = False
) -> Problem:
    return Problem(alpha, lam, GaussianTokens(shift, colors, joint), "squared-error")


def test_printed_values():
    solution = solve(problem(3.0, 0.05))
    assert 2 * solution.test_loss == pytest.approx(0.650376088, abs=1e-9)
    assert 2 * solution.train_loss == pytest.approx(0.303810222, abs=1e-9)


def test_nothing_learnt_leaves_the_variance_of_a_token():
    """At λ → ∞ the error is the variance <1/(κ + x)>, in closed form for the semicircle."""
    for shift, colors in ((2.2, 1), (3.0, 2)):
        resolvent = 0.5 * (shift - np.sqrt(shift**2 - 4))
        solution = solve(problem(1.0, 1e9, shift, colors, joint=True))
        assert solution.test_loss == pytest.approx(0.5 * colors * resolvent, rel=1e-8)


@pytest.mark.parametrize("joint", [False, True])
def test_without_weight_decay_it_is_least_squares(joint):
    """Unbiased with m = ρ; noise Δ inflates to Δ a/(a - 1) on fresh data, (a - 1)/a on old."""
    shift, alpha, colors = 2.5, 1.7, 2
    a = alpha * colors
    solution = solve(problem(alpha, 0.0, shift, colors, joint))
    resolvent = 0.5 * (shift - np.sqrt(shift**2 - 4))
    rho = resolvent - 1 / shift if joint else resolvent / shift**2
    assert solution.m == pytest.approx(rho, rel=1e-10)
    assert solution.V * (a - 1) == pytest.approx(1, rel=1e-10)
    assert solution.test_loss == pytest.approx(0.5 * colors / shift * a / (a - 1), rel=1e-10)
    assert solution.train_loss == pytest.approx(0.5 * colors / shift * (a - 1) / a, rel=1e-10)
    assert existence_threshold(GaussianTokens(shift, colors), "squared-error") == 1 / colors


@pytest.mark.parametrize(("shift", "alpha", "colors"), [(2.2, 3.0, 1), (3.0, 0.4, 2), (2.05, 1, 5)])
def test_best_weight_decay_is_the_shift(shift, alpha, colors):
    lam, solution = optimal_lam(problem(alpha, 1.0, shift, colors))
    assert lam == pytest.approx(shift, rel=1e-6)
    # Matched to its prior the estimate is the posterior mean, whose overlaps are equal.
    assert solution.m == pytest.approx(solution.q, rel=1e-6)


@pytest.mark.parametrize("joint", [False, True])
@pytest.mark.parametrize(
    ("alpha", "lam", "shift", "colors"),
    [(1, 50, 2.6, 1), (0.2, 1, 2.6, 2), pytest.param(4, 2.6, 2.6, 2, marks=pytest.mark.slow)],
)
def test_theory_is_the_limit_of_long_sequences(alpha, lam, shift, colors, joint):
    """Extrapolated in 1/L, within four standard errors: false alarm below one in a thousand."""
    case = problem(alpha, lam, shift, colors, joint)
    points = average_seeds(
        Table(
            line
            for sites, seeds in ((50, 120), (100, 60), (200, 30))
            for line in simulate_many(
                [case], [sites], range(seeds), rows=20 if joint else 4
            ).lines()
        )
    )
    solution = solve(case)
    for name in ("test_loss", "train_loss", "coupling_error", "m", "q"):
        limit = extrapolate(points["sites"], points[name], points[f"{name}_stderr"])
        assert abs(limit.value - getattr(solution, name)) < 4 * limit.stderr, name
    assert limit.stderr < 0.1 * limit.value


def test_ridge_regression_on_sampled_vectors():
    """Four standard errors over 100 matrices: false alarm below one in ten thousand."""
    rng = np.random.default_rng(5)
    sites, samples, shift, lam, colors = 100, 120, 2.4, 0.3, 2
    losses = []
    for _ in range(100):
        noise = rng.standard_normal((sites + 1, sites + 1)) / np.sqrt(2 * sites)
        covariance = np.linalg.inv(shift * np.eye(sites + 1) + noise + noise.T)
        root = np.linalg.cholesky(covariance)
        x = root @ rng.standard_normal((sites + 1, samples * colors))
        losses.append(
            np.mean([ridge(x, covariance, site, sites * lam) for site in range(5)], axis=0)
        )
    solution = solve(problem(samples / sites, lam, shift, colors))
    mean = colors / 2 * np.mean(losses, axis=0)
    error = colors / 2 * np.std(losses, axis=0, ddof=1) / 10
    assert np.all(error < 0.01 * mean)
    assert np.all(np.abs(mean - [solution.test_loss, solution.train_loss]) < 4 * error)


def ridge(x: np.ndarray, covariance: np.ndarray, site: int, penalty: float) -> tuple[float, float]:
    """Mean squared error of predicting one site, on fresh and on old samples."""
    rest = np.delete(x, site, 0)
    w = np.linalg.solve(rest @ rest.T + penalty * np.eye(len(rest)), rest @ x[site])
    direction = np.insert(-w, site, 1.0)
    return float(direction @ covariance @ direction), float(np.mean((direction @ x) ** 2))


@pytest.mark.parametrize("shift", [2.0, -3.0, float("nan"), "three"])
def test_bad_shift(shift):
    with pytest.raises(ValueError, match=r"shift = .* greater than 2"):
        GaussianTokens(shift)


@pytest.mark.parametrize(
    ("data", "loss"),
    [(GaussianTokens(3.0), "squared-error"), (PottsTokens(3, 1.5), "cross-entropy")],
)
def test_the_loss_that_the_data_have_is_taken_where_none_is_named(data, loss):
    assert Problem(2.0, 0.1, data).loss == loss
    assert Problem(2.0, 0.1, data) == Problem(2.0, 0.1, data, None) == Problem(2.0, 0.1, data, loss)
    assert existence_threshold(data) == existence_threshold(data, None)
    assert existence_threshold(data) == existence_threshold(data, loss)


def test_cross_entropy_makes_no_sense():
    with pytest.raises(ValueError, match=r"loss = 'cross-entropy' .* one of squared-error"):
        Problem(1.0, 0.1, GaussianTokens(3.0), "cross-entropy")
