"""How the fields of one trained row answer to forces on its training sequences."""

from __future__ import annotations

import numpy as np
from scipy import linalg

from simulations.estimators.objective import Rows
from simulations.tokens import Floats

#: Numbers in the largest array that is made.
_LARGEST = 8_000_000


class Response:
    """A^{-1} between inputs X_μ of a row, with its Hessian A = Σ_μ X_μ H_μ X_μᵀ + L λ.

    X_μ has a line for every weight of the row, and a column for every component of the logits that
    the loss sees, in an orthonormal basis of them: all, or those orthogonal to (1, …, 1).

    Parameters
    ----------
    rows : Rows
        The objectives.
    column : int
        Which of the rows.
    point : array (sites,)
        The minimum.

    Raises
    ------
    numpy.linalg.LinAlgError
        If A is singular in what the sequences see.
    """

    def __init__(self, rows: Rows, column: int, point: Floats) -> None:
        self._table = basis_of(rows) @ rows.values
        others = rows.others(column)
        self._tokens = np.ascontiguousarray(rows.tokens[:, others])
        # Without weight decay some directions may have no curvature, as no sequence sees them.
        self._span = rows.span(column) if rows.decay == 0 else None
        if self._span is None:
            bent = rows.hessian(point, column)[np.ix_(others, others)]
            hessian = bent + rows.stiffness(len(bent))
        else:
            hessian = rows.hessian_within(point, column, self._span)
        self._factor = linalg.cholesky(hessian, lower=True, check_finite=False)
        pivots = np.diagonal(self._factor) ** 2
        if not np.all(pivots > len(hessian) * 1e-14 * np.diagonal(hessian)):
            raise np.linalg.LinAlgError("the Hessian is singular")

    def own(self) -> Floats:
        """Return S_μ = X_μᵀ A^{-1} X_μ, an array (samples, components, components)."""
        samples, width = self._tokens.shape
        components = len(self._table)
        own = np.empty((samples, components, components))
        step = max(1, _LARGEST // (components * width))
        for first in range(0, samples, step):
            part = slice(first, first + step)
            inputs = self._table[:, self._tokens[part]].reshape(-1, width)
            half = self._within(inputs).T
            half = linalg.solve_triangular(
                self._factor, half, lower=True, overwrite_b=True, check_finite=False
            )
            half = half.T.reshape(components, -1, half.shape[0])
            own[part] = np.einsum("aml,bml->mab", half, half, optimize=False)
        return own

    def inputs(self, forces: Floats) -> Floats:
        """Return X_μ f_μ for forces (samples, components), one line per sequence."""
        return self._within(np.take_along_axis(forces @ self._table, self._tokens, axis=1))

    def solve(self, right: Floats) -> Floats:
        """Return A^{-1} times the columns of `right`."""
        solution: Floats = linalg.cho_solve((self._factor, True), right, check_finite=False)
        return solution

    def _within(self, inputs: Floats) -> Floats:
        return inputs if self._span is None else inputs @ self._span


def basis_of(rows: Rows) -> Floats:
    """Return an orthonormal basis, one line each, of what the loss sees of logits."""
    if rows.loss.sees_common_part(rows.colors):
        return np.eye(rows.colors)
    basis: Floats = linalg.helmert(rows.colors)
    return basis
