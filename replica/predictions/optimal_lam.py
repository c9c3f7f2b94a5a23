"""The weight decay λ at which the test loss is least, and the solution there."""

from __future__ import annotations

import math
from collections.abc import Callable

from replica.ensembles import ensemble_of
from replica.errors import ConvergenceError
from replica.problem import Problem
from replica.quadrature.search import deepest_minimum, flat_minimum
from replica.saddle_point.continuation import State
from replica.saddle_point.messages import failure_message
from replica.saddle_point.solution import Solution
from replica.saddle_point.solver import solve, solve_from
from replica.validation import invalid

#: Spacing of the grid in log λ, how far it reaches beyond the scales of the data at first, and how
#: far it may be continued while the test loss still falls at its end.
_STEP, _REACH, _FURTHEST = 1.0, 3.0, 40.0

#: Tolerance in log λ of the minimum that the polynomial then replaces.
_COARSE = 0.05

#: Steps in log λ so short that they lead on where longer ones fail.
_SHORTEST = 0.02

#: Relative differences of the test loss below which it does not tell weight decays apart.
_VISIBLE = 5e-13

#: Half width in log λ, and degree, of the polynomial whose extremum is the answer.
_HALF_WIDTH, _DEGREE = 0.25, 10


def optimal_lam(problem: Problem) -> tuple[float, Solution]:
    """Return the λ with the smallest test loss, and the solution there.

    The test loss may have several minima, one for each scale of the data: a grid in log λ spans
    the scales on which w* lies, every minimum it brackets is refined, and the deepest is the
    answer. It is flat there, where differences of it carry half its digits only; a polynomial
    through its values around the minimum, of which the derivative vanishes, keeps nearly all of
    them.

    Parameters
    ----------
    problem : Problem
        What to solve; its own λ is not used.

    Returns
    -------
    lam : float
        The best weight decay, to about eight digits, less those of the test loss that hardly
        depend on it.
    solution : Solution
        The solution at this weight decay.

    Raises
    ------
    ConvergenceError
        If a problem on the way was not solved.
    ValueError
        If the test loss has no least value at a finite λ > 0: without anything to learn, where it
        does not tell weight decays apart, or where it is least in the limit λ → 0.

    Examples
    --------
    >>> from replica import PottsTokens, Problem, optimal_lam
    >>> lam, best = optimal_lam(Problem(alpha=2.0, lam=0.1, data=PottsTokens(3, 1.5)))
    >>> round(lam, 4), round(best.test_loss, 4)
    (0.4321, 0.9803)
    """
    if not isinstance(problem, Problem):
        raise invalid("problem", problem, "a Problem")
    check_teacher(problem)
    path = _Path(problem)
    test_loss = path.test_loss
    centre = _deepest(problem, test_loss)
    best = flat_minimum(test_loss, centre, _HALF_WIDTH, _DEGREE)
    if best is None:
        raise invalid("problem", problem, "one whose test loss has a minimum in lam")
    lam = math.exp(best)
    return lam, solve(problem.at(lam=lam))


class _Path:
    """Solutions of a problem at one λ after the other, each started from the one before."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self._here: float | None = None
        self._state: State | None = None

    def test_loss(self, log_lam: float) -> float:
        """Return the test loss at a λ, or raise ConvergenceError."""
        solution = self._solve(log_lam)
        step = log_lam if self._here is None else log_lam - self._here
        while self._here is not None and not solution.converged and abs(step) > _SHORTEST:
            # Where neither the neighbour nor a cold start leads there, nearer neighbours may.
            step = 0.5 * min(step, log_lam - self._here, key=abs)
            if self._solve(self._here + step).converged:
                solution = self._solve(log_lam)
        if not solution.converged:
            raise ConvergenceError(failure_message(solution), solution)
        return solution.test_loss

    def _solve(self, log_lam: float) -> Solution:
        solution, state = solve_from(self.problem.at(lam=math.exp(log_lam)), self._state)
        if state is not None:
            self._here, self._state = log_lam, state
        return solution


def _deepest(problem: Problem, test_loss: Callable[[float], float]) -> float:
    """Return the log λ of the deepest minimum, nearly.

    The grid goes from much weight decay to little, and on where the test loss still falls at one
    of its ends.
    """
    known: dict[float, float] = {}

    def value(log_lam: float) -> float:
        if log_lam not in known:
            known[log_lam] = test_loss(log_lam)
        return known[log_lam]

    low, high = _scales(problem)
    count = math.ceil((high - low + 2 * _REACH) / _STEP)
    places = [high + _REACH - _STEP * i for i in range(count + 1)]
    while value(places[-1]) < (1 - _VISIBLE) * value(places[-2]) and places[-1] > low - _FURTHEST:
        places.append(places[-1] - _STEP)
    while value(places[0]) < (1 - _VISIBLE) * value(places[1]) and places[0] < high + _FURTHEST:
        places.insert(0, places[0] + _STEP)
    best = deepest_minimum(value, places, _COARSE)
    apart = [loss for log_lam, loss in known.items() if abs(log_lam - best.place) > 0.5 * _STEP]
    least = (1 + _VISIBLE) * best.value
    if max(known.values()) <= least or (best.inside and min(apart) <= least):
        raise invalid("problem", problem, "one whose test loss tells weight decays apart")
    if not best.inside:
        end = "lam → 0" if best.place == places[-1] else "lam → infinity"
        allowed = f"one whose test loss is least at a finite lam > 0, not in the limit {end}"
        raise invalid("problem", problem, allowed)
    return best.place


def _scales(problem: Problem) -> tuple[float, float]:
    """Return log λ of the least and the largest weight decay that w* asks for on one of its scales.

    The noise of what is regressed is in units of 1/|w*|² one for the cross-entropy, of order C or
    1/κ for the squared error, whose rows are so much shorter.
    """
    ensemble = ensemble_of(problem.data)
    noise = ensemble.law.regression_noise if problem.loss == "squared-error" else 1.0
    return ensemble.log_weight_decays(noise)


def at_best_lam(problem: Problem) -> Solution:
    """Return the solution at the best λ, or the one on the way there that did not converge."""
    try:
        return optimal_lam(problem)[1]
    except ConvergenceError as error:
        stopped: Solution = error.solution
        return stopped


def check_teacher(problem: Problem) -> None:
    """Raise ValueError where there is nothing to learn, and no weight decay is too large."""
    if not ensemble_of(problem.data).rho.any():
        allowed = "such that there is something to learn, for a finite weight decay to be best"
        raise invalid("data", problem.data, allowed)
