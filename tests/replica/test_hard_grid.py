"""Where plain iteration fails: around the threshold, with next to no weight decay."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from replica import PottsTokens, Problem, existence_threshold, solve
from replica.curve import solutions
from replica.solver import solve_from

FACTORS = np.array([0.3, 0.9, 0.99, 1.01, 1.1, 3.0])
OBSERVABLES = (
    "m", "q", "V", "test_loss", "train_loss", "optimal_loss", "error_rate", "coupling_error",
)  # fmt: skip

pytestmark = pytest.mark.filterwarnings("ignore::replica.GlassTransitionWarning")


def family(colors: int, b: float, lam: float) -> list[Problem]:
    data = PottsTokens(colors, b * colors)
    return [Problem(a, lam, data) for a in FACTORS * existence_threshold(data)]


def values(solution) -> np.ndarray:
    return np.array([getattr(solution, name) for name in OBSERVABLES])


@pytest.mark.parametrize("lam", [1e-6, 1e-4, 1e-2, 1.0])
@pytest.mark.parametrize("b", [0.1, 0.5, 0.85])
@pytest.mark.parametrize("colors", [2, 3, 5, 20])
def test_converged_in_sixty_evaluations_from_every_side(colors, b, lam):
    problems = family(colors, b, lam)
    cold = [solve(problem) for problem in problems]
    for solution in cold:
        assert solution.status == "converged"
        assert solution.residual < 1e-10
        assert solution.evaluations <= 60
    ascending = list(solutions(problems))
    descending = list(solutions(problems[::-1]))[::-1]
    for found in (ascending, descending):
        for one, other in zip(cold, found, strict=True):
            np.testing.assert_allclose(values(other), values(one), rtol=1e-8)


@pytest.mark.parametrize("colors", [2, 3, 20])
def test_the_start_does_not_matter(colors):
    problems = family(colors, 0.5, 1e-4)
    states = [solve_from(problem, None) for problem in problems]
    for (i, _), (target, _) in itertools.permutations(enumerate(states), 2):
        again, _ = solve_from(target.problem, states[i][1])
        np.testing.assert_allclose(values(again), values(target), rtol=1e-8)
