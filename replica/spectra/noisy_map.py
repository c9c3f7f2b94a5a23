"""The spectrum of s (1 - P/p) and independent noise, P the inverse of a sample covariance."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from replica.arrays import Matrix, Vector
from replica.spectra.outlier import Outlier

#: Distances from the real axis, in widths of the spectrum, by which points come down to it.
_HEIGHTS = np.append(np.geomspace(2.0, 1e-6, 16), 0.0)

#: Points of the first look at the whole.
_LOOK = 200

#: Steps of Newton's method, on the way and where it must arrive, and of a search for an edge.
_FEW, _STEPS, _SEARCH = 3, 60, 400

#: Relative steps of <R> on a walk; where z turns its square counts.
_STEP, _LEAST = 0.05, 1e-9

#: Im<R> in inverse widths of a point between two intervals.
_NOTHING = 1e-6


class State(NamedTuple):
    """What the resolvent R at z depends on, numbers or arrays (points,).

    Attributes
    ----------
    u : complex
        z - s - ¼τ² <M R>.
    v : complex
        The weight of G in the inverse of the sample covariance.
    g : complex
        <R>.
    """

    u: Any
    v: Any
    g: Any


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


@dataclass(frozen=True, eq=False)
class NoisyMap:
    """A = s (1 - P/p) + ½τ (ε √M + √M εᵀ), P = (S + λ)^{-1}, S = (1/L) Σ x xᵀ of γL samples.

    G is the covariance of x, p = tr P/L and P ≃ (λ + V̂G)^{-1}, M = G/(λ + V̂G)², and ε_ij are
    independent of variance 1/L. For L → ∞, R = (z - A)^{-1} is equivalent to a function of G,

        R = Q/(N Q + s/p),   Q = λ + v G,   N = z - s - ¼τ² (<M R> + <R> M),
        γ = v (1 + <G N/(N Q + s/p)>).

    Attributes
    ----------
    values, weights : arrays (nodes,)
        G, and the shares of the nodes.
    ratio, decay, scale, noise : float
        γ, λ, s and τ².
    weight, diagonal : float
        V̂ and p.
    """

    values: Vector
    weights: Vector
    ratio: float
    decay: float
    scale: float
    noise: float
    weight: float
    diagonal: float

    def spread(self, values: Any) -> Any:
        """Return M of G."""
        return values / (self.decay + self.weight * values) ** 2

    @cached_property
    def ends(self) -> tuple[Place, Place]:
        """The least and the largest point of the spectrum."""
        # Far away R is 1/z.
        far = 50.0 * self.scale / (self.diagonal * max(self.decay, 1e-3))
        left, right = (
            self._end(self._place(State(1.0 / g, self.ratio, g), g), g)
            for g in (-1.0 / far, 1.0 / far)
        )
        return left, right

    @cached_property
    def edges(self) -> Matrix:
        """The ends of the intervals of the spectrum, an array (intervals, 2)."""
        low, high = (end.z for end in self.ends)
        look = 0.5 * (low + high) - 0.5 * (high - low) * np.cos(np.pi * np.arange(1, _LOOK) / _LOOK)
        states, unit = self.states(look), 1.0 / (high - low)
        empty = -states.g.imag < _NOTHING * unit
        found = [low, high]
        # In a gap R is real: its ends are where that ceases.
        for first in np.flatnonzero(empty & ~np.append(False, empty[:-1])):
            state = State(*(float(each[first].real) for each in states))
            here = self._place(state, state.g)
            found += [self._end(here, step, unit).z for step in (1.0, -1.0)]
        return np.sort(found).reshape(-1, 2)

    def states(self, points: Vector) -> State:
        """Return the states at real points, approached from above."""
        width = self.ends[1].z - self.ends[0].z
        z = points + 1j * width * _HEIGHTS[0]
        state = State(z - self.scale, np.full_like(z, self.ratio), 1.0 / z)
        for height in _HEIGHTS:
            steps = _FEW if height else _STEPS
            state = self._solved(points + 1j * width * height, state, steps)
        return state

    def pole(self, place: Place, value: Any) -> Any:
        """Return the denominator of R, over Q, for one G or several."""
        Q = self.decay + place.state.v * value
        N = place.state.u - 0.25 * self.noise * place.state.g * self.spread(value)
        return N + self.scale / (self.diagonal * Q)

    def outlier(self, value: float, sign: float) -> Outlier:
        """Return what one G outside all others becomes beyond the edge on the side of the sign.

        It stands where the denominator of R vanishes for it, and the overlap is the residue.
        """
        end = self.ends[1 if sign > 0 else 0]
        if sign * self.pole(end, value) >= 0.0:
            return Outlier(end.z, 0.0)
        here, seen, unseen = end, end.state.g, 0.0
        for _ in range(_SEARCH):
            # In small steps, until the place lies between two of them.
            g = 0.5 * (seen + unseen) if unseen else seen / (1.0 + _STEP)
            here = self._place(here.state, g)
            if sign * self.pole(here, value) < 0.0:
                seen = g
            else:
                unseen = g
            if abs(seen - unseen) <= 4e-16 * abs(seen):
                break
        by_z, by_u, by_v = here.slopes
        Q = self.decay + here.state.v * value
        turn = self.scale * value / (self.diagonal * Q * Q)
        slope = by_u - 0.25 * self.noise * self.spread(value) - turn * by_v
        return Outlier(here.z, float(by_z / slope))

    def _end(self, here: Place, way: float, unit: float = 0.0) -> Place:
        """Return where z(g) turns as g goes this way, in steps relative to |g| and the unit."""
        # Beyond the whole spectrum no pole of R has passed one of the nodes.
        signs, step = np.sign(self.pole(here, self.values)), _STEP
        for _ in range(_SEARCH):
            last = here.state.g
            there = self._place(here.state, last + np.copysign(step * (abs(last) + unit), way))
            falls = there.slopes[0] < 0.0 and bool(np.isfinite(there.z))
            inside = bool(unit) or np.array_equal(np.sign(self.pole(there, self.values)), signs)
            if falls and inside:
                here, step = there, min(1.5 * step, _STEP)
            elif step < _LEAST:
                break
            else:
                step *= 0.4
        return here

    def _place(self, state: State, g: float) -> Place:
        """Return the point at which <R> is g, by Newton's steps in u and v."""
        u, v, c = state.u, state.v, 0.25 * self.noise
        with np.errstate(all="ignore"):
            for _ in range(_STEPS):
                gaps, slopes = self._parts(State(u, v, g))
                (a, b, _), (d, e, _) = slopes[:2]
                determinant = a * e - b * d
                du = (gaps[0] * e - gaps[1] * b) / determinant
                dv = (gaps[1] * a - gaps[0] * d) / determinant
                u, v = u - du, v - dv
                if abs(du) <= 1e-15 * abs(u) and abs(dv) <= 1e-15 * abs(v):
                    break
            gaps, slopes = self._parts(State(u, v, g))
            (a, b, p), (d, e, q) = slopes[:2]
            determinant = a * e - b * d
            by_u, by_v = (q * b - p * e) / determinant, (p * d - q * a) / determinant
            x, y, t = slopes[2]
            by_z = by_u + c * (x * by_u + y * by_v + t)
        return Place(float(u + self.scale + c * gaps[2]), State(u, v, g), (by_z, by_u, by_v))

    def _solved(self, z: Any, state: State, steps: int) -> State:
        """Return the states at z by Newton's steps from others."""
        c = 0.25 * self.noise
        for _ in range(steps):
            (first, second, pulled), (one, two, pull) = self._parts(state)
            third = state.u + self.scale + c * pulled - z
            along = (1.0 + c * pull[0], c * pull[1], c * pull[2])
            matrix = np.stack([np.stack(row, -1) for row in (one, two, along)], -2)
            step = np.linalg.solve(matrix, np.stack([first, second, third], -1)[..., None])[..., 0]
            state = State(*(each - step[..., i] for i, each in enumerate(state)))
            if np.abs(step).max() < 1e-13 * np.abs(state.v).max():
                break
        return state

    def _parts(self, state: State) -> tuple[Any, Any]:
        """Return the gaps of the equations for γ and <R>, and <M R>, with their derivatives."""
        c, k = 0.25 * self.noise, self.scale / self.diagonal
        G, M, W = self.values, self.spread(self.values), self.weights
        u, v, g = (np.asarray(each)[..., None] for each in state)
        N, Q = u - c * g * M, self.decay + v * G
        share = 1.0 / (N * Q + k)
        R, H = Q * share, G * N * share
        # Derivatives by N, and by v; N moves with u, and by -c M with g.
        R_N, R_v, H_N, H_v = -R * R, G * k * share * share, G * k * share * share, -H * H
        M_N = M * R_N
        fill = H_N @ W, H_v @ W, -c * ((M * H_N) @ W)
        gaps = state.v * (1.0 + H @ W) - self.ratio, R @ W - state.g, (M * R) @ W
        slopes = (
            (state.v * fill[0], 1.0 + H @ W + state.v * fill[1], state.v * fill[2]),
            (R_N @ W, R_v @ W, -c * (M_N @ W) - 1.0),
            (M_N @ W, (M * R_v) @ W, -c * ((M * M_N) @ W)),
        )
        return gaps, slopes
