"""True errors of the solver on a random grid, against the averages of `reference`."""

from __future__ import annotations

import math
import time
import warnings
from typing import NamedTuple

import numpy as np
import reference
from reference import reference_solver
from scipy.special import log_ndtr

from replica import ParamagnetWarning, PottsTokens, Problem, Solution
from replica.channels.potts_cross_entropy import CrossEntropyChannel
from replica.quadrature.rule import Accuracy
from replica.saddle_point.solver import solve_from

OBSERVABLES = (
    "m", "q", "V", "test_loss", "train_loss", "optimal_loss", "error_rate", "coupling_error",
)  # fmt: skip

#: Beyond this q the square grid at C = 3 costs more than the inversion.
_MOST_Q = 20.0


class Checked(NamedTuple):
    """One point of the grid: what was solved, how far off each observable is, and the cost."""

    solution: Solution
    errors: np.ndarray
    doubt: float
    seconds: float


def random_grid(colors: int, points: int) -> list[Problem]:
    """Log-uniform alpha in [0.05, 100] and lam in [1e-6, 10], uniform b in [0.05, 0.9]."""
    rng = np.random.default_rng(1000 + colors)
    problems = []
    for _ in range(points):
        alpha = math.exp(rng.uniform(math.log(0.05), math.log(100.0)))
        lam = math.exp(rng.uniform(math.log(1e-6), math.log(10.0)))
        b = rng.uniform(0.05, 0.9)
        problems.append(Problem(alpha, lam, PottsTokens(colors, b * colors)))
    return problems


def averages(colors: int, m: float, q: float, V: float) -> np.ndarray:
    """E 1, E g_1, E |g|², E tr K, E log(1/p_1) by the independent method for these colours."""
    if colors == 2:
        return reference.two_colors(m, q, V)
    if colors == 3 and q < _MOST_Q:
        return reference.three_colors(m, q, V)
    return reference.inversion(colors, m, q, V)


def check(problem: Problem) -> Checked:
    """Solve, and solve again with the independent averages by Newton's method from there."""
    start = time.perf_counter()
    solution, state = solve_from(problem, None)
    seconds = time.perf_counter() - start
    assert state is not None
    assert state.inverse is not None
    colors, beta = problem.data.colors, problem.data.beta
    x = state.x
    for _ in range(4):
        V_hat, m_hat, q_hat = np.exp(x)
        row = reference_solver.row(colors, beta, problem.lam, np.array([m_hat, q_hat, V_hat]))
        found = averages(colors, row.m, row.q, row.V)
        step = -state.inverse @ (np.log(problem.alpha * found[[3, 1, 2]]) - x)
        x = x + step
        if np.abs(step).max() < 1e-7:
            break
    # What is left of the distance is of the order of its square. The training loss follows the
    # last step at the solver's own slope.
    V_hat, m_hat, q_hat = np.exp(x)
    last, row = (
        row,
        reference_solver.row(colors, beta, problem.lam, np.array([m_hat, q_hat, V_hat])),
    )
    train_loss = found[4] + _slope(colors, row, last)
    # Positive terms only, and far tails: rare errors to full relative precision.
    x, spacing = np.linspace(-15.0, 15.0, 601, retstep=True)
    right = (colors - 1) * log_ndtr(x + row.m / math.sqrt(row.q))
    gauss = np.exp(-0.5 * x * x) * spacing / math.sqrt(2 * math.pi)
    wrong = float(gauss @ -np.expm1(right))
    rho = beta**2 / colors
    exact = {
        "m": row.m,
        "q": row.q,
        "V": row.V,
        "test_loss": reference.fresh_loss(colors, row.m, row.q),
        "train_loss": train_loss,
        "optimal_loss": reference.fresh_loss(colors, rho, rho),
        "error_rate": wrong,
        "coupling_error": (beta**2 - 2 * row.r + row.n) / beta**2,
    }
    errors = np.array([abs(getattr(solution, name) / exact[name] - 1) for name in OBSERVABLES])
    return Checked(solution, errors, float(np.abs(step).max()), seconds)


def _slope(colors: int, here: reference_solver.Row, there: reference_solver.Row) -> float:
    """Return the change of the training loss from there to here, by the solver's rule."""
    fields = [tuple(np.array([value]) for value in row[:3]) for row in (here, there)]
    rule = CrossEntropyChannel(colors).rule(*fields[1])
    new, old = (rule.averages(*each, Accuracy.FINE).loss for each in fields)
    return new - old


def resolution(colors: int) -> float:
    """Return the relative error of the referee, as seen when all its steps are halved.

    Square grids are exact to rounding; the inversion loses with the number of factors.
    """
    return 1e-14 if colors <= 3 else 3e-13 * max(colors, 10)


def covered(checked: Checked) -> bool:
    """Whether the true error of every observable is below 3 times `quadrature_error`.

    What the referee itself may be off by does not count against the solver.
    """
    solution = checked.solution
    allowed = 3 * solution.quadrature_error + resolution(solution.problem.data.colors)
    return bool(checked.errors.max() <= allowed)


def grid(colors: int, points: int) -> list[Checked]:
    """Check the whole grid of one number of colours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ParamagnetWarning)
        return [check(problem) for problem in random_grid(colors, points)]
