"""Quadrature for exchangeable colours with one grid of p for all log normalisers.

The rule of `exchangeable` at about a tenth of its cost, wherever the average of 1 shows that it
holds; `exchangeable_rule` there turns to others where not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from replica.arrays import Vector
from replica.memory import kept
from replica.quadrature.kernels.exchangeable_grid import exchangeable_grid_averages
from replica.quadrature.kernels.exchangeable_window import (
    alias_damping,
    exchangeable_window,
)
from replica.quadrature.rule import Accuracy, Averages

#: Beyond this radius one Gaussian variable has no weight left; and log of the probability that the
#: windows leave out.
RADIUS, _LEFT_OUT = 8.6, -31.0

#: For each accuracy: nodes in x per cycle of what they resolve, factor of the nodes in t, terms
#: more, by turns, and what damping adds to log(1/error) of aliases.
_DENSITIES, _TIMES, _DAMPED = (0.2, 0.25, 0.3), (0.7, 1.0, 1.25), (0, 0, 2)
_TERMS = ((-6, 0, 6), (-6, 0, 6), (-5, 0, 3))

#: Nodes in t, and those from so many colours on, whose log normaliser has a tail.
_T_NODES, _T_NODES_TAILED, _TAILED = 36, 52, 40

#: What is tried in turn: turns of s within one alternation of the terms, which move the first alias
#: to 3 or 5, factor of the nodes in t, and alternations before Euler's average, of this order, sums
#: the rest. Where Σ p is so wide that damping an alias at 3 costs four digits, and one at 5 none,
#: where it is broad, where it is not, and without damping.
_Tried = tuple[tuple[int, float, int], ...]
_WIDE: _Tried = ((2, 1.0, 8), (2, 1.0, 12), (2, 1.0, 18), (2, 1.0, 30), (2, 1.5, 40))
_BROAD: _Tried = ((1, 1.0, 24), (1, 1.0, 44), (1, 1.0, 80), (1, 1.5, 44), (2, 1.5, 40))
_NARROW: _Tried = ((1, 1.0, 44), (1, 1.0, 90))
_UNDAMPED: _Tried = ((0, 1.0, 20), (0, 1.0, 44), (0, 1.0, 90))
_EULER = 18

#: Spread of Σ p below which no alias of 1 is reached, from which on it is broad, and wide, without
#: and with a tail, and below which with a tail the fewest terms are too few.
_ALIAS, _SPREAD, _SPREAD_WIDE, _SPREAD_TAILED = 1.2, 4.0, (30.0, 90.0), 45.0

#: The least spread that is told from none.
_NARROWEST = 1e-16

#: Knots of the damping in t, log(1/error) of aliases by turns, and the least and largest damping.
_KNOTS, _ALIAS_DIGITS, _LEAST, _MOST = 17, (0.0, 28.5, 30.0), 0.5, 60.0

#: How far beyond the first alias p has to be to be left out.
_BEYOND = 0.3

#: The most nodes of one colour, for each accuracy: those of the finer are not many times more.
_MOST_NODES = (5000.0, 5000.0, 8000.0)

#: What the average of 1 may miss, of one with and without damping, and the share of it that the
#: other averages miss.
_DEFECT, _DEFECT_UNDAMPED, _SHARE = 4e-11, 3e-12, 0.5

#: Where there is no other sign of an error.
_UNSEEN = 5e-12


class Nodes(NamedTuple):
    """What a `GridRule` takes at one accuracy.

    Attributes
    ----------
    times : int
        Nodes in t.
    damping, series : arrays
        Real part of s at knots in t, and the weights of its imaginary parts.
    density, most : float
        Nodes of one colour per cycle of what they resolve, and the most of them.
    """

    times: int
    damping: Vector
    series: Vector
    density: float
    most: float


@dataclass(frozen=True)
class GridRule:
    """The rule E O = ∫dt ∫ds/(2πi) e^s E[O Σ_b r_b e^{-s Σ_a p_a}], see THEORY.md.

    Attributes
    ----------
    order : (float, float, float)
        The m, q and V that it was chosen for.
    window : (float, float)
        Where the log normaliser t has its mass.
    bend : float
        log of the ratio of the distances of the nodes in t, at the upper and the lower end.
    damping : tuple of float
        Real part of s at knots in t: zeros where no alias of Σ p = 1 is reached.
    step, p_cut : float
        Spacing of the imaginary parts of s, and the largest p that counts.
    turns : int
        Of these, those within one alternation of the terms; 0 where they vanish.
    times, terms : int
        Nodes in t, and alternations before those of Euler's average.
    defect : float
        What the average of 1 misses.
    good : bool
        Whether that is as little as can be expected.
    found : Averages or None
        Those at `order`.
    """

    colors: int
    order: tuple[float, float, float]
    window: tuple[float, float]
    bend: float
    damping: tuple[float, ...]
    step: float
    p_cut: float
    turns: int
    times: int
    terms: int
    defect: float = math.inf
    good: bool = False
    found: Averages | None = None

    @classmethod
    @lru_cache(maxsize=8)
    def near(cls, colors: int, m: float, q: float, V: float) -> GridRule:
        """Return the rule for the surroundings of these order parameters."""
        best = None
        for rule in candidates(colors, m, q, V):
            norm, found = rule._averages(m, q, V, Accuracy.FINE)
            defect = abs(norm - 1.0)
            allowed = _DEFECT if rule.turns else _DEFECT_UNDAMPED
            rule = replace(rule, defect=defect, good=defect < allowed, found=found)
            if best is None or not best.defect <= defect:
                best = rule
            if rule.good:
                break
        assert best is not None
        return best

    @property
    def common_error(self) -> float:
        """What neither accuracy shows: a share of what the average of 1 misses."""
        return _UNSEEN + _SHARE * self.defect

    def covers(self, m: Vector, q: Vector, V: Vector) -> bool:
        """Tell whether the order parameters are still close to those of the rule."""
        return near(self.order, m[0], q[0], V[0])

    def averages(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Averages:
        """Return the averages at these order parameters."""
        at = m[0], q[0], V[0]
        if accuracy == Accuracy.FINE and self.found is not None and at == self.order:
            return self.found
        return self._averages(*at, accuracy)[1]

    def nodes(self, accuracy: Accuracy, fewer: int = 0) -> Nodes:
        """Return the numbers of nodes, the damping at its knots, and the weights of the terms."""
        damping = np.array(self.damping)
        if self.turns:
            damping += _DAMPED[accuracy] / (2.0 * self.turns)
        terms = self.terms + _TERMS[self.turns][accuracy] - fewer
        return Nodes(
            round(self.times * _TIMES[accuracy]),
            damping,
            _series(terms, max(self.turns, 1), self.step),
            _DENSITIES[accuracy],
            _MOST_NODES[accuracy],
        )

    def _averages(self, m: float, q: float, V: float, accuracy: Accuracy) -> tuple[float, Averages]:
        """Return the average of 1, and the others."""
        times, damping, series, density, most = self.nodes(accuracy)
        norm, overlap, energy, response, loss = exchangeable_grid_averages(
            self.colors, m, q, V, *self.window, times, self.bend, damping, self.step,
            series, RADIUS, density, self.p_cut, most,
        )  # fmt: skip
        found = Averages(np.array([overlap]), np.array([energy]), np.array([response]), loss)
        return norm, found


def candidates(colors: int, m: float, q: float, V: float) -> Iterator[GridRule]:
    """Yield rules of ever more nodes and terms."""
    # A margin on q keeps the rule fit while a solver moves nearby.
    order = colors, m, 1.05 * q, V
    low, high, least, most, centre = exchangeable_window(*order, RADIUS, _LEFT_OUT)
    width = high - low
    below = min(max((centre - low) / width, 0.08), 0.8)
    bend = max(math.log((1.0 - below) / below) + 0.3, 0.1)
    spread = 1.05 * max(most - 1.0, 1.0 - least)
    tailed = colors >= _TAILED
    tried = _tried(spread, tailed)
    for turns, factor, terms in tried:
        damping = np.zeros(_KNOTS)
        step, p_cut = 2.0 * math.pi / max(spread, _NARROWEST), 2.0 + spread
        if turns:
            alias = 1.0 + 2.0 * turns
            step, p_cut = math.pi / turns, alias + _BEYOND
            digits = _ALIAS_DIGITS[turns]
            alias_damping(*order, low, high, alias, digits, _LEAST, _MOST, RADIUS, damping)
        times = round(factor * (_T_NODES_TAILED if tailed else _T_NODES))
        yield GridRule(
            colors, (m, q, V), (low, high), bend, tuple(damping.tolist()), step, p_cut,
            turns, times, terms,
        )  # fmt: skip


def _tried(spread: float, tailed: bool) -> _Tried:
    if spread >= _SPREAD_WIDE[tailed]:
        return _WIDE
    tried = _UNDAMPED if spread < _ALIAS else _NARROW if spread < _SPREAD else _BROAD
    return tried[1:] if tailed and spread < _SPREAD_TAILED else tried


@kept()
def _series(terms: int, turns: int, step: float) -> Vector:
    """Return the weights of the trapezoidal rule, with Euler's average at its end."""
    shares = [math.comb(_EULER, j) for j in range(_EULER + 1)]
    tail = np.cumsum(shares[::-1])[::-1] / 2.0**_EULER
    weights = np.repeat(np.concatenate([np.ones(terms), tail]), turns)
    weights[0] = 0.5
    return weights * (step / math.pi)


def near(order: tuple[float, float, float], m: float, q: float, V: float) -> bool:
    """Tell whether m, q and V are so close to others that a rule made for these serves."""
    m0, q0, V0 = order
    return bool(
        abs(math.log(q / q0)) < 0.02
        and abs(m - m0) < 0.2 * math.sqrt(q0)
        and abs(V - V0) < 0.02 * max(V0, math.sqrt(q0))
    )
