"""One pass against integrations and closed forms that share nothing with it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm
from scipy.special import logsumexp, wrightomega

from replica import (
    CustomTokens,
    GaussianTokens,
    IndependentTokens,
    Masking,
    PottsTokens,
    Problem,
    RowTokens,
    Schedule,
    bayes_bound,
    one_pass,
    optimal_rate,
    solve,
)
from replica.predictions.fresh_row import FreshCourse
from replica.predictions.one_pass import fresh_row, largest_stable_rate
from replica.quadrature.rule import Accuracy

RING = [[1.0, 0.5, 0.0, 0.5], [0.5, 1.0, 0.5, 0.0], [0.0, 0.5, 1.0, 0.5], [0.5, 0.0, 0.5, 1.0]]


def semicircle(count):
    """Gauss's rule for the semicircle on [-2, 2], from the eigenvalues of the Jacobi matrix."""
    x, vectors = np.linalg.eigh(np.eye(count, k=1) + np.eye(count, k=-1))
    return x, vectors[0] ** 2


def normal_grid(dimensions, nodes=80):
    x, weights = np.polynomial.hermite_e.hermegauss(nodes)
    grids = np.meshgrid(*[x] * dimensions, indexing="ij")
    weight = np.ones([nodes] * dimensions)
    for axis in range(dimensions):
        weight = weight * weights.reshape([-1 if a == axis else 1 for a in range(dimensions)])
    return np.stack([grid.ravel() for grid in grids], axis=1), weight.ravel() / weight.sum()


