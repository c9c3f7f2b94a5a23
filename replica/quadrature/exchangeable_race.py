"""Quadrature for independent tokens of any number of colours, by their exchangeability.

For more colours than a lattice serves. The masked token is drawn from the softmax of true fields,
which adds an integral over the time of `softmax_race` to the rule of `exchangeable`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.interpolate import CubicSpline

from replica.arrays import Vector
from replica.quadrature.exchangeable import RADIUS, ExchangeableRule, series_weights
from replica.quadrature.kernels.exchangeable_race import exchangeable_race_averages
from replica.quadrature.rule import Accuracy, Averages
from replica.quadrature.softmax_race import lognormal_laplace, window_for

#: For each accuracy: nodes in t, nodes in x per cycle of what they resolve, damping of aliases,
#: and the share of the terms of `ExchangeableRule`'s series, which aims at more digits.
_T_NODES, _DENSITIES = (20, 36, 42), (0.2, 0.25, 0.3)
_DAMPING, _TERMS = (11.0, 12.0, 13.0), (0.6, 0.6, 0.8)

#: For each accuracy: spacing of the times of the exponential race, log of the probability that
#: they leave out, and the largest normal variable that shifts them.
_TIME_STEPS, _LEFT_OUT, _SHIFTS = (0.8, 0.5, 0.42), (-10.0, -22.0, -25.0), (6.0, 7.5, 8.2)

#: Spacing of the table of Ψ.
_TABLE = 0.02


@dataclass(frozen=True)
class ExchangeableRaceRule:
    """The rule of `ExchangeableRule` at every time of the exponential race for the masked token.

    Attributes
    ----------
    colors : int
        C.
    rho : float
        Variance of the true fields.
    base : ExchangeableRule
        The rule for fields without a mean: with weights of at most C it leaves out as little.
    """

    colors: int
    rho: float
    base: ExchangeableRule

    #: As of `ExchangeableRule`, and the splines.
    common_error: ClassVar[float] = 3e-10

    @classmethod
    def near(cls, colors: int, rho: float, q: float, V: float) -> ExchangeableRaceRule:
        """Return the rule for the surroundings of these order parameters."""
        return cls(colors, rho, ExchangeableRule.near(colors, 0.0, q, V))

    def covers(self, m: Vector, q: Vector, V: Vector) -> bool:
        """Tell whether the order parameters are still close to those of the rule."""
        return self.base.covers(0.0 * m, q, V)

    def averages(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Averages:
        """Return the averages at these order parameters."""
        base = self.base
        share = float(m[0]) / math.sqrt(q[0])
        s = math.sqrt(max(self.rho - share**2, 0.0))
        early, late = window_for(s, _LEFT_OUT[accuracy])
        shift, step = _SHIFTS[accuracy] * share, _TIME_STEPS[accuracy]
        count = math.ceil((late - early + 2 * shift) / step)
        first = early - shift
        reach = RADIUS * share + 1.0
        v = np.arange(first - reach, first + count * step + reach, _TABLE)
        tables = (
            np.ascontiguousarray(CubicSpline(v, f).c.T)
            for f in lognormal_laplace(v, s, Accuracy.FINE)
        )
        terms = round(base.terms * _TERMS[accuracy])
        series = series_weights(terms, base.damped) * (base.step / math.pi)
        # Where Ψ bends more sharply than the prox, it needs the nodes.
        density = _DENSITIES[accuracy] * max(1.0, share / 3.0)
        _, overlap, energy, response, loss = exchangeable_race_averages(
            self.colors, share, q[0], V[0], *base.window, _T_NODES[accuracy],
            _DAMPING[accuracy] if base.damped else 0.0, base.step, series, RADIUS, density,
            first, step, count, v[0], _TABLE, *tables,
        )  # fmt: skip
        return Averages(np.array([overlap]), np.array([energy]), np.array([response]), loss)
