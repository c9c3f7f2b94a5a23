"""Where plain iteration fails: around the threshold, with next to no weight decay."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from replica import PottsTokens, Problem, existence_threshold, solve, sweep
from replica.saddle_point.solver import solve_from

FACTORS = np.array([0.3, 0.9, 0.99, 1.01, 1.1, 3.0])
OBSERVABLES = (
    "m", "q", "V", "test_loss", "train_loss", "optimal_loss", "error_rate", "coupling_error",
)  # fmt: skip

pytestmark = pytest.mark.filterwarnings("ignore::replica.ParamagnetWarning")


def family(colors: int, b: float, lam: float) -> list[Problem]:
    data = PottsTokens(colors, b * colors)
    return [Problem(a, lam, data) for a in FACTORS * existence_threshold(data)]


def values(solution) -> np.ndarray:
    return np.array([getattr(solution, name) for name in OBSERVABLES])


def grid() -> list:
    """All cases; one of three colours stands for what takes them seconds at the least decay."""
    cases = itertools.product((2, 3, 5, 20), (0.1, 0.5, 0.85), (1e-6, 1e-4, 1e-2, 1.0))
    found = []
    for colors, b, lam in cases:
        slow = colors > 3 or lam == 1e-4 or (colors == 3 and lam == 1e-6 and b != 0.5)
        found.append(pytest.param(colors, b, lam, marks=[pytest.mark.slow] * slow))
    return found


@pytest.mark.parametrize(("colors", "b", "lam"), grid())
def test_sixty_evaluations_and_one_answer(colors, b, lam):
    problems = family(colors, b, lam)
    curve = sweep(problems[0], [problem.alpha for problem in problems])
    for problem, continued in zip(problems, curve.solutions, strict=True):
        cold = solve(problem)
        assert cold.status == continued.status == "converged"
        assert max(cold.residual, continued.residual) < 1e-10
        assert cold.evaluations <= 60
        np.testing.assert_allclose(values(continued), values(cold), rtol=1e-8)


def test_the_order_of_a_sweep_does_not_matter():
    problem = family(5, 0.5, 1e-4)[0]
    ascending = sweep(problem, FACTORS)
    shuffled = np.random.default_rng(0).permutation(FACTORS.size)
    for order in (shuffled, slice(None, None, -1)):
        again = sweep(problem, FACTORS[order])
        for name in OBSERVABLES:
            np.testing.assert_allclose(again[name], ascending[name][order], rtol=1e-8)


@pytest.mark.parametrize("colors", [2, 3, pytest.param(20, marks=pytest.mark.slow)])
def test_the_start_does_not_matter(colors):
    problems = family(colors, 0.5, 1e-4)
    solved = [solve_from(problem, None) for problem in problems]
    for (solution, _), (_, state) in itertools.permutations(solved, 2):
        again, _ = solve_from(solution.problem, state)
        np.testing.assert_allclose(values(again), values(solution), rtol=1e-8)


@pytest.mark.parametrize(
    ("colors", "beta", "lam", "alphas"),
    [
        (2, 0.516, 3.3e-6, [0.13, 0.66, 1.8, 9.33]),
        (3, 0.31, 4e-5, [0.34, 0.5, 0.58, 5.04, 35.6]),
        (5, 0.5, 1e-4, [1.04, 1.1, 1.15, 3.2]),
    ],
)
def test_a_gap_between_sample_ratios(colors, beta, lam, alphas):
    """What the last few solutions extrapolate to must not cost more than a cold start."""
    curve = sweep(Problem(1.0, lam, PottsTokens(colors, beta)), alphas)
    assert curve.converged
    assert curve["evaluations"].max() <= 60
