"""The spectrum of s (1 - R/p) - T, R the inverse of a sample covariance and T a function of G."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from replica.arrays import Matrix, Vector
from replica.spectra.population import SemicirclePopulation

#: Distances from the real axis, in widths of the spectrum, by which points come down to it.
_HEIGHTS = np.append(np.geomspace(2.0, 1e-8, 40), 0.0)

#: Newton's steps on the way and where it arrives.
_FEW, _STEPS = 6, 40

#: The change of v, relative to it, by which the equation is differentiated.
_SMALL = 1e-7

#: The step, relative to v, that ends them.
_EXACT = 1e-13

#: Points of the first look, the steps to an edge, and the share of the rest that one goes.
_LOOK, _APPROACHES, _MOST = 200, 24, 0.9

#: The least density that holds eigenvalues: it grows as the root of the distance from an edge.
_SOME = 1e-7


@dataclass(frozen=True, eq=False)
class Difference:
    """E = s (1 - R/p) - T, R = (S + λ)^{-1}, S = (1/L) Σ x xᵀ of γL samples of covariance G.

    det(z - E) is that of S + λ + (s/p)/N up to factors that are functions of G, N = z - s + T: a
    sample covariance whose weight decay is a matrix. For L → ∞

        (z - E)^{-1} ≃ Q/(N Q + s/p),   Q = λ + v G,   γ = v (1 + <G N/(N Q + s/p)>).

    With G = 1/(a + c x) and T = t x of the semicircle's x, N Q + s/p is a quadratic polynomial in x
    over a + c x, and averages are sums over its two roots.

    Parameters
    ----------
    population : SemicirclePopulation
        a and c.
    true : float
        t.
    ratio, decay, scale, diagonal, weight : float
        γ, λ, s, p, and the v of R itself, that is for z → ∞.
    reach : pair of float
        Numbers beyond the ends of the spectrum.
    """

    population: SemicirclePopulation
    true: float
    ratio: float
    decay: float
    scale: float
    diagonal: float
    weight: float
    reach: tuple[float, float]

    def resolved(self, points: Vector) -> tuple[Any, Any, float]:
        """Return v and <(z - E)^{-1}> at real points, from above, and the worst residual of v."""
        width = self.reach[1] - self.reach[0]
        v = np.full(points.shape, self.weight - 1e-3j * self.weight, dtype=complex)
        for height in _HEIGHTS:
            v = self._solved(points + 1j * width * height, v, _FEW if height else _STEPS)
        lacking = float(np.abs(self._lacks(points, v)).max()) / self.ratio
        return v, self._averages(points, v)[1], lacking

    def edges(self) -> Matrix:
        """Return the ends of the intervals of the spectrum, an array (intervals, 2)."""
        low, high = self.reach
        look = 0.5 * (low + high) - 0.5 * (high - low) * np.cos(np.linspace(0, np.pi, _LOOK))
        v, mean, _ = self.resolved(look)
        full = self._full(mean)
        turns = np.flatnonzero(full[1:] != full[:-1])
        inside = np.where(full[turns], turns, turns + 1)
        within, beyond, v = look[inside], look[2 * turns + 1 - inside], v[inside]
        # (Im v)² falls linearly to 0 at an edge: most of the way there, again and again.
        for _ in range(_APPROACHES):
            there = within + _MOST * self._left(within, v)
            between = (there - within) * (there - beyond) < 0.0
            there = np.where(between, there, 0.5 * (within + beyond))
            start = v.real + 1j * v.imag * np.sqrt(1.0 - _MOST)
            found = self._solved(there, start, _STEPS)
            holds = self._full(self._averages(there, found)[1])
            within, beyond = np.where(holds, there, within), np.where(holds, beyond, there)
            v = np.where(holds, found, v)
        return np.sort(within).reshape(-1, 2)

    def _left(self, z: Vector, v: Any) -> Any:
        """Return how far the edge is, as (Im v)² tells."""
        unit = self.reach[1] - self.reach[0]
        gap = self._lacks(z, v)
        by_v = (self._lacks(z, v * (1.0 + _SMALL)) - gap) / (_SMALL * v)
        by_z = (self._lacks(z + _SMALL * unit, v) - gap) / (_SMALL * unit)
        return 0.5 * v.imag / (by_z / by_v).imag

    def _solved(self, z: Any, v: Any, steps: int) -> Any:
        """Return v at points from others, by Newton's steps that stay in its half plane.

        Others are replaced by the equation itself, which maps this half plane into itself.
        """
        for _ in range(steps):
            gap = self._lacks(z, v)
            moved = v - gap * _SMALL * v / (self._lacks(z, v * (1.0 + _SMALL)) - gap)
            moved = np.where(moved.imag <= 0.0, moved, self.ratio * v / (gap + self.ratio))
            step, v = np.abs(moved - v).max(), moved
            if step <= _EXACT * np.abs(v).max():
                break
        return v

    def _full(self, mean: Any) -> Any:
        """Tell from <(z - E)^{-1}> at which points there are eigenvalues."""
        return -mean.imag * (self.reach[1] - self.reach[0]) > _SOME

    def _lacks(self, z: Any, v: Any) -> Any:
        """Return what the equation for γ lacks."""
        return v * (1.0 + self._averages(z, v)[0]) - self.ratio

    def _averages(self, z: Any, v: Any) -> tuple[Any, Any]:
        """Return <G N/(N Q + s/p)> and <Q/(N Q + s/p)>."""
        a, c, t = self.population.a, self.population.c, self.true
        N, Q, k = z - self.scale, self.decay * a + v, self.scale / self.diagonal
        # The polynomial A x² + B x + D, its root that is far for little decay as 1/x.
        A, B, D = t * self.decay * c, N * self.decay * c + t * Q + k * c, N * Q + k * a
        root = np.sqrt(B * B - 4.0 * A * D)
        q = -0.5 * (B + np.where((np.conj(B) * root).real < 0.0, -root, root))
        near, far = D / q, A / q
        apart = q - A * near
        # x <1/(x - y)> over the semicircle's y, at both roots.
        by_far, by_near = (2.0 / (1.0 + np.sqrt(1.0 - 4.0 * u * u)) for u in (far, 1.0 / near))
        by_near = by_near / near
        first = (N + t * near) * by_near - (N * far + t) * by_far
        second = (Q + self.decay * c * near) * by_near
        return first / apart, (second - (Q * far + self.decay * c) * by_far) / apart
