"""The coupling equations of moments whose tokens are masked, once per sequence."""

from __future__ import annotations

import numpy as np

from replica.arrays import Vector
from replica.ensembles.masked import masked_moments
from replica.ensembles.moments import Moments
from replica.quadrature.symmetric import packed, unpacked
from replica.saddle_point.equations import Overlaps
from replica.saddle_point.moment_couplings import MomentCouplings, Point, inverse_of


class MaskedMomentCouplings(MomentCouplings):
    """The coupling equations of masked moments, which also tell the overlaps of full contexts.

    m, q and V are those of masked fields (THEORY.md, section 15); `Overlaps.full` has those of full
    ones.
    """

    def __init__(self, moments: Moments, rate: float, colors: int, bias: bool) -> None:
        super().__init__(masked_moments(moments, rate), colors, bias)
        self._unmasked = moments

    def _solved(self, x: Vector, lam: float) -> Point:
        masked = super()._solved(x, lam)
        return masked._replace(order=masked.order._replace(full=self._full(masked, lam)))

    def _full(self, masked: Point, lam: float) -> Overlaps:
        """Return the overlaps of full contexts with the same row."""
        basis, moments, n = self.basis, self._unmasked, self.colors - 1
        order, hats = masked
        V_hat, q_hat = (basis @ each @ basis.T for each in (hats.V, hats.q))
        D, N = self._sums(V_hat, q_hat, lam)
        inverse = inverse_of(D)
        w = inverse @ ((hats.m @ basis.T).ravel() @ self._means)
        noise = inverse @ N @ inverse / moments.sites
        # A bias is the same with masks and without.
        m = order.m + ((moments.means - self.moments.means) @ w) @ basis
        both = np.stack([packed(np.outer(w, w) + noise), packed(inverse) / moments.sites], axis=1)
        found = unpacked((moments.covariances @ both).swapaxes(1, 2), n)[moments.groups]
        q, V = (np.ascontiguousarray(basis.T @ found[:, i] @ basis) for i in (0, 1))
        return Overlaps(m, q, V, order.teacher_overlap, order.norm2)
