"""The weight decay that generalises best."""

from __future__ import annotations

import math

import numpy as np
from numpy.polynomial.chebyshev import Chebyshev
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from replica.arguments import refusal
from replica.ensembles import ensemble_of
from replica.errors import ConvergenceError
from replica.messages import complaint
from replica.path import State
from replica.problem import Problem
from replica.solution import Solution
from replica.solver import solve, solve_from

#: Where the best weight decay is looked for, on a logarithmic scale.
_RANGE = (math.log(1e-8), math.log(1e5))

#: Half width in log λ, and degree, of the polynomial whose extremum is the answer.
_HALF_WIDTH, _DEGREE = 0.25, 10


def optimal_lam(problem: Problem) -> tuple[float, Solution]:
    """Return the λ with the smallest test loss, and the solution there.

    The test loss is flat at its minimum, where differences of it carry half its digits only;
    a polynomial through its values around the minimum, of which the derivative vanishes,
    keeps nearly all of them.

    Parameters
    ----------
    problem : Problem
        What to solve; its own λ is not used.

    Returns
    -------
    lam : float
        The best weight decay, to about eight digits.
    solution : Solution
        The solution at this weight decay.

    Raises
    ------
    ConvergenceError
        If a problem on the way was not solved.
    ValueError
        If the test loss has no minimum for 1e-8 < λ < 1e5, as without anything to learn.
    """
    if not isinstance(problem, Problem):
        raise refusal("problem", problem, "a Problem")
    check_teacher(problem)
    last: State | None = None

    def test_loss(log_lam: float) -> float:
        nonlocal last
        solution, last = solve_from(problem.at(lam=math.exp(log_lam)), last)
        if not solution.converged:
            raise ConvergenceError(complaint(solution), solution)
        return solution.test_loss

    centre = float(minimize_scalar(test_loss, bounds=_RANGE, method="bounded").x)
    for _ in range(6):
        if not _RANGE[0] + 1 < centre < _RANGE[1] - 1:
            low, high = map(math.exp, _RANGE)
            allowed = f"one whose best weight decay lies well between {low:.0e} and {high:.0e}"
            raise refusal("problem", problem, allowed)
        domain = (centre - _HALF_WIDTH, centre + _HALF_WIDTH)
        places = centre + _HALF_WIDTH * np.cos(
            np.pi * (np.arange(_DEGREE + 1) + 0.5) / (_DEGREE + 1)
        )
        fit = Chebyshev.fit(places, [test_loss(place) for place in places], _DEGREE, domain=domain)
        best = _nearest_root(fit, centre)
        if abs(best - centre) < 0.5 * _HALF_WIDTH:
            lam = math.exp(best)
            return lam, solve(problem.at(lam=lam))
        centre = min(max(best, domain[0]), domain[1])
    raise refusal("problem", problem, "one whose test loss has a minimum in lam")


def at_best_lam(problem: Problem) -> Solution:
    """Return the solution at the best λ, or the one on the way there that did not converge."""
    try:
        return optimal_lam(problem)[1]
    except ConvergenceError as error:
        stopped: Solution = error.solution
        return stopped


def check_teacher(problem: Problem) -> None:
    """Raise ValueError where there is nothing to learn, and no weight decay is too large."""
    if not ensemble_of(problem.data).spectrum.rho.any():
        allowed = "such that there is something to learn, for a finite weight decay to be best"
        raise refusal("data", problem.data, allowed)


def _nearest_root(fit: Chebyshev, centre: float) -> float:
    """Return the extremum of the fit nearest to a point, or the lower end of its domain."""
    roots: NDArray[np.complex128] = np.asarray(fit.deriv().roots(), dtype=complex)
    real = roots.real[np.abs(roots.imag) < 1e-9]
    inside = real[np.abs(real - centre) < _HALF_WIDTH]
    if inside.size:
        return float(inside[np.argmin(np.abs(inside - centre))])
    low, high = fit.domain
    return float(low if fit(low) < fit(high) else high)
