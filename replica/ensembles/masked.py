"""What masks make of the spectrum of a row's context."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from replica.arrays import Vector
from replica.ensembles.moments import Moments
from replica.ensembles.spectrum import Spectrum
from replica.problem import Masking
from replica.quadrature.symmetric import packed


@dataclass(frozen=True, eq=False)
class MaskedSpectrum:
    """A context of which every token is left out with probability p, independently.

    Given the sequence, the field of a masked context is (1 - p) that of the full one, plus the
    noise of the masks: one per site, with the covariance p (1 - p) <G> of its own token, so that
    its variance follows |w|² (THEORY.md). |w|² therefore stands among the overlaps, as that of one
    more mode whose covariance is I, and that no token is in.

    Attributes
    ----------
    spectrum : Spectrum
        Of the full context.
    masking : Masking
        How tokens are left out.
    """

    spectrum: Spectrum
    masking: Masking

    @property
    def kept(self) -> float:
        """1 - p, the share of the field that is left."""
        return 1.0 - self.masking.rate

    @cached_property
    def noise(self) -> Vector:
        """p (1 - p) u_k² <G_k>, the variance of the masks' noise in units of |w|², in each mode."""
        s, p = self.spectrum, self.masking.rate
        # Traces of one row have no site of its own, and weights that do not sum to 1.
        own = s.covariances @ s.weights / s.weights.sum()
        return np.asarray(p * (1.0 - p) * s.scales * own)

    @cached_property
    def with_norm(self) -> Spectrum:
        """The spectrum with the mode of |w|² behind the others."""
        s = self.spectrum
        covariances = np.vstack([s.covariances, np.ones_like(s.weights)])
        return Spectrum(covariances, s.weights, s.teacher, np.append(s.scales, 1.0))

    @property
    def rho(self) -> float:
        """ρ of masked contexts of one mode, the largest m²/q that a row can have on them."""
        s = self.spectrum
        G = s.scaled[0]
        mean = self.kept * G
        return float(s.teacher @ (mean**2 / (self.kept * mean + self.noise[0])))


def masked_moments(moments: Moments, rate: float) -> Moments:
    """Return the moments of contexts of which every token is left out with this probability.

    (1 - p) μ_a and (1 - p)² Σ_a, and for every site p (1 - p) times its own second moment, which
    differs with the token as the means do.
    """
    covariances = (1.0 - rate) ** 2 * moments.covariances[moments.groups]
    covariances[:, :, _own_sites(moments)] += rate * (1.0 - rate) * own_moments(moments)
    return Moments(moments.frequencies, (1.0 - rate) * moments.means, covariances, moments.teacher)


def own_moments(moments: Moments) -> Vector:
    """Return the second moments of the input of every site given every token, by packed matrices.

    An array (colors, pairs of colour differences, sites - 1).
    """
    means = moments.means.swapaxes(1, 2)
    squares = packed(means[..., :, None] * means[..., None, :]).swapaxes(1, 2)
    own = moments.covariances[:, :, _own_sites(moments)]
    return np.asarray(own[moments.groups] + squares)


def _own_sites(moments: Moments) -> NDArray[np.intp]:
    """Return which pairs of sites are one."""
    row, column = np.triu_indices(moments.sites - 1)
    return np.flatnonzero(row == column)
