"""Stability of the replica-symmetric solution."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize
from scipy.special import softmax

from replica import GaussianTokens, PottsTokens, Problem, existence_threshold, solve, stability
from replica.channels.potts_cross_entropy import CrossEntropyChannel
from replica.ensembles import ensemble_of
from replica.quadrature.rule import Accuracy
from simulations import PottsModel, extrapolate, sample, train

CIRCULANT = [[1, 0.5, 0, 0.5], [0.5, 1, 0.5, 0], [0, 0.5, 1, 0.5], [0.5, 0, 0.5, 1]]


def test_squared_error_is_the_derivative_of_the_local_variance():
    """Its curvature is the same everywhere: dV/dλ = -<G/D²>/replicon, by differences in λ."""
    problem = Problem(1.5, 0.2, PottsTokens(3, 1.5), "squared-error")
    step = 1e-4
    above, below = (solve(problem.at(lam=0.2 + sign * step)).V for sign in (1, -1))
    solution, spectrum = solve(problem), ensemble_of(problem.data).spectrum
    G = spectrum.covariances[0]
    fluctuation = spectrum.weights @ (G / (0.2 + solution.V_hat * G) ** 2)
    expected = -fluctuation * 2 * step / (above - below)
    assert stability(solution).replicon == pytest.approx(expected, rel=1e-7)


def test_gaussian_tokens_are_ridge_regression():
    """At κ → ∞, G = 1/κ, and the replicon is 1 - a/(1 + V)² (V/1)²."""
    solution = solve(Problem(2.0, 5.0, GaussianTokens(1e4), "squared-error"))
    expected = 1 - 2.0 * (solution.V / (1 + solution.V)) ** 2
    assert stability(solution).replicon == pytest.approx(expected, rel=1e-6)


@pytest.mark.slow
def test_susceptibility_of_trained_rows():
    """On trained rows, extrapolated in 1/L; three standard errors: false alarm one in 370.

    With the curvature H of the loss held fixed, A = Σ_μ Xᵀ_μ H_μ X_μ + Lλ is the Hessian of a
    row, V = tr G A^{-1}, and -dV/dλ = L tr A^{-1} G A^{-1} = <G/D²>/replicon.
    """
    problem = Problem(1.2, 0.05, PottsTokens(3, 1.5))
    solution, spectrum = solve(problem), ensemble_of(problem.data).spectrum
    G = spectrum.covariances[0]
    fluctuation = spectrum.weights @ (G / (problem.lam + solution.V_hat * G) ** 2)
    sizes = {50: 60, 100: 30, 200: 12}
    means, errors = [], []
    for sites, seeds in sizes.items():
        found = [susceptibility(problem, sites, seed, rows=6) for seed in range(seeds)]
        means.append(np.mean(found))
        errors.append(np.std(found, ddof=1) / np.sqrt(seeds))
    limit = extrapolate(list(sizes), means, errors)
    expected = fluctuation / stability(solution).replicon
    assert limit.stderr < 0.02 * expected
    assert abs(limit.value - expected) < 3 * limit.stderr
    # The bare fluctuation would be wrong by far more.
    assert abs(limit.value - fluctuation) > 6 * limit.stderr


def susceptibility(problem: Problem, sites: int, seed: int, rows: int) -> float:
    data = problem.data
    model = PottsModel.random(data, sites, seed)
    J = np.asarray(model.couplings)
    tokens = np.asarray(sample(model, round(problem.alpha * sites), 1000 + seed)).astype(int)
    training = train(tokens, data.colors, problem.lam, rows=range(rows))
    onehot = np.eye(data.colors)[tokens]
    found = []
    for row, w in enumerate(np.asarray(training.weights)):
        rest = np.delete(np.arange(sites), row)
        others = J[np.ix_(rest, rest)]
        precision = np.diag(1 + data.b**2 * (others**2).sum(axis=1)) - data.b * others
        G = np.linalg.inv(precision) / data.colors
        fields = np.einsum("j,mja->ma", w[rest], onehot[:, rest])
        p = np.exp(fields - fields.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        seen = onehot[:, rest]
        mean = np.einsum("mja,ma->mj", seen, p)
        A = np.einsum("mja,ma,mka->jk", seen, p, seen, optimize=True) - mean.T @ mean
        A += sites * problem.lam * np.eye(sites - 1)
        inverse = np.linalg.inv(A)
        found.append(sites * np.trace(inverse @ G @ inverse))
    return float(np.mean(found))


@pytest.mark.parametrize("colors", [2, 3, 5, pytest.param(20, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("factor", "lam"), [(0.5, 1e-4), (1.05, 1e-6), (3.0, 0.1)])
def test_convexity_keeps_the_solution_stable(colors, factor, lam):
    """tr K² <= tr K/V, so the replicon is at least 1 - <V̂G²/D²>/<G/D>, which is positive."""
    data = PottsTokens(colors, 0.2 * colors)
    solution = solve(Problem(factor * existence_threshold(data), lam, data))
    spectrum = ensemble_of(data).spectrum
    G, weights = spectrum.covariances[0], spectrum.weights
    D = lam + solution.V_hat * G
    least = 1 - solution.V_hat * (weights @ (G / D) ** 2) / (weights @ (G / D))
    found = stability(solution)
    assert found.stable
    assert found.quadrature_error < 1e-3
    assert least - 3 * found.quadrature_error <= found.replicon < 1


def test_one_mode_by_the_code_of_many():
    """U = 2I at β is U = I at 2β with a quarter of the weight decay."""
    scaled = stability(solve(Problem(2.0, 0.1, PottsTokens(4, 1.0, 2 * np.eye(4)))))
    plain = stability(solve(Problem(2.0, 0.025, PottsTokens(4, 2.0))))
    assert scaled.replicon == pytest.approx(plain.replicon, rel=1e-9)


def test_a_mode_without_field_changes_nothing():
    found = stability(solve(Problem(2.0, 0.1, PottsTokens(4, 2.0, CIRCULANT))))
    assert found.stable
    assert found.quadrature_error < 1e-9


@pytest.mark.parametrize("colors", [2, 3, pytest.param(7, marks=pytest.mark.slow)])
def test_mean_square_response_by_sampling(colors):
    """Four standard errors: false alarm once in 10^4. K = H (1 + V H)^{-1} by linear algebra."""
    m, q, V = 0.62, 1.13, 0.889
    found = CrossEntropyChannel(colors).response_square(
        *(np.array([value]) for value in (m, q, V)), Accuracy.FINE
    )
    rng = np.random.default_rng(colors)
    squares = []
    for noise in rng.standard_normal((3000, colors)):
        omega = m * np.eye(colors)[0] + np.sqrt(q) * noise
        h = optimize.root(lambda h, o=omega: h - o - V * (np.eye(colors)[0] - softmax(h)), omega).x
        p = softmax(h)
        H = np.diag(p) - np.outer(p, p)
        K = np.linalg.solve(np.eye(colors) + V * H, H)
        squares.append(np.trace(K @ K))
    error = np.std(squares, ddof=1) / np.sqrt(len(squares))
    assert error < 0.02 * found[0, 0]
    assert abs(np.mean(squares) - found[0, 0]) < 4 * error


def test_only_converged_solutions():
    unfinished = solve(Problem(2.0, 0.1, PottsTokens(3, 1.5)), check=False, max_steps=2)
    with pytest.raises(ValueError, match="solution = 'max-steps'"):
        stability(unfinished)


def test_very_many_colours_are_refused():
    with pytest.raises(ValueError, match=r"colors = 301 .* at most 300"):
        stability(solve(Problem(2.0, 0.1, PottsTokens(301, 4.0))))
