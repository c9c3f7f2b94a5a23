"""The spectrum of s (1 - P/p) and independent noise, P the inverse of a sample covariance."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from scipy import optimize

from replica.arrays import Matrix, Vector
from replica.spectra.equal_angles import equal_angles
from replica.spectra.noisy_equations import NoisyEquations, State
from replica.spectra.outlier import Outlier

#: Distances from the real axis, in widths of the spectrum, by which points come down to it.
_HEIGHTS = np.append(np.geomspace(2.0, 1e-6, 16), 0.0)

#: Points of the first look at the whole, and at a gap.
_LOOK = 200

#: Steps of Newton's method, on the way and where it must arrive, and of a search for an edge.
_FEW, _STEPS, _SEARCH = 3, 60, 400

#: Relative steps of <R> on a walk, and the one that ends it.
_STEP, _LEAST = 0.05, 1e-9

#: Im<R> in inverse widths of a point between two intervals.
_NOTHING = 1e-6

#: The imaginary part, relative to γ, of sums over poles that are not among the G.
_REAL = 1e-9


class Place(NamedTuple):
    """A point z of the real axis beside the spectrum, and how all moves along g = <R> there.

    Attributes
    ----------
    z : float
        The point.
    state : State
        Real numbers.
    slopes : tuple of float
        Derivatives of z, u and v by g.
    """

    z: float
    state: State
    slopes: tuple[float, float, float]


class NoisyMap(NoisyEquations):
    """The spectrum of A beside its equations: ends and gaps, the density, and what stands out."""

    @cached_property
    def reach(self) -> tuple[float, float]:
        """Numbers beyond the spectrum: its ends without noise, and the norm of the noise."""
        low, high = self.without_noise[[0, -1]]
        (support,) = self.population.supports
        # M of G is largest at λ/V̂, if there is such a G.
        top = np.clip(self.decay / self.weight, *support)
        norm = 2.0 * np.sqrt(self.noise * self.spread(top))
        return float(low - norm), float(high + norm)

    @cached_property
    def ends(self) -> tuple[Place, Place]:
        """The least and the largest point of the spectrum."""
        low, high = self.reach
        return self._end(self._beyond(low, low - high), -1.0), self._end(
            self._beyond(high, high - low), 1.0
        )

    @cached_property
    def edges(self) -> Matrix:
        """The ends of the intervals of the spectrum, an array (intervals, 2)."""
        low, high = (end.z for end in self.ends)
        # Noise makes intervals wider, and gaps narrower: there is one at most.
        looks = np.array([[low, high], self.without_noise[:2]])
        look = np.unique(equal_angles(looks if self.ratio < 1.0 else looks[:1], _LOOK)[1])
        states, unit = self.states(look), 1.0 / (high - low)
        empty = -states.g.imag < _NOTHING * unit
        found = [low, high]
        # In a gap R is real: its ends are where that ceases.
        for first in np.flatnonzero(empty & ~np.append(False, empty[:-1])):
            here = self._at(states, int(first))
            found += [self._end(here, step, unit).z for step in (1.0, -1.0)]
        return np.sort(found).reshape(-1, 2)

    def states(self, points: Vector) -> State:
        """Return the states at real points, approached from above."""
        width = self.ends[1].z - self.ends[0].z
        z = points + 1j * width * _HEIGHTS[0]
        state = State(z - self.scale, np.full_like(z, self.weight), 1.0 / z)
        for height in _HEIGHTS:
            steps = _FEW if height else _STEPS
            state = self.solved(points + 1j * width * height, state, steps)
        return state

    def pole(self, place: Place, value: Any) -> Any:
        """Return the denominator of R, over Q, for one G or several."""
        return self.denominator(place.state, value) / (self.decay + place.state.v * value)

    def outlier(self, value: float, sign: float) -> Outlier:
        """Return what one G outside all others becomes beyond the edge on the side of the sign.

        It stands where the denominator of R vanishes for it, and the overlap is the residue.
        """
        end = self.ends[1 if sign > 0 else 0]
        if sign * self.pole(end, value) >= 0.0:
            return Outlier(end.z, 0.0)
        inner, step = end, _STEP
        for _ in range(_SEARCH):
            outer = self._place(inner, inner.state.g / (1.0 + step))
            if sign * self.pole(outer, value) >= 0.0:
                break
            # In small steps, by which Newton's method follows.
            inner, step = (outer, step) if math.isfinite(outer.z) else (inner, 0.5 * step)
        g = optimize.brentq(
            lambda g: self.pole(self._place(inner, g), value),
            inner.state.g, outer.state.g, xtol=1e-15 * abs(inner.state.g),
        )  # fmt: skip
        here = self._place(inner, g)
        by_z, by_u, by_v = here.slopes
        Q = self.decay + here.state.v * value
        turn = self.scale * value / (self.diagonal * Q * Q)
        slope = by_u - 0.25 * self.noise * self.spread(value) - turn * by_v
        return Outlier(here.z, float(by_z / slope))

    def _beyond(self, end: float, width: float) -> Place:
        """Return a place beyond an end of the reach by a width, from where R is that of z alone."""
        state = State(end + 100.0 * width, self.weight, 0.01 / width)
        for far in np.geomspace(64.0, 1.0 / 16.0, 16):
            z = np.array([end + far * width])
            state = self.solved(z, State(*(np.atleast_1d(each) + 0j for each in state)), _STEPS)
        return self._at(state, 0)

    def _at(self, states: State, index: int) -> Place:
        """Return one of several states as a place."""
        real = State(*(float(each[index].real) for each in states))
        return self._place(Place(np.nan, real, (0.0, 0.0, 0.0)), real.g)

    def _end(self, here: Place, way: float, unit: float = 0.0) -> Place:
        """Return where z(g) turns as g goes this way, in steps relative to |g| and the unit."""
        # Beyond the spectrum no pole of R has passed a G.
        (support,) = self.population.supports
        signs, step = np.sign(self.denominator(here.state, support)), _STEP
        for _ in range(_SEARCH):
            last = here.state.g
            there = self._place(here, last + np.copysign(step * (abs(last) + unit), way))
            same = np.array_equal(np.sign(self.denominator(there.state, support)), signs)
            if same and there.slopes[0] < 0.0:
                here, step = there, min(1.5 * step, _STEP)
            elif same and there.slopes[0] >= 0.0:
                return self._turn(here, there)
            elif step < _LEAST:
                break
            else:
                step *= 0.4
        return here

    def _turn(self, falling: Place, rising: Place) -> Place:
        """Return the place between two where z(g) turns."""

        def slope(g: float) -> float:
            return self._place(falling, g).slopes[0]

        one, other = falling.state.g, rising.state.g
        if not slope(one) < 0.0 <= slope(other):
            return falling
        turn = optimize.brentq(slope, one, other, xtol=1e-15 * max(abs(one), abs(other)))
        return self._place(falling, turn)

    def _place(self, near: Place, g: float) -> Place:
        """Return the point at which <R> is g, by Newton's steps in u and v; NaN if it is none."""
        state, (_, by_u, by_v) = near.state, near.slopes
        u, v = state.u + (g - state.g) * by_u, state.v + (g - state.g) * by_v
        with np.errstate(all="ignore"):
            for _ in range(_STEPS):
                gaps, ((a, b, p), (d, e, q), _) = self._real_parts(State(u, v, g))
                determinant = a * e - b * d
                du = (gaps[0] * e - gaps[1] * b) / determinant
                dv = (gaps[1] * a - gaps[0] * d) / determinant
                u, v = u - du, v - dv
                if not (abs(du) > 1e-14 * abs(u) or abs(dv) > 1e-14 * abs(v)):
                    break
            gaps, ((a, b, p), (d, e, q), along) = self._real_parts(State(u, v, g))
            determinant = a * e - b * d
            by_u, by_v = (q * b - p * e) / determinant, (p * d - q * a) / determinant
            by_z = along[0] * by_u + along[1] * by_v + along[2]
        return Place(gaps[2], State(u, v, g), (by_z, by_u, by_v))

    def _real_parts(self, state: State) -> tuple[list[float], list[list[float]]]:
        """Return `parts` of real numbers; NaN where a pole is among the G."""
        if not np.all(np.isfinite(state)):
            return [math.nan] * 3, [[math.nan] * 3] * 3
        gaps, slopes = self.parts(State(*(np.array([complex(each)]) for each in state)))
        if abs(gaps[0, 0].imag) > _REAL * self.ratio:
            return [math.nan] * 3, [[math.nan] * 3] * 3
        return gaps[:, 0].real.tolist(), slopes[..., 0].real.tolist()
