"""Solve one problem."""

from __future__ import annotations

import math
from functools import lru_cache, partial

import numpy as np

from replica.arguments import integer, refusal, truth
from replica.arrays import Vector
from replica.channel import Accuracy
from replica.channels import channel_of, rate_error
from replica.colour_modes import colour_modes
from replica.couplings import Overlaps
from replica.data import DataModel, PottsTokens
from replica.errors import ConvergenceError
from replica.fixed_point import FixedPoint, find_fixed_point, largest
from replica.observables import coupling_error, relative_difference
from replica.path import State, extrapolated
from replica.problem import Loss, Problem
from replica.saddle_point import SaddlePoint
from replica.solution import Order, Solution
from replica.spectrum import spectrum_of
from replica.threshold import existence_threshold

Numbers = tuple[float, float]

#: Residuals at which the coarse and the fine search for a fixed point end, and the largest
#: residual of a converged solution.
_TOLERANCES = {Accuracy.COARSE: 1e-5, Accuracy.FINE: 1e-11}
_CONVERGED = 2e-10

#: Evaluations after which the state of a neighbour, or the loss's expansion, has misled.
_FROM_NEIGHBOUR, _FROM_EXPANSION = 14, 60

#: Relative error of the existence threshold, within which both sides look alike.
_THRESHOLD_ERROR = 1e-8

