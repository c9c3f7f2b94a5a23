"""Quadrature for any number of colours, by their exchangeability.

For tilted fields of more colours than a lattice can serve; its cost hardly depends on their number.
`exchangeable_rule` prefers `exchangeable_grid` where that holds, and `contour` where this one would
lose digits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from replica.arrays import Vector
from replica.memory import kept
from replica.quadrature.contour import ContourRule
from replica.quadrature.exchangeable_grid import GridRule, near
from replica.quadrature.kernels.exchangeable import exchangeable_averages
from replica.quadrature.kernels.exchangeable_window import exchangeable_decay, exchangeable_window
from replica.quadrature.rule import Accuracy, Averages

#: Beyond this radius one Gaussian variable has no weight left.
RADIUS = 8.6

#: log of the probability that the windows leave out.
_LEFT_OUT = -37.0

#: Nodes in t, and nodes in x per cycle of what they resolve, for each accuracy.
_T_NODES = (36, 66, 92)
_DENSITIES = (0.25, 0.3, 0.4)

#: With Σ p unbounded above, aliases of Σ p = 1 lie at 3, 5, ... and are damped by e^{-2a}.
#: And turns of s within one alternation of the terms.
_DAMPING, _TURNS = (13.0, 13.0, 14.0), 2

#: Terms of a damped series before Euler's binomial average sums the rest: few where Σ p is
#: broad and its terms alternate, more where it is not and they first have to decay.
_TERMS_BROAD, _TERMS_NARROW, _BROAD = 60, 120, 40.0
_EULER = 11

#: A series ends where its terms are this small, but a damped one that has not come there soon
#: is left to Euler's average.
_NEGLIGIBLE = 1e-11
_MOST_TERMS, _MOST_DAMPED = 600, 250

#: Spread of Σ p below which rounding shows in ten digits, and the least that is told from none.
_NARROWEST, _LEAST = 5e-4, 1e-16

#: Colours from which on Euler's average is worse than a contour for each t, up to the q whose tail
#: takes too many terms, and from which on t varies less than the margin of a window.
_MANY, _TAILED, _ALWAYS = 1000, 1.7, 2000


@dataclass(frozen=True)
class ExchangeableRule:
    """The rule E O = ∫dt ∫ds/(2πi) e^s E[O Σ_b r_b e^{-s Σ_a p_a}], see THEORY.md.

    Attributes
    ----------
    window : (float, float)
        Where the log normaliser t has its mass.
    step : float
        Spacing h of the nodes s = a + i h k.
    damped : bool
        Whether a > 0; if not, Σ p stays so close to 1 that no alias of 1 is reached.
    terms : int
        Number of nodes in s, before those of Euler's average.
    resolved : bool
        Whether Σ p spreads so far that the rounding of p does not show in it.
    decayed : bool
        Whether the terms vanish before the series ends.
    """

    colors: int
    order: tuple[float, float, float]
    window: tuple[float, float]
    step: float
    damped: bool
    terms: int
    resolved: bool = True
    decayed: bool = True

    #: Aliases that damping leaves, rounding that it amplifies, and what the windows leave out.
    common_error: ClassVar[float] = 5e-11

    @classmethod
    @lru_cache(maxsize=8)
    def near(cls, colors: int, m: float, q: float, V: float) -> ExchangeableRule:
        """Return the rule for the surroundings of these order parameters."""
        # A margin on q keeps the rule fit while a solver moves nearby.
        t_low, t_high, p_low, p_high, _ = exchangeable_window(
            colors, m, 1.05 * q, V, RADIUS, _LEFT_OUT
        )
        spread = 1.05 * max(p_high - 1.0, 1.0 - p_low)
        order, window = (m, q, V), (t_low, t_high)
        damped, broad = not spread < 1.2, spread > _BROAD
        step = math.pi if damped else 2.0 * math.pi / max(spread, _LEAST)
        damping = _DAMPING[Accuracy.FINE] if damped else 0.0
        terms = 12 if not damped else _MOST_DAMPED if broad else _TERMS_BROAD
        most = _MOST_DAMPED if damped else _MOST_TERMS
        while terms < most:
            places = (t_low + (t_high - t_low) * share for share in (0.2, 0.5, 0.8))
            sizes = (
                exchangeable_decay(colors, m, q, V, t, damping, step * terms, RADIUS, _DENSITIES[1])
                for t in places
            )
            if max(sizes) < _NEGLIGIBLE:
                break
            terms = math.ceil(1.4 * terms)
        else:
            if damped:
                # The terms do not vanish, but alternate, and Euler's average sums them.
                terms = _TERMS_BROAD if broad else _TERMS_NARROW
            return cls(colors, order, window, step, damped, terms, decayed=False)
        return cls(colors, order, window, step, damped, terms, resolved=spread > _NARROWEST)

    def covers(self, m: Vector, q: Vector, V: Vector) -> bool:
        """Tell whether the order parameters are still close to those of the rule."""
        return near(self.order, m[0], q[0], V[0])

    def averages(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Averages:
        """Return the averages at these order parameters."""
        terms = round(self.terms * (1.3 if accuracy == Accuracy.FINER else 1.0))
        # With half the step aliases begin at 5, and half the damping, which amplifies rounding by
        # e^a, does for them.
        turns = _TURNS if self.damped else 1
        step, damping = self.step / turns, _DAMPING[accuracy] / turns if self.damped else 0.0
        _, overlap, energy, response, loss = exchangeable_averages(
            self.colors, m[0], q[0], V[0], *self.window, _T_NODES[accuracy], damping, step,
            series_weights(terms, self.damped, turns) * (step / math.pi),
            RADIUS, _DENSITIES[accuracy],
        )  # fmt: skip
        return Averages(np.array([overlap]), np.array([energy]), np.array([response]), loss)


def exchangeable_rule(
    colors: int, m: float, q: float, V: float
) -> GridRule | ExchangeableRule | ContourRule:
    """Return the cheapest rule with all digits: one grid, one contour, or one for every t."""
    if colors < _MANY:
        grid = GridRule.near(colors, m, q, V)
        if grid.good:
            return grid
    if colors < _ALWAYS:
        one = ExchangeableRule.near(colors, m, q, V)
        if one.resolved and (one.decayed or colors < _MANY or q > _TAILED):
            return one
    return ContourRule(colors, (m, q, V), RADIUS, _LEFT_OUT)


@kept()
def series_weights(terms: int, damped: bool, turns: int = 1) -> Vector:
    """Weights of the trapezoidal rule; for a damped series with Euler's average at its end.

    That is over alternations, each of so many turns.
    """
    weights = np.ones(terms)
    if damped:
        shares = [math.comb(_EULER, j) for j in range(_EULER + 1)]
        weights = np.concatenate([weights, np.cumsum(shares[::-1])[::-1] / 2.0**_EULER])
    weights = np.repeat(weights, turns)
    weights[0] = 0.5
    return weights
