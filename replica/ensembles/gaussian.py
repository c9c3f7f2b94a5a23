"""The ensemble of Gaussian tokens: regression of one site on the others, with noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from replica.arrays import Vector
from replica.ensembles.ensemble import Ensemble
from replica.ensembles.spectrum import STRONGEST, Spectrum, semicircle
from replica.ensembles.whole_sequences import WholeSequences
from replica.memory import kept
from replica.problem import GaussianTokens
from replica.quadrature.field_law import FieldLaw, Residual
from replica.quadrature.rule import Accuracy
from replica.spectra.population import SemicirclePopulation
from replica.validation import invalid


@dataclass(frozen=True)
class GaussianLaw(FieldLaw):
    """y = ν + noise, where each colour has a field of its own.

    Attributes
    ----------
    colors : int
        C, the number of components of y.
    rho : float
        Variance of each component of ν.
    noise : float
        Variance of each component of the noise.
    """

    colors: int
    rho: float
    noise: float

    @cached_property
    def dimensions(self) -> NDArray[np.int64]:
        """C, as no component is left out."""
        return np.array([self.colors])

    @property
    def regression_noise(self) -> float:
        """The noise itself."""
        return self.noise

    def residual(self, m: Vector, q: Vector, c: float) -> Residual:
        """Return C (ρ - 2cm + c²q + noise), and E (y - c ω)·∂/∂ν = C."""
        square = self.colors * (self.rho - 2 * c * m + c * c * q + self.noise)
        return Residual(square, np.full_like(m, self.colors))

    def conditional_variance(self, rho: Vector, accuracy: Accuracy) -> float:
        """Return C noise."""
        return self.colors * self.noise

    def error_rate(self, m: Vector, q: Vector, accuracy: Accuracy) -> float:
        """Return NaN: there is no class to guess."""
        return math.nan

    def chance(self) -> tuple[float, float]:
        """Return NaN: there is no class to guess."""
        return math.nan, math.nan

    def best_scale(self, rho: Vector) -> float:
        """Return 1, as y = ν + noise."""
        return 1.0


class GaussianEnsemble(Ensemble):
    """The spectrum of a shifted semicircle's inverse, and fields without a tilt."""

    answers = frozenset({"asymptotics", "whole", "pairs"})
    data: GaussianTokens

    def knows(self, question: str) -> bool:
        """Tell what is known: nothing of whole sequences that are not drawn whole."""
        return super().knows(question) and (question == "asymptotics" or self.data.joint)

    @property
    def spectrum(self) -> Spectrum:
        """Eigenvalues 1/(κ + x), x with the semicircle law."""
        return _spectrum(self.data)

    @property
    def whole(self) -> WholeSequences:
        """The inverse of κ + X; the true matrix is -X/κ."""
        self.require("whole")
        shift, values = self.data.shift, self.spectrum.covariances[0]
        true = 1.0 - 1.0 / (shift * values)
        population = SemicirclePopulation(shift, 1.0)
        return WholeSequences(population, values, self.spectrum.weights, self.colors, true)

    @cached_property
    def law(self) -> GaussianLaw:
        """y = ν + noise of variance 1/κ."""
        return GaussianLaw(self.colors, float(self.spectrum.rho[0]), 1.0 / self.data.shift)


@kept()
def _spectrum(data: GaussianTokens) -> Spectrum:
    """Eigenvalues 1/(κ + x), x with the semicircle law, and |w*|² = 1/κ².

    In whole sequences the masked site correlates the others along w*, whose share in an
    eigenvalue is then 1/(κ² + 1 + κx).
    """
    shift = data.shift
    # κ + x = b (b + 1/b + x) at the b whose ellipse touches the pole.
    b = 0.5 * (shift - math.sqrt(shift**2 - 4.0))
    if b > STRONGEST:
        least = STRONGEST + 1.0 / STRONGEST
        raise invalid("shift", shift, f"{least:.11g} or greater for the theory")
    eigenvalues, weights = semicircle(b)
    covariances = 1.0 / (shift + eigenvalues)
    lean = 1.0 + shift * eigenvalues if data.joint else 0.0
    teacher = weights / (shift**2 + lean)
    return Spectrum(covariances[None, :], weights, teacher, np.ones(1))
