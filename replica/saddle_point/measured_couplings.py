"""The coupling equations of measured moments, corrected for the error of the measurement."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from replica.arrays import Matrix, Vector
from replica.ensembles.measured import MeasuredMoments
from replica.quadrature.symmetric import packed, unpacked
from replica.saddle_point.equations import Conjugates, Overlaps
from replica.saddle_point.moment_couplings import MomentCouplings, Point, inverse_of

#: Change of a trace with which an iteration ends, and the most iterations.
_SETTLED, _MOST = 1e-13, 200


class _Resolvent(NamedTuple):
    """D^{-1}, as the measured covariances make it.

    Attributes
    ----------
    inverse : array (sites - 1, sites - 1)
        [λ + Σ_g B_g·Σ̂_g]^{-1}, which answers as D^{-1} does to whatever is independent of Σ̂.
    traces : array (groups, colors - 1, colors - 1)
        T_g = tr[Σ_g D^{-1}] of the true covariances.
    V_hat, weights : arrays of the same shape
        V̂_g, summed over the group, and B_g.
    turn : array of the same shape
        (1 - T_g V̂_g/ν_g)^{-1}.
    """

    inverse: Matrix
    traces: Vector
    V_hat: Vector
    weights: Vector
    turn: Vector


class _Change(NamedTuple):
    """The derivatives of T_g, and of the diagonal of D^{-1}, along a direction."""

    traces: Vector
    diagonal: Vector


class Row(NamedTuple):
    """What the equations make of a row, colours in the basis.

    Attributes
    ----------
    m, m_hat : arrays (colors, colors - 1)
        Its mean fields and their conjugates.
    V_hat, q_hat : arrays (colors, colors - 1, colors - 1)
        Conjugates.
    weights : array (sites - 1,)
        w̄, as the measured moments make it.
    q, V : arrays (groups, colors - 1, colors - 1)
        tr[Σ_g R], R = w̄ w̄ᵀ + D^{-1} N D^{-1}/L, and tr[Σ_g D^{-1}]/L.
    square, inverse : arrays (sites - 1,)
        The diagonals of R and of D^{-1}/L.
    """

    m: Matrix
    m_hat: Matrix
    V_hat: Vector
    q_hat: Vector
    weights: Vector
    q: Vector
    V: Vector
    square: Vector
    inverse: Vector


class MeasuredCouplings(MomentCouplings):
    """The coupling equations of measured moments (THEORY.md, section 14).

    A measured covariance is one more training set: λ + Σ_g B_g·Σ̂_g, of covariances with ν_g degrees
    of freedom, has the resolvent that λ + Σ_g B_g (1 + T_g B_g/ν_g)^{-1}·Σ_g has of the true ones.
    So it answers for D if

        B_g = V̂_g (1 - T_g V̂_g/ν_g)^{-1},   T_g - T_g V̂_g T_g/ν_g = tr[Σ̂_g (λ + Σ B·Σ̂)^{-1}],

    which has a solution as long as fewer sequences are trained on than are measured. A measured
    mean makes μ_aᵀ D^{-1} μ_a too large by T_g/N_a. What w̄ and N add to q is a derivative of these
    two.
    """

    moments: MeasuredMoments

    @property
    def origin(self) -> Vector:
        """Conjugates as frequent as the tokens, which leave a solution, and no signal."""
        n = self.colors - 1
        sizes = np.log(self.moments.frequencies)[:, None] * packed(np.eye(n))
        return np.concatenate([np.zeros(self.colors * n), sizes.ravel(), sizes.ravel()])

    def objective(self, conjugates: Conjugates, lam: float) -> float:
        """Return Σ m̂ᵀ μᵀ D^{-1} μ m̂ + Σ_a tr[q̂_a T_a]/L; its derivatives are 2m, V and -q."""
        basis, n = self.basis, self.colors - 1
        V_hat, q_hat = (basis @ each @ basis.T for each in (conjugates.V, conjugates.q))
        at = self._resolvent(V_hat, lam)
        if at is None:
            return math.nan
        m_hat = (conjugates.m @ basis.T).reshape(self.colors * n)
        noise = float((q_hat * at.traces[self.moments.groups]).sum())
        noise += float(self._on_sites(q_hat) @ np.diagonal(at.inverse))
        return float(m_hat @ self._gram(at) @ m_hat) + noise / self.moments.sites

    def spread(self, V_hat: Vector, lam: float) -> Matrix:
        """Return what makes tr[Σ_a D^{-1} N D^{-1}]/L of packed q̂_b, N = Σ_b q̂_b·Σ_b."""
        groups, n = self.moments.groups, self.colors - 1
        pairs = n * (n + 1) // 2
        at = self._resolvent(self.basis @ V_hat @ self.basis.T, lam)
        if at is None:
            return np.full((self.colors * pairs,) * 2, np.nan)
        every, units = np.arange(len(at.traces)), unpacked(np.eye(pairs), n)
        pulls = ((every == g)[:, None, None] * unit for g in every for unit in units)
        found = np.array([packed(self._derivative(at, pull).traces) for pull in pulls])
        found = found.reshape(len(at.traces), pairs, len(at.traces), pairs)[groups][:, :, groups]
        return np.asarray(found.reshape(self.colors * pairs, -1).T / self.moments.sites)

    def gram(self, V_hat: Vector, lam: float) -> Matrix:
        """Return μ_aᵀ D^{-1} μ_b of all tokens; NaN where these moments have none."""
        at = self._resolvent(V_hat, lam)
        size = self.colors * (self.colors - 1)
        return np.full((size, size), np.nan) if at is None else self._gram(at)

    def _solved(self, x: Vector, lam: float) -> Point:
        row = self._row(x, lam)
        if row is None:
            return self._nowhere
        groups = self.moments.groups
        in_colors = (row.q[groups], row.V[groups], row.q_hat, row.V_hat)
        q, V, q_hat, V_hat = (self.basis.T @ each @ self.basis for each in in_colors)
        order = Overlaps(row.m @ self.basis, q, V, 0.0, math.nan)
        return Point(order, Conjugates(row.m_hat @ self.basis, q_hat, V_hat))

    def _row(self, x: Vector, lam: float) -> Row | None:
        """Return the row at coordinates x; None where these moments are too few for it."""
        moments = self.moments
        z, V_hat, q_hat = self._read(x)
        at = self._resolvent(V_hat, lam)
        if at is None:
            return None
        try:
            m, m_hat = self._signal(z, V_hat, self._gram(at))
        except np.linalg.LinAlgError:
            return None
        w = at.inverse @ (m_hat.ravel() @ self._means)
        seen = self._traced(np.outer(w, w))
        false = moments.sites * m_hat[:, :, None] * m_hat[:, None, :]
        false = false / moments.counts[:, None, None]
        pull = self._by_group(q_hat - false)
        pull -= moments.sites * at.weights @ seen @ at.weights / self._degrees
        noise = self._derivative(at, pull, self._on_sites(q_hat))
        q = _symmetric(at.turn @ seen @ at.turn.swapaxes(1, 2) + noise.traces / moments.sites)
        square = w * w + noise.diagonal / moments.sites
        V, inverse = at.traces / moments.sites, np.diagonal(at.inverse) / moments.sites
        return Row(m, m_hat, V_hat, q_hat, w, q, V, square, inverse)

    def _on_sites(self, matrices: Vector) -> Vector:
        """Return what matrices of tokens add to the diagonal of D, beside the Σ_a: nothing."""
        return np.zeros(self.moments.sites - 1)

    def _gram(self, at: _Resolvent) -> Matrix:
        """Return μ_aᵀ D^{-1} μ_b of all tokens."""
        C, n, every = self.colors, self.colors - 1, np.arange(self.colors)
        gram = (self._means @ at.inverse @ self._means.T).reshape(C, n, C, n)
        # A measured mean is too long, but not along those of other tokens.
        gram[every, :, every] -= at.traces[self.moments.groups] / self.moments.counts[:, None, None]
        return gram.reshape(C * n, C * n)

    def _resolvent(self, V_hat: Vector, lam: float) -> _Resolvent | None:
        """Return D^{-1} and the true traces; None where these moments have none."""
        V, degrees = self._by_group(V_hat), self._degrees
        known = np.diag(lam + self._on_sites(V_hat))
        one, T = np.eye(self.colors - 1), np.zeros_like(V)
        if not np.isfinite(V).all():
            return None
        for _ in range(_MOST):
            rest = one - T @ V / degrees
            # Its eigenvalues are those of a symmetric matrix.
            if not np.linalg.eigvals(rest).real.min() > 0.0:
                return None
            B = _symmetric(V @ np.linalg.inv(rest))
            inverse = inverse_of(self._weighted(B) + known)
            if not np.isfinite(inverse).all():
                return None
            measured = self._traced(inverse)
            last, T = T, _symmetric(measured + T @ V @ T / degrees)
            if np.abs(T - last).max() <= _SETTLED * np.abs(T).max():
                break
        else:
            return None
        turn = np.linalg.inv(one - T @ V / degrees)
        return _Resolvent(inverse, T, V, B, np.asarray(turn, dtype=np.float64))

    def _derivative(self, at: _Resolvent, pull: Vector, diagonal: Vector | None = None) -> _Change:
        """Return dT_g and d(D^{-1})_jj where V̂_g changes by -pull, and D by -diagonal besides.

        tr[Σ_g D^{-1} N D^{-1}] and the diagonal of D^{-1} N D^{-1}, N = Σ_g pull·Σ_g + diagonal.
        """
        known = 0.0 if diagonal is None else np.diag(diagonal)
        T, B, turn = at.traces, at.weights, at.turn
        back = turn.swapaxes(1, 2)
        loss = T @ at.V_hat / self._degrees
        forced = -T @ pull @ T / self._degrees
        dT: Vector = np.zeros_like(T)
        for _ in range(_MOST):
            dB = B @ dT @ B / self._degrees - back @ pull @ turn
            moved = at.inverse @ (known - self._weighted(dB)) @ at.inverse
            last = dT
            changed = self._traced(moved) + loss @ dT @ loss.swapaxes(1, 2) + forced
            dT = np.asarray(turn @ changed @ back, dtype=float)
            if np.abs(dT - last).max() <= _SETTLED * np.abs(dT).max():
                return _Change(dT, np.diagonal(moved))
        return _Change(np.full_like(dT, np.nan), np.full(len(at.inverse), np.nan))

    @property
    def _nowhere(self) -> Point:
        """What is made of coordinates for which these moments are too few."""
        nothing = np.full((self.colors,) * 3, np.nan)
        order = Overlaps(nothing[0], nothing, nothing, 0.0, math.nan)
        return Point(order, Conjugates(nothing[0], nothing, nothing))

    @property
    def _degrees(self) -> Vector:
        return self.moments.degrees[:, None, None]

    def _by_group(self, matrices: Vector) -> Vector:
        """Return the sums of the matrices of tokens that share a covariance."""
        found = np.zeros((len(self.moments.degrees), *matrices.shape[1:]))
        np.add.at(found, self.moments.groups, matrices)
        return found

    def _weighted(self, matrices: Vector) -> Matrix:
        """Return Σ_g A_g·Σ̂_g."""
        covariances = self.moments.covariances
        flat = packed(matrices).ravel() @ covariances.reshape(-1, covariances.shape[2])
        return unpacked(flat, self.moments.sites - 1)

    def _traced(self, matrix: Matrix) -> Vector:
        """Return tr[Σ̂_g A] for every group, matrices of colours."""
        return unpacked(self.moments.covariances @ packed(matrix), self.colors - 1)


def _symmetric(matrices: Vector) -> Vector:
    return np.asarray(0.5 * (matrices + matrices.swapaxes(-1, -2)))