#: Relative rounding error of an average over the fields.
_ROUNDING = 1e-14


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
    """
    if not isinstance(problem, Problem):
        raise refusal("problem", problem, "a Problem")
    checked = truth("check", check)
    solution, _ = solve_from(problem, None, integer("max_steps", max_steps, 1))
    if checked and not solution.converged:
        raise ConvergenceError(complaint(solution), solution)
    return solution


def solve_from(
    problem: Problem, state: State | None, max_steps: int = 400
) -> tuple[Solution, State | None]:
    """Solve a problem from the state of a neighbour, and return the state for the next one."""
    if problem.lam == 0.0 and problem.alpha <= _threshold(problem) * (1 + _THRESHOLD_ERROR):
        return _without_answer(problem, "below-threshold", 0), None
    saddle = SaddlePoint(problem)
    found = None
    if state is not None:
        found = _search(saddle, state, Accuracy.FINE, min(max_steps, _FROM_NEIGHBOUR))
    if found is None or found.status != "converged":
        found = _approach(saddle, max_steps)
        if found.status == "converged":
            state = State(found.x, found.inverse)
            found = _search(saddle, state, Accuracy.FINE, max_steps)
    if not math.isfinite(largest(found.gap)):
        return _without_answer(problem, found.status, saddle.evaluations), None
    solution = _solution(saddle, found)
    return solution, State(found.x, found.inverse) if solution.converged else None


def _threshold(problem: Problem) -> float:
    """Return the existence threshold; 0 where none is known, and the search decides."""
    data, loss = problem.data, problem.loss
    several = isinstance(data, PottsTokens) and not colour_modes(data).one
    if not isinstance(loss, str) or (several and loss == "cross-entropy"):
        return 0.0
    return existence_threshold(data, loss)


def _search(saddle: SaddlePoint, state: State, accuracy: Accuracy, max_steps: int) -> FixedPoint:
    saddle.forget_rule()
    return find_fixed_point(
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
    start = State(saddle.start(), None)
    found = _search(saddle, start, Accuracy.COARSE, min(max_steps, _FROM_EXPANSION))
    if found.status == "converged" or saddle.evaluations >= max_steps:
        return found
    lam = saddle.problem.lam
    past: list[tuple[float, State]] = []
    for place in np.linspace(0.0, math.log(max(lam, 1e-9)), 8):
        saddle.lam = math.exp(place)
        state = extrapolated(past, place) or State(saddle.start(), None)
        found = _search(saddle, state, Accuracy.COARSE, max_steps)
        if found.status != "converged":
            break
        past = [*past[-2:], (place, State(found.x, found.inverse))]
    saddle.lam = lam
    return found


def _solution(saddle: SaddlePoint, found: FixedPoint) -> Solution:
    problem = saddle.problem
    order = saddle.overlaps(found.x)
    conjugates = saddle.conjugates(found.x)
    losses = _losses(saddle, order, Accuracy.FINE)
    rates = _rates(saddle, order, Accuracy.FINE)
    optimal_loss = _optimal_loss(problem.data, problem.loss)
    residual = max(
        largest(np.expm1(np.minimum(found.gap, 500.0))),
        relative_difference(_listed(saddle.overlaps(found.x + found.gap)), _listed(order)),
    )
    quadrature_error = _quadrature_error(saddle, found, order, losses, rates)
    status = found.status
    if status in ("converged", "max-steps"):
        # A residual that rounding alone keeps from the tolerance is small enough.
        status = "converged" if residual < _CONVERGED else "max-steps"
    return Solution(
        problem,
        m=_order(order.m),
        q=_order(order.q),
        V=_order(order.V),
        m_hat=_order(conjugates.m),
        q_hat=_order(conjugates.q),
        V_hat=_order(conjugates.V),
        test_loss=losses[0],
        train_loss=losses[1],
        optimal_loss=optimal_loss,
        error_rate=rates[0],
        coupling_error=rates[1],
        status=status,
        residual=residual,
        evaluations=saddle.evaluations,
        quadrature_error=quadrature_error,
    )


def _quadrature_error(
    saddle: SaddlePoint, found: FixedPoint, order: Overlaps, losses: Numbers, rates: Numbers
) -> float:
    """Bound the relative error of a solution by its distance to that of a finer quadrature.

    The finer equations are solved one Newton step away. Beyond the distance counts what
    rounding makes of it where the equations are nearly singular. NaN says that there is none.
    """
    finer_gap = saddle.evaluate(found.x, Accuracy.FINER) - found.x
    if not np.isfinite(found.inverse).all():
        return math.nan
    moved = saddle.overlaps(found.x - found.inverse @ finer_gap)
    if not np.isfinite(_listed(moved)).all():
        return math.nan
    return (
        relative_difference(losses, _losses(saddle, order, Accuracy.FINER))
        + relative_difference(
            [*_listed(order), *rates],
            [*_listed(moved), *_rates(saddle, moved, Accuracy.FINER)],
        )
        + _optimal_loss_error(saddle.problem.data, saddle.problem.loss)
        + _ROUNDING * float(np.abs(found.inverse).sum(axis=1).max())
        + saddle.common_error
        + rate_error(saddle.channel, order.m, order.q)
    )


def _losses(saddle: SaddlePoint, order: Overlaps, accuracy: Accuracy) -> Numbers:
    """Return test loss and training loss."""
    test = saddle.channel.test_loss(order.m, order.q, accuracy)
    return float(test), float(saddle.averages(order, accuracy).loss)


def _rates(saddle: SaddlePoint, order: Overlaps, accuracy: Accuracy) -> Numbers:
    """Return error rate and coupling error."""
    rate = saddle.channel.error_rate(order.m, order.q, accuracy)
    return rate, float(coupling_error(saddle.spectrum.teacher_norm2, order.r, order.n))


@lru_cache(maxsize=256)
def _optimal_loss(data: DataModel, loss: str | Loss, accuracy: Accuracy = Accuracy.FINE) -> float:
    return channel_of(data, loss).optimal_loss(spectrum_of(data).rho, accuracy)


@lru_cache(maxsize=256)
def _optimal_loss_error(data: DataModel, loss: str | Loss) -> float:
    fine, finer = (_optimal_loss(data, loss, each) for each in (Accuracy.FINE, Accuracy.FINER))
    return relative_difference([fine], [finer])


def _listed(order: Overlaps) -> list[float]:
    return [*order.m.tolist(), *order.q.tolist(), *order.V.tolist()]


def _order(value: Vector) -> Order:
    return float(value[0]) if value.size == 1 else value


def _without_answer(problem: Problem, status: str, evaluations: int) -> Solution:
    optimal = _optimal_loss(problem.data, problem.loss)
    nothing = math.nan
    order = _order(np.full_like(spectrum_of(problem.data).scales, nothing))
    return Solution(
        problem, order, order, order, order, order, order, nothing, nothing, optimal, nothing,
        nothing, status, nothing, evaluations, nothing,
    )  # fmt: skip


def complaint(solution: Solution) -> str:
    """Return the line that says how a solution failed, and what may help."""
    return reason(solution.problem, solution.status, solution.evaluations, solution.residual)


def reason(problem: Problem, status: str, evaluations: int, residual: float) -> str:
    """Return the line that says how a problem was not solved, and what may help."""
    where = f"alpha = {problem.alpha}, lam = {problem.lam}"
    if status == "below-threshold":
        threshold = _threshold(problem)
        larger = " or a larger alpha" if math.isfinite(threshold) else ""
        return (
            f"{where}: without weight decay there is no unique minimiser up to "
            f"alpha_c = {threshold:.8g}; take lam > 0{larger}"
        )
    return (
        f"{where}: the solver stopped as {status} after {evaluations} "
        f"evaluations with residual {residual:.1e}"
    )