def integrated(colors, beta, rate, lam, places, nodes=60):
    """m, q, test loss and |w - w*|² of section 17, with r and n as the unknowns, by LSODA."""
    b = beta / colors
    X, weights = semicircle(nodes)
    x = 1.0 / (colors * (1 + b * b - b * X))
    normal, share = normal_grid(colors - 1)
    basis = np.linalg.svd(np.eye(colors) - 1 / colors)[0][:, : colors - 1]
    toward = np.eye(colors)[0] - 1 / colors

    def averages(m, q):
        fields = m * toward + math.sqrt(max(q, 0.0)) * normal @ basis.T
        p = np.exp(fields - fields.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        g = np.eye(colors)[0] - p
        loss = np.log(np.exp(fields - fields[:, :1]).sum(axis=1))
        return share @ g[:, 0], share @ (1 - (p**2).sum(axis=1)), share @ (g**2).sum(axis=1), loss

    def slope(tau, state):
        r, n = np.split(state, 2)
        a, h, e, _ = averages(weights @ (x * r), weights @ (x * n))
        eta = rate(tau)
        dr = eta * x * (a * beta**2 - h * r) - eta * lam * r
        dn = 2 * eta * x * (a * r - h * n) - 2 * eta * lam * n + eta**2 * x * e
        return np.concatenate((dr, dn))

    zero = np.zeros(2 * nodes)
    found = solve_ivp(slope, (0, places[-1]), zero, "LSODA", places, rtol=1e-11, atol=1e-13)
    r, n = np.split(found.y, 2)
    m, q = weights @ (x[:, None] * r), weights @ (x[:, None] * n)
    losses = [share @ averages(*order)[3] for order in zip(m, q, strict=True)]
    return m, q, np.array(losses), beta**2 - 2 * weights @ r + weights @ n


@pytest.mark.parametrize(
    ("colors", "beta", "lam", "rate"),
    [
        (2, 1.0, 0.0, 1.0),
        (2, 0.8, 0.1, Schedule(2.0, "1/t", 1.5)),
        (3, 1.5, 0.1, 0.8),
        (3, 1.5, 0.0, Schedule(1.5, "cosine", 4.0)),
    ],
    ids=["constant-2", "decaying-2", "constant-3", "decaying-3"],
)
def test_courses_equal_an_independent_integration(colors, beta, lam, rate):
    places = [0.3, 1.0, 2.5, 4.0]
    course = one_pass(Problem(1.0, lam, PottsTokens(colors, beta)), rate, places)
    asked = rate if callable(rate) else lambda tau: rate
    m, q, loss, distance = integrated(colors, beta, asked, lam, places)
    assert course.m == pytest.approx(m, rel=1e-8)
    assert course.q == pytest.approx(q, rel=1e-8)
    assert course.test_loss == pytest.approx(loss, rel=1e-8)
    assert course.coupling_error * beta**2 == pytest.approx(distance, rel=1e-8)
    assert course.error.max() < 1e-8
    assert course.converged


def test_squared_error_has_a_closed_form():
    """a and v are linear in a, its products and v: one exponential of a matrix."""
    G, weights = np.array([0.2, 0.35, 0.5]), np.array([0.3, 0.5, 0.2])
    teacher, C, eta, lam = np.array([0.5, 1.0, 0.3]), 4, 0.9, 0.07
    data = CustomTokens.from_spectrum(G, weights, teacher, C)
    n = C - 1
    # ż = A z of z = (1, a).
    A = np.zeros((4, 4))
    A[1:, 0] = eta * G * n / C
    A[1:, 1:] = -eta * np.outer(G * n / C, teacher * G) - eta * np.diag(n * G + lam)
    # A sum over products z zᵀ: what |y - ω|² is of them, beside the noise.
    toward = np.concatenate(([1.0], -teacher * G))
    quadratic = n / C * np.outer(toward, toward)
    quadratic[1:, 1:] += n * np.diag(teacher * G)
    eye = np.eye(4)
    M = np.zeros((19, 19))
    M[:16, :16] = np.kron(A, eye) + np.kron(eye, A)
    M[16:, :16] = eta**2 * np.outer(G, quadratic.ravel())
    M[16:, 16:] = eta**2 * n * np.outer(G, weights * G) - 2 * eta * np.diag(n * G + lam)
    start = np.zeros(19)
    start[0] = 1.0
    places = [0.5, 2.0, 7.0]
    course = one_pass(Problem(1.0, lam, data, "squared-error"), eta, places)
    for place, m, q in zip(places, course.m, course.q, strict=True):
        end = expm(place * M) @ start
        products, v = end[:16].reshape(4, 4), end[16:]
        a = products[0, 1:]
        assert m == pytest.approx(teacher * G @ a, rel=1e-10)
        expected = teacher * G @ np.diag(products)[1:] + weights * G @ v
        assert q == pytest.approx(expected, rel=1e-10)


def test_the_rows_of_a_given_model_follow_vectors_and_matrices():
    rng = np.random.default_rng(5)
    J = rng.standard_normal((7, 7)) / 7**0.5
    J = np.triu(J, 1) + np.triu(J, 1).T
    data = RowTokens.from_couplings(J, 2, 3, 0.9)
    problem, eta = Problem(1.0, 0.05, data, "squared-error"), 0.8
    s = fresh_row(problem).spectrum
    # In a basis of its own: the equations know no eigenvectors.
    Q = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    G, u, w = Q @ np.diag(s.covariances[0]) @ Q.T, Q @ s.pull, Q @ s.row

    def slope(tau, state):
        mean, cov = state[:6], state[6:].reshape(6, 6)
        m, q = mean @ G @ u, mean @ G @ mean + np.trace(G @ cov) / 7
        forget = 2 * G + problem.lam * np.eye(6)
        dmean = eta * (2 / 3 * (1 - m) * G @ u - forget @ mean)
        noise = eta**2 * 2 * ((1 - m) ** 2 / 3 + q) * G
        return np.concatenate((dmean, (noise - eta * (forget @ cov + cov @ forget)).ravel()))

    found = solve_ivp(slope, (0, 3), np.zeros(42), "LSODA", [1.0, 3.0], rtol=1e-11, atol=1e-14).y
    course = one_pass(problem, eta, [1.0, 3.0])
    for k, state in enumerate(found.T):
        mean, cov = state[:6], state[6:].reshape(6, 6)
        assert course.m[k] == pytest.approx(mean @ G @ u, rel=1e-8)
        assert course.q[k] == pytest.approx(mean @ G @ mean + np.trace(G @ cov) / 7, rel=1e-8)
        distance = (w - mean) @ (w - mean) + np.trace(cov) / 7
        assert course.coupling_error[k] == pytest.approx(distance / (w @ w), rel=1e-8)


def test_independent_tokens_follow_two_numbers():
    """C = 2: a and v of the one eigenvalue, with averages over both fields and the token."""
    data, eta, lam = IndependentTokens(2, 1.6), 1.2, 0.03
    rho = data.coupling_norm**2 / 2
    x, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()
    share = np.outer(weights, weights)

    def slope(tau, state):
        a, v = state
        m, q = rho * a, rho * a * a + v / 2
        # The differences of the two fields have twice the variance.
        omega = math.sqrt(2 * q) * x[:, None]
        rest = math.sqrt(max(2 * rho - 2 * m * m / q, 0.0)) if q else math.sqrt(2 * rho)
        nu = (m / q * omega if q else 0.0) + rest * x
        right = 1 / (1 + np.exp(-nu))
        # E (e_y - softmax(ω)) s, of a token s of the sequence, by Stein's lemma for ω and ν.
        slope_nu = (share * 2 * right * (1 - right)).sum()
        slope_omega = weights @ (2 / (1 + np.exp(-omega)) / (1 + np.exp(omega)))[:, 0]
        p = 1 / (1 + np.exp(-omega))
        energy = (share * 2 * (right * (1 - p) ** 2 + (1 - right) * p**2)).sum()
        forget = slope_omega / 2 + lam
        return [
            eta * (slope_nu / 2 - forget * a), -2 * eta * forget * v + eta**2 * energy / 2
        ]  # fmt: skip

    places = [0.4, 1.5]
    a, v = solve_ivp(slope, (0, 1.5), [0, 0], "LSODA", places, rtol=1e-11, atol=1e-14).y
    course = one_pass(Problem(1.0, lam, data), eta, places)
    assert course.m == pytest.approx(rho * a, rel=1e-8)
    assert course.q == pytest.approx(rho * a * a + v / 2, rel=1e-8)
    assert course.error.max() < 1e-8


@dataclass(frozen=True)
class Softmax:
    """The cross-entropy, as a loss of the user's."""

    name = "softmax"

    def value(self, h):
        return logsumexp(h, axis=1) - h[:, 0]

    def prox(self, omega, V):
        c = omega + V * np.eye(omega.shape[1])[0]
        t = logsumexp(c, axis=1, keepdims=True)
        for _ in range(20):
            p = wrightomega(c - t + np.log(V)) / V
            total = p.sum(axis=1, keepdims=True)
            t = t + np.log(total) * total / (p / (1 + V * p)).sum(axis=1, keepdims=True)
        return c - V * p


@pytest.mark.parametrize(
    "data", [PottsTokens(2, 1.0), IndependentTokens(2, 1.5)], ids=lambda data: data.name
)
def test_forces_of_a_loss_by_points_are_those_of_its_rule(data):
    known, mine = (fresh_row(Problem(1.0, 0.0, data, loss)) for loss in (None, Softmax()))
    m, q = np.array([0.3]), np.array([0.4])
    expected = known.channel.fresh(m, q, Accuracy.FINER)
    found = mine.channel.fresh(m, q, Accuracy.FINER)
    for name in ("overlap", "energy", "response", "loss"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-10), name


@dataclass(frozen=True)
class Square:
    """`scale` times the squared error."""

    scale: float
    name = "square"

    def value(self, h):
        return 0.5 * self.scale * ((self._centred(h) - self._target(h)) ** 2).sum(axis=1)

    def prox(self, omega, V):
        mean, V = omega.mean(axis=1, keepdims=True), self.scale * V
        return mean + (self._centred(omega) + V * self._target(omega)) / (1 + V)

    def _target(self, h):
        return self._centred(np.eye(h.shape[1])[:1])

    def _centred(self, h):
        return h - h.mean(axis=-1, keepdims=True)


def test_a_multiple_of_a_loss_is_a_multiple_of_the_rate():
    data, places = PottsTokens(2, 1.2), [0.5, 2.0]
    known = one_pass(Problem(1.0, 0.02, data, "squared-error"), 0.8, places)
    mine = one_pass(Problem(1.0, 0.06, data, Square(3.0)), 0.8 / 3.0, places)
    for name in ("error_rate", "coupling_error", "m", "q"):
        assert mine[name] == pytest.approx(known[name], rel=1e-8), name
    assert mine.test_loss == pytest.approx(3 * known.test_loss, rel=1e-8)
    assert set(mine["loss"]) == {"square"}


def test_modes_follow_equations_of_their_own():
    """Squared error: every mode is linear, with the energy of all."""
    data, eta, lam = PottsTokens(4, 1.0, RING), 0.4, 0.02
    problem = Problem(1.0, lam, data, "squared-error")
    s, d = fresh_row(problem).spectrum, np.array([1, 2])
    # The ring has the eigenvalues 0, 1, 1 beside that of (1, 1, 1, 1).
    assert s.scales.tolist() == pytest.approx([0.0, 1.0], abs=1e-15)
    G = s.covariances[1]

    def slope(tau, state):
        a, v = np.split(state, 2)
        m, q = s.teacher * G @ a, s.teacher * G @ a**2 + s.weights * G @ v
        energy = d[1] * ((1 - m) ** 2 / 4 + q)
        forget = d[1] * G + lam
        da = eta * (d[1] / 4 * (1 - m) * G - forget * a)
        return np.concatenate((da, -2 * eta * forget * v + eta**2 * G * energy))

    zero = np.zeros(2 * len(G))
    (state,) = solve_ivp(slope, (0, 3), zero, "LSODA", [3.0], rtol=1e-11, atol=1e-14).y.T
    a, v = np.split(state, 2)
    course = one_pass(problem, eta, [3.0])
    assert course.m[0] == pytest.approx([0.0, s.teacher * G @ a], rel=1e-8)
    assert course.q[0, 1] == pytest.approx(s.teacher * G @ a**2 + s.weights * G @ v, rel=1e-8)
    # The mode without values costs its variance, 3/4 less 2/4.
    rest = 2 * ((1 - course.m[0, 1]) ** 2 / 4 + course.q[0, 1])
    assert course.test_loss[0] == pytest.approx(0.5 * (0.25 + rest), rel=1e-8)


def test_a_slow_course_ends_at_the_minimiser_of_many_samples():
    """At small rates E ∂ℓ + λ'w = 0 in the end, which is the minimiser at λ = λ'α, α → ∞."""
    data, lam = PottsTokens(3, 1.5), 0.05
    minimiser = solve(Problem(1e7, lam * 1e7, data))
    ends = [one_pass(Problem(1.0, lam, data), rate, [150.0 / rate]) for rate in (0.08, 0.04, 0.02)]
    for name in ("m", "q", "test_loss"):
        one, two, three = (end[name][0] for end in ends)
        # The noise of a rate η is a power series in η.
        expected = (8 * three - 6 * two + one) / 3
        assert getattr(minimiser, name) == pytest.approx(expected, abs=2e-5), name


def loss_by_one_pass(b, c):
    """τ (test loss - optimal loss) of η = c C/(E tr H τ) in units of that of the minimiser."""
    z = 2 * c - 1 - b * b
    return 0.5 * c * (1 + (z - math.sqrt(z * z - 4 * b * b)) / (2 * b * b))


def test_long_courses_lose_what_the_spectrum_says():
    data = PottsTokens(3, 0.9)
    b, known = 0.3, one_pass(Problem(1.0, 0.0, data), 1.0, [0.0]).optimal_loss[0]
    row = fresh_row(Problem(1.0, 0.0, data))
    stiff = float(row.channel.fresh(row.spectrum.rho, row.spectrum.rho, Accuracy.FINER).response[0])
    for c in (1.2, 2.0):
        span = 4.0
        rate = Schedule(c * 3 / stiff / span, "1/t", span)
        course = one_pass(Problem(1.0, 0.0, data), rate, [2e3, 4e3])
        scaled = course.alphas * (course.test_loss - known) * 2
        # 1/τ and the shift by the span are left.
        expected = 2 * scaled[1] - scaled[0]
        assert expected == pytest.approx(loss_by_one_pass(b, c), rel=2e-3)


def test_the_best_rate_is_the_best():
    problem = Problem(1.0, 0.0, PottsTokens(2, 0.8))
    rate, course = optimal_rate(problem, 3.0)
    around = [one_pass(problem, rate.rate * f, [3.0]).test_loss[0] for f in (0.98, 1.0, 1.02)]
    assert around[1] == course.test_loss[0]
    assert around[1] < min(around[0], around[2])
    assert course.test_loss[0] > bayes_bound(3.0, problem.data).test_loss
    best, _ = optimal_rate(problem, 3.0, "1/t")
    end = one_pass(problem, best, [3.0]).test_loss[0]
    assert end < course.test_loss[0]
    for factor in (0.9, 1.1):
        moved = Schedule(best.rate, "1/t", best.span * factor)
        assert one_pass(problem, moved, [3.0]).test_loss[0] > end


@pytest.mark.slow
def test_the_best_rate_of_a_long_pass_is_found():
    """It falls nearly as one over the length, far below what a row forgets at."""
    problem = Problem(1.0, 0.0, PottsTokens(2, 1.0), "squared-error")
    rate, course = optimal_rate(problem, 400.0)
    assert 0.01 < rate.rate < 0.03
    for factor in (0.95, 1.05):
        assert one_pass(problem, factor * rate.rate, [400.0]).test_loss[0] > course.test_loss[0]


def test_schedules_say_their_rates():
    assert [Schedule(2.0)(t) for t in (0.0, 9.0)] == [2.0, 2.0]
    cosine = Schedule(2.0, "cosine", 4.0)
    assert [cosine(t) for t in (0.0, 2.0, 4.0, 9.0)] == pytest.approx([2.0, 1.0, 0.0, 0.0])
    assert [Schedule(2.0, "1/t", 0.5)(t) for t in (0.0, 0.5, 1.5)] == [2.0, 1.0, 0.5]
    assert [Schedule(2.0, "warm-up", 0.5)(t) for t in (0.0, 0.25, 3.0)] == [0.0, 1.0, 2.0]
    assert Schedule.from_text(0.5, "1/t:2") == Schedule(0.5, "1/t", 2.0)
    assert str(Schedule(0.5, "cosine").over(8.0)) == "cosine:8"
    with pytest.raises(ValueError, match="schedule = 'linear' is not allowed"):
        Schedule.from_text(0.5, "linear")
    with pytest.raises(ValueError, match="span = 0 is not allowed"):
        Schedule(0.5, "1/t", 0)


def test_a_function_is_a_schedule():
    problem, places = Problem(1.0, 0.0, PottsTokens(3, 1.5)), [1.0, 3.0]

    def halving(tau):
        return 0.5 ** (1 + tau)

    mine = one_pass(problem, halving, places)
    assert set(mine["schedule"]) == {"halving"}
    named = one_pass(problem, Schedule(0.8, "1/t", 2.0), places)
    same = one_pass(problem, lambda tau: 0.8 / (1 + tau / 2.0), places)
    assert same.test_loss == pytest.approx(named.test_loss, rel=1e-9)
    with pytest.raises(ValueError, match="rate must be a finite number, 0 or greater"):
        one_pass(problem, lambda tau: 1.0 - tau, [2.0])


def test_the_largest_stable_rate_parts_growth_from_rest():
    problem = Problem(1.0, 0.1, PottsTokens(3, 1.5), "squared-error")
    row = fresh_row(problem)
    stable = largest_stable_rate(row)
    G, weights = row.spectrum.covariances[0], row.spectrum.weights
    eye = np.diag(-2 * (2 * G + 0.1))
    for factor, sign in ((0.999, -1), (1.001, 1)):
        eta = factor * stable
        jacobian = eta * eye + eta**2 * np.outer(2 * G, weights * G)
        assert np.sign(np.linalg.eigvals(jacobian).real.max()) == sign
    # Without weight decay 1/L times the square of an input is 1/C on average, whatever its law.
    free = fresh_row(Problem(1.0, 0.0, GaussianTokens(2.5, 4)))
    mean = free.spectrum.covariances[0] @ free.spectrum.weights
    assert largest_stable_rate(free) == pytest.approx(2 / mean, rel=1e-9)
    with pytest.raises(ValueError, match="rate must be below "):
        one_pass(problem, 9.0, [1.0])
    with pytest.raises(ValueError, match="rate must be below "):
        one_pass(problem, lambda tau: 3.0 * tau, [4.0])


def test_what_cannot_be_followed_says_so():
    # A rate that is refused, as nobody can tell it of a loss of the user's.
    row = fresh_row(Problem(1.0, 0.0, PottsTokens(2, 1.0), "squared-error"))
    grown = FreshCourse(row, Schedule(8.0), Accuracy.FINE, 1e-9, 10_000)
    assert [point.status for point in grown.through([0.5, 40.0])] == ["converged"]
    assert grown.status == "diverged"
    short = one_pass(Problem(1.0, 0.0, PottsTokens(3, 1.0)), 0.5, [0.0, 0.1, 500.0], max_steps=150)
    assert short["status"].tolist() == ["converged", "converged", "max-steps"]
    assert not short.converged
    assert math.isnan(short.test_loss[2])
    assert short.test_loss[0] == pytest.approx(math.log(3), rel=1e-12)
    assert short.error_rate[0] == pytest.approx(2 / 3, rel=1e-12)
    assert short.coupling_error[0] == 1.0


@pytest.mark.parametrize(
    ("changes", "rate", "alphas", "message"),
    [
        ({}, 0.0, [1.0], "rate = 0.0 is not allowed"),
        ({}, "fast", [1.0], "rate = 'fast' is not allowed"),
        ({}, 0.5, [], "alphas = .* is not allowed: alphas must be a sequence of ascending"),
        ({}, 0.5, [2.0, 1.0], "alphas must be a sequence of ascending"),
        ({}, 0.5, [-1.0], "alphas = -1.0 is not allowed"),
        ({}, 0.5, 3.0, "alphas = 3.0 is not allowed"),
        ({"masking": Masking(0.2)}, 0.5, [1.0], "masking must be None for training in one pass"),
    ],
)
def test_bad_arguments_are_refused(changes, rate, alphas, message):
    problem = Problem(1.0, 0.0, PottsTokens(3, 1.0)).at(**changes)
    with pytest.raises(ValueError, match=message):
        one_pass(problem, rate, alphas)


def test_moments_are_refused():
    frequencies = np.full(2, 0.5)
    means = np.zeros((2, 3, 2))
    covariance = np.einsum("ij,ab->iajb", np.eye(3), np.eye(2) - 0.5)
    data = RowTokens.from_moments(frequencies, means, covariance)
    with pytest.raises(ValueError, match="must be a model of equally frequent tokens"):
        one_pass(Problem(1.0, 0.1, data), 0.5, [1.0])
