"""The saddle-point equations are the stationarity conditions of the free energy."""

from __future__ import annotations

import numpy as np
import pytest
from reference_solver import row

from replica import PottsTokens, Problem, free_energy, solve
from replica.predictions.free_energy import free_energy_at
from replica.quadrature.rule import Accuracy
from replica.saddle_point.equations import Conjugates, Overlaps
from replica.saddle_point.saddle_point import SaddlePoint

LOSSES = ("cross-entropy", "squared-error")

pytestmark = pytest.mark.filterwarnings("ignore::replica.ParamagnetWarning")


def random_point(seed: int, loss: str) -> tuple[Problem, np.ndarray, np.ndarray]:
    """A problem with overlaps (m, q, V) and conjugates (m̂, q̂, V̂) that do not solve it."""
    rng = np.random.default_rng(seed)
    colors = int(rng.choice([2, 3, 4, 5], p=[0.3, 0.3, 0.25, 0.15]))
    data = PottsTokens(colors, colors * rng.uniform(0.05, 0.9))
    lam, alpha = 10.0 ** rng.uniform(-4, 1), 10.0 ** rng.uniform(-1, 2)
    return Problem(alpha, lam, data, loss), *10.0 ** rng.uniform(-1, 0.5, size=(2, 3))


def derivative(function, x: float) -> float:
    """Central differences at three steps, extrapolated to the sixth order."""
    steps = 0.04 * x / np.array([1, 2, 4])
    slopes = [(function(x + h) - function(x - h)) / (2 * h) for h in steps]
    first = [(4 * slopes[i + 1] - slopes[i]) / 3 for i in range(2)]
    return (16 * first[1] - first[0]) / 15


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("seed", range(20))
def test_six_equations(seed, loss):
    problem, order, hats = random_point(seed, loss)

    def phi(point: np.ndarray) -> float:
        m, q, V, m_hat, q_hat, V_hat = point[:, None]
        return free_energy_at(
            problem, Overlaps(m, q, V, np.nan, np.nan), Conjugates(m_hat, q_hat, V_hat)
        )

    point = np.concatenate([order, hats])
    slopes = []
    for i in range(6):

        def along(value: float, i: int = i) -> float:
            return phi(np.where(np.arange(6) == i, value, point))

        slopes.append(derivative(along, point[i]))

    m, q, V, m_hat, q_hat, V_hat = point[:, None]
    saddle = SaddlePoint(problem)
    average = saddle.averages(Overlaps(m, q, V, np.nan, np.nan), Accuracy.FINE)
    overlaps = row(problem.data.colors, problem.data.beta, problem.lam, hats)
    alpha = problem.alpha
    expected = [
        m_hat - alpha * average.overlap,
        (alpha * average.response - V_hat) / 2,
        (q_hat - alpha * average.energy) / 2,
        m - overlaps.m,
        (V - overlaps.V) / 2,
        (overlaps.q - q) / 2,
    ]
    size = max(1.0, abs(phi(point)))
    for slope, value in zip(slopes, np.ravel(expected), strict=True):
        assert slope == pytest.approx(value, rel=1e-7, abs=1e-8 * size)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("colors", [2, 3, 4, 5, 20])
def test_free_energy_is_the_training_objective(colors, loss):
    beta, lam, alpha = 0.6 * colors, 0.05, 1.7
    solution = solve(Problem(alpha, lam, PottsTokens(colors, beta), loss))
    hats = np.array([solution.m_hat, solution.q_hat, solution.V_hat])
    r = row(colors, beta, lam, hats).r
    n = beta**2 * (solution.coupling_error - 1) + 2 * r
    objective = alpha * solution.train_loss + 0.5 * lam * n
    assert free_energy(solution) == pytest.approx(objective, rel=1e-9)


@pytest.mark.parametrize("loss", LOSSES)
def test_free_energy_without_weight_decay_is_the_training_loss(loss):
    solution = solve(Problem(3.0, 0.0, PottsTokens(3, 1.5), loss))
    assert free_energy(solution) == pytest.approx(3.0 * solution.train_loss, rel=1e-9)
