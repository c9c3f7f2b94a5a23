"""Independent tokens: published state evolution, dense quadrature, sampling, closed forms."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import reference_solver
from scipy.optimize import minimize_scalar
from scipy.special import expit, logsumexp, ndtr

from replica import (
    ConvergenceError,
    IndependentTokens,
    PottsTokens,
    Problem,
    existence_threshold,
    free_energy,
    solve,
)
from replica.channels.independent_cross_entropy import IndependentCrossEntropyChannel
from replica.cli import main
from replica.ensembles.independent import IndependentLaw
from replica.losses.cross_entropy import CrossEntropyPoints
from replica.quadrature.cone_distance import squared_distance
from replica.quadrature.exchangeable_race import ExchangeableRaceRule
from replica.quadrature.exchangeable_race_grid import RaceGridRule, race_rule
from replica.quadrature.point_sum import PointRule
from replica.quadrature.race_distance import race_distance
from replica.quadrature.rule import Accuracy
from replica.quadrature.softmax_race import log_normaliser, uncertainty, wrong_guess


def logistic(kappa: float, gamma: float) -> tuple[float, float, float]:
    """α*, σ* and λ* of Sur & Candès: h_1 - h_2 is their linear predictor, of p/n = κ = 1/α.

    |w*| = γ, w*·w = α* γ², |w|² = α*² γ² + κ σ*²; their prox moves one number where
    ours moves two in opposite directions, so λ* = 2V.
    """
    solution = solve(Problem(1 / kappa, 0.0, IndependentTokens(2, gamma)))
    assert solution.quadrature_error < 1e-8
    bias = 2 * solution.m / gamma**2
    variance = (2 * solution.q - (bias * gamma) ** 2) / kappa
    return bias, np.sqrt(variance), 2 * solution.V


@pytest.mark.parametrize(
    ("theta", "row"),
    [
        (0.0, (1.50, 4.75, 3.03)),
        (0.5, (1.51, 4.84, 3.12)),
        (1.0, (1.55, 5.13, 3.42)),
        (2.0, (1.75, 6.45, 4.83)),
        (2.5, (1.95, 7.73, 6.26)),
    ],
)
def test_published_state_evolution_of_logistic_regression(theta, row):
    """Q. Zhao, P. Sur, E. Candès, Bernoulli 28, 1835 (2022), arXiv:2001.09351, Table 13.

    κ = 0.2, γ² = 5 + θ², no intercept, to one unit of the last digit; the equations are those
    of Sur & Candès, arXiv:1803.06964. The R package brglm2 tests itself on the same rows.
    """
    assert logistic(0.2, np.sqrt(5 + theta**2)) == pytest.approx(row, abs=0.0101)


def test_documented_example_of_another_package():
    """The R package glmhd prints α* = 1.169051, σ* = 3.349089 (`find_param`), good to 2e-3."""
    bias, deviation, _ = logistic(0.1, np.sqrt(5))
    assert (bias, deviation) == pytest.approx((1.169051, 3.349089), rel=2e-3)


@pytest.mark.parametrize(("norm", "lam"), [(0.5, 0.1), (1.5, 0.01), (3.0, 1.0)])
def test_two_colours_by_scipy(norm, lam):
    """The equations of the logistic variable, solved by `scipy.optimize.root`."""
    rho, alpha = norm**2 / 2, 2.5
    x = np.linspace(-8.5, 8.5, 240)
    weights = np.exp(-0.5 * x * x) * (x[1] - x[0]) / np.sqrt(2 * np.pi)

    def channel(m, q, V):
        """All fields have components ±h/√2 around their mean."""
        w = np.outer(weights, weights).ravel()
        one, two = (grid.ravel() for grid in np.meshgrid(x, x, indexing="ij"))
        omega, nu = np.sqrt(q) * one, m / np.sqrt(q) * one + np.sqrt(rho - m * m / q) * two
        h = omega.copy()
        for _ in range(12):
            wrong = expit(-np.sqrt(2) * h)
            h -= (h - omega - V * np.sqrt(2) * wrong) / (1 + 2 * V * wrong * (1 - wrong))
        wrong, law = expit(-np.sqrt(2) * h), expit(np.sqrt(2) * nu)
        curvature = 2 * wrong * (1 - wrong)
        w2 = 2 * w * law
        return reference_solver.Channel(
            w2 @ (2 * (1 - law) * wrong),
            w2 @ (2 * wrong**2),
            w2 @ (curvature / (1 + V * curvature)),
            w2 @ -np.log(1 - wrong),
        )

    def white(hats):
        """m, q, V with G = 1/2 and weight decay."""
        m_hat, q_hat, V_hat = hats
        D = lam + V_hat / 2
        m, V = norm**2 * m_hat / 4 / D, 0.5 / D
        q = (norm**2 * m_hat**2 / 8 + q_hat / 4) / D**2
        return reference_solver.Row(m, q, V, 2 * m, 2 * q)

    solution = solve(Problem(alpha, lam, IndependentTokens(2, norm)))
    start = [solution.m_hat, solution.q_hat, solution.V_hat]
    hats = reference_solver.saddle_point(alpha, white, channel, start)
    expected = white(hats)
    assert (solution.m, solution.q, solution.V) == pytest.approx(expected[:3], rel=1e-7)
    losses = channel(*expected[:3])
    assert solution.train_loss == pytest.approx(losses.loss, rel=1e-7)


def test_three_colours_by_dense_quadrature():
    """Gauss-Hermite over fields and true fields in four dimensions."""
    m, q, rho, V = 0.9, 1.2, 1.4, 0.8
    x, weights = np.polynomial.hermite_e.hermegauss(22)
    points = np.stack(np.meshgrid(*[x] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    w = np.stack(np.meshgrid(*[weights / weights.sum()] * 4, indexing="ij"), axis=-1)
    w = w.reshape(-1, 4).prod(axis=1)
    basis = reference_solver.orthogonal_to_ones(3).T
    omega = np.sqrt(q) * points[:, :2] @ basis
    nu = m / q * omega + np.sqrt(rho - m * m / q) * points[:, 2:] @ basis
    law = np.exp(nu) / np.exp(nu).sum(axis=1, keepdims=True)
    p = reference_solver.probabilities(omega, V)
    one = np.array([1.0, 0.0, 0.0])
    r = p / (1 + V * p)
    w = 3 * w * law[:, 0]
    expected = [
        w @ ((one - law) * (one - p)).sum(axis=1),
        w @ ((one - p) ** 2).sum(axis=1),
        w @ (r.sum(axis=1) - (r * r).sum(axis=1) / r.sum(axis=1)),
        w @ -np.log(p[:, 0]),
    ]
    order = np.array([m]), np.array([q]), np.array([V])
    channel = IndependentCrossEntropyChannel(IndependentLaw(3, rho))
    rule = channel.rule(*order)
    for accuracy, error in ((Accuracy.COARSE, 1e-3), (Accuracy.FINE, 1e-8), (Accuracy.FINER, 1e-8)):
        found = rule.averages(*order, accuracy)
        values = [found.overlap[0], found.energy[0], found.response[0], found.loss]
        assert values == pytest.approx(expected, rel=error)
    H = np.einsum("ia,ab->iab", p, np.eye(3)) - p[:, :, None] * p[:, None, :]
    K = H @ np.linalg.inv(np.eye(3) + V * H)
    square = channel.response_square(*order, Accuracy.FINE)
    # Poles of the square are twice as strong, and Gauss-Hermite feels them first.
    assert square[0, 0] == pytest.approx(w @ (K**2).sum(axis=(1, 2)), rel=1e-7)
    fresh = w @ (np.log(np.exp(omega).sum(axis=1)) - omega[:, 0])
    assert channel.test_loss(*order[:2], Accuracy.FINE) == pytest.approx(fresh, rel=1e-8)


def gaps(one, other) -> list[float]:
    pairs = zip(one, other, strict=True)
    return [abs(float(np.ravel(a)[0] / np.ravel(b)[0]) - 1) for a, b in pairs]


@pytest.mark.parametrize("colors", [pytest.param(5, marks=pytest.mark.slow), 9])
def test_rules_for_the_same_averages(colors, monkeypatch):
    """Lattice, exchangeability and Sobol points share the prox and the race only."""
    order = np.array([0.5]), np.array([0.8]), np.array([1.3])
    law = IndependentLaw(colors, 0.6)
    rule = PointRule(law, CrossEntropyPoints(), *order[:2])
    lattice = rule.averages(*order, Accuracy.FINER)
    one = ExchangeableRaceRule.near(colors, 0.6, 0.8, 1.3)
    grid = race_rule(colors, 0.6, 0.8, 1.3)
    assert isinstance(grid, RaceGridRule)
    for exchange, errors in ((one, (1e-4, 1e-9, 1e-9)), (grid, (1e-4, 2e-10, 1e-10))):
        for accuracy, error in zip(Accuracy, errors, strict=True):
            assert max(gaps(exchange.averages(*order, accuracy), lattice)) < error
    assert grid.common_error < 1e-10
    monkeypatch.setattr("replica.ensembles.independent.lattice_near", lambda *_: None)
    sampled = gaps(rule.averages(*order, Accuracy.FINE), lattice)
    assert max(sampled) < 3e-4
    # The stated error covers the difference.
    assert 1e-7 < rule.common_error < 1e-3
    assert max(sampled) < 8 * rule.common_error


def test_a_rule_that_misses_one_is_left_for_another():
    """Too few terms, which the average of the weight tells."""
    order = np.array([0.5]), np.array([6.0]), np.array([5.0])
    rule = race_rule(10, 0.9, 6.0, 5.0)
    poor = replace(rule, bases=[replace(rule.bases[0], terms=1)])
    one = ExchangeableRaceRule.near(10, 0.9, 6.0, 5.0)
    found, other = (each.averages(*order, Accuracy.FINE) for each in (poor, one))
    assert found == other
    assert poor.common_error > one.common_error


@pytest.mark.slow
def test_many_colours_near_the_threshold():
    """Where the fields are large: the rule for many colours against the lattice for few."""
    data = IndependentTokens(4, 1.5)
    alpha = 1.1 * existence_threshold(data)
    lattice = solve(Problem(alpha, 0.0, data))
    order = (np.array([getattr(lattice, name)]) for name in ("m", "q", "V"))
    m, q, V = order
    hats = lattice.m_hat, lattice.q_hat, lattice.V_hat
    for near in (ExchangeableRaceRule.near, race_rule):
        averages = near(4, 1.5**2 / 4, lattice.q, lattice.V).averages(m, q, V, Accuracy.FINE)
        assert [alpha * float(x[0]) for x in averages[:3]] == pytest.approx(hats, rel=1e-8)
    many = IndependentTokens(12, 3.0)
    close = solve(Problem(1.05 * existence_threshold(many), 0.0, many))
    assert close.q > 20
    assert close.quadrature_error < 1e-6


@pytest.mark.parametrize(("colors", "m", "q", "rho"), [(2, 0.4, 1.0, 0.7), (6, 1.5, 2.0, 3.0)])
def test_fresh_fields_by_sampling(colors, m, q, rho):
    """Four standard errors at eight averages: a false alarm once in two thousand seeds."""
    rng = np.random.default_rng(colors)
    omega = np.sqrt(q) * rng.standard_normal((400_000, colors))
    nu = m / q * omega + np.sqrt(rho - m * m / q) * rng.standard_normal(omega.shape)
    law = np.exp(nu) / np.exp(nu).sum(axis=1, keepdims=True)
    right = np.take_along_axis(law, omega.argmax(axis=1)[:, None], axis=1)[:, 0]
    token = (nu + rng.gumbel(size=nu.shape)).argmax(axis=1)
    # The first of two equally distributed names changes places with the token.
    swapped = omega / np.sqrt(q)
    lines = np.arange(len(token))
    swapped[lines, 0], swapped[lines, token] = swapped[lines, token], swapped[lines, 0]
    fine = Accuracy.FINE
    for sampled, exact in (
        (1 - right, wrong_guess(colors, m, q, rho, fine)),
        (1 - (law**2).sum(axis=1), uncertainty(colors, rho, fine)),
        (np.log(np.exp(nu).sum(axis=1)), log_normaliser(colors, rho, fine)),
        (reference_solver.projected_distance2(swapped), race_distance(colors, m / np.sqrt(q), rho)),
    ):
        assert abs(sampled.mean() - exact) < 4 * sampled.std() / np.sqrt(len(sampled))


@pytest.mark.parametrize("norm", [0.5, np.sqrt(5), 4.0])
def test_threshold_of_logistic_regression(norm):
    """κ = min_t E (Z - tYX)²_+, equation (1.4) of Candès & Sur, arXiv:1804.09753, b_0 = 0."""
    x, weights = np.polynomial.hermite_e.hermegauss(200)
    weights = weights / weights.sum()

    def beyond(a):
        return (1 + a * a) * ndtr(-a) - a * np.exp(-0.5 * a * a) / np.sqrt(2 * np.pi)

    def missed(t):
        return weights @ (expit(norm * x) * beyond(t * x) + expit(-norm * x) * beyond(-t * x))

    best = minimize_scalar(missed, bounds=(0, 20), method="bounded", options={"xatol": 1e-9})
    threshold = existence_threshold(IndependentTokens(2, norm))
    assert threshold == pytest.approx(1 / best.fun, rel=2e-8)


@pytest.mark.parametrize("colors", [3, 10, 35, 100, 197])
def test_tokens_that_nothing_determines_are_as_far_from_the_cone_as_noise(colors):
    """Two integrals by different steps; the first once had too few levels for many colours."""
    assert race_distance(colors, 0.0, 1e-12) == pytest.approx(squared_distance(colors, 0), rel=1e-8)


@pytest.mark.parametrize("c", [0.5, 3.0, 12.0])
def test_distance_of_three_colours_in_the_plane_of_their_fields(c):
    """Tokens of softmax(c ξ), the stronger the nearer to the boundary of their cone."""
    r, radial = np.polynomial.legendre.leggauss(300)
    r, radial = 5.0 * (r + 1.0), 5.0 * radial
    # Between two neighbours of these angles either component 1 or one of the others is largest,
    # and the nearest point is on one edge of the cone, or its tip.
    edges = np.pi * np.array([-1, -5 / 6, -1 / 3, 0, 1 / 3, 5 / 6, 1])
    x, weights = np.polynomial.legendre.leggauss(200)
    angle = np.concatenate([(a + b + (b - a) * x) / 2 for a, b in pairwise(edges)])
    angular = np.concatenate([(b - a) / 2 * weights for a, b in pairwise(edges)])
    turned = angle[:, None] - 2 * np.pi / 3 * np.arange(3)
    xi = np.sqrt(2 / 3) * np.cos(turned) * r[:, None, None]
    share = np.exp(c * xi - logsumexp(c * xi, axis=-1, keepdims=True))[..., 0]
    outside = np.maximum(np.abs(angle) - np.pi / 3, 0.0)
    distance2 = np.where(outside < np.pi / 2, np.sin(outside), 1.0) ** 2 * r[:, None] ** 2
    plane = (radial * r * np.exp(-0.5 * r * r)) @ (share * distance2) @ angular / (2 * np.pi)
    assert race_distance(3, c, c * c) == pytest.approx(3 * plane, rel=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize(("colors", "norm"), [(3, 3.0), (6, 4.0), (40, 2.0)])
def test_threshold_is_the_least_of_fine_distances(colors, norm):
    """However it is searched: by the logarithm of t in place of an angle."""
    data = IndependentTokens(colors, norm)
    rho = norm**2 / colors

    def unsatisfied(log_t):
        spread = 1 + np.exp(2 * log_t) * rho
        return spread * race_distance(colors, np.exp(log_t) * rho / np.sqrt(spread), rho)

    best = minimize_scalar(
        unsatisfied, bounds=(-5.0, 2.0), method="bounded", options={"xatol": 1e-5}
    )
    assert existence_threshold(data) == pytest.approx(1 / best.fun, rel=1e-9)


def test_answer_above_the_threshold_and_refusal_below():
    data = IndependentTokens(3, 2.0)
    threshold = existence_threshold(data)
    assert solve(Problem(1.05 * threshold, 0.0, data)).residual < 2e-10
    with pytest.raises(ConvergenceError, match=f"alpha_c = {threshold:.8g}"):
        solve(Problem(0.98 * threshold, 0.0, data))


@pytest.mark.parametrize("excess", [2e-8, 2.0**-24, 1e-6, 1e-4])
def test_just_above_interpolation(excess):
    """Without weight decay V = 1/(α - 1), and the losses differ by the factor (1 + V)²."""
    alpha = 1.0 + excess
    solution = solve(Problem(alpha, 0.0, IndependentTokens(2, 1.0), "squared-error"))
    assert solution.V * (alpha - 1) == pytest.approx(1.0, rel=1e-6)
    ratio = solution.test_loss / solution.train_loss
    assert ratio == pytest.approx((alpha / (alpha - 1)) ** 2, rel=1e-6)


@pytest.mark.parametrize("loss", ["cross-entropy", "squared-error"])
def test_without_a_true_row_the_data_are_those_of_potts_tokens_without_couplings(loss):
    for colors in (2, 4):
        one = solve(Problem(1.3, 0.2, IndependentTokens(colors, 0.0), loss))
        other = solve(Problem(1.3, 0.2, PottsTokens(colors, 0.0), loss))
        for name in ("m", "q", "V", "test_loss", "train_loss", "optimal_loss", "error_rate"):
            expected = getattr(other, name)
            assert getattr(one, name) == pytest.approx(expected, rel=1e-8, abs=1e-15), name


def test_squared_error_without_weight_decay_is_least_squares():
    """Unbiased, with residuals inflated by αn/(αn - 1) on fresh and deflated on old tokens."""
    norm, alpha, n = 1.7, 1.9, 2
    rho = norm**2 / 3
    fields, weights = reference_solver.dense_fields(3, 60)
    law = np.exp(np.sqrt(rho) * fields)
    law /= law.sum(axis=1, keepdims=True)
    kappa = 1 - weights @ (law**2).sum(axis=1) / weights.sum()
    solution = solve(Problem(alpha, 0.0, IndependentTokens(3, norm), "squared-error"))
    residual = n / 3 - rho * kappa**2 / n
    assert solution.m == pytest.approx(rho * kappa / n, rel=1e-9)
    assert solution.test_loss == pytest.approx(
        0.5 * residual * alpha * n / (alpha * n - 1), rel=1e-9
    )
    assert solution.train_loss == pytest.approx(
        0.5 * residual * (alpha * n - 1) / (alpha * n), rel=1e-9
    )
    assert solution.optimal_loss == pytest.approx(0.5 * kappa, rel=1e-9)


@pytest.mark.parametrize("loss", ["cross-entropy", "squared-error"])
def test_free_energy_is_the_training_objective(loss):
    data = IndependentTokens(3, 2.0)
    solution = solve(Problem(1.5, 0.3, data, loss))
    assert isinstance(solution.q, float)
    objective = 1.5 * solution.train_loss + 0.15 * 3 * solution.q
    assert free_energy(solution) == pytest.approx(objective, rel=1e-9)


@pytest.mark.parametrize("norm", [-1.0, float("nan"), "two", float("inf")])
def test_bad_coupling_norm(norm):
    with pytest.raises(ValueError, match=r"coupling_norm = .* a number from 0 to 30"):
        IndependentTokens(3, norm)


def test_command_line(capsys):
    words = ["--data", "independent", "--colors", "2", "--coupling-norm", "1.5"]
    problem = ["--lam", "0.1", "--alpha", "2"]
    assert main(["solve", *words, *problem, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    solution = solve(Problem(2.0, 0.1, IndependentTokens(2, 1.5)))
    assert printed["test_loss"] == solution.test_loss
    assert (printed["data"], printed["coupling_norm"]) == ("independent", 1.5)
    assert main(["threshold", *words]) == 0
    assert float(capsys.readouterr().out) == pytest.approx(
        existence_threshold(solution.problem.data), rel=1e-9
    )
    assert main(["sweep", *words, "--lam", "0.1", "--alpha", "1,2"]) == 0
    (_, line) = csv.DictReader(capsys.readouterr().out.splitlines())
    assert line["coupling_norm"] == "1.5"
    assert float(line["temperature"]) == pytest.approx(solution.temperature, rel=1e-8)
    assert main(["solve", *words, *problem, "--beta", "1"]) == 2
    assert "beta = 1 is not allowed" in capsys.readouterr().err
    assert main(["solve", "--data", "independent", "--colors", "2", *problem]) == 2
    assert "coupling_norm = None is not allowed" in capsys.readouterr().err
