"""The free energy, whose stationarity conditions are the saddle-point equations."""

from __future__ import annotations

from replica.arrays import Vector
from replica.problem import Problem
from replica.quadrature.rule import Accuracy
from replica.saddle_point.equations import Conjugates, Overlaps
from replica.saddle_point.saddle_point import SaddlePoint, order_of
from replica.saddle_point.solution import Solution, answer


def free_energy(solution: Solution) -> float:
    """Return the training objective per site and row, α train_loss + (λ/2) |w|².

    It is the extremum Φ of THEORY.md at the solution's order parameters; at λ = 0 it is α
    times the training loss.

    Parameters
    ----------
    solution : Solution
        A converged solution.

    Returns
    -------
    float
        Φ, in the unit of the loss.

    Raises
    ------
    ValueError
        If the solution did not converge.

    Examples
    --------
    >>> from replica import PottsTokens, Problem, free_energy, solve
    >>> solution = solve(Problem(alpha=2.0, lam=0.1, data=PottsTokens(3, 1.5)))
    >>> round(free_energy(solution), 4), round(2.0 * solution.train_loss + 0.05 * solution.norm2, 4)
    (1.4882, 1.4882)
    """
    solved = answer(solution)
    return free_energy_at(solved.problem, *order_of(solved))


def free_energy_at(problem: Problem, order: Overlaps, conjugates: Conjugates) -> float:
    """Return Φ at any order parameters, stationary or not (THEORY.md, equation 6).

    Φ = α E[envelope] - ½ (<S²/D>_* + <Q/D>) + Σ_k (m m̂ - ½ q V̂ + ½ V q̂), with the Moreau
    envelope ℓ(h) + |h - ω|²/(2V) at h = prox(ω). With masks the mode of |w|² is among the others.
    """
    saddle = SaddlePoint(problem)
    average = saddle.averages(order, Accuracy.FINER)
    envelope = average.loss + 0.5 * _inner(order.V, average.energy)
    couplings = saddle.couplings.objective(conjugates, saddle.lam)
    products = _inner(order.m, conjugates.m) + 0.5 * (
        _inner(order.V, conjugates.q) - _inner(order.q, conjugates.V)
    )
    return float(saddle.alpha * envelope - 0.5 * couplings + products) / saddle.share


def _inner(left: Vector, right: Vector) -> float:
    """Return the sum of the products of all entries, whatever the shape."""
    return float(left.ravel() @ right.ravel())
