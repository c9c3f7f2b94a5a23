"""The curvature of a row's objective, inverted by sites or, where these are few, by samples.

With the inputs X_i of row i, one line for each sample and each of the C-1 components of
K0 U s_j that predict anything, all losses have curvatures about X_iᵀX_i, a matrix of sites. Its
rank is at most the number n of lines, and

    (X_iᵀX_i + ε)^{-1} X_iᵀ = X_iᵀ (X_iX_iᵀ + ε)^{-1}

needs the inverse of a matrix of size n alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from simulations.kernels.second_moments import LeaveOneOut, inverse, pair_sums
from simulations.tokens import Floats, Tokens

#: About the steps of a minimisation, each of which multiplies by the inverse once.
_STEPS = 20


def overlaps(values: Floats) -> Floats:
    """Return Uᵀ K0 U, the overlaps of two tokens as inputs."""
    # Where U is square it is symmetric.
    left = values if len(values) == values.shape[1] else values.T
    product: Floats = left @ (values - values.mean(axis=0))
    return (product + product.T) / 2


def hits_of(tokens: Tokens, values: Floats, rows: NDArray[np.int64]) -> Floats:
    """Return Σ_μ (K0 U s_j)·s_i, zero for j = i: minus the gradient of either loss at w = 0."""
    shown = np.ascontiguousarray(values.T)
    hits = pair_sums(tokens, rows, shown - shown.mean(axis=1, keepdims=True))
    hits[rows, np.arange(len(rows))] = 0.0
    return hits


def lines_of(tokens: Tokens, values: Floats, factor: Floats | None = None) -> Floats:
    """Return K0 U s_j^μ in an orthonormal basis of the C-1 dimensions it has.

    Parameters
    ----------
    tokens : uint8 array (samples, sites)
        Sequences.
    values : array (colors, colors)
        U.
    factor : array (components, colors), optional
        What takes the place of that basis.

    Returns
    -------
    array (lines, sites)
        One line for each component and sample, all samples of a component together.
    """
    table: Floats = (linalg.helmert(len(values)) if factor is None else factor) @ values
    return table[:, tokens].reshape(-1, tokens.shape[1])


def fewer_by_samples(tokens: Tokens, colors: int, products: int) -> bool:
    """Tell whether working by samples takes fewer multiplications than by sites.

    Parameters
    ----------
    tokens : uint8 array (samples, sites)
        Training sequences.
    colors : int
        C.
    products : int
        How many vectors will be multiplied by the matrix or its inverse.
    """
    samples, sites = tokens.shape
    lines = samples * (colors - 1)
    by_sites = sites**2 * (samples + sites / 2 + products)
    by_samples = lines * (lines * (sites + lines) / 2 + products * (2 * sites + lines))
    return bool(lines < sites and by_samples < by_sites)


class SampleSpace:
    """The inverses of X_iX_iᵀ + ε and X_iᵀX_i + ε, where X_i is X without its column i.

    With Q the inverse of XXᵀ + ε and x column i of X, the inverse of X_iX_iᵀ + ε is
    Q + Q x xᵀ Q / (1 - xᵀQ x).

    Parameters
    ----------
    inputs : array (lines, sites)
        X.
    shift : float
        ε, 0 or greater.
    rows : int array
        The sites i, one per column that will be solved for.

    Raises
    ------
    numpy.linalg.LinAlgError
        If a matrix X_iX_iᵀ + ε is not positive definite in floating point.
    """

    def __init__(self, inputs: Floats, shift: float, rows: NDArray[np.int64]) -> None:
        self._inputs, self._shift, self._rows = inputs, shift, rows
        self._inverse = inverse(inputs @ inputs.T + shift * np.eye(len(inputs)))
        self._own = np.ascontiguousarray(inputs[:, rows])
        self._bent = self._inverse @ self._own
        self._left = 1.0 - np.einsum("nr,nr->r", self._own, self._bent)
        if not np.all(self._left > len(inputs) * 1e-15):
            raise np.linalg.LinAlgError("without a site the matrix is not positive definite")

    def by_samples(self, right: Floats, columns: NDArray[np.int64]) -> Floats:
        """Return (X_iX_iᵀ + ε)^{-1} times the columns of `right`, an array (lines, columns).

        Column r belongs to the site rows[columns[r]].
        """
        bent = self._bent[:, columns]
        solution: Floats = self._inverse @ right
        solution += bent * (np.einsum("nr,nr->r", bent, right) / self._left[columns])
        return solution

    def solve(self, right: Floats, columns: NDArray[np.int64]) -> Floats:
        """Return (X_iᵀX_i + ε)^{-1} times the columns of `right`, an array (sites, columns).

        As with `LeaveOneOut`, the own entry of a column must be zero in `right` and is zero in
        the solution.
        """
        inner = self.by_samples(self._inputs @ right, columns)
        solution: Floats = right - self._inputs.T @ inner
        solution[self._rows[columns], np.arange(len(columns))] = 0.0
        solution /= self._shift
        return solution

    @property
    def traces(self) -> Floats:
        """The traces of (X_iX_iᵀ + ε)^{-1}, an array (rows,)."""
        bent = np.einsum("nr,nr->r", self._bent, self._bent)
        traces: Floats = np.trace(self._inverse) + bent / self._left
        return traces


class Curvature:
    """S_jk = Σ_μ s_jᵀ Uᵀ K U s_k, written out or as XᵀX, whichever takes fewer multiplications.

    Parameters
    ----------
    tokens : uint8 array (samples, sites)
        Training sequences.
    values : array (colors, colors)
        U.
    rows : int array
        The sites whose rows will be minimised.
    bend : array (colors, colors), optional
        K, positive semidefinite; None is K0.

    Attributes
    ----------
    sums : array (sites, sites) or None
        S, if it is written out.
    """

    def __init__(
        self,
        tokens: Tokens,
        values: Floats,
        rows: NDArray[np.int64],
        bend: Floats | None = None,
    ) -> None:
        self._rows, sites = rows, tokens.shape[1]
        self.sums: Floats | None = None
        if fewer_by_samples(tokens, len(values), _STEPS * len(rows)):
            self._inputs = lines_of(tokens, values, None if bend is None else _root(bend))
        else:
            table = overlaps(values) if bend is None else values.T @ bend @ values
            self.sums = pair_sums(tokens, np.arange(sites), table)

    def preconditioner(self, scale: float, decay: float) -> LeaveOneOut | SampleSpace:
        """Return about the inverses of the Hessians scale · S + decay without row and column i.

        At the least a thousandth of the mean curvature is added, so that there is an inverse.
        """
        tiny = np.finfo(float).tiny
        if self.sums is None:
            inputs = np.sqrt(scale) * self._inputs
            ridge = max(decay, 1e-3 * float(np.sum(inputs**2)) / inputs.shape[1], tiny)
            return SampleSpace(inputs, ridge, self._rows)
        hessian = scale * self.sums
        ridge = max(decay, 1e-3 * float(np.trace(hessian)) / len(hessian), tiny)
        return LeaveOneOut(hessian + ridge * np.eye(len(hessian)), self._rows)


def _root(matrix: Floats) -> Floats:
    """Return R with Rᵀ R = K, of C-1 lines: K is zero along (1, …, 1)."""
    levels, vectors = np.linalg.eigh(matrix)
    root: Floats = (vectors * np.sqrt(np.maximum(levels, 0.0))).T[1:]
    return root
