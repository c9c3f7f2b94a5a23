"""The Bayes bound and the best weight decay."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from scipy.special import expit

from replica import (
    CustomTokens,
    GaussianTokens,
    IndependentTokens,
    PottsTokens,
    Problem,
    bayes_bound,
    optimal_lam,
    solve,
)
from simulations import PottsModel, extrapolate, sample


def test_printed_bound_and_best_cross_entropy():
    assert bayes_bound(1.0, PottsTokens(2, 1.0)).test_loss == pytest.approx(0.66448, abs=5e-6)
    _, best = optimal_lam(Problem(1.0, 1.0, PottsTokens(2, 1.0)))
    assert best.test_loss == pytest.approx(0.6656, abs=2e-4)


@pytest.mark.parametrize("colors", [2, 3, pytest.param(6, marks=pytest.mark.slow)])
@pytest.mark.parametrize("b", [0.2, 0.5])
@pytest.mark.parametrize("alpha", [0.3, 1.0, 3.0, 20.0])
def test_no_weight_decay_beats_the_bound(colors, b, alpha):
    data = PottsTokens(colors, b * colors)
    lam, best = optimal_lam(Problem(alpha, 1.0, data))
    bound = bayes_bound(alpha, data)
    assert best.optimal_loss < bound.test_loss < best.test_loss
    assert bound.error_rate < best.error_rate
    assert bound.coupling_error < best.coupling_error
    for factor in (0.98, 1.02):
        assert solve(best.problem.at(lam=factor * lam)).test_loss > best.test_loss


#: Eigenvalues 0.8, twice, and 1.8 on the complement of 1.
CIRCULANT = [[1, -0.3, 0.2, -0.3], [-0.3, 1, -0.3, 0.2], [0.2, -0.3, 1, -0.3], [-0.3, 0.2, -0.3, 1]]


def test_bound_for_similar_colours():
    data = PottsTokens(3, 1.0, [[1, 0.5, 0.5], [0.5, 1, 0.5], [0.5, 0.5, 1]])
    _, best = optimal_lam(Problem(1.0, 1.0, data))
    bound = bayes_bound(1.0, data)
    assert best.optimal_loss < bound.test_loss < best.test_loss
    assert bound.coupling_error < best.coupling_error
    same, scaled = bayes_bound(1.0, PottsTokens(3, 1.5)), PottsTokens(3, 0.75, 2 * np.eye(3))
    assert bayes_bound(1.0, scaled).test_loss == pytest.approx(same.test_loss, rel=1e-10)


@pytest.mark.slow
def test_posterior_of_the_mixture_of_similar_colours():
    """Regression on Gaussian clusters; three standard errors: false alarm one in 60 of six."""
    data, alpha, sites = PottsTokens(4, 1.4, CIRCULANT), 1.5, 150
    values, vectors = np.linalg.eigh(np.array(CIRCULANT))
    outside = np.abs(vectors.sum(axis=0)) < 1e-9
    values, vectors = values[outside], vectors[:, outside]
    rng = np.random.default_rng(5)
    found = []
    for _ in range(24):
        noise = rng.standard_normal((sites, sites))
        J = (noise + noise.T) / np.sqrt(2 * sites)
        teacher = data.beta * rng.standard_normal(sites) / np.sqrt(sites)
        y = rng.integers(4, size=round(alpha * sites))
        precision, projection = np.eye(sites) * sites / data.beta**2, np.zeros(sites)
        covariances = []
        for u, v in zip(values, vectors.T, strict=True):
            b = data.b * u
            G = np.linalg.inv((1 + b * b) * np.eye(sites) - b * J) / 4
            # Tokens in this direction, times u: mean u G w* u v_y, covariance u² G.
            clean = rng.standard_normal((len(y), sites)) @ np.linalg.cholesky(G).T
            fields = u * (clean + u * np.outer(v[y], G @ teacher))
            projection += v[y] @ fields
            precision += u * u * G * (v[y] ** 2).sum()
            covariances.append(u * u * G)
        mean = np.linalg.solve(precision, projection)
        overlaps = [teacher @ G @ mean for G in covariances]
        found.append([overlaps[0], overlaps[1], overlaps[-1]])
    average = np.mean(found, axis=0)
    error = np.std(found, axis=0, ddof=1) / np.sqrt(len(found))
    distinct = np.unique(np.round(values, 9))
    expected = dict(zip(distinct, bayes_bound(alpha, data).m, strict=True))
    theory = np.array([expected[np.round(values[i], 9)] for i in (0, 1, -1)])
    assert (error < 0.1 * theory).all()
    assert (np.abs(average - theory) < 3 * error).all()


def test_best_weight_decay_by_plain_minimisation():
    problem = Problem(2.0, 1.0, PottsTokens(3, 1.5), "squared-error")
    plain = minimize_scalar(
        lambda x: solve(problem.at(lam=np.exp(x))).test_loss, bounds=(-3, 3), method="bounded",
        options={"xatol": 1e-7},
    )  # fmt: skip
    lam, solution = optimal_lam(problem)
    assert lam == pytest.approx(np.exp(plain.x), rel=1e-5)
    assert solution.test_loss <= plain.fun * (1 + 1e-14)


def test_nothing_to_learn_has_no_best_weight_decay():
    with pytest.raises(ValueError, match="finite weight decay"):
        optimal_lam(Problem(1.0, 1.0, PottsTokens(3, 0.0)))
    bound = bayes_bound(1.0, PottsTokens(3, 0.0))
    assert bound.test_loss == pytest.approx(np.log(3))
    assert bound.error_rate == pytest.approx(2 / 3)


def test_couplings_that_underflow_are_none():
    bound = bayes_bound(1.0, PottsTokens(2, 1e-100))
    assert (bound.m, bound.test_loss, bound.error_rate) == (0.0, np.log(2), 0.5)
    assert bound.coupling_error == pytest.approx(1.0)


@pytest.mark.filterwarnings("ignore::replica.ParamagnetWarning")
@pytest.mark.parametrize(
    ("model", "arguments"),
    [
        (PottsTokens, (1000, 900)),
        (PottsTokens, (2000, 1900)),
        (CustomTokens.from_spectrum, ([1], [1], [400], 2)),
        (CustomTokens.from_spectrum, ([1], [1], [400], 3)),
    ],
)
def test_loss_of_nearly_certain_tokens(model, arguments):
    """Each other colour leads the masked one by √(2m) z - m, and no two of them at a time."""
    data = model(*arguments)
    bound = bayes_bound(10.0, data)
    m = bound.m
    peak = np.sqrt(m / 2)
    one = quad(
        lambda z: np.log1p(np.exp(np.sqrt(2 * m) * z - m)) * np.exp(-0.5 * z * z),
        peak - 9, peak + 9, points=[peak], epsabs=0, epsrel=1e-11,
    )[0]  # fmt: skip
    expected = (data.colors - 1) * one / np.sqrt(2 * np.pi)
    assert 0 < expected < 1e-40
    assert bound.test_loss == pytest.approx(expected, rel=1e-9, abs=0)
    assert bound.quadrature_error < 1e-11


@pytest.mark.filterwarnings("ignore::replica.ParamagnetWarning")
def test_bound_of_samples_without_end():
    """All of the row is known, and nothing of the tokens is left to chance."""
    bound = bayes_bound(1e300, PottsTokens(100_000, 99_900))
    assert bound.m == pytest.approx(99_900**2 / 100_000, rel=1e-12)
    assert (bound.test_loss, bound.error_rate, bound.quadrature_error) == (0.0, 0.0, 0.0)


@pytest.mark.slow
def test_posterior_mean_meets_the_bound():
    """On Potts sequences, extrapolated in 1/L; two standard errors: false alarm one in twenty."""
    data = PottsTokens(2, 1.0)
    means, errors = [], []
    sizes = {50: 80, 100: 48, 150: 24}
    for sites, seeds in sizes.items():
        losses = [posterior_mean_loss(data, sites, seed, rows=8) for seed in range(seeds)]
        means.append(np.mean(losses))
        errors.append(np.std(losses, ddof=1) / np.sqrt(seeds))
    limit = extrapolate(list(sizes), means, errors)
    bound = bayes_bound(1.0, data).test_loss
    assert limit.stderr < 0.005 * bound
    assert abs(limit.value - bound) < 2 * limit.stderr


def posterior_mean_loss(data: PottsTokens, sites: int, seed: int, rows: int) -> float:
    """Test cross-entropy of the posterior mean at α = 1, where G is that of the true couplings.

    The posterior is Gaussian with precision L/β² + M (C-1)/C G.
    """
    colors, b = data.colors, data.b
    model = PottsModel.random(data, sites, seed)
    J = np.asarray(model.couplings)
    train = np.asarray(sample(model, sites, 1000 + seed))
    test = np.asarray(sample(model, 1000, 2000 + seed))
    losses = []
    for row in range(rows):
        rest = np.delete(np.arange(sites), row)
        others = J[np.ix_(rest, rest)]
        precision = np.diag(1 + b * b * (others**2).sum(axis=1)) - b * others
        G = np.linalg.inv(precision) / colors
        agree = (train[:, rest] == train[:, [row]]) - 1 / colors
        posterior = sites / data.beta**2 * np.eye(sites - 1) + sites * (1 - 1 / colors) * G
        w = np.linalg.solve(posterior, agree.sum(axis=0))
        fields = np.stack([(test[:, rest] == a) @ w for a in range(colors)], axis=1)
        masked = np.take_along_axis(fields, test[:, [row]].astype(int), axis=1)[:, 0]
        losses.append(np.mean(np.logaddexp.reduce(fields, axis=1) - masked))
    return float(np.mean(losses))


@pytest.mark.parametrize("alpha", [0.0, -1.0, float("nan")])
def test_bad_alpha(alpha):
    with pytest.raises(ValueError, match="alpha = "):
        bayes_bound(alpha, PottsTokens(3, 1.0))


SPECTRUM = np.array([0.5, 2.0, 10.0]), np.array([0.2, 0.5, 0.3])


@pytest.mark.parametrize("teacher", [[1.0, 0.3, 0.05], [1.0, 0.0, 0.0], [0.0, 1.0, 0.001]])
def test_no_bound_beyond_the_true_row_itself(teacher):
    """A teacher along directions of little variance is not as the prior says."""
    data = CustomTokens.from_spectrum(*SPECTRUM, teacher, 3)
    with pytest.raises(ValueError, match=r"data = .* independent of the covariance"):
        bayes_bound(2.0, data)


@pytest.mark.parametrize("alpha", [0.3, 3.0, 1e9])
def test_bound_of_a_spectrum_by_the_posterior_of_each_direction(alpha):
    """The posterior of a Gaussian direction of variance w2, observed with precision alpha P."""
    eigenvalues, weights = SPECTRUM
    data = CustomTokens.from_spectrum(eigenvalues, weights, 1.7 * weights, 3)
    left = 1.7 / (1 + alpha * 1.7 * (2 / 3) * eigenvalues)
    bound = bayes_bound(alpha, data)
    assert bound.m == pytest.approx(np.sum(weights * eigenvalues * (1.7 - left)), rel=1e-12)
    assert bound.coupling_error == pytest.approx(np.sum(weights * left) / 1.7, rel=1e-12)


def test_other_data_are_refused():
    with pytest.raises(ValueError, match="data = "):
        bayes_bound(1.0, GaussianTokens(3.0))


def test_the_bound_of_independent_tokens_is_a_fixed_point_of_plain_integrals():
    """Two colours: a logit ω + ζ of which ω is known, y = ±1 and inputs ±1."""
    alpha, data = 2.0, IndependentTokens(2, 1.5)
    bound = bayes_bound(alpha, data)
    known, rest = 2 * bound.m, 2 * (1.5**2 / 2 - bound.m)

    def normal(x, variance):
        return np.exp(-(x**2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)

    def over_rest(f):
        return quad(lambda x: f(x) * normal(x, rest), -12 * rest**0.5, 12 * rest**0.5)[0]

    def over_known(f):
        return quad(lambda x: f(x) * normal(x, known), -12 * known**0.5, 12 * known**0.5)[0]

    def right(omega):
        return over_rest(lambda x: expit(omega + x))

    def information(omega):
        slope = over_rest(lambda x: expit(omega + x) * expit(-omega - x))
        return slope**2 / (right(omega) * right(-omega))

    gain = alpha * 1.5**2 * over_known(information)
    assert_allclose(bound.m, 1.5**2 / 2 * gain / (1 + gain), rtol=1e-8)
    assert_allclose(bound.coupling_error, 1 / (1 + gain), rtol=1e-8)
    loss = over_known(lambda omega: -2 * right(omega) * np.log(right(omega)))
    assert_allclose(bound.test_loss, loss, rtol=1e-8)


def test_no_weight_decay_exceeds_the_bound_of_independent_tokens():
    data = IndependentTokens(3, 2.0)
    bound = bayes_bound(2.0, data)
    for lam in (0.1, 0.2, 0.5):
        solution = solve(Problem(2.0, lam, data))
        assert solution.m**2 / solution.q < bound.m
        assert solution.calibrated_loss > bound.test_loss
    assert bayes_bound(1.0, IndependentTokens(3, 0.0)).test_loss == pytest.approx(np.log(3), 1e-9)
    with pytest.raises(ValueError, match="colors = 40 is not allowed"):
        bayes_bound(1.0, IndependentTokens(40, 2.0))
