"""The test loss of a row of moments at its length, with what class means add to that of L → ∞."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import block_diag

from replica.arrays import Matrix, Vector
from replica.quadrature.rule import Accuracy
from replica.saddle_point.equations import Conjugates, Overlaps
from replica.saddle_point.moment_couplings import MomentCouplings
from replica.saddle_point.saddle_point import SaddlePoint, order_of
from replica.saddle_point.solution import Solution, answer
from replica.validation import invalid

#: Relative steps of differences, and the share of V at which the loss's curvature is taken.
_STEP, _LITTLE = 1e-3, 1e-9


def finite_test_loss(solution: Solution, accuracy: Accuracy = Accuracy.FINE) -> float:
    """Return the mean test loss over training sets to order 1/L (THEORY.md, section 13).

    For L → ∞ the mean fields of the classes are the same in all training sets. At L sites they
    scatter, and the test loss is larger, with a bias and little weight decay by (C - 1)/(2 α L),
    the price of its parameters. What L changes in the order parameters is left out.

    Parameters
    ----------
    solution : Solution
        A converged solution of a row of moments or of given sequences, without masks.
    accuracy : Accuracy
        Of the curvature of the loss.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the solution did not converge, or is not one of such a row.

    Examples
    --------
    >>> from replica import PottsTokens, Problem, RowTokens, finite_test_loss, solve
    >>> from simulations import PottsModel, sample
    >>> family = sample(PottsModel.random(PottsTokens(3, 1.0), 10, seed=0), 300, seed=1)
    >>> found = solve(Problem(4.0, 0.1, RowTokens.from_tokens(family, 4, colors=3), bias=True))
    >>> found.test_loss < finite_test_loss(found) < found.test_loss + 0.1
    True
    """
    solved = answer(solution)
    saddle = SaddlePoint(solved.problem)
    couplings = saddle.couplings
    if solved.problem.masking is not None or not isinstance(couplings, MomentCouplings):
        raise invalid("solution", solution, "one of a row of moments or sequences without masks")
    return solved.test_loss + of_means(saddle, couplings, *order_of(solved), accuracy)


def of_means(
    saddle: SaddlePoint,
    couplings: MomentCouplings,
    order: Overlaps,
    hats: Conjugates,
    accuracy: Accuracy,
) -> float:
    """Return what the scatter of the class means adds to the test loss at these overlaps."""
    m, q, V = order[:3]
    curved = saddle.channel.rule(m, q, V).averages(m, q, _LITTLE * V, accuracy).response
    return _Means(saddle, couplings, hats).added(curved)


class _Means:
    """How the mean fields of the classes scatter, and the row with them."""

    def __init__(self, saddle: SaddlePoint, couplings: MomentCouplings, hats: Conjugates) -> None:
        self.couplings, self.lam, self.alpha = couplings, saddle.lam, saddle.alpha
        self._basis = basis = couplings.basis
        self._V, self._q = (basis @ each @ basis.T for each in (hats.V, hats.q))
        self._pull = (hats.m @ basis.T).ravel()
        n = len(basis)
        #: A bias shifts the fields of all classes alike.
        self._bias = np.tile(np.eye(n), (len(self._V), 1)) if couplings.bias else None

    def added(self, curvature: Vector) -> float:
        """Return what is added to a loss of this mean Hessian: half its trace with what q gains.

        Of the logarithm of the determinant of the Hessian that the means add to the row's, a
        derivative by V̂ along q̂ is the variance of fields, and one along the curvature their loss.
        """
        H = self._basis @ curvature @ self._basis.T
        steps = [_STEP / np.abs(np.linalg.solve(self._V, each)).max() for each in (self._q, H)]
        noise, bend = steps[0] * self._q, steps[1] * H
        mixed = sum(
            i * j * self._log_determinant(self._V + i * noise + j * bend)
            for i in (1, -1)
            for j in (1, -1)
        )
        scatter = -mixed / (4.0 * steps[0] * steps[1])
        # The number of sequences is given: forces scatter about their mean.
        known = (self._pulled(self._V + bend) - self._pulled(self._V - bend)) / (2.0 * steps[1])
        return float(0.5 * (scatter + known / self.alpha) / self.couplings.moments.sites)

    def _log_determinant(self, V: Vector) -> float:
        """Return log |1 + V̂ M|, and that of the Hessian of the bias."""
        within, gram = self._within(V)
        found = float(np.linalg.slogdet(np.eye(len(gram)) + block_diag(*V) @ gram)[1])
        if self._bias is not None:
            found += float(np.linalg.slogdet(self._bias.T @ within @ self._bias)[1])
        return found

    def _pulled(self, V: Vector) -> float:
        """Return m̂ᵀ F m̂, F what a force on the mean fields makes of them."""
        within, gram = self._within(V)
        through = np.eye(len(gram)) - gram @ within
        found: Any = self._pull @ through @ gram @ self._pull
        if self._bias is not None:
            shift = self._bias.T @ through.T @ self._pull
            found += shift @ np.linalg.solve(self._bias.T @ within @ self._bias, shift)
        return float(found)

    def _within(self, V: Vector) -> tuple[Matrix, Matrix]:
        """Return (1 + V̂ M)^{-1} V̂ and M, M_ab = μ_aᵀ D^{-1} μ_b."""
        gram, every = self.couplings.gram(V, self.lam), block_diag(*V)
        return np.linalg.solve(np.eye(len(gram)) + every @ gram, every), gram
