"""Quadrature for independent tokens by their exchangeability, with one grid of p for all times.

The rule of `exchangeable_race` at about a sixth of its cost, and with more digits, wherever the
averages of 1 show that it holds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from replica.arrays import Vector
from replica.quadrature.exchangeable_grid import RADIUS, GridRule, candidates
from replica.quadrature.exchangeable_race import ExchangeableRaceRule
from replica.quadrature.kernels.exchangeable_race_grid import (
    FUNCTIONS,
    MASKED,
    add_race_terms,
    race_nodes,
)
from replica.quadrature.rule import Accuracy, Averages, Rule
from replica.quadrature.softmax_race import laplace_at, race_times, window_for

#: For each accuracy: log(1/error) of the times of the exponential race, their largest spacing, log
#: of the probability that they leave out, and the largest normal variable that shifts them.
_DIGITS, _WIDEST = (16.0, 28.5, 31.0), (0.9, 0.7, 0.6)
_LEFT_OUT, _SHIFTS = (-10.0, -25.0, -28.0), (6.0, 8.0, 8.4)

#: Normal variables beyond which times are ever farther apart, and the share of the spread of the
#: log rate that smooths the integral over them.
_TYPICAL, _SMOOTHED = 4.0, 0.7

#: The least term.
_LEAST = 1e-16

#: For each accuracy: the largest normal variable, nodes in x per cycle of what they resolve, and
#: the share of the nodes in t that `GridRule` takes, for more digits. Of its terms those left out,
#: but where so many s lie within one alternation that they are few.
_RADII, _DENSITIES, _TIMES = (6.2, 7.8, 8.6), (0.17, 0.21, 0.24), (1.0, 0.92, 0.95)
_FEWER, _WIDE = 1 / 3, 2

#: What the average of the weight may miss, the share of it that the other averages miss, and what
#: is missed without a sign of it.
_DEFECTS, _SHARE, _UNSEEN = (1e-3, 5e-10, 5e-10), 0.5, 2e-11

#: The most numbers of the tables of one evaluation.
_MOST_NUMBERS = 2e7


@dataclass
class RaceGridRule:
    """The rule of `GridRule` at every time of the exponential race for the masked token.

    At the normaliser t and the time u the fields ω = √q x, x = (log p + V p + t)/√q, have the
    weights Ψ(u + share x): at given u - share t/√q these are functions of p alone, so that a matrix
    of them all serves every t.

    Attributes
    ----------
    rho : float
        Variance of the true fields.
    bases : sequence of GridRule
        Rules for fields without a mean, of ever more nodes: with weights of at most C they leave
        out as little.
    otherwise : callable
        Returns the rule that takes over where the average of the weight misses 1 with all of them.
    """

    rho: float
    bases: Sequence[GridRule]
    otherwise: Callable[[], Rule]
    _missed: int = field(default=0, repr=False)
    _error: float = field(default=0.0, repr=False)

    @property
    def common_error(self) -> float:
        """What neither accuracy shows: a share of what the averages of 1 miss."""
        return _UNSEEN + self._error

    def covers(self, m: Vector, q: Vector, V: Vector) -> bool:
        """Tell whether the order parameters are still close to those of the rule."""
        return self.bases[0].covers(0.0 * m, q, V)

    def averages(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Averages:
        """Return the averages at these order parameters."""
        order = float(m[0]), float(q[0]), float(V[0])
        for base in self.bases[self._missed :]:
            norm, found = self._averages(base, *order, accuracy)
            if abs(norm - 1.0) < _DEFECTS[accuracy]:
                error = _SHARE * abs(norm - 1.0)
                break
            self._missed += 1
        else:
            other = self.otherwise()
            found, error = other.averages(m, q, V, accuracy), other.common_error
        if accuracy != Accuracy.COARSE:
            self._error = max(self._error, error)
        return found

    def _averages(
        self, base: GridRule, m: float, q: float, V: float, accuracy: Accuracy
    ) -> tuple[float, Averages]:
        """Return the average of the weight, and the others."""
        colors, root_q = base.colors, math.sqrt(q)
        fewer = round(_FEWER * base.terms) if base.turns < _WIDE else 0
        number, knots, series, _, most = base.nodes(accuracy, fewer)
        low, high = base.window
        p, x, functions, waves = race_nodes(
            min(0.0, V) - high - root_q * RADIUS, max(0.0, V) - low + root_q * RADIUS,
            root_q, V, RADIUS, base.step, series.size, base.p_cut, _DENSITIES[accuracy], most,
        )  # fmt: skip
        times, weights, u, du = self._times(
            base, m / root_q, root_q, round(_TIMES[accuracy] * number), accuracy
        )
        if not 0 < (FUNCTIONS + MASKED) * len(u) * len(p) < _MOST_NUMBERS:
            nothing = np.full(1, np.nan)
            return math.nan, Averages(nothing, nothing, nothing, math.nan)
        others, masked = self._tables(m / root_q, V / root_q, u, x, functions)
        damping = np.interp((times - low) / (high - low), np.linspace(0, 1, knots.size), knots)
        waves[:, : series.size] += 1.0
        waves = waves.reshape(len(p), 2, -1)
        turn = base.step * np.arange(series.size)
        phases = series * np.stack([np.cos(turn), np.sin(turn)])
        sums = np.zeros(6)
        for t, dt, a in zip(times, weights, damping, strict=True):
            y = x + t / root_q
            other, own = (_seen(p, z, a, _RADII[accuracy]) for z in (y, y - V / root_q))
            if other is None or own is None:
                continue
            # The largest terms: those without a phase, and those of the likeliest time.
            size = (others[:, 0, other.nodes] @ other.weights) ** (colors - 1)
            size *= math.exp(a) * (masked[:, 0, own.nodes] @ own.weights)
            seen, likely = np.flatnonzero(size > _LEAST), slice(size.argmax(), size.argmax() + 1)
            if not seen.size:
                continue
            rows = slice(int(seen[0]), int(seen[-1]) + 1)
            decay = other.sizes(others[likely], waves) ** (colors - 1)
            decay *= math.exp(a) * own.sizes(masked[likely], waves)
            terms = int(np.flatnonzero(decay > _LEAST)[-1]) + 1
            add_race_terms(
                colors - 1, du[rows] * (dt * math.exp(a)), phases[0, :terms], phases[1, :terms],
                other.transformed(others[rows], waves[..., :terms]),
                own.transformed(masked[rows], waves[..., :terms]), sums,
            )  # fmt: skip
        norm, overlap, energy, response, loss = (colors * sums[[0, 5, 2, 3, 4]]).tolist()
        return norm, Averages(np.array([overlap]), np.array([energy]), np.array([response]), loss)

    def _times(
        self, base: GridRule, share: float, root_q: float, number: int, accuracy: Accuracy
    ) -> tuple[Vector, Vector, Vector, Vector]:
        """Return nodes and weights of the log normaliser t, and of u - share t/√q."""
        s = math.sqrt(max(self.rho - share**2, 0.0))
        (low, high), colors = base.window, base.colors
        even = np.linspace(0.0, 1.0, number)
        width, end = (high - low) / math.expm1(base.bend), base.bend / (number - 1)
        bent = np.exp(base.bend * even)
        times, weights = low + width * (bent - 1.0), width * end * bent
        early, late = window_for(s, _LEFT_OUT[accuracy] - math.log(colors))
        shift = _SHIFTS[accuracy] * abs(share)
        typical = -math.log(colors) - _TYPICAL * (s + abs(share))
        lowest, highest = sorted((share * low / root_q, share * high / root_q))
        u, du = race_times(
            early - shift + min(lowest, 0.0), typical + lowest, late + shift + max(highest, 0.0),
            min(_time_step(colors, s, _DIGITS[accuracy]), _WIDEST[accuracy]),
        )  # fmt: skip
        return times, weights, u, du

    def _tables(
        self, share: float, moved: float, u: Vector, x: Vector, functions: Vector
    ) -> tuple[Vector, Vector]:
        """Return the functions of another colour and of the masked one, (times, functions, p)."""
        s = math.sqrt(max(self.rho - share**2, 0.0))
        place = u[:, None] + share * x
        waiting, occurring = laplace_at(place, s, Accuracy.FINE)
        alone = waiting[:, None, :] * functions[0]
        now = -occurring[:, None, :] * functions[0, : FUNCTIONS - MASKED]
        own = -laplace_at(place - share * moved, s, Accuracy.FINE)[1][:, None, :] * functions[1]
        return np.concatenate([alone, now], axis=1), own


def race_rule(colors: int, rho: float, q: float, V: float, other: Rule | None = None) -> Rule:
    """Return one grid for all log normalisers, and where that misses 1 `other` or many grids."""

    def otherwise() -> Rule:
        return other or ExchangeableRaceRule.near(colors, rho, q, V)

    bases = tuple(candidates(colors, 0.0, q, V))
    return RaceGridRule(rho, bases, otherwise)


@dataclass(frozen=True)
class _Seen:
    """The nodes that one colour has at one normaliser, and their weights."""

    nodes: slice
    weights: Vector

    def transformed(self, tables: Vector, waves: Vector) -> Vector:
        """Return the sums with e^{-ihkp} of every function at every time, and both their parts."""
        times, functions, _ = tables.shape
        rows = tables.reshape(times * functions, -1)[:, self.nodes]
        weighed = waves[self.nodes] * self.weights[:, None, None]
        return np.asarray(rows @ weighed.reshape(len(weighed), -1)).reshape(times, functions, 2, -1)

    def sizes(self, tables: Vector, waves: Vector) -> Vector:
        """Return the absolute value of the sum of the first function at one time."""
        re, im = self.transformed(tables[:, :1], waves)[0, 0]
        return np.asarray(np.hypot(re, im))


def _seen(p: Vector, y: Vector, a: float, radius: float) -> _Seen | None:
    begin, end = np.searchsorted(y, [-radius, radius]).tolist()
    if begin == end:
        return None
    within = slice(begin, end)
    return _Seen(within, np.exp(-0.5 * y[within] ** 2 - a * p[within]))


def _time_step(colors: int, s: float, digits: float) -> float:
    """Return the spacing h of the times at which e^{-π²/h - 2 (πσ/h)²} is this small.

    The first is the spectrum of the law of the first time at given rates, the second that of the
    log of the sum of the rates, of whose variance σ² the noise gives a share.
    """
    spread = 2.0 * math.pi**2 * _SMOOTHED * math.log1p(math.expm1(min(s * s, 50.0)) / colors)
    half = 0.5 * math.pi**2
    return (half + math.sqrt(half**2 + spread * digits)) / digits
