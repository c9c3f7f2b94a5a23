"""Gradient descent: exact first steps, contour integrals, the minimum at the end, and refusals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from replica import (
    CustomTokens,
    GaussianTokens,
    IndependentTokens,
    Masking,
    PottsTokens,
    Problem,
    RowTokens,
    descent,
    flow,
    solve,
)
from replica.channels.channel_of import channel_of
from replica.channels.linear_forces import LinearForces, moments_of
from replica.ensembles import ensemble_of
from replica.predictions.path_course import Descent, followed, largest_second_moment
from replica.quadrature.rule import Accuracy
from replica.saddle_point.row_course import Answer, RowCourse, Step

TOKENS = PottsTokens(3, 1.5)
PROBLEM = Problem(2.0, 0.1, TOKENS)
CIRCULANT = [[1, 0.5, 0.1, 0.5], [0.5, 1, 0.5, 0.1], [0.1, 0.5, 1, 0.5], [0.5, 0.1, 0.5, 1]]
MODES = PottsTokens(4, 1.2, CIRCULANT)
CUSTOM = CustomTokens(3, [0.2, 0.5], [0.7, 0.3], [0.4, 1.1])
HOPFIELD = PottsTokens(3, 1.0, couplings="hopfield:0.5")
OBSERVABLES = ("test_loss", "train_loss", "coupling_error", "error_rate", "m", "q")


@dataclass(frozen=True)
class Quadratic:
    """|K0 e_1 - K0 h|²/2 as a loss of a user's."""

    name: str = "quadratic"

    def value(self, h):
        return 0.5 * ((self.centred(h) - self.target(h)) ** 2).sum(axis=-1)

    def prox(self, omega, V):
        mean = omega.mean(axis=-1, keepdims=True)
        return mean + (self.centred(omega) + V * self.target(omega)) / (1 + V)

    def target(self, h):
        return self.centred(np.eye(h.shape[-1])[0])

    def centred(self, h):
        return h - h.mean(axis=-1, keepdims=True)


