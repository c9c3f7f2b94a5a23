"""The law of fields that are tilted by the masked token, all colours alike."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from replica.arrays import Vector
from replica.quadrature.error_rate import error_rate, error_rate_slope
from replica.quadrature.field_law import FieldLaw, Guesses, Residual, Sample, guessed
from replica.quadrature.fresh_fields import fresh
from replica.quadrature.point_sets import SCRAMBLES, lattice_near, sobol_noise
from replica.quadrature.rule import Accuracy


@dataclass(frozen=True)
class TiltedLaw(FieldLaw):
    """ω = m K0 e_y + √q ξ, y uniform: the law of the fields of Potts tokens with U = I."""

    colors: int

    def residual(self, m: Vector, q: Vector, c: float) -> Residual:
        """Return (C-1) [(1-cm)²/C + c²q] and (C-1)/C (1-cm)."""
        n = self.dimensions
        return Residual(
            n * ((1 - c * m) ** 2 / self.colors + c * c * q), n / self.colors * (1 - c * m)
        )

    def conditional_variance(self, rho: Vector, accuracy: Accuracy) -> float:
        """Return 1 - E|softmax(ν)|².

        The masked token is drawn from softmax(ν), so E|softmax(ν)|² = E softmax_y(ν), an
        average at m = q = ρ.
        """
        if rho[0] == 0.0:
            return 1.0 - 1.0 / self.colors
        return fresh(self.colors, rho, rho, accuracy)[1]

    def error_rate(self, m: Vector, q: Vector, accuracy: Accuracy) -> float:
        """Return the probability that another component of ω than the masked one is largest."""
        return error_rate(self.colors, m[0], q[0])

    def guesses(self, m: Vector, q: Vector, accuracy: Accuracy) -> Guesses:
        """Return points of ω at y = e_1, for which by symmetry all averages are those at any y.

        Given ω the masked token follows softmax((m/q) ω).
        """
        (noise,) = sobol_noise(self.colors, 1, accuracy)
        fields = math.sqrt(float(q[0])) * noise
        fields[:, 0] += float(m[0])
        return guessed(fields, float(m[0] / q[0]) * fields, SCRAMBLES)

    def chance(self) -> tuple[float, float]:
        """Return the error rate at small x = m/√q, and how fast it falls with x."""
        return error_rate_slope(self.colors)

    def best_scale(self, rho: Vector) -> float:
        """Return 1/(C + ρ)."""
        return 1 / (self.colors + float(rho[0]))

    def sample(self, m: float, q: float, size: float, accuracy: Accuracy) -> Sample:
        """Return points with weights, good for fields of the variance `size`."""
        pull = np.full(self.colors, -1.0 / self.colors)
        pull[0] += 1.0
        lattice = lattice_near(self.colors, size, accuracy)
        if lattice is None:
            (noise,) = sobol_noise(self.colors, 1, accuracy)
            weights, parts = np.full(len(noise), 1.0 / len(noise)), SCRAMBLES
        else:
            noise, weights, parts = lattice.noise, lattice.weights, 1
        return Sample(m * pull + math.sqrt(q) * noise, weights, noise, pull, 0.0, parts)
