"""The coupling equations of measured moments whose tokens are masked, once per sequence."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from replica.arrays import Matrix, Vector
from replica.ensembles.masked import own_moments
from replica.ensembles.measured import MeasuredMoments
from replica.quadrature.symmetric import packed, unpacked
from replica.saddle_point.equations import Conjugates, Overlaps
from replica.saddle_point.measured_couplings import MeasuredCouplings, Row
from replica.saddle_point.moment_couplings import Point


class MaskedMeasuredCouplings(MeasuredCouplings):
    """The equations of (1 - p) μ_a and (1 - p)² Σ_a, and of the noise of masks on every site.

    The noise adds p (1 - p) times the second moment of its own token to the diagonal of every Σ_a,
    numbers that are few and measured well: to D they are like a weight decay for each site, beside
    which the measured covariances are corrected as without masks (THEORY.md, section 15). As of
    masked moments, m, q and V are those of masked fields, and `Overlaps.full` has the others.
    """

    def __init__(self, moments: MeasuredMoments, rate: float, colors: int, bias: bool) -> None:
        kept = 1.0 - rate
        fewer = replace(
            moments, means=kept * moments.means, covariances=kept**2 * moments.covariances
        )
        super().__init__(fewer, colors, bias)
        self._kept = kept
        #: p (1 - p) times the second moments of every token and site, as packed matrices.
        self._own = rate * kept * own_moments(moments)

    def spread(self, V_hat: Vector, lam: float) -> Matrix:
        """Return what makes tr[Σ_a D^{-1} N D^{-1}]/L of packed q̂_b, N = Σ_b q̂_b·Σ_b."""
        n, groups = self.colors - 1, self.moments.groups
        pairs = n * (n + 1) // 2
        at = self._resolvent(self.basis @ V_hat @ self.basis.T, lam)
        if at is None:
            return np.full((self.colors * pairs,) * 2, np.nan)
        found = []
        for b in range(self.colors):
            for unit in unpacked(np.eye(pairs), n):
                hat = np.zeros((self.colors, n, n))
                hat[b] = unit
                moved = self._derivative(at, self._by_group(hat), self._on_sites(hat))
                found.append(packed(moved.traces[groups]) + self._own @ moved.diagonal)
        return np.reshape(found, (self.colors * pairs, -1)).T / self.moments.sites

    def _on_sites(self, matrices: Vector) -> Vector:
        return np.asarray(np.einsum("ap,aps->s", packed(matrices), self._own))

    def _solved(self, x: Vector, lam: float) -> Point:
        row = self._row(x, lam)
        if row is None:
            return self._nowhere
        basis, groups = self.basis, self.moments.groups
        noise, local = (
            unpacked(self._own @ each, self.colors - 1) for each in (row.square, row.inverse)
        )
        masked = row.q[groups] + noise, row.V[groups] + local, row.q_hat, row.V_hat
        q, V, q_hat, V_hat = (basis.T @ each @ basis for each in masked)
        full = self._full(row)
        order = Overlaps(row.m @ basis, q, V, 0.0, math.nan, full)
        return Point(order, Conjugates(row.m_hat @ basis, q_hat, V_hat))

    def _full(self, row: Row) -> Overlaps:
        """Return the overlaps of full contexts with the same row."""
        moments, basis, kept = self.moments, self.basis, self._kept
        # A bias is the same with masks and without, what sees the context is not.
        false = moments.sites * row.V[moments.groups] @ row.m_hat[..., None]
        seen = moments.means @ row.weights - false[..., 0] / moments.counts[:, None]
        m = row.m + (1.0 / kept - 1.0) * seen
        q, V = (basis.T @ each[moments.groups] @ basis / kept**2 for each in (row.q, row.V))
        return Overlaps(m @ basis, q, V, 0.0, math.nan)
