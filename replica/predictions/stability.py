"""Stability of the replica-symmetric solution: the replicon eigenvalue."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from replica.quadrature.rule import Accuracy
from replica.saddle_point.saddle_point import SaddlePoint, order_of
from replica.saddle_point.solution import Solution, answer


@dataclass(frozen=True)
class Stability:
    """How far a solution is from replica-symmetry breaking.

    Attributes
    ----------
    replicon : float
        1 minus the factor by which one iteration multiplies a difference of two replicas.
        At 0 the solution would become unstable; the convexity of the problem keeps it above.
        NaN where the average over the fields was not found.
    quadrature_error : float
        Absolute distance of the replicon to that of a finer quadrature.

    Examples
    --------
    >>> from replica import PottsTokens, Problem, solve, stability
    >>> found = stability(solve(Problem(2.0, 0.1, PottsTokens(3, 1.5))))
    >>> round(found.replicon, 4), found.quadrature_error < 1e-6
    (0.8529, True)
    """

    replicon: float
    quadrature_error: float

    @property
    def stable(self) -> bool:
        """Whether the replicon is greater than zero by more than its error."""
        return self.replicon > self.quadrature_error


def stability(solution: Solution) -> Stability:
    """Return the replicon of a solution (de Almeida & Thouless; THEORY.md, section 4).

    With one colour mode it is 1 - α E tr K² <G²/D²>, K = -∂g/∂ω. It also is the inverse of
    the spin-glass susceptibility: what the responses of the fields to each other, squared and
    summed, are multiplied by beyond those of first order.

    Parameters
    ----------
    solution : Solution
        A converged solution.

    Returns
    -------
    Stability
        The replicon and its error.

    Raises
    ------
    ValueError
        If the solution did not converge, or has more than 300 colours with the cross-entropy.

    Examples
    --------
    >>> from replica import PottsTokens, Problem, solve, stability
    >>> solution = solve(Problem(alpha=2.0, lam=0.1, data=PottsTokens(3, 1.5)))
    >>> round(stability(solution).replicon, 4)
    0.8529
    """
    solved = answer(solution)
    fine, finer = (_replicon(solved, each) for each in (Accuracy.FINE, Accuracy.FINER))
    return Stability(finer, abs(finer - fine))


def _replicon(solution: Solution, accuracy: Accuracy) -> float:
    saddle = SaddlePoint(solution.problem)
    order, conjugates = order_of(solution)
    response = saddle.channel.response_square(order.m, order.q, order.V, accuracy)
    spread = saddle.couplings.spread(conjugates.V, saddle.lam)
    growth = saddle.alpha * response @ spread
    if not np.isfinite(growth).all():
        return math.nan
    return 1.0 - float(np.abs(np.linalg.eigvals(growth)).max())
