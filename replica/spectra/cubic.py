"""Averages over the semicircle's G of functions with the roots of a cubic in G as their poles."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from replica.spectra.population import SemicirclePopulation


class Jet(NamedTuple):
    """A function of G at the roots of Π, and its derivative there, arrays (..., 3)."""

    value: Any
    slope: Any

    def __matmul__(self, other: Jet) -> Jet:
        """Return the product."""
        slope = self.slope * other.value + self.value * other.slope
        return Jet(self.value * other.value, slope)


class Cubic(NamedTuple):
    """Π(G) = K (G - r_1) (G - r_2) (G - r_3), at any number of points.

    Attributes
    ----------
    roots : array (..., 3)
        r.
    slope, bend : arrays (..., 3)
        Π' and Π'' at the roots.
    with_G, alone : Jet
        φ = <G/(G - r)> and ψ = <1/(G - r)>.
    """

    roots: Any
    slope: Any
    bend: Any
    with_G: Jet
    alone: Jet

    @classmethod
    def of(cls, population: SemicirclePopulation, coefficients: Any) -> Cubic:
        """Return the cubic of coefficients (..., 4), the highest power first."""
        leading = coefficients[..., :1]
        companion = np.zeros((*leading.shape[:-1], 3, 3), dtype=complex)
        companion[..., 0, :] = -coefficients[..., 1:] / leading
        companion[..., 1, 0] = companion[..., 2, 1] = 1.0
        r = np.linalg.eigvals(companion)
        # Distances of the roots, not Π' at them: so sums hold to rounding where two are close.
        one, two = r - np.roll(r, 1, axis=-1), r - np.roll(r, 2, axis=-1)
        with_G = Jet(*population.seen_from(r))
        # 1/G = a + c x of the semicircle's x, and c <x/(1 - r/G)> = c² r φ².
        pull = Jet(population.a + population.c**2 * r * with_G.value,
                   population.c**2 * (with_G.value + r * with_G.slope))  # fmt: skip
        slope = leading * one * two
        return cls(r, slope, 2.0 * leading * (one + two), with_G, with_G @ pull)

    def over(self, f: Any, kernel: Jet) -> Any:
        """Return <G f/Π> of f at the roots, of a polynomial of degree 2, with φ; <f/Π> with ψ."""
        return (f * kernel.value / self.slope).sum(axis=-1)

    def over_square(self, F: Jet, kernel: Jet) -> Any:
        """Return <G F/Π²> of a polynomial of degree 5 with φ; <F/Π²> with ψ."""
        seen = F @ kernel
        return ((seen.slope - seen.value * self.bend / self.slope) / self.slope**2).sum(axis=-1)
