"""State evolution: its course, its end and what starts it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from replica import (
    GaussianTokens,
    IndependentTokens,
    PottsTokens,
    Problem,
    solve,
    state_evolution,
)
from replica.cli import main

CIRCULANT = [[1, 0.5, 0, 0.5], [0.5, 1, 0.5, 0], [0, 0.5, 1, 0.5], [0.5, 0, 0.5, 1]]
NAMES = ("m", "q", "V", "test_loss", "train_loss", "coupling_error")


@pytest.mark.parametrize(
    ("problem", "steps"),
    [
        (Problem(2.0, 0.1, PottsTokens(2, 1.0)), 40),
        (Problem(2.0, 0.1, PottsTokens(3, 1.5)), 40),
        (Problem(2.0, 0.1, PottsTokens(20, 4.0)), 15),
        (Problem(2.0, 0.1, PottsTokens(3, 1.5), "squared-error"), 40),
        (Problem(3.0, 0.0, PottsTokens(4, 2.0)), 100),
        (Problem(2.0, 0.1, PottsTokens(4, 1.0, CIRCULANT)), 30),
        (Problem(2.0, 0.1, IndependentTokens(3, 1.5)), 40),
        (Problem(2.0, 0.1, GaussianTokens(2.5, 2), "squared-error"), 40),
    ],
)
def test_the_course_ends_at_the_solution(problem, steps):
    course, solution = state_evolution(problem, steps), solve(problem)
    for name in NAMES:
        last = getattr(course, name)[-1]
        np.testing.assert_allclose(last, getattr(solution, name), rtol=1e-8, err_msg=name)
    assert course.quadrature_error.max() < 1e-8


def test_first_steps_by_sampled_fields():
    """Two steps with averages over random fields; five standard errors, seed fixed.

    Twelve comparisons, of which one fails by chance at one seed in 10^5.
    """
    C, beta, alpha, lam = 3, 1.5, 2.0, 0.1
    course = state_evolution(Problem(alpha, lam, PottsTokens(C, beta)), 2)
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((100_000, C))
    noise -= noise.mean(axis=1, keepdims=True)
    y = np.eye(C)[0] - 1 / C
    x = 2 * np.cos(np.pi * np.arange(1, 400) / 400)
    weights = np.sin(np.pi * np.arange(1, 400) / 400) ** 2 / 200
    b = beta / C
    G = 1 / (C * (1 + b * b - b * x))
    m = q = V = 0.0
    for step in range(3):
        omega = m * y + np.sqrt(q) * noise
        h = omega.copy()
        for _ in range(60):
            h += 0.5 * (omega + V * (np.eye(C)[0] - softmax(h, axis=1)) - h)
        p = softmax(h, axis=1)
        g = np.eye(C)[0] - p
        H = p[:, :, None] * np.eye(C) - p[:, :, None] * p[:, None, :]
        K = H @ np.linalg.inv(np.eye(C) + V * H)
        losses = -np.log(p[:, 0])
        close(course.train_loss[step], losses)
        close(course.test_loss[step], -np.log(softmax(omega, axis=1)[:, 0]))
        if step == 2:
            break
        m_hat, q_hat = alpha * g[:, 0].mean(), alpha * (g**2).sum(axis=1).mean()
        V_hat = alpha * np.trace(K, axis1=1, axis2=2).mean()
        D = lam + V_hat * G
        m = beta**2 * m_hat * weights @ (G**2 / D)
        q = weights @ (G * (beta**2 * m_hat**2 * G**2 + q_hat * G) / D**2)
        V = weights @ (G / D)
        # The averages are good to some parts in a thousand.
        found = course.m[step + 1], course.q[step + 1], course.V[step + 1]
        np.testing.assert_allclose(found, (m, q, V), rtol=1e-2)


def close(exact: float, samples: np.ndarray) -> None:
    assert abs(exact - samples.mean()) <= 5 * samples.std() / np.sqrt(len(samples)) + 1e-10


@pytest.mark.slow
def test_below_the_threshold_it_runs_away():
    course = state_evolution(Problem(1.0, 0.0, PottsTokens(3, 1.5)), 60)
    assert np.isnan(course.q[-1])
    grown = course.q[np.isfinite(course.q)]
    assert len(grown) > 20
    assert (np.diff(grown) > 0).all()
    assert grown[-1] < 1e5


def test_command(capsys):
    words = ["--colors", "3", "--beta", "1.5", "--lam", "0.1", "--alpha", "2", "--steps", "60"]
    assert main(["evolve", *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "step,m,q,V,test_loss,train_loss,coupling_error,quadrature_error"
    assert len(lines) == 62
    assert float(lines[-1].split(",")[4]) == pytest.approx(1.043426185, abs=5e-10)
    similar = ["--colors", "4", "--similarity", "circulant:1,0.5,0,0.5", *words[2:]]
    assert main(["evolve", *similar]) == 0
    assert capsys.readouterr().out.splitlines()[1].split(",")[1] == "0.0;0.0"


@pytest.mark.parametrize("steps", [0, 1.5, "many"])
def test_bad_steps(steps):
    with pytest.raises(ValueError, match="steps = "):
        state_evolution(Problem(1.0, 0.1, PottsTokens(3, 1.0)), steps)


def test_the_command_takes_one_alpha(capsys):
    words = ["--colors", "3", "--beta", "1.5", "--lam", "0.1", "--alpha", "1,2"]
    assert main(["evolve", *words]) == 2
    assert capsys.readouterr().err.count("\n") == 1