class Contour:
    """Ridge regression at complex weight decay λ - z around the eigenvalues, one colour mode."""

    def __init__(self, data: PottsTokens, alpha: float, lam: float, points: int = 600) -> None:
        spectrum = ensemble_of(data).spectrum
        self.G, self.weights = spectrum.covariances[0], spectrum.weights
        self.C, self.n, self.w2, self.alpha = data.colors, data.colors - 1, data.beta**2, alpha
        # The edges: extremes of z - λ = x (αn + <G/(x - G)>).
        x = np.linspace(1.0001, 20, 200_000)[:, None] * self.G.max()
        right = (x[:, 0] * (alpha * self.n + (self.G / (x - self.G)) @ self.weights)).min()
        low, high, height = 0.5 * lam, lam + 1.05 * right, 0.15 * right
        angle = 2 * np.pi * (np.arange(points) + 0.5) / points
        self.z = (low + high) / 2 - (high - low) / 2 * np.cos(angle) + 1j * height * np.sin(angle)
        slope = (high - low) / 2 * np.sin(angle) + 1j * height * np.cos(angle)
        self.measure = slope / (1j * points)
        V, solved = None, []
        for z in self.z:
            V = self.local_variance(lam - z, V)
            solved.append(V)
        self.V = np.array(solved)
        self.V_hat = alpha * self.n / (1 + self.V)
        self.D = (lam - self.z)[:, None] + self.V_hat[:, None] * self.G
        pull = (
            self.w2 * (self.G**2 / self.D) @ self.weights * alpha * self.n / self.C / (1 + self.V)
        )
        self.m = pull / (1 + pull)

    def local_variance(self, decay: complex, start: complex | None) -> complex:
        if start is None:
            start = 1.0
            for _ in range(200):
                D = decay.real + self.alpha * self.n / (1 + start) * self.G
                start = float(self.weights @ (self.G / D))
        V = complex(start)
        for _ in range(50):
            D = decay + self.alpha * self.n / (1 + V) * self.G
            gap = self.weights @ (self.G / D) - V
            slope = self.weights @ (self.G**2 / D**2) * self.alpha * self.n / (1 + V) ** 2 - 1
            V -= gap / slope
            if abs(gap) < 1e-15:
                return V
        raise AssertionError("no local variance")

    def overlaps(self, filters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return m and q of w = φ(A) B for rows of φ at the points z."""
        c = self.alpha * self.n
        m_hat = c / self.C * (1 - self.m) / (1 + self.V)
        signal = (m_hat[:, None] * self.G**1.5 / self.D) * np.sqrt(self.w2 * self.weights)
        noise = self.G / self.D * np.sqrt(self.weights)
        both = (1 + self.V)[:, None] * (1 + self.V)
        A, B = signal @ signal.T, noise @ noise.T * c / both
        residual = (1 - self.m)[:, None] * (1 - self.m) / self.C
        q = (A + B * residual) / (1 - B)
        weighted = filters * self.measure
        return (weighted @ self.m).real, np.einsum("ti,ij,tj->t", weighted, q, weighted).real


def test_squared_error_against_contour_integrals():
    """Resolvents of the saddle point at complex weight decay, which share no equation of time."""
    steps, rate, times = 40, 0.2, [0.5, 3.0, 20.0, 400.0]
    contour = Contour(TOKENS, 2.0, 0.1)
    z = contour.z
    found = descent(PROBLEM.at(loss="squared-error"), rate, steps)
    powers = np.array([(1 - (1 - rate * z) ** t) / z for t in range(steps + 1)])
    relaxed = np.array([(1 - np.exp(-z * t)) / z for t in times])
    flowing = flow(PROBLEM.at(loss="squared-error"), times)
    for course, filters in ((found, powers), (flowing, relaxed)):
        m, q = contour.overlaps(filters)
        np.testing.assert_allclose(course["m"], m, atol=1e-10)
        np.testing.assert_allclose(course["q"], q, atol=1e-10)
        np.testing.assert_allclose(course.test_loss, (1 - m) ** 2 / 3 + q, atol=1e-10)


@pytest.mark.parametrize("momentum", [0.0, 0.7])
@pytest.mark.parametrize("data", [TOKENS, MODES, IndependentTokens(3, 1.5), CUSTOM])
def test_squared_error_step_by_step(data, momentum):
    """The two-time equations of the descent itself, where the course takes polynomials."""
    steps, rate = 12, 0.2
    problem = Problem(2.0, 0.1, data, "squared-error")
    ensemble = ensemble_of(data)
    course, forces = RowCourse(ensemble.spectrum, steps), LinearForces(ensemble.law, steps + 1)
    for t in range(steps + 1):
        known = slice(0, t + 1)
        told = course.m[:, known], course.memory[:, t, :t], course.overlap[:, t, known]
        answer = forces.answer(t, 1.0, np.ones(t + 1), *told)
        if t < steps:
            step = Step(1 + momentum - rate * 0.1, -momentum, rate)
            course.advance(Answer(*(2.0 * x for x in answer)), step)
    found = descent(problem, rate, steps, momentum=momentum)
    expected = 0.5 * np.einsum("ktt->t", forces.energy)
    np.testing.assert_allclose(found.train_loss, expected, rtol=1e-11)
    q = np.array([np.atleast_1d(each) for each in found["q"]]).T
    np.testing.assert_allclose(q, np.einsum("ktt->kt", course.overlap), atol=1e-12)


@pytest.mark.parametrize(
    ("data", "rate"),
    [
        (TOKENS, 0.25),
        (PottsTokens(2, 1.0), 0.25),
        (MODES, 0.3),
        (HOPFIELD, 0.1),
        (CUSTOM, 0.2),
        pytest.param(IndependentTokens(4, 2.0), 0.3, marks=pytest.mark.slow),
        (GaussianTokens(2.5, 2), 0.06),
        (GaussianTokens(2.5, 2, joint=True), 0.06),
        (RowTokens.from_couplings(0.3 * (1 - np.eye(12)), 2, 3, 0.4), 0.3),
    ],
    ids=["three", "two", "modes", "hopfield", "custom", "independent", "gaussian", "joint", "row"],
)
def test_squared_error_ends_at_the_saddle_point(data, rate):
    problem = Problem(2.0, 1.0, data, "squared-error")
    solution = solve(problem)
    ends = descent(problem, rate, round(24 / rate)), flow(problem, [1.0, 40.0])
    for course in ends:
        for name in OBSERVABLES:
            np.testing.assert_allclose(
                course[name][-1], getattr(solution, name), rtol=1e-9, atol=1e-12, err_msg=name
            )
        # The error rate of several modes is that of points.
        assert course.error[-1] < (1e-3 if data == MODES else 1e-9)
        assert course.standard_error("test_loss")[-1] == 0.0


def test_flow_is_descent_in_small_steps():
    """Euler steps of length h are off by h/2 times a second derivative: halving removes it."""
    problem = PROBLEM.at(loss="squared-error")
    at = flow(problem, [2.0])
    ends = [descent(problem, 2.0 / steps, steps).lines()[-1] for steps in (2000, 4000)]
    for name in ("test_loss", "train_loss", "coupling_error"):
        extrapolated = 2 * ends[1][name] - ends[0][name]
        np.testing.assert_allclose(extrapolated, at[name][0], rtol=2e-6)


@pytest.mark.parametrize("data", [PottsTokens(2, 1.0), TOKENS, IndependentTokens(3, 1.5)])
def test_first_step_of_the_cross_entropy(data):
    """At w = 0 every force is e_y - 1/C: one step, and its training loss, are closed forms."""
    alpha, rate, C = 2.0, 0.3, data.colors
    course = descent(Problem(alpha, 0.1, data), rate, 1, paths=40_000)
    ensemble = ensemble_of(data)
    spectrum, law = ensemble.spectrum, ensemble.law
    G, zero = spectrum.scaled[0], np.zeros(1)
    at_rest = law.residual(zero, zero, 1.0)
    drive, energy = alpha * float(at_rest.pull[0]), alpha * float(at_rest.square[0])
    m = rate * drive * (spectrum.teacher @ G**2)
    q = rate**2 * (drive**2 * (spectrum.teacher @ G**3) + energy * (spectrum.weights @ G**2))
    tolerance = 5 * course.standard_error("m")[1] + 1e-12
    np.testing.assert_allclose(course.m[1], m, atol=tolerance)
    np.testing.assert_allclose(course.q[1], q, atol=5 * course.standard_error("q")[1] + 1e-12)
    if isinstance(data, IndependentTokens):
        return
    own = rate * (spectrum.weights @ G)
    trained = channel_of(law, "cross-entropy").test_loss(
        np.array([m + own]), np.array([q]), Accuracy.FINE
    )
    # The force of step 0 is known to each sequence: it adds R(1, 0) (e_y - 1/C) to its field.
    tolerance = 5 * course.standard_error("train_loss")[1]
    assert tolerance < 1e-5
    np.testing.assert_allclose(course.train_loss[1], trained, atol=tolerance)
    np.testing.assert_allclose(course.test_loss[0], np.log(C), rtol=1e-10)


@pytest.mark.parametrize("momentum", [0.0, 0.6])
@pytest.mark.parametrize(
    "data",
    [
        PottsTokens(2, 1.0),
        TOKENS,
        pytest.param(IndependentTokens(3, 1.5), marks=pytest.mark.slow),
    ],
)
def test_paths_of_a_quadratic_loss(data, momentum):
    """Sampled paths against the closed course; five standard errors, one in 10^4 by chance."""
    loss = Quadratic()
    paths = descent(Problem(2.0, 0.1, data, loss), 0.2, 8, momentum=momentum, paths=5000)
    closed = descent(Problem(2.0, 0.1, data, "squared-error"), 0.2, 8, momentum=momentum)
    for name in ("test_loss", "train_loss", "coupling_error", "m", "q"):
        error = paths.standard_error(name)
        assert error.max() < 5e-3
        gap = np.abs(paths[name] - closed[name])
        assert (gap <= 5 * error + 1e-8).all(), name


@pytest.mark.parametrize(
    ("data", "rate", "steps"),
    [
        (PottsTokens(2, 1.0), 0.6, 25),
        (TOKENS, 0.5, 40),
        pytest.param(MODES, 0.8, 40, marks=pytest.mark.slow),
        (IndependentTokens(3, 1.0), 0.9, 30),
    ],
    ids=["two", "three", "modes", "independent"],
)
def test_cross_entropy_ends_at_the_saddle_point(data, rate, steps):
    """Four standard errors of the paths, told by ten sets: by chance one in 300 each."""
    problem = Problem(2.0, 0.6, data)
    course, solution = descent(problem, rate, steps, paths=5000), solve(problem)
    for name in ("test_loss", "train_loss", "error_rate", "coupling_error"):
        error = float(course.standard_error(name)[-1])
        gap = abs(course[name][-1] - getattr(solution, name))
        assert gap < 4 * error + 2e-6, (name, gap, error)
        assert gap < 2e-3
    assert course.converged


def test_standard_errors_are_those_of_repetitions():
    """Twelve courses of other paths against their errors, which smaller sets rather exceed."""
    told, top = Descent(0.4, 0.0, 6), largest_second_moment(PROBLEM)

    def q_of(paths: int, *seed: int) -> float:
        return float(list(followed(PROBLEM, told, top, paths, (7, *seed)))[-1].q[0, 0])

    values = np.array([q_of(512, repetition) for repetition in range(12)])
    sets = np.array([q_of(32, 20, each) for each in range(60)])
    ratio = values.var(ddof=1) / (sets.var(ddof=1) / 16)
    # F of 11 and 59: above 3 by chance once in 300.
    assert 0.03 < ratio < 3.0


def test_best_step_is_before_the_end():
    course = descent(PROBLEM.at(lam=0.01), 0.4, 30, paths=2000)
    best = course.best
    assert 0 < best["step"] < 30
    assert best["test_loss"] == course.test_loss.min()
    assert best["test_loss"] < solve(PROBLEM.at(lam=0.01)).test_loss
    np.testing.assert_array_equal(course.steps, np.arange(31))
    assert course.standard_error("error_rate").shape == (31,)


def test_momentum_arrives_earlier():
    problem = PROBLEM.at(loss="squared-error")
    solution = solve(problem)
    plain, heavy = (descent(problem, 0.3, 60, momentum=mu) for mu in (0.0, 0.6))
    gaps = [abs(each.coupling_error[-1] - solution.coupling_error) for each in (plain, heavy)]
    assert gaps[1] < 1e-3 * gaps[0]
    assert heavy["momentum"][0] == 0.6


@pytest.mark.parametrize("loss", ["squared-error", "cross-entropy", Quadratic()], ids=str)
def test_unstable_rates_name_the_largest_stable_one(loss):
    problem = PROBLEM.at(loss=loss)
    with pytest.raises(ValueError, match="largest stable rate") as refused:
        descent(problem, 50.0, 4, paths=200)
    named = float(str(refused.value).split("at most ")[1].split(",")[0])
    curvature = 0.5 if loss == "cross-entropy" else 1.0
    expected = 2 / (0.1 + curvature * largest_second_moment(problem))
    assert named == pytest.approx(expected, rel=2e-4)
    assert descent(problem, named, 2, paths=200).converged


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("rate", {"rate": 0.0}),
        ("steps", {"steps": 0}),
        ("steps", {"steps": 2001}),
        ("momentum", {"momentum": 1.0}),
        ("momentum", {"momentum": -0.1}),
        ("paths", {"paths": 0}),
        ("problem", {"problem": TOKENS}),
        ("masking", {"problem": PROBLEM.at(masking=Masking(0.2, "static"))}),
    ],
    ids=str,
)
def test_wrong_arguments(name, changes):
    with pytest.raises(ValueError, match=f"{name} = .* is not allowed"):
        descent(**{"problem": PROBLEM, "rate": 0.1, "steps": 2, **changes})


def test_flow_refuses():
    with pytest.raises(ValueError, match=r"loss = 'cross-entropy' is not allowed"):
        flow(PROBLEM, [1.0])
    for times in ([], [2.0, 1.0], [-1.0], [np.nan], 5.0, None, "12"):
        with pytest.raises(ValueError, match=r"times = .* is not allowed"):
            flow(PROBLEM.at(loss="squared-error"), times)


def test_flow_too_long_for_polynomials():
    problem = Problem(0.5, 0.0, TOKENS, "squared-error")
    with pytest.raises(ValueError, match="or the training shorter"):
        flow(problem, [1e6])


def test_flow_without_weight_decay_interpolates():
    """α (C-1) = 1/2: the shortest row that fits every sequence, as λ falls to 0."""
    problem = Problem(0.25, 0.0, TOKENS, "squared-error")
    end, limit = flow(problem, [0.0, 1000.0]), solve(problem.at(lam=1e-9))
    np.testing.assert_allclose(end.train_loss[1], 0.0, atol=1e-10)
    np.testing.assert_allclose(end.test_loss[1], limit.test_loss, rtol=1e-6)
    np.testing.assert_allclose(end.coupling_error[1], limit.coupling_error, rtol=1e-6)


def test_tokens_that_no_field_tells_apart():
    blind = PottsTokens(3, 1.0, np.ones((3, 3)))
    for loss in blind.losses:
        course = descent(Problem(2.0, 0.1, blind, loss), 0.2, 2, paths=256)
        np.testing.assert_allclose(course.test_loss, course.test_loss[0], rtol=1e-9)
        np.testing.assert_array_equal(course["q"], 0.0)


def test_moments_refuse():
    means = np.zeros((2, 3, 2))
    means[0, :, 0] = means[1, :, 1] = 0.3
    covariance = 0.2 * np.eye(6).reshape(3, 2, 3, 2)
    data = RowTokens.from_moments([0.5, 0.5], means, covariance)
    with pytest.raises(ValueError, match="must be a model of equally frequent tokens"):
        descent(Problem(2.0, 0.1, data), 0.1, 2)


@pytest.mark.parametrize("colors", [2, 5])
def test_second_moments_of_every_law(colors):
    """E |e y - ω|² by samples of y and ω: quadratic in e and m."""
    law = ensemble_of(PottsTokens(colors, 1.0)).law
    found = moments_of(law)
    n = colors - 1
    square = found.square + 0.3 * found.cross + 0.3**2 * found.own + 0.7 * found.noise
    np.testing.assert_allclose(square, n * ((1 - 0.3) ** 2 / colors + 0.7))
    np.testing.assert_allclose(found.pull + 0.3 * found.tilt, n / colors * (1 - 0.3))
