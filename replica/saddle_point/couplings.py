"""The coupling side of the saddle point: from the conjugates to m, q and V."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from replica.arrays import Matrix, Vector
from replica.ensembles.ensemble import Ensemble
from replica.ensembles.given_couplings import RowSpectrum
from replica.ensembles.measured import MeasuredMoments
from replica.ensembles.moments import Moments
from replica.ensembles.spectrum import Spectrum
from replica.jit import jit
from replica.quadrature.rule import HUGE
from replica.saddle_point.equations import Conjugates, CouplingEquations, Overlaps
from replica.saddle_point.kernels.overlaps import spectral_overlaps
from replica.saddle_point.measured_couplings import MeasuredCouplings
from replica.saddle_point.moment_couplings import MomentCouplings


class SpectralCouplings:
    """The coupling equations of a spectrum (THEORY.md, equation 7).

    With D = λ + Σ V̂_k u_k² G_k, S = Σ m̂_k u_k² G_k and Q = Σ q̂_k u_k² G_k

        m_k = u_k² <G_k S/D>_*,   q_k = u_k² (<G_k S²/D²>_* + <G_k Q/D²>),   V_k = u_k² <G_k/D>,

    where < > averages over the spectrum and < >_* over the teacher's share in it. All three
    conjugates are positive, and follow powers of λ and of the distance from the threshold, so
    their logarithms are the coordinates; V̂ stands first, which the rounding of Newton's steps
    follows, and nothing else knows the order.
    """

    #: A derivative by differences costs a few evaluations.
    many = False

    def __init__(self, spectrum: Spectrum, colors: int, bias: bool) -> None:
        # All colours are equally frequent, and a bias of any is 0.
        self.colors = colors
        self.spectrum = spectrum
        self.teacher_norm2 = spectrum.teacher_norm2
        #: Colour modes that fields see.
        self._seen = np.flatnonzero(spectrum.scales).tolist()

    @property
    def unit(self) -> float:
        """The power of 2 next to the largest variance of an input, times C; 1 for U = I."""
        s = self.spectrum
        strongest = float((self.colors * s.scales * (s.covariances @ s.weights)).max())
        return 2.0 ** round(math.log2(strongest)) if strongest > 0.0 else 1.0

    @cached_property
    def untrained(self) -> Overlaps:
        """Zeros, one per colour mode."""
        nothing = np.zeros(len(self.spectrum.scales))
        return Overlaps(nothing, nothing, nothing, 0.0, 0.0)

    @property
    def origin(self) -> Vector:
        """Conjugates of 1."""
        return np.zeros(3 * len(self.spectrum.scales))

    def admits(self, order: Overlaps, largest_q: float) -> bool:
        """Tell whether q and V are positive, and not too large, in every mode that is seen."""
        q, V = order.q.tolist(), order.V.tolist()
        return all(0.0 < q[k] < largest_q and 0.0 < V[k] < HUGE for k in self._seen)

    def change(self, gap: Vector) -> float:
        """Return the largest e^gap - 1."""
        moved = gap.tolist()
        return max(
            abs(math.expm1(min(each, 500.0))) if each == each else math.inf for each in moved
        )

    def weaker(self, x: Vector) -> Vector:
        """Return m̂ divided by √e."""
        lower = x.copy()
        lower.reshape(3, -1)[1] -= 0.5
        return lower

    def coordinates(
        self, conjugates: Conjugates, order: Overlaps | None = None, least: float = 0.0
    ) -> Vector:
        """Return the logarithms; NaN where a conjugate is not positive, unless `least` is."""
        values = np.concatenate((conjugates.V, conjugates.m, conjugates.q))
        if least:
            np.maximum(values, least, out=values)
        elif not min(values.tolist()) > 0.0:
            values.fill(np.nan)
        return np.log(values, out=values)

    def conjugates(self, x: Vector, lam: float) -> Conjugates:
        """Return the conjugates at coordinates x."""
        V_hat, m_hat, q_hat = np.exp(x).reshape(3, -1)
        return Conjugates(m_hat, q_hat, V_hat)

    def overlaps(self, x: Vector, lam: float) -> Overlaps:
        """Return the overlaps at coordinates x."""
        s = self.spectrum
        modes = len(s.scales)
        # One array, as every array costs more than its content.
        found = np.empty(3 * modes + 2)
        spectral_overlaps(np.exp(x), lam, s.covariances, s.weights, s.teacher, s.scales, found)
        m, q, V = found[:modes], found[modes : 2 * modes], found[2 * modes : 3 * modes]
        return Overlaps(m, q, V, found[-2], found[-1])

    def objective(self, conjugates: Conjugates, lam: float) -> float:
        """Return <S²/D>_* + <Q/D>, minus twice the least of equation (5)."""
        scaled = self.spectrum.scaled
        D = lam + conjugates.V @ scaled
        S = conjugates.m @ scaled
        Q = conjugates.q @ scaled
        return float(self.spectrum.teacher @ (S * S / D) + self.spectrum.weights @ (Q / D))

    def told(self, order: Overlaps) -> dict[str, float]:
        """Return nothing: a table has m, q and V as they are."""
        return {}

    def spread(self, V_hat: Vector, lam: float) -> Matrix:
        """Return <u_k² G_k u_l² G_l/D²> for every pair of modes."""
        scaled = self.spectrum.scaled
        resolvents = scaled / (lam + V_hat @ scaled)
        return np.asarray((resolvents * self.spectrum.weights) @ resolvents.T)


class RowEquations(SpectralCouplings):
    """The same of one given row, whose class means lie along u: w*·w = m̂ w*ᵀ (G/D) u."""

    spectrum: RowSpectrum

    def overlaps(self, x: Vector, lam: float) -> Overlaps:
        """Return the overlaps at coordinates x."""
        G, cross = self.spectrum.covariances[0], self.spectrum.cross
        along = _row_overlap(np.exp(x), lam, G, cross)
        return super().overlaps(x, lam)._replace(teacher_overlap=along)


#: The coupling equations of every form in which an ensemble gives the law of a row's context.
_EQUATIONS: Mapping[type, Callable[[Any, int, bool], CouplingEquations]] = {
    Spectrum: SpectralCouplings,
    RowSpectrum: RowEquations,
    Moments: MomentCouplings,
    MeasuredMoments: MeasuredCouplings,
}


def couplings_of(ensemble: Ensemble, bias: bool) -> CouplingEquations:
    """Return the coupling equations of an ensemble, for rows with a bias or without."""
    context = ensemble.context
    return _EQUATIONS[type(context)](context, ensemble.colors, bias)


def coupling_error(teacher_norm2: float, teacher_overlap: float, norm2: float) -> float:
    """Return |w - w*|²/|w*|² from |w*|², w*·w and |w|²; NaN for a vanishing teacher."""
    if teacher_norm2 == 0.0:
        return float("nan")
    # Beside couplings like 1e-160 it overflows to infinity, in numpy's numbers with a warning.
    return float(teacher_norm2 - 2.0 * teacher_overlap + norm2) / float(teacher_norm2)


@jit
def _row_overlap(conjugates, lam, G, cross):
    """Return m̂ w*ᵀ (G/D) u."""
    V_hat, m_hat = conjugates[0], conjugates[1]
    found = 0.0
    for i in range(G.size):
        found += cross[i] * G[i] / (lam + V_hat * G[i])
    return m_hat * found
