"""The ensemble of independent tokens, whose masked one is drawn from the softmax of true fields."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from replica.arrays import Vector
from replica.ensembles.ensemble import Ensemble
from replica.ensembles.spectrum import Spectrum
from replica.problem import IndependentTokens
from replica.quadrature.field_law import Evidence, FieldLaw, Guesses, Residual, Sample, guessed
from replica.quadrature.point_sets import SCRAMBLES, lattice_near, sobol_noise
from replica.quadrature.rule import Accuracy
from replica.quadrature.softmax_race import expected_softmax, uncertainty, wrong_guess
from replica.validation import invalid


@dataclass(frozen=True)
class IndependentLaw(FieldLaw):
    """(ω, ν) ~ N(0, [[q, m], [m, ρ]] ⊗ K0) and a masked token drawn from softmax(ν).

    The colours are exchangeable: E f_y = C E softmax_1(ν) f_1, so that W(ω) = C E[softmax_1(ν) | ω]
    is the weight of a point. By ν its pull follows, C E[softmax_1 (e_1 - softmax) | ω].
    """

    colors: int
    rho: float

    def residual(self, m: Vector, q: Vector, c: float) -> Residual:
        """Return (C-1)/C - 2cmκ + c²(C-1)q and κ = 1 - E|softmax(ν)|².

        E y·ω = m κ and E (y - softmax(ν))·y = κ, by Stein's lemma.
        """
        n, known = self.colors - 1, known_uncertainty(self.colors, self.rho)
        square = n / self.colors - 2 * c * m * known + c * c * n * q
        return Residual(square, np.full_like(m, known))

    def conditional_variance(self, rho: Vector, accuracy: Accuracy) -> float:
        """Return κ, whatever the fields of another row."""
        return known_uncertainty(self.colors, self.rho, accuracy)

    def error_rate(self, m: Vector, q: Vector, accuracy: Accuracy) -> float:
        """Return the probability that another component of ω than the masked one is largest."""
        return wrong_guess(self.colors, float(m[0]), float(q[0]), self.rho, accuracy)

    def guesses(self, m: Vector, q: Vector, accuracy: Accuracy) -> Guesses:
        """Return points of ω and ν, which no token tilts."""
        noise, other = sobol_noise(self.colors, 2, accuracy)
        fields = math.sqrt(float(q[0])) * noise
        rest = math.sqrt(max(self.rho - float(m[0] * m[0] / q[0]), 0.0))
        return guessed(fields, float(m[0] / q[0]) * fields + rest * other, SCRAMBLES)

    def size(self, m: float, q: float) -> float:
        """Return the larger of q and m²/q, the part of ρ that ω determines."""
        return max(q, m * m / q)

    def evidence(self, m: float, accuracy: Accuracy) -> Evidence:
        """Return C E |∂π|²/π and -C E π log π, π = E[softmax_1(ν)|ω] and ∂π its gradient."""
        lattice = lattice_near(self.colors, m, accuracy)
        if lattice is None:
            raise invalid("colors", self.colors, "fewer, for a lattice of fields as wide as these")
        rest = math.sqrt(max(self.rho - m, 0.0))
        spacing = math.sqrt(m) * lattice.step
        softmax, gradient = expected_softmax(lattice.k, spacing, rest, accuracy)
        softmax = np.maximum(softmax, 1e-300)
        weights = self.colors * lattice.weights
        information = weights @ ((gradient**2).sum(axis=1) / softmax)
        return Evidence(float(information), float(-weights @ (softmax * np.log(softmax))))

    def sample(self, m: float, q: float, size: float, accuracy: Accuracy) -> Sample:
        """Return points with weights, good for fields of the variance `size`."""
        # Given ω, ν = (m/q) ω + noise of this variance.
        rest = math.sqrt(max(self.rho - m * m / q, 0.0))
        root = math.sqrt(q)
        lattice = lattice_near(self.colors, size, accuracy)
        if lattice is None:
            return self._sobol(m, root, rest, accuracy)
        softmax, gradient = expected_softmax(lattice.k, m / root * lattice.step, rest, accuracy)
        weights = self.colors * lattice.weights * softmax
        pull = gradient / np.maximum(softmax, 1e-300)[:, None]
        noise = lattice.noise
        return Sample(root * noise, weights, noise, pull, m / q)

    def _sobol(self, m: float, root: float, rest: float, accuracy: Accuracy) -> Sample:
        """Sample the true fields, too, tilted by e^{ν_1}, which leaves 1/Σ_a e^{ν_a} as weight."""
        noise, other = sobol_noise(self.colors, 2, accuracy)
        shift = np.full(self.colors, -1.0 / self.colors)
        shift[0] += 1.0
        noise = noise + m / root * shift
        nu = m / root * noise + rest * (other + rest * shift)
        p = np.exp(nu - nu.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        weights = p[:, 0] * np.exp(-nu[:, 0])
        pull = -p
        pull[:, 0] += 1.0
        weights /= weights.sum()
        return Sample(root * noise, weights, noise, pull, m / root**2, SCRAMBLES)


class IndependentEnsemble(Ensemble):
    """One eigenvalue, and fields of which only the masked token knows."""

    answers = frozenset({"prior", "threshold"})
    data: IndependentTokens

    @cached_property
    def spectrum(self) -> Spectrum:
        """G = I/C."""
        one = np.ones(1)
        return Spectrum(one[None, :] / self.colors, one, self.data.coupling_norm**2 * one, one)

    @cached_property
    def law(self) -> IndependentLaw:
        """Fields without a tilt, and y from softmax(ν)."""
        return IndependentLaw(self.colors, float(self.spectrum.rho[0]))


@lru_cache(maxsize=64)
def known_uncertainty(colors: int, rho: float, accuracy: Accuracy = Accuracy.FINER) -> float:
    """Return κ = 1 - E|softmax(ν)|²."""
    return uncertainty(colors, rho, accuracy)
