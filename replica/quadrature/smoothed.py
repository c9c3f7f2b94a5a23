"""Quadrature of the cross-entropy that masks smooth: a lattice of trained fields, and no prox.

For tilted fields of up to some twenty colours; points that permutations make alike count once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import chdtri

from replica.arrays import Vector
from replica.memory import kept
from replica.quadrature.kernels.points import lattice_orbits
from replica.quadrature.kernels.smoothed import smoothed_averages
from replica.quadrature.kernels.softmax_race import fill_laplace
from replica.quadrature.point_sets import MOST_BYTES
from replica.quadrature.rule import Accuracy
from replica.quadrature.softmax_race import window_for

#: log(1/error) that the lattice aims at for each accuracy, the most points it may take for that,
#: and the least digits before it is given up.
_DIGITS, _MOST, _LEAST = (12.0, 25.0, 29.0), (20_000, 250_000, 500_000), (5.0, 7.0, 8.0)

#: Colours beyond which every digit takes many points, and how many less are aimed at.
_FEW, _LESS = 5, 2.0

#: The most levels that have a table of times each, and that do where one table for all would take
#: more times than this, as a lattice of steps far below that of the times does.
_MOST_TABLES, _MOST_LEVELS, _MOST_TIMES = 300, 20_000, 100_000

#: The most times of all tables, beyond which there is no answer.
_MOST_ENTRIES = 20_000_000

#: Shares of the way from the real axis to the first pole of a softmax.
_OFF_AXIS = np.linspace(0.02, 0.98, 49)


class SmoothedAverages(NamedTuple):
    """Averages over tilted fields of a row that was trained on the smoothed cross-entropy.

    With h = ω + V g, g = e_1 - E softmax(h + √Δ ζ), H the Hessian of the smoothed loss at h and
    K = H (I + V H)^{-1}: overlap = E g_1, energy = E |g|², response = E tr K, curvature = E tr H,
    loss = E ℓ_Δ(e_1, h), square = E tr K².
    """

    overlap: float
    energy: float
    response: float
    curvature: float
    loss: float
    square: float


@dataclass
class SmoothedRule:
    """The lattice A*_{C-1} of trained fields h, with the weight dω/dh = det(I + V H) (THEORY.md).

    ω = h - V g(h) is explicit where h = prox(ω) is not. The map from ω to h contracts: the ball of
    fields ω that count is mapped into a ball of h around the image of its centre.

    Attributes
    ----------
    order : (float, float, float, float)
        The m, q, V and Δ that it was chosen for.
    """

    colors: int
    order: tuple[float, float, float, float]
    _defects: dict[Accuracy, float] = field(default_factory=dict, repr=False)

    @property
    def common_error(self) -> float:
        """What the average of 1 misses, as a sign of what the others do."""
        return 1e-12 + max(self._defects.values(), default=0.0)

    def covers(self, m: float, q: float, V: float, Delta: float) -> bool:
        """Tell whether the order parameters are close to those of the rule."""
        m0, q0, V0, Delta0 = self.order
        return (
            min(q, q0) > 0.0
            and abs(math.log(q / q0)) < 0.2
            and abs(m - m0) < 0.3 * math.sqrt(q0)
            and abs(math.log((1 + V) / (1 + V0))) < 0.2
            and abs(math.log((1 + Delta) / (1 + Delta0))) < 0.5
        )

    def averages(
        self, m: float, q: float, V: float, Delta: float, accuracy: Accuracy
    ) -> SmoothedAverages:
        """Return the averages at these order parameters."""
        m0, q0, V0, Delta0 = self.order
        lattice = _lattice_near(self.colors, 1.1 * q0, V0, accuracy)
        if lattice is None:
            return SmoothedAverages(*[math.nan] * 6)
        centre = max(_trained(self.colors, m0, V0, Delta0), 0.0)
        s = math.sqrt(Delta)
        early, late = window_for(s, -lattice.digits - 4.0)
        time_step = _time_step(lattice.digits)
        offsets: Vector = np.zeros(1)
        if lattice.step > 0.5 * time_step:
            stride, jump = math.ceil(lattice.step / time_step), 1
            time_step = place = lattice.step / stride
        elif lattice.span > _MOST_LEVELS or (
            lattice.span > _MOST_TABLES and late - early < _MOST_TIMES * lattice.step
        ):
            stride, jump = 1, math.ceil(time_step / lattice.step)
            place, time_step = lattice.step, lattice.step * jump
        else:
            stride, jump, place = 0, 1, time_step
            offsets = lattice.step * (lattice.lowest + np.arange(lattice.span + 1.0))
        times = math.ceil((late - early) / time_step) + 2
        origin = math.ceil((lattice.span * lattice.step + centre) / place) + 1
        if len(offsets) * (origin + times * jump) > _MOST_ENTRIES:
            return SmoothedAverages(*[math.nan] * 6)
        v = early + place * np.arange(-origin, origin + times * jump) + offsets[:, None]
        tables = (*_tables(v, s, lattice.digits), *_tables(v + centre, s, lattice.digits))
        reach = _reach(self.colors, lattice.digits)
        norm, *found = smoothed_averages(
            lattice.k, lattice.lowest, lattice.multiplicities, m, q, V, centre, lattice.step,
            stride, jump, time_step, times, origin, *tables, reach,
        ).tolist()  # fmt: skip
        if accuracy != Accuracy.COARSE:
            self._defects[accuracy] = abs(norm - 1.0)
        # What the lattice leaves out counts the less.
        return SmoothedAverages(*(each / norm for each in found))


class _Levels(NamedTuple):
    """Points K0 k of a lattice, one of each orbit of the permutations that leave colour 1."""

    k: NDArray[np.int64]
    multiplicities: Vector
    step: float
    digits: float
    lowest: int
    span: int


def _lattice_near(colors: int, q: float, V: float, accuracy: Accuracy) -> _Levels | None:
    """Return the lattice for fields of this size, or None where it has too many points."""
    digits = _DIGITS[accuracy] - (_LESS if colors > _FEW and accuracy else 0.0)
    while digits > _LEAST[accuracy]:
        step = math.sqrt(2.0) * _spacing(colors, q, V, digits)
        if not step**2 > 0.0:
            return None
        reach = _reach(colors, digits) * q / step**2
        # One lattice serves many rules.
        found = _levels(colors, math.ceil(8 * reach) / 8, _MOST[accuracy])
        if found is not None:
            return _Levels(found[0], found[1], step, digits, *found[2:])
        digits -= 1.0
    return None


def _spacing(colors: int, q: float, V: float, digits: float) -> float:
    """Return the distance of lattice planes for an error of e^{-digits}.

    Where two colours compete, of distance x, a step iy off the real axis moves ω by
    i (y + V tan(y/2)) at most, up to the pole at y = π. A Gaussian in ω grows by the exponential of
    its square over 4q, of which the trapezoidal rule with steps s in x leaves e^{-2πy/s}.
    """
    y = math.pi * _OFF_AXIS
    moved = y + V * _competition(colors) * np.tan(y / 2)
    with np.errstate(over="ignore", divide="ignore"):
        longest = float((2.0 * math.pi * y / (digits + moved**2 / (4.0 * q))).max())
    return longest / math.sqrt(2.0)


def _competition(colors: int) -> float:
    """Return the share of the worst case that H has where there is weight."""
    return max(1.0 - 0.1 * (colors - 3), 0.4) if colors > 3 else 1.0


def _reach(colors: int, digits: float) -> float:
    """Return the largest |ξ|² that counts."""
    return float(chdtri(colors - 1, math.exp(-digits - 1.0)))


def _time_step(digits: float) -> float:
    """Return the spacing of log times, at which functions have their poles at iπ/2."""
    return math.pi**2 / (digits + 2.0)


@kept(MOST_BYTES)
def _levels(
    colors: int, reach: float, most: int
) -> tuple[NDArray[np.int64], Vector, int, int] | None:
    """Return the k with |K0 k|² <= reach, their multiplicities, the lowest level and the range."""
    if not reach < float(most) ** 2:
        # Already on a line there are more.
        return None
    nothing = np.empty((0, colors), dtype=np.int64), np.empty(0)
    number = lattice_orbits(colors, reach, most, *nothing)
    if number > most:
        return None
    k, multiplicities = np.empty((number, colors), dtype=np.int64), np.empty(number)
    lattice_orbits(colors, reach, most, k, multiplicities)
    lowest = min(int(k.min()), 0)
    return k, multiplicities, lowest, max(int(k.max()), 0) - lowest


def _tables(v: Vector, s: float, digits: float) -> tuple[Vector, Vector, Vector]:
    """Return Ψ, -Ψ'/Ψ and exp(-e^v)."""
    value, slope = np.empty_like(v), np.empty_like(v)
    fill_laplace(v, s, _time_step(digits), math.sqrt(2.0 * (digits + 6.0)), value, slope)
    return value, -slope / np.maximum(value, 1e-300), np.exp(-np.exp(np.minimum(v, 7.0)))


def _trained(colors: int, m: float, V: float, Delta: float) -> float:
    """Return h_1 above the others where ω = m K0 e_1, to a few digits."""
    n, s, digits = colors - 1, math.sqrt(Delta), _DIGITS[Accuracy.COARSE]
    early, late = window_for(s, -digits - 4.0)
    step = _time_step(digits)

    def excess(x: float) -> float:
        u = np.arange(early - max(x, 0.0), late - max(x, 0.0), step)
        others, hazard, _ = _tables(u, s, digits)
        first, _, _ = _tables(u + x, s, digits)
        wrong = n * float((hazard * others**n) @ first) * step
        return x - m - V * wrong * colors / n

    return float(brentq(excess, m - 1e-3, m + V * colors / n + 1.0, xtol=0.02))
