"""The channels of independent tokens, whose masked one is drawn from the softmax of true fields."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from replica.arrays import Vector
from replica.channel import HUGE, Accuracy, Averages, Rule
from replica.point_rule import CrossEntropyPoints, PointRule, Sample
from replica.points import SCRAMBLES, lattice_near, sobol_noise
from replica.race import first_to_ring, log_normaliser, uncertainty, wrong_guess
from replica.race_exchange import RaceExchangeRule

#: The q beyond which the averages of the cross-entropy take minutes.
_WIDEST = 3e4

#: log(1/error) below which a lattice is left for a slower rule with more digits.
_LEAST_DIGITS = 20.0


@dataclass(frozen=True)
class IndependentLaw:
    """(ω, ν) ~ N(0, [[q, m], [m, ρ]] ⊗ K0) and a masked token drawn from softmax(ν).

    The colours are exchangeable: E f_y = C E softmax_1(ν) f_1, so that W(ω) = C E[softmax_1(ν) | ω]
    is the weight of a point. By ν its pull follows, C E[softmax_1 (e_1 - softmax) | ω].
    """

    colors: int
    rho: float

    def size(self, m: float, q: float) -> float:
        """Return the larger of q and m²/q, the part of ρ that ω determines."""
        return max(q, m * m / q)

    def sample(self, m: float, q: float, size: float, accuracy: Accuracy) -> Sample:
        """Return points with weights, good for fields of the variance `size`."""
        # Given ω, ν = (m/q) ω + noise of this variance.
        rest = math.sqrt(max(self.rho - m * m / q, 0.0))
        root = math.sqrt(q)
        lattice = lattice_near(self.colors, size, accuracy)
        if lattice is None:
            return self._sobol(m, root, rest, accuracy)
        win, gain = first_to_ring(lattice.k, m / root * lattice.step, rest, accuracy)
        weights = self.colors * lattice.weights * win
        pull = gain / np.maximum(win, 1e-300)[:, None]
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


@dataclass(frozen=True)
class IndependentQuadratic:
    """|K0 y - c K0 h|²/(2c), with g = (K0 y - c ω)/(1 + c V), in closed form.

    E y·ω = m κ and E (y - softmax(ν))·y = κ with κ = 1 - E|softmax(ν)|², by Stein's lemma.

    Attributes
    ----------
    colors : int
        C.
    uncertainty : float
        κ.
    curvature : float
        c, greater than 0.
    """

    colors: int
    uncertainty: float
    curvature: float = 1.0

    common_error: ClassVar[float] = 1e-14

    def covers(self, m: Vector, q: Vector, V: Vector) -> bool:
        """Tell that closed forms hold everywhere."""
        return True

    def averages(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Averages:
        """Return the averages at these order parameters."""
        n, c = self.colors - 1, self.curvature
        stiff = 1 + c * V
        energy = (n / self.colors - 2 * c * m * self.uncertainty + c * c * n * q) / stiff**2
        return Averages(
            self.uncertainty / stiff, energy, n * c / stiff, float(energy.sum()) / (2 * c)
        )

    def response_square(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Vector:
        """Return E tr K², K = c K0/(1 + c V)."""
        return np.diag((self.colors - 1) * (self.curvature / (1 + self.curvature * V)) ** 2)


@dataclass(frozen=True)
class IndependentChannel:
    """What the losses share.

    Attributes
    ----------
    colors : int
        C.
    rho : float
        Variance of each component of ν.
    """

    colors: int
    rho: float

    def error_rate(self, m: Vector, q: Vector, accuracy: Accuracy) -> float:
        """Return the probability that another component of ω than the masked one is largest."""
        return wrong_guess(self.colors, float(m[0]), float(q[0]), self.rho, accuracy)

    def _quadratic(self, curvature: float) -> IndependentQuadratic:
        return IndependentQuadratic(
            self.colors, known_uncertainty(self.colors, self.rho), curvature
        )


class IndependentCrossEntropyChannel(IndependentChannel):
    """ℓ(y, h) = log Σ_a e^{h_a} - h_y."""

    widest: ClassVar[float] = _WIDEST

    def rule(self, m: Vector, q: Vector, V: Vector) -> Rule:
        """Return points for fields of this size, or the exchangeability of many colours."""
        points = self._points(m, q)
        lattice = lattice_near(self.colors, points.size, Accuracy.FINE)
        if lattice is not None and lattice.digits > _LEAST_DIGITS:
            return points
        return RaceExchangeRule.near(self.colors, self.rho, float(q[0]), float(V[0]))

    def _points(self, m: Vector, q: Vector) -> PointRule:
        return PointRule(IndependentLaw(self.colors, self.rho), CrossEntropyPoints(), m, q)

    def response_square(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Vector:
        """Return E tr K²."""
        return self._points(m, q).response_square(m, q, V, accuracy)

    def expansion(self) -> Rule:
        """Return the channel of log C - (K0 y)·h + |K0 h|²/(2C)."""
        return self._quadratic(1.0 / self.colors)

    def test_loss(self, m: Vector, q: Vector, accuracy: Accuracy) -> float:
        """Return E log Σ_a e^{ω_a} - m κ."""
        known = known_uncertainty(self.colors, self.rho, accuracy)
        return log_normaliser(self.colors, float(q[0]), accuracy) - float(m[0]) * known

    def optimal_loss(self, rho: Vector, accuracy: Accuracy) -> float:
        """Return the conditional entropy of the masked token, the test loss at m = q = ρ."""
        return self.test_loss(rho, rho, accuracy)


class IndependentSquaredErrorChannel(IndependentChannel):
    """ℓ(y, h) = ½ |K0 y - K0 h|²."""

    widest: ClassVar[float] = HUGE

    def rule(self, m: Vector, q: Vector, V: Vector) -> Rule:
        """Return closed forms."""
        return self._quadratic(1.0)

    def response_square(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Vector:
        """Return E tr K²."""
        return self._quadratic(1.0).response_square(m, q, V, accuracy)

    def expansion(self) -> Rule:
        """Return the same, the loss being quadratic."""
        return self._quadratic(1.0)

    def test_loss(self, m: Vector, q: Vector, accuracy: Accuracy) -> float:
        """Return ½ [(C-1)/C - 2mκ + (C-1) q]."""
        return self._quadratic(1.0).averages(m, q, np.zeros_like(q), accuracy).loss

    def optimal_loss(self, rho: Vector, accuracy: Accuracy) -> float:
        """Return ½ (1 - E|softmax(ν)|²), the error of predicting the conditional law."""
        return 0.5 * known_uncertainty(self.colors, self.rho, accuracy)


@lru_cache(maxsize=64)
def known_uncertainty(colors: int, rho: float, accuracy: Accuracy = Accuracy.FINER) -> float:
    """Return κ = 1 - E|softmax(ν)|²."""
    return uncertainty(colors, rho, accuracy)
