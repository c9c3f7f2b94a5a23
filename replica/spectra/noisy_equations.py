"""The equations for the spectrum of s (1 - P/p) and independent noise, by exact averages over G."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from replica.arrays import Vector
from replica.spectra.cubic import Cubic, Jet
from replica.spectra.population import SemicirclePopulation
from replica.spectra.silverstein import inverse, turning_points

#: The least noise and weight decay, relative to all else: without them two poles would be one.
_FLOOR = 1e-13

#: The step of Newton's method, relative to v, that ends it.
_EXACT = 1e-13


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


@dataclass(frozen=True, eq=False)
class NoisyEquations:
    """A = s (1 - P/p) + ½τ (ε √M + √M εᵀ), P = (S + λ)^{-1}, S = (1/L) Σ x xᵀ of γL samples.

    G is the covariance of x, p = tr P/L and P ≃ (λ + V̂G)^{-1}, M = G/(λ + V̂G)², and ε_ij are
    independent of variance 1/L. For L → ∞, R = (z - A)^{-1} is equivalent to a function of G,

        R = Q/(N Q + s/p),   Q = λ + v G,   N = z - s - ¼τ² (<M R> + <R> M),
        γ = v (1 + <G N/(N Q + s/p)>).

    With D = λ + V̂G and N = u - e G/D², e = ¼τ² <R>, this is a cubic Π = D² (N Q + s/p) of G, and
    averages are sums over its roots.

    Parameters
    ----------
    population : SemicirclePopulation
        The law of G.
    ratio, decay, scale, noise : float
        γ, λ, s and τ².
    weight, diagonal : float
        V̂ and p.
    """

    population: SemicirclePopulation
    ratio: float
    decay: float
    scale: float
    noise: float
    weight: float
    diagonal: float

    @cached_property
    def without_noise(self) -> Vector:
        """The ends of s (1 - P/p), after the eigenvalue of what no sample has shown, if any."""
        (turns,) = turning_points(self.population, self.ratio)
        edges = np.maximum(inverse(self.population, self.ratio, turns)[0], 0.0)
        covariances = np.append(0.0, edges) if self.ratio < 1.0 else edges
        found: Vector = self.scale * (1.0 - 1.0 / (self.diagonal * (covariances + self.decay)))
        return found

    def spread(self, values: Any) -> Any:
        """Return M of G."""
        return values / (self.decay + self.weight * values) ** 2

    def denominator(self, state: State, values: Any) -> Any:
        """Return N Q + s/p of G."""
        N = state.u - 0.25 * self.noise * state.g * self.spread(values)
        return N * (self.decay + state.v * values) + self.scale / self.diagonal

    def solved(self, z: Vector, state: State, steps: int) -> State:
        """Return the states at z by Newton's steps from others."""
        for _ in range(steps):
            gaps, slopes = self.parts(state)
            gaps[2] -= z
            step = np.linalg.solve(slopes.T.swapaxes(1, 2), gaps.T[..., None])[..., 0].T
            state = State(*(each - change for each, change in zip(state, step, strict=True)))
            if np.abs(step).max() < _EXACT * np.abs(state.v).max():
                break
        return state

    def parts(self, state: State) -> tuple[Any, Any]:
        """Return what the equations for γ and for <R> lack, and z, and their derivatives.

        Parameters
        ----------
        state : State
            Of arrays (points,).

        Returns
        -------
        array (3, points), array (3, 3, points)
            The latter by u, v and g.
        """
        u, v, g = state
        c, k, y, w = self._pull, self.scale / self.diagonal, self._decay, self.weight
        e, mixed = c * g, u * y + k
        cubic = Cubic.of(self.population, np.stack([
            u * v * w * w,
            mixed * w * w + (2.0 * u * y * w - e) * v,
            2.0 * mixed * y * w + (u * y * v - e) * y,
            mixed * y * y + 0.0 * v,
        ], axis=-1))  # fmt: skip
        r, one = cubic.roots, np.ones(3)
        G, D, Q = Jet(r, one), Jet(y + w * r, w * one), Jet(y + v[:, None] * r, v[:, None] * one)
        D2 = D @ D
        D2N = Jet(u[:, None] * D2.value - e[:, None] * r, u[:, None] * D2.slope - e[:, None])
        by = D2 @ Q, G @ D2N, Jet(-c * one, 0.0 * one) @ G @ Q

        def average(f: Jet, kernel: Jet) -> tuple[Any, Any]:
            """Return an average, and its derivatives for a constant f."""
            slopes = [-cubic.over_square(f @ each, kernel) for each in by]
            return cubic.over(f.value, kernel), np.stack(slopes)

        # <G D²/Π>, <G Q/Π> = <M R>, <G G/Π>, and <D²/Π> = <1/(N Q + k)>.
        (sampled, d_sampled), (pulled, d_pulled), (doubled, d_doubled) = (
            average(each, cubic.with_G) for each in (D2, Q, G)
        )
        alone, d_alone = average(D2, cubic.alone)
        du, dv, dg = np.eye(3)[..., None]
        d_pulled = d_pulled + doubled * dv
        shares = 1.0 + u * sampled - e * doubled
        d_shares = u * d_sampled + sampled * du - e * d_doubled - c * doubled * dg
        echo, d_echo = 1.0 + e * pulled, e * d_pulled + c * pulled * dg
        # <R> by <N R> = 1 - k <1/(N Q + k)>, or by what of it is not λ, each where it is not 0 = 0.
        by_N = u * g - echo + k * alone, u * dg + g * du - d_echo + k * d_alone
        by_Q = (
            mixed * g - y * echo - k * v * sampled,
            mixed * dg + y * g * du - y * d_echo - k * (v * d_sampled + sampled * dv),
        )
        near = np.abs(mixed) < 0.5 * k
        known, d_known = (np.where(near, one, other) for one, other in zip(by_N, by_Q, strict=True))
        gaps = np.stack([v * shares - self.ratio, known, u + self.scale + c * pulled])
        return gaps, np.stack([v * d_shares + shares * dv, d_known, du + c * d_pulled])

    @property
    def _decay(self) -> float:
        return max(self.decay, _FLOOR * self.weight * self.population.mean)

    @cached_property
    def _pull(self) -> float:
        """¼τ²."""
        least = _FLOOR * np.ptp(self.without_noise) ** 2 / self.spread(self.population.mean)
        return max(0.25 * self.noise, float(least))
