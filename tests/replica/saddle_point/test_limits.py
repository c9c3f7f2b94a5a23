"""Limits in which the learning curve is known."""

from __future__ import annotations

import re

import numpy as np
import pytest
import reference_solver
from scipy.integrate import quad_vec
from scipy.special import log_ndtr, ndtr
from scipy.stats import multivariate_normal

from replica import GaussianTokens, IndependentTokens, PottsTokens, Problem, solve, sweep
from replica.quadrature.error_rate import error_rate

LOSSES = ("cross-entropy", "squared-error")

pytestmark = pytest.mark.filterwarnings("ignore::replica.ParamagnetWarning")


@pytest.mark.parametrize(
    ("colors", "channel"),
    [
        (2, reference_solver.logistic_channel),
        (3, lambda m, q, V: reference_solver.dense_channel(3, m, q, V, 60)),
    ],
)
@pytest.mark.parametrize("lam", [0.0, 1e-10])
def test_the_spectrum_disappears_with_the_weight_decay(colors, channel, lam):
    alpha, beta = 5.0, 0.7 * colors
    solution = solve(Problem(alpha, lam, PottsTokens(colors, beta)))
    rho = beta**2 / colors
    start = [solution.m_hat, solution.q_hat, solution.V_hat]
    hats = reference_solver.saddle_point(
        alpha, lambda h: reference_solver.white_row(rho, h), channel, start
    )
    m, q, V = reference_solver.white_row(rho, hats)[:3]
    assert (solution.m, solution.q, solution.V) == pytest.approx((m, q, V), rel=1e-8)
    assert solution.test_loss == pytest.approx(reference_solver.fresh_loss(colors, m, q), rel=1e-8)
    assert solution.train_loss == pytest.approx(channel(m, q, V).loss, rel=1e-8)


@pytest.mark.parametrize("loss", LOSSES)
def test_only_the_coupling_error_knows_the_spectrum(loss):
    """At λ = 0 the row is (m̂/V̂) w* plus noise of covariance (q̂/V̂²) G^{-1}, <1/G> = C (1 +
    b²)."""
    colors, beta, alpha = 4, 2.0, 4.0
    solution = solve(Problem(alpha, 0.0, PottsTokens(colors, beta), loss))
    ratio = solution.m_hat / solution.V_hat
    inverse = colors * (1 + (beta / colors) ** 2)
    distance2 = beta**2 * (1 - ratio) ** 2 + solution.q_hat / solution.V_hat**2 * inverse
    assert solution.coupling_error == pytest.approx(distance2 / beta**2, rel=1e-9)


@pytest.mark.parametrize("colors", [2, 3, 20])
def test_excess_loss_of_many_samples(colors):
    """The asymptotic excess, 1/(2 alpha), with the next order taken out by extrapolation."""
    alphas = np.array([500.0, 1000.0, 2000.0])
    curve = sweep(Problem(1.0, 1e-9, PottsTokens(colors, 0.5 * colors)), alphas)
    scaled = curve["excess_loss"] * alphas
    assert scaled[-1] == pytest.approx(0.5, rel=0.01)
    assert 2 * scaled[-1] - scaled[-2] == pytest.approx(0.5, rel=1e-3)


def test_squared_error_interpolates_below_its_threshold():
    """At vanishing weight decay: zero training loss, then a peak, then (1 - 1/(alpha (C-1)))."""
    colors, beta = 3, 1.5
    data = PottsTokens(colors, beta)

    def at(alpha: float, lam: float = 1e-9):
        return solve(Problem(alpha, lam, data, "squared-error"))

    assert at(0.3).train_loss < 1e-10
    assert at(0.5).test_loss > 100 * at(0.3).test_loss
    alpha, rho = 2.0, beta**2 / colors
    # m = ρ (1-m)/C and q V̂² = ρ m̂² + q̂ at V = 1/V̂.
    m = rho / (colors + rho)
    a = alpha * (colors - 1)
    q = (rho * ((1 - m) / colors) ** 2 * a**2 + a * (1 - m) ** 2 / colors) / (a**2 - a)
    assert at(alpha, 0.0).m == pytest.approx(m, rel=1e-10)
    assert at(alpha, 0.0).q == pytest.approx(q, rel=1e-10)
    assert pytest.approx(1 / (a - 1), rel=1e-10) == at(alpha, 0.0).V


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("colors", [2, 3, 20])
def test_nothing_to_learn(colors, loss):
    solution = solve(Problem(2.0, 0.1, PottsTokens(colors, 0.0), loss))
    best = np.log(colors) if loss == "cross-entropy" else 0.5 * (1 - 1 / colors)
    assert solution.optimal_loss == pytest.approx(best, rel=1e-12)
    assert solution.m == pytest.approx(0.0, abs=1e-15)
    assert solution.error_rate == pytest.approx(1 - 1 / colors, rel=1e-10)
    assert np.isnan(solution.coupling_error)
    assert solution.test_loss > best > solution.train_loss


@pytest.mark.parametrize("loss", LOSSES)
def test_error_rate_of_two_colors(loss):
    solution = solve(Problem(1.3, 0.02, PottsTokens(2, 1.2), loss))
    exact = ndtr(-solution.m / np.sqrt(2 * solution.q))
    assert solution.error_rate == pytest.approx(exact, rel=1e-11)


