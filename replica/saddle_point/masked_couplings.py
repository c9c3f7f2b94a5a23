"""The coupling equations of masked contexts, with |w|² among the order parameters."""

from __future__ import annotations

import numpy as np

from replica.arrays import Matrix, Vector
from replica.ensembles.given_couplings import RowSpectrum
from replica.ensembles.masked import MaskedSpectrum
from replica.quadrature.rule import HUGE
from replica.saddle_point.couplings import SpectralCouplings
from replica.saddle_point.equations import Conjugates, Overlaps


class MaskedCouplings(SpectralCouplings):
    """The coupling equations with one more mode, that of |w|² (THEORY.md, section 15).

    m, q and V have an entry w*·w, |w|² and <1/D> behind those of the colour modes, and D has n̂,
    the V̂ of that mode, added to the weight decay. Its m̂ is 0, and so is its q̂ under dynamic masks,
    where no noise of masks is left in the minimiser. With one draw of static masks, common part
    and noise of a field act as one: n̂ and q̂ follow those of the colour modes.
    """

    def __init__(self, context: MaskedSpectrum, colors: int) -> None:
        super().__init__(context.with_norm, colors, bias=False)
        self.teacher_norm2 = context.spectrum.teacher_norm2
        self._row = context.spectrum if isinstance(context.spectrum, RowSpectrum) else None
        masking, modes = context.masking, len(context.noise)
        self._full = SpectralCouplings(context.spectrum, colors, bias=False)
        #: n̂ and q̂ of |w|² per V̂ and q̂ of the colour modes, where they follow these.
        self._tied = context.noise / context.kept**2
        self._follows = not masking.dynamic and masking.draws == 1
        #: Which of V̂, m̂ and q̂ are coordinates.
        self._free = np.ones((3, modes + 1), dtype=bool)
        self._free[:, -1] = not self._follows, False, not self._follows and not masking.dynamic

    @property
    def unit(self) -> float:
        """That of the full context."""
        return self._full.unit

    @property
    def origin(self) -> Vector:
        """Conjugates of 1."""
        return np.zeros(int(self._free.sum()))

    def admits(self, order: Overlaps, largest_q: float) -> bool:
        """Tell whether fields of the full context have these overlaps, and |w|² is a number."""
        full = Overlaps(order.m[:-1], order.q[:-1], order.V[:-1], 0.0, 0.0)
        return self._full.admits(full, largest_q) and 0.0 < float(order.q[-1]) < HUGE

    def weaker(self, x: Vector) -> Vector:
        """Return m̂ divided by √e."""
        lower = self._logarithms(x)
        lower[1] -= 0.5
        return lower[self._free]

    def coordinates(
        self, conjugates: Conjugates, order: Overlaps | None = None, least: float = 0.0
    ) -> Vector:
        """Return the logarithms of what is free; NaN where one is not positive."""
        free = np.stack((conjugates.V, conjugates.m, conjugates.q))[self._free]
        if least:
            free = np.maximum(free, least)
        elif not min(free.tolist()) > 0.0:
            return np.full_like(free, np.nan)
        logarithms: Vector = np.log(free)
        return logarithms

    def conjugates(self, x: Vector, lam: float) -> Conjugates:
        """Return the conjugates at coordinates x."""
        return super().conjugates(self._logarithms(x).ravel(), lam)

    def overlaps(self, x: Vector, lam: float) -> Overlaps:
        """Return the overlaps at coordinates x."""
        every = self._logarithms(x)
        order = super().overlaps(every.ravel(), lam)
        if self._row is None:
            return order
        # Of one given row, whose class means lie along u: w*·w = m̂ w*ᵀ (G/D) u.
        (V_hat, n_hat), (m_hat, _), _ = np.exp(every).tolist()
        G = self._row.covariances[0]
        signal = m_hat * float(self._row.cross @ (G / (lam + n_hat + V_hat * G)))
        return order._replace(teacher_overlap=signal)

    def _logarithms(self, x: Vector) -> Matrix:
        """Return the logarithms of V̂, m̂ and q̂ of all modes, one row each."""
        every = np.full(self._free.shape, -np.inf)
        every[self._free] = x
        if self._follows:
            V_hat, _, q_hat = np.exp(every[:, :-1])
            with np.errstate(divide="ignore"):
                every[0, -1], every[2, -1] = np.log([self._tied @ V_hat, self._tied @ q_hat])
        return every
