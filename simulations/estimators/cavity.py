"""The covariance of the tokens around a masked site, from the couplings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from replica.validation import invalid
from simulations.sequences.potts import PottsModel
from simulations.tokens import Floats, is_identity


def token_precision(model: PottsModel) -> Floats:
    """Return the matrix P whose inverse is the covariance of one colour over the sites.

    In the paramagnet Cov(s_j, s_k) = (P^{-1})_jk K0, and linear response with Onsager's reaction
    gives, for U = I and b = β/C,

    P = C [ diag_j(1 + b² Σ_k J_jk²) - b J - ½ b² (C-2) (J_jk²) ].

    Without row and column i it is the precision of the other sites in the absence of site i,
    up to 1/L: given its token they have other means, but the same covariance.

    Parameters
    ----------
    model : PottsModel
        Couplings, colours and inverse temperature; U = I, and no fields.

    Returns
    -------
    array (sites, sites)
        P.

    Raises
    ------
    ValueError
        If U is not the identity, or there are fields.

    Examples
    --------
    >>> import numpy as np
    >>> from replica import PottsTokens
    >>> from simulations import PottsModel, token_precision
    >>> free = PottsModel.random(PottsTokens(colors=3, beta=0.0), sites=4, seed=0)
    >>> bool(np.allclose(token_precision(free), 3.0 * np.eye(4)))
    True
    """
    if not isinstance(model, PottsModel):
        raise invalid("model", model, "a PottsModel")
    if not is_identity(model.similarity):
        raise invalid("similarity", model.similarity, "None, the identity")
    if model.site_fields is not None:
        shown = f"a model with fields {model.site_fields.shape}"
        raise invalid("model", shown, "one without, whose colors are equally frequent")
    b = model.beta / model.colors
    squares = model.couplings**2
    reaction = np.diag(1 + b * b * squares.sum(axis=1))
    order = 0.5 * b * b * (model.colors - 2) * squares
    precision: Floats = model.colors * (reaction - b * model.couplings - order)
    return precision


class CavitySpectra:
    """Functions of P without row and column i, for many sites i from one decomposition of P.

    The inverse of a matrix K^{-1} without site i is K - K_·i K_i· / K_ii.

    Parameters
    ----------
    precision : array (sites, sites)
        P, symmetric and positive definite.
    rows : int array (rows,)
        The sites i, one per column of what will be multiplied.

    Raises
    ------
    ValueError
        If P is not positive definite.
    """

    def __init__(self, precision: Floats, rows: NDArray[np.int64]) -> None:
        self._precision = precision
        self._values, self._vectors = np.linalg.eigh(precision)
        if not self._values[0] > len(precision) * np.finfo(float).eps * self._values[-1]:
            smallest = float(self._values[0])
            raise invalid("precision", f"a matrix with the eigenvalue {smallest:.3g}",
                          "positive definite, as in the paramagnet")  # fmt: skip
        self._own = rows, np.arange(len(rows))
        self._seen = np.ascontiguousarray(self._vectors[rows].T)

    def precision(self, right: Floats) -> Floats:
        """Return P times the columns of `right`, whose entries of the sites i are zero."""
        product: Floats = self._precision @ right
        product[self._own] = 0.0
        return product

    def covariance(self, right: Floats) -> Floats:
        """Return the inverse of P times the columns of `right`."""
        return self.solve(right, 1.0, np.zeros(right.shape[1]))

    def solve(self, right: Floats, scale: float, shift: Floats) -> Floats:
        """Return (scale P + shift)^{-1} times the columns of `right`, one shift for each."""
        inverse = 1.0 / (scale * self._values[:, None] + shift)
        solution: Floats = self._vectors @ (inverse * (self._vectors.T @ right))
        column = self._vectors @ (inverse * self._seen)
        solution -= column * (solution[self._own] / column[self._own])
        solution[self._own] = 0.0
        return solution

    def trace(self, scale: float, shift: Floats) -> Floats:
        """Return the traces of (scale P + shift)^{-1}, one for each shift."""
        inverse = 1.0 / (scale * self._values[:, None] + shift)
        weighted = self._seen**2 * inverse
        traces: Floats = inverse.sum(axis=0) - (weighted * inverse).sum(axis=0) / weighted.sum(0)
        return traces
