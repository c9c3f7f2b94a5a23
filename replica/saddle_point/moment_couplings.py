"""The coupling equations of moments: fields that are Gaussian given the masked token."""

from __future__ import annotations

import math
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from replica.arrays import Matrix, Vector
from replica.ensembles.moments import Moments
from replica.quadrature.point_sets import complement
from replica.quadrature.rule import HUGE
from replica.quadrature.symmetric import assembled, exponentials, packed, unpacked
from replica.saddle_point.equations import Conjugates, Overlaps

#: The share of the mean eigenvalue of q̂_a that its logarithm has beside it.
_LITTLE = 1e-3


class Point(NamedTuple):
    """What the equations make of one point of the coordinates."""

    order: Overlaps
    conjugates: Conjugates


class MomentCouplings:
    """The coupling equations of a mixture of Gaussians (THEORY.md, section 13).

    With D = λ + Σ_a V̂_a·Σ_a, N = Σ_a q̂_a·Σ_a and w̄ = D^{-1} Σ_a m̂_a·μ_a

        m_a = w̄·μ_a + b,   q_a = w̄ᵀ Σ_a w̄ + tr[Σ_a D^{-1} N D^{-1}]/L,   V_a = tr[Σ_a D^{-1}]/L,

    vectors and matrices of colours; b = 0, or a bias such that Σ_a m̂_a = 0. A plain iteration of
    m̂ overshoots along the common part of the means, of length √L, by a factor of order L. The
    change of m̂ with m is known, -V̂: the coordinates are the working responses
    z_a = m_a + V̂_a^{-1} m̂_a of iteratively reweighted least squares, of which m follows by linear
    equations, as asinh z, and the logarithms of the matrices V̂_a and, but for a little of its trace
    beside it, q̂_a, which has rank one where fields vanish.
    """

    #: There are too many coordinates for a derivative by differences.
    many = True

    def __init__(self, moments: Moments, colors: int, bias: bool) -> None:
        self.moments, self.colors, self.bias = moments, colors, bias
        self.basis = complement(colors)
        means = moments.means
        if bias:
            # What all means have in common a bias replaces, whatever its length.
            means = means - np.tensordot(moments.frequencies, means, axes=1)
        self._means = means.reshape(-1, moments.sites - 1)
        self._known: tuple[bytes, float, Point] | None = None

    @property
    def teacher_norm2(self) -> float:
        """|w*|²; 0 where it is not known, which leaves no coupling error."""
        w = self.moments.teacher
        return 0.0 if w is None else float(w @ w)

    @cached_property
    def unit(self) -> float:
        """The power of 2 next to the mean variance of an input, times C."""
        n, inputs = self.colors - 1, self.moments.sites - 1
        identity = packed(np.eye(n)), packed(np.eye(inputs))
        variances = self.moments.covariances @ identity[1] @ identity[0] / (n * inputs)
        strongest = self.colors * float(variances.max())
        return 2.0 ** round(math.log2(strongest)) if strongest > 0.0 else 1.0

    @cached_property
    def untrained(self) -> Overlaps:
        """Zeros."""
        nothing = np.zeros((self.colors,) * 3)
        return Overlaps(nothing[0], nothing, nothing, 0.0, 0.0)

    @property
    def origin(self) -> Vector:
        """Conjugates of 1, and no signal."""
        n = self.colors - 1
        return np.zeros(self.colors * n * (n + 2))

    def admits(self, order: Overlaps, largest_q: float) -> bool:
        """Tell whether everything is a number, and q and V not too large."""
        q, V = float(np.abs(order.q).max()), float(np.abs(order.V).max())
        return q < largest_q and V < HUGE and math.isfinite(float(order.m.sum()))

    def change(self, gap: Vector) -> float:
        """Return the largest e^gap - 1."""
        return float(np.expm1(np.minimum(np.abs(gap), 500.0)).max())

    def weaker(self, x: Vector) -> Vector:
        """Return the responses divided by √e."""
        lower = x.copy()
        signal = slice(self.colors * (self.colors - 1))
        lower[signal] = np.arcsinh(math.exp(-0.5) * np.sinh(lower[signal]))
        return lower

    def coordinates(
        self, conjugates: Conjugates, order: Overlaps | None = None, least: float = 0.0
    ) -> Vector:
        """Return responses and logarithms; NaN where a matrix has none, unless `least` is given."""
        if order is None:
            raise TypeError("the coordinates of moments depend on the overlaps")
        basis = self.basis
        V_hat, q_hat = (basis @ each @ basis.T for each in (conjugates.V, conjugates.q))
        if not (np.isfinite(V_hat).all() and np.isfinite(q_hat).all()):
            return np.full_like(self.origin, np.nan)
        values, vectors = np.linalg.eigh(np.array([V_hat, q_hat]))
        if least:
            values = np.maximum(values, least)
        values[1] += _LITTLE * values[1].mean(axis=-1, keepdims=True)
        if not values.min() > 0.0:
            return np.full_like(self.origin, np.nan)
        z = (assembled(1.0 / values[0], vectors[0]) @ (conjugates.m @ basis.T)[..., None])[..., 0]
        z = z + order.m @ basis.T
        logarithms = packed(assembled(np.log(values), vectors))
        return np.concatenate([np.arcsinh(z).ravel(), logarithms.ravel()])

    def conjugates(self, x: Vector, lam: float) -> Conjugates:
        """Return the conjugates at coordinates x and weight decay λ."""
        return self._at(x, lam).conjugates

    def overlaps(self, x: Vector, lam: float) -> Overlaps:
        """Return the overlaps at coordinates x and weight decay λ."""
        return self._at(x, lam).order

    def objective(self, conjugates: Conjugates, lam: float) -> float:
        """Return Bᵀ D^{-1} B + tr[N D^{-1}]/L, B = Σ_a m̂_a·μ_a."""
        basis = self.basis
        V_hat, q_hat = (basis @ each @ basis.T for each in (conjugates.V, conjugates.q))
        D, N = self._sums(V_hat, q_hat, lam)
        inverse = inverse_of(D)
        B = (conjugates.m @ basis.T).ravel() @ self._means
        return float(B @ inverse @ B + (N * inverse).sum() / self.moments.sites)

    def spread(self, V_hat: Vector, lam: float) -> Matrix:
        """Return what makes tr[Σ_a D^{-1} N D^{-1}]/L of packed q̂_b, N = Σ_b q̂_b·Σ_b."""
        basis, moments = self.basis, self.moments
        D, _ = self._sums(basis @ V_hat @ basis.T, basis @ V_hat @ basis.T, lam)
        inverse = inverse_of(D)
        flat = moments.covariances.reshape(-1, moments.covariances.shape[2])
        between = [packed(inverse @ unpacked(each, len(D)) @ inverse) for each in flat]
        found = flat @ np.transpose(between) / moments.sites
        same = self.colors // len(moments.covariances)
        return np.tile(found, (same, same))

    def gram(self, V_hat: Vector, lam: float) -> Matrix:
        """Return μ_aᵀ D^{-1} μ_b of all tokens, V̂ and μ in the basis of colour differences."""
        D, _ = self._sums(V_hat, V_hat, lam)
        return np.asarray(self._means @ inverse_of(D) @ self._means.T)

    def told(self, order: Overlaps) -> dict[str, float]:
        """Return three numbers, which are m, q and V where all colours are alike.

        m is by how much the logit of the masked colour exceeds the mean of the others, q the
        variance of a logit difference over 2, given the token, and V likewise.
        """
        pi, n = self.moments.frequencies, self.colors - 1
        gap = float(pi @ np.diagonal(order.m)) * self.colors / n
        q, V = (float(pi @ np.trace(each, axis1=1, axis2=2)) / n for each in (order.q, order.V))
        return {"m": gap, "q": q, "V": V}

    def _at(self, x: Vector, lam: float) -> Point:
        key = x.tobytes(), lam
        if self._known is None or self._known[:2] != key:
            self._known = *key, self._solved(x, lam)
        return self._known[2]

    def _solved(self, x: Vector, lam: float) -> Point:
        basis, moments, n = self.basis, self.moments, self.colors - 1
        z, V_hat, q_hat = self._read(x)
        D, N = self._sums(V_hat, q_hat, lam)
        inverse = inverse_of(D)
        m, m_hat = self._signal(z, V_hat, self._means @ inverse @ self._means.T)
        w = inverse @ (m_hat.ravel() @ self._means)
        noise = inverse @ N @ inverse / moments.sites
        both = np.stack([packed(np.outer(w, w) + noise), packed(inverse) / moments.sites], axis=1)
        found = unpacked((moments.covariances @ both).swapaxes(1, 2), n)
        found = np.broadcast_to(basis.T @ found @ basis, (self.colors, 2, *(self.colors,) * 2))
        teacher = 0.0 if moments.teacher is None else float(w @ moments.teacher)
        norm2 = float(w @ w + np.trace(noise))
        q, V = (np.ascontiguousarray(found[:, i]) for i in (0, 1))
        order = Overlaps(m @ basis, q, V, teacher, norm2)
        conjugates = Conjugates(m_hat @ basis, *(basis.T @ each @ basis for each in (q_hat, V_hat)))
        return Point(order, conjugates)

    def _signal(self, z: Vector, V_hat: Vector, gram: Matrix) -> tuple[Matrix, Matrix]:
        """Return m and m̂ = V̂ (z - m) where m = gram m̂ + b, for all tokens together."""
        size, n = gram.shape[0], self.colors - 1
        blocks = np.zeros((self.colors, n, self.colors, n))
        blocks[np.arange(self.colors), :, np.arange(self.colors)] = V_hat
        V = blocks.reshape(size, size)
        # m̂ = A (z - b), symmetric, as V̂ and gram are.
        A = np.linalg.solve(np.eye(size) + V @ gram, V)
        response = z.ravel()
        if self.bias:
            every = np.tile(np.eye(n), (self.colors, 1))
            b = np.linalg.solve(every.T @ A @ every, every.T @ A @ response)
            response = response - every @ b
        m_hat = A @ response
        m = z.ravel() - response + gram @ m_hat
        return m.reshape(-1, n), m_hat.reshape(-1, n)

    def _sums(self, V_hat: Vector, q_hat: Vector, lam: float) -> tuple[Matrix, Matrix]:
        """Return D = λ + Σ_a V̂_a·Σ_a and N = Σ_a q̂_a·Σ_a."""
        covariances = self.moments.covariances
        both = np.stack([packed(V_hat), packed(q_hat)])
        if len(covariances) == 1:
            both = both.sum(axis=1, keepdims=True)
        sums = both.reshape(2, -1) @ covariances.reshape(-1, covariances.shape[2])
        D, N = unpacked(sums, self.moments.sites - 1)
        return D + lam * np.eye(len(D)), N

    def _read(self, x: Vector) -> tuple[Matrix, Vector, Vector]:
        """Return z (colors, n), and V̂ and q̂ (colors, n, n), at coordinates x."""
        C, n = self.colors, self.colors - 1
        V_hat, q_hat = exponentials(unpacked(x[C * n :].reshape(2, C, -1), n))
        traces = np.trace(q_hat, axis1=1, axis2=2)[:, None, None]
        q_hat = q_hat - _LITTLE / (1.0 + _LITTLE) / n * traces * np.eye(n)
        return np.sinh(x[: C * n]).reshape(C, n), V_hat, q_hat


def inverse_of(D: Matrix) -> Matrix:
    """Return the inverse of a positive definite matrix, NaN where it is not."""
    if not np.isfinite(D).all():
        return np.full_like(D, np.nan)
    try:
        factor = cho_factor(D, check_finite=False)
    except np.linalg.LinAlgError:
        return np.full_like(D, np.nan)
    inverse = cho_solve(factor, np.eye(len(D)), check_finite=False)
    return np.asarray(0.5 * (inverse + inverse.T))
