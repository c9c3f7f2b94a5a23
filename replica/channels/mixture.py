"""Any loss over a mixture of Gaussian fields, at points of the fields of every token."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from replica.arrays import Matrix, Vector
from replica.channels.channel import Channel
from replica.channels.mixture_quadratic import MixtureQuadraticChannel
from replica.losses.mixture_cross_entropy import MixtureCrossEntropy
from replica.quadrature.mixture_law import ClassLoss, MixtureLaw, MixtureRule
from replica.quadrature.rule import Accuracy, Rule
from replica.quadrature.symmetric import roots
from replica.quadrature.temperature import Calibrated, best_temperature, untaught

#: The q beyond which points see little of a field.
_LARGEST_Q = 1e5


class MixtureLoss(ClassLoss, Protocol):
    """What the channel asks of a loss beside its points."""

    @property
    def proper(self) -> bool:
        """Whether no h has a smaller expected loss than the true field."""

    def optimum(self, p: Matrix) -> Vector | None:
        """Return min_h Σ_a p_a ℓ(e_a, h) for probabilities p at every point, None if not known."""

    def expansion(self) -> tuple[float, float]:
        """Return a and c of g = (a K0 e_1 - c ω)/(1 + cV) near ω = 0, to start from."""


@dataclass(frozen=True)
class MixtureChannel(Channel):
    """A loss averaged over fields whose colours are not alike.

    Averages have an entry for each token in front, and are times its frequency.
    """

    law: MixtureLaw
    loss: MixtureLoss

    largest_q: ClassVar[float] = _LARGEST_Q

    def rule(self, m: Vector, q: Vector, V: Vector) -> MixtureRule:
        """Return points for fields of this size."""
        return MixtureRule(self.law, self.loss, q)

    def test_loss(self, m: Vector, q: Vector, accuracy: Accuracy) -> float:
        """Return E ℓ(e_y, ω)."""
        basis, total = self.law.basis, 0.0
        for a, covariance in enumerate(basis @ q @ basis.T):
            x, weights = self.law.nodes(covariance, self.loss.sharpness, accuracy)
            omega = basis @ m[a] + x.reshape(-1, len(covariance)) @ roots(covariance)
            losses = float(weights.ravel() @ self.loss.value(a, omega)) / len(weights)
            total += self.law.frequencies[a] * losses
        return total

    def calibrated(self, m: Vector, q: Vector) -> Calibrated:
        """Return the best temperature of the fields of all tokens, for the cross-entropy."""
        if not isinstance(self.loss, MixtureCrossEntropy) or not np.isfinite(q).all():
            return super().calibrated(m, q)
        # At an infinite temperature the loss falls with 1/T as the logit of the token is larger.
        if not float(self.law.frequencies @ np.diagonal(m)) > 0.0:
            return untaught(self.law.colors)
        coarse, fine = (self.law.points(m, q, each) for each in (Accuracy.COARSE, Accuracy.FINE))
        return best_temperature(fine, best_temperature(coarse, 1.0).temperature)

    def response_square(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Matrix:
        """Return what makes E K A K of packed matrices A of every token."""
        return self.rule(m, q, V).response_square(m, q, V, accuracy)

    def optimal_loss(self, rho: Vector, accuracy: Accuracy) -> float:
        """Return E min_h Σ_a P(a|ν) ℓ(e_a, h), NaN where the loss or the true fields do not tell.

        Of a proper loss it is the test loss of the true row.
        """
        truth = self.law.truth
        if truth is None:
            return math.nan
        if self.loss.proper:
            return self.test_loss(truth.m, truth.q, accuracy)
        uniform = np.full((1, self.law.colors), 1.0 / self.law.colors)
        if self.loss.optimum(uniform) is None:
            return math.nan
        return self.law.average_of_truth(self.loss.optimum, accuracy)

    def expansion(self) -> Rule:
        """Return the channel of the loss expanded to second order at h = 0."""
        slope, curvature = self.loss.expansion()
        return MixtureQuadraticChannel(self.law, curvature / slope, slope)
