"""The error of a mean over sequences each of which changes, a little, the terms of the others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulations.tokens import Floats

#: Random vectors with which traces are taken; for fewer sequences all of their coordinates.
_PROBES, _FEW = 16, 32


class Sums(NamedTuple):
    """A mean over sequences of what depends on them all, as its error needs it.

    Parameters
    ----------
    terms : array (samples,)
        f_μ, whose mean it is.
    forward, backward : arrays (samples, probes)
        D x and Dᵀx of every probe x, with D_μν = c_ν δ_μν, zero for μ = ν, and shares c.
    """

    terms: Floats
    forward: Floats
    backward: Floats

    def plus(self, other: Sums, factor: float) -> Sums:
        """Return these and a multiple of others."""
        return Sums(*(a + factor * b for a, b in zip(self, other, strict=True)))

    def error(self, share: Floats) -> float:
        """Return the root of Σ_μ c_μ² (f_μ - f̄)² + Σ_{μ≠ν} c_μ c_ν δ_μν δ_νμ."""
        spread = np.sum((share * (self.terms - share @ self.terms)) ** 2)
        spread /= 1 - np.sum(share**2)
        # xᵀDDx, whose mean is the trace of DD. It is no less than zero but for noise.
        dependence = np.sum(self.forward * self.backward)
        return float(np.sqrt(spread + max(dependence, 0.0)))


def probes_of(samples: int) -> Floats:
    """Return vectors x with mean x xᵀ = 1 over their sum, columns of an array."""
    if samples <= _FEW:
        return np.eye(samples)
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (samples, _PROBES))
    return np.asarray(signs / np.sqrt(_PROBES))
