"""Solve one problem: coarse search, fine search, and a path in λ where these fail."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np

from replica.errors import ConvergenceError
from replica.problem import Problem
from replica.quadrature.rule import Accuracy
from replica.saddle_point.anderson import accelerate
from replica.saddle_point.continuation import State, extrapolated
from replica.saddle_point.existence_threshold import known_threshold
from replica.saddle_point.fixed_point import FixedPoint, find_fixed_point, largest
from replica.saddle_point.messages import failure_message
from replica.saddle_point.observables import solution_at, without_answer
from replica.saddle_point.saddle_point import SaddlePoint
from replica.saddle_point.solution import Solution
from replica.saddle_point.start import start
from replica.saddle_point.status import Status
from replica.saddle_point.two_colors import follow
from replica.validation import integer, invalid, truth

#: Residuals at which the coarse and the fine search for a fixed point end.
_TOLERANCES = {Accuracy.COARSE: 1e-5, Accuracy.FINE: 1e-11}

#: Evaluations after which the state of a neighbour, or the loss's expansion, has misled.
_FROM_NEIGHBOUR, _FROM_EXPANSION = 14, 60

#: Relative error of the existence threshold, within which both sides look alike.
_THRESHOLD_ERROR = 1e-8


def solve(problem: Problem, *, check: bool = True, max_steps: int = 400) -> Solution:
    """Solve the saddle-point equations of a problem.

    Parameters
    ----------
    problem : Problem
        What to solve.
    check : bool
        Whether a solution that did not converge is an error.
    max_steps : int
        Evaluations of the saddle-point map after which no further step is taken. What a step has
        begun, such as measuring the derivative, and the estimate of the error are completed
        all the same, so that `evaluations` may exceed it by a few.

    Returns
    -------
    Solution
        Order parameters, observables and how far to trust them.

    Raises
    ------
    ConvergenceError
        With `check`, if the solution did not converge; the error carries it.
    ValueError
        If an argument is not allowed.

    Examples
    --------
    >>> from replica import PottsTokens, Problem, solve
    >>> solution = solve(Problem(alpha=2.0, lam=0.1, data=PottsTokens(colors=3, beta=1.5)))
    >>> round(solution.test_loss, 4), round(solution.train_loss, 4), round(solution.optimal_loss, 4)
    (1.0434, 0.659, 0.8772)
    >>> solution.status
    'converged'
    """
    if not isinstance(problem, Problem):
        raise invalid("problem", problem, "a Problem")
    checked = truth("check", check)
    solution, _ = solve_from(problem, None, integer("max_steps", max_steps, 1))
    if checked and not solution.converged:
        raise ConvergenceError(failure_message(solution), solution)
    return solution


def solve_from(
    problem: Problem, state: State | None, max_steps: int = 400
) -> tuple[Solution, State | None]:
    """Solve a problem from the state of a neighbour, and return the state for the next one."""
    saddle = SaddlePoint(problem)
    if problem.bias and problem.loss == "cross-entropy" and saddle.ensemble.lacks_tokens:
        # Their bias falls for ever, at any weight decay.
        return without_answer(saddle, Status.DIVERGED), None
    if problem.lam == 0.0:
        threshold = known_threshold(saddle.ensemble, problem.loss, problem.masking, problem.bias)
        if problem.alpha <= threshold * (1 + _THRESHOLD_ERROR):
            return without_answer(saddle, Status.BELOW_THRESHOLD), None
    found = None
    if state is not None:
        limits = _TOLERANCES[Accuracy.FINE], min(max_steps, _FROM_NEIGHBOUR)
        for solved in follow(saddle, (problem,), [(0.0, state)], *limits):
            return solved
        found = _search(saddle, state, Accuracy.FINE, min(max_steps, _FROM_NEIGHBOUR))
    if found is None or found.status != Status.CONVERGED:
        found = _approach(saddle, max_steps)
        if found.status == Status.CONVERGED:
            state = State(found.x, found.inverse)
            found = _search(saddle, state, Accuracy.FINE, max_steps)
    # A path that ended early was at another λ, with other fields than these.
    admitted = saddle.couplings.admits(saddle.overlaps(found.x), saddle.channel.largest_q)
    if not (admitted and math.isfinite(largest(found.gap))):
        return without_answer(saddle, found.status), None
    solution = solution_at(saddle, found)
    return solution, State(found.x, found.inverse) if solution.converged else None


def follow_from(
    problems: Sequence[Problem], past: Sequence[tuple[float, State]]
) -> list[tuple[Solution, State]]:
    """Solve the first of problems that differ in alpha only, as many as one kernel leads to.

    None where the equations are others than those that a kernel knows, or do not end.
    """
    first = problems[0]
    if not past or first.data.colors != 2 or first.lam == 0.0:
        return []
    limits = _TOLERANCES[Accuracy.FINE], _FROM_NEIGHBOUR
    return list(follow(SaddlePoint(first), problems, past, *limits))


def _search(saddle: SaddlePoint, state: State, accuracy: Accuracy, max_steps: int) -> FixedPoint:
    saddle.forget_rule()
    find = accelerate if saddle.couplings.many else find_fixed_point
    return find(
        partial(saddle.evaluate, accuracy=accuracy),
        state.x,
        state.inverse,
        _TOLERANCES[accuracy],
        lambda: max_steps - saddle.evaluations,
    )


def _approach(saddle: SaddlePoint, max_steps: int) -> FixedPoint:
    """Find the fixed point with the coarse quadrature, from nowhere.

    Where the quadratic expansion of the loss leads nowhere, more weight decay makes an easy
    problem, and a path from there to the one that is asked for.
    """
    beginning = State(start(saddle), None)
    found = _search(saddle, beginning, Accuracy.COARSE, min(max_steps, _FROM_EXPANSION))
    if found.status == Status.CONVERGED or saddle.evaluations >= max_steps:
        return found
    lam, unit = saddle.lam, saddle.couplings.unit
    past: list[tuple[float, State]] = []
    for place in np.linspace(0.0, math.log(max(lam / unit, 1e-9)), 8):
        saddle.lam = unit * math.exp(place)
        state = extrapolated(past, place) or State(start(saddle), None)
        found = _search(saddle, state, Accuracy.COARSE, max_steps)
        if found.status != Status.CONVERGED:
            break
        past = [*past[-2:], (place, State(found.x, found.inverse))]
    saddle.lam = lam
    return found