def test_error_rate_of_three_colors():
    solution = solve(Problem(1.3, 0.02, PottsTokens(3, 1.2)))
    margins = np.full(2, solution.m / np.sqrt(solution.q))
    right = multivariate_normal.cdf(margins, cov=[[2, 1], [1, 2]], abseps=1e-11, releps=1e-11)
    assert solution.error_rate == pytest.approx(1 - right, rel=1e-8)


@pytest.mark.parametrize(
    ("colors", "separation"), [(2, -0.5), (3, 0.3), (3000, 1.4), (400, 18.0), (5, 30.0)]
)
def test_error_rate_of_many_colors_and_of_sharp_fields(colors, separation):
    """Down to 1e-99, by an adaptive rule that is told where the errors are made."""
    peak = -0.5 * max(separation, 0.0)

    def wrong(x):
        right = (colors - 1) * log_ndtr(x + separation)
        return -np.expm1(right) * np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi)

    exact = quad_vec(wrong, peak - 9, 9, epsrel=1e-12, epsabs=0, points=(peak, 0, 2, 4))[0]
    assert error_rate(colors, separation, 1.0) == pytest.approx(exact, rel=1e-11)


@pytest.mark.parametrize("colors", [5, 20, 100])
def test_error_rate_by_sampling(colors):
    """Four standard errors at three points: a false alarm once in 5000 seeds."""
    solution = solve(Problem(3.0, 0.1, PottsTokens(colors, 0.3 * colors)))
    samples = 2_000_000 // colors
    fields = np.sqrt(solution.q) * np.random.default_rng(colors).standard_normal((samples, colors))
    fields[:, 0] += solution.m
    wrong = fields.argmax(axis=1) != 0
    assert abs(wrong.mean() - solution.error_rate) < 4 * wrong.std() / np.sqrt(samples)


@pytest.mark.parametrize(("colors", "beta"), [(2, 1.3), (3, 2.4), (4, 2.0)])
def test_optimal_squared_error(colors, beta):
    """½ (1 - E|softmax(ν)|²) by the definition, with fields ν of covariance ρ K0 around ρ e_y."""
    noise, weights = reference_solver.dense_fields(colors, {2: 160, 3: 90, 4: 50}[colors])
    rho = beta**2 / colors
    fields = np.sqrt(rho) * noise
    fields[:, 0] += rho
    p = np.exp(fields) / np.exp(fields).sum(axis=1, keepdims=True)
    best = 0.5 * (1 - weights @ (p**2).sum(axis=1))
    solution = solve(Problem(2.0, 0.1, PottsTokens(colors, beta), "squared-error"))
    assert solution.optimal_loss == pytest.approx(best, rel=1e-9)


@pytest.mark.parametrize("data", [PottsTokens, IndependentTokens])
def test_the_most_colors(data):
    """The limit of many colours, as below; a matrix over the colours would be 80 GB."""
    colors, decay, alpha = 100_000, 0.5, 1.0
    found = solve(Problem(alpha, decay / colors, data(colors, 1.0)))
    V = 1 / (decay + alpha)
    assert found.q == pytest.approx(alpha * V**2, rel=1e-4)
    assert found.test_loss - np.log(colors) == pytest.approx(alpha * V**2 / 2, abs=1e-4)
    with pytest.raises(ValueError, match=r"colors = 100001 .* from 2 to 100000"):
        data(colors + 1, 1.0)


@pytest.mark.parametrize(("rho", "decay", "alpha"), [(0.5, 0.5, 1.0), (1.0, 0.1, 4.0)])
def test_many_colors(rho, decay, alpha):
    """ρ = β²/C and λC fixed: a Gaussian row, and losses of annealed free energies."""
    V = 1 / (decay + alpha)
    m, q = rho * alpha * V, (rho * alpha**2 + alpha) * V**2
    limit = np.array([m, q, V, q / 2 - m, q / 2 - m - V, -rho / 2, (rho - 2 * m + q) / rho])

    def solved(colors: int) -> np.ndarray:
        s = solve(Problem(alpha, decay / colors, PottsTokens(colors, np.sqrt(rho * colors))))
        losses = np.array([s.test_loss, s.train_loss, s.optimal_loss]) - np.log(colors)
        return np.array([s.m, s.q, s.V, *losses, s.coupling_error])

    fewer, many = solved(250), solved(1000)
    np.testing.assert_allclose(many, limit, atol=0.003)
    # The distance is of order 1/C; what is left without that term, of order 1/C².
    np.testing.assert_allclose((4 * many - fewer) / 3, limit, atol=2e-4)


@pytest.mark.parametrize(
    ("model", "values", "told"),
    [
        (
            PottsTokens,
            (3, 2.9999999),
            "beta = 2.9999999 is not allowed: beta must be such that |b|",
        ),
        (
            GaussianTokens,
            (2.0 + 1e-12,),
            "shift = 2.000000000001 is not allowed: shift must be 2.0",
        ),
    ],
)
def test_too_close_to_the_end_of_the_paramagnet(model, values, told):
    """The spectrum would need gigabytes."""
    with pytest.raises(ValueError, match="^" + re.escape(told)):
        solve(Problem(2.0, 0.1, model(*values)))
