"""Solve one problem."""

from __future__ import annotations

import math
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from replica.arguments import integer, refusal
from replica.channel import Accuracy
from replica.couplings import Overlaps
from replica.fixed_point import FixedPoint, find_fixed_point, largest
from replica.observables import coupling_error, error_rate, relative_difference
from replica.problem import Problem
from replica.saddle_point import CHANNELS, SaddlePoint
from replica.solution import ConvergenceError, Order, Solution
from replica.threshold import existence_threshold

Vector = NDArray[np.float64]

#: Residuals at which the coarse and the fine search for a fixed point end, and the largest
#: residual of a converged solution.
_COARSE, _FINE, _CONVERGED = 1e-5, 1e-11, 1e-10

#: Evaluations after which a neighbour's state has misled, and a start of one's own is due.
_FROM_NEIGHBOUR = 14

#: Relative rounding error of an average over the fields.
_ROUNDING = 1e-14


class State(NamedTuple):
    """Where a search ended, to start another one nearby."""

    x: Vector
    inverse: NDArray[np.float64] | None


def solve(problem: Problem, *, check: bool = True, max_steps: int = 200) -> Solution:
    """Solve the saddle-point equations of a problem.

    Parameters
    ----------
    problem : Problem
        What to solve.
    check : bool
        Whether a solution that did not converge is an error.
    max_steps : int
        Most evaluations of the saddle-point map.

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
    solution, _ = solve_from(problem, None, integer("max_steps", max_steps, 1))
    if check and not solution.converged:
        raise ConvergenceError(complaint(solution), solution)
    return solution


def solve_from(
    problem: Problem, state: State | None, max_steps: int = 200
) -> tuple[Solution, State | None]:
    """Solve a problem from the state of a neighbour, and return the state for the next one."""
    if problem.lam == 0.0 and problem.alpha <= existence_threshold(problem.data, problem.loss):
        return _without_answer(problem, "below-threshold", 0), None
    saddle = SaddlePoint(problem)
    found = _search(saddle, state, max_steps if state is None else min(max_steps, _FROM_NEIGHBOUR))
    if state is not None and found.status != "converged":
        found = _search(saddle, None, max_steps)
    if not math.isfinite(largest(found.gap)):
        return _without_answer(problem, found.status, saddle.evaluations), None
    solution = _solution(saddle, found)
    return solution, State(found.x, found.inverse) if solution.converged else None


def _search(saddle: SaddlePoint, state: State | None, max_steps: int) -> FixedPoint:
    """Find the fixed point with the fine quadrature.

    Without a neighbour to start from, a coarse quadrature shows the way.
    """

    def search(accuracy: Accuracy, tolerance: float, state: State) -> FixedPoint:
        saddle.forget_rule()
        evaluate = partial(saddle.evaluate, accuracy=accuracy)
        return find_fixed_point(
            evaluate, state.x, state.inverse, tolerance, lambda: max_steps - saddle.evaluations
        )

    if state is None:
        found = search(Accuracy.COARSE, _COARSE, State(saddle.start(), None))
        if found.status != "converged":
            return found
        state = State(found.x, found.inverse)
    return search(Accuracy.FINE, _FINE, state)


def _solution(saddle: SaddlePoint, found: FixedPoint) -> Solution:
    problem = saddle.problem
    order = saddle.overlaps(found.x)
    conjugates = saddle.conjugates(found.x)
    losses = _losses(saddle, order, Accuracy.FINE)
    rates = _rates(problem, order)
    residual = max(
        largest(np.expm1(np.minimum(found.gap, 500.0))),
        relative_difference(_stacked(saddle.overlaps(found.x + found.gap)), _stacked(order)),
    )
    quadrature_error = _quadrature_error(saddle, found, losses, rates)
    status = found.status
    if residual < _CONVERGED and status == "max-steps":
        status = "converged"
    return Solution(
        problem,
        m=_order(order.m),
        q=_order(order.q),
        V=_order(order.V),
        m_hat=_order(conjugates.m),
        q_hat=_order(conjugates.q),
        V_hat=_order(conjugates.V),
        test_loss=float(losses[0]),
        train_loss=float(losses[1]),
        optimal_loss=_optimal_loss(problem.loss, problem.data.colors, tuple(_rho(saddle))),
        error_rate=float(rates[0]),
        coupling_error=float(rates[1]),
        status=status,
        residual=residual,
        evaluations=saddle.evaluations,
        quadrature_error=quadrature_error,
    )


def _quadrature_error(
    saddle: SaddlePoint, found: FixedPoint, losses: Vector, rates: Vector
) -> float:
    """Bound the relative error of a solution by its distance to that of a finer quadrature.

    The finer equations are solved one Newton step away. Beyond the distance counts what
    rounding makes of it where the equations are nearly singular.
    """
    order = saddle.overlaps(found.x)
    finer_gap = saddle.evaluate(found.x, Accuracy.FINER) - found.x
    moved = saddle.overlaps(found.x - found.inverse @ finer_gap)
    return (
        relative_difference(losses, _losses(saddle, order, Accuracy.FINER))
        + relative_difference(
            np.concatenate([_stacked(order), rates]),
            np.concatenate([_stacked(moved), _rates(saddle.problem, moved)]),
        )
        + _ROUNDING * float(np.abs(found.inverse).sum(axis=1).max())
    )


def _losses(saddle: SaddlePoint, order: Overlaps, accuracy: Accuracy) -> Vector:
    """Return test loss and training loss."""
    test = saddle.channel.test_loss(order.m, order.q, accuracy)
    return np.array([test, saddle.averages(order, accuracy).loss])


def _rates(problem: Problem, order: Overlaps) -> Vector:
    """Return error rate and coupling error."""
    data = problem.data
    return np.array(
        [
            error_rate(data.colors, order.m[0], order.q[0]),
            coupling_error(data.teacher_norm2, order.r, order.n),
        ]
    )


def _rho(saddle: SaddlePoint) -> Vector:
    """Return ρ_k = u_k² w*ᵀ G_k w*, the overlap of the teacher with itself."""
    spectrum = saddle.spectrum
    return np.asarray(spectrum.scales * (spectrum.covariances @ spectrum.teacher))


@lru_cache(maxsize=256)
def _optimal_loss(loss: str, colors: int, rho: tuple[float, ...]) -> float:
    return CHANNELS[loss](colors).optimal_loss(np.array(rho), Accuracy.FINE)


def _stacked(order: Overlaps) -> Vector:
    return np.concatenate([order.m, order.q, order.V])


def _order(value: Vector) -> Order:
    return float(value[0]) if value.size == 1 else value


def _without_answer(problem: Problem, status: str, evaluations: int) -> Solution:
    saddle = SaddlePoint(problem)
    optimal = _optimal_loss(problem.loss, problem.data.colors, tuple(_rho(saddle)))
    nothing = math.nan
    return Solution(
        problem, *(nothing,) * 6, nothing, nothing, optimal, nothing, nothing,
        status, nothing, evaluations, nothing,
    )  # fmt: skip


def complaint(solution: Solution) -> str:
    """Return the line that says how a solution failed, and what may help."""
    problem = solution.problem
    where = f"alpha = {problem.alpha}, lam = {problem.lam}"
    if solution.status == "below-threshold":
        threshold = existence_threshold(problem.data, problem.loss)
        return (
            f"{where}: without weight decay there is no unique minimiser below "
            f"alpha_c = {threshold:.8g}; take lam > 0 or a larger alpha"
        )
    return (
        f"{where}: the solver stopped as {solution.status} after {solution.evaluations} "
        f"evaluations with residual {solution.residual:.1e}"
    )
