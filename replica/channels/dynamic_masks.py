"""A loss averaged over masks that are drawn anew in every epoch: smoothed by their noise."""

from __future__ import annotations

import numpy as np

from replica.arrays import Matrix, Vector
from replica.channels.masked import MaskedChannel, MaskedFields, MaskedRule
from replica.channels.quadratic import QuadraticChannel
from replica.quadrature.rule import Accuracy, Averages, Rule
from replica.quadrature.smoothed import SmoothedAverages, SmoothedRule


class DynamicChannel(MaskedChannel):
    """Masks that are drawn anew in every epoch: the loss is its average over their noise.

    They leave no noise in the minimiser, but the noise of a longer row is larger: its curvature
    is a weight decay.
    """

    def rule(self, m: Vector, q: Vector, V: Vector) -> Rule:
        """Return the quadratic loss, or a lattice of trained fields."""
        if isinstance(self.full, QuadraticChannel):
            return self.quadratic(self.full)
        masked = self.fields(m, q, V)
        return DynamicRule(self, SmoothedRule(self.law.colors, _numbers(masked)))

    def quadratic(self, loss: QuadraticChannel) -> QuadraticDynamicRule:
        """Return the quadratic loss, to which noise adds a quadratic one."""
        return QuadraticDynamicRule(self, loss)

    def response_square(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Matrix:
        """Return E tr K² of what all masks have in common; their noise has none."""
        masked = self.fields(m, q, V)
        if isinstance(self.full, QuadraticChannel):
            square = self.full.response_square(masked.m, masked.q, masked.V, accuracy)
        else:
            order = _numbers(masked)
            found = SmoothedRule(self.law.colors, order).averages(*order, accuracy)
            square = np.array([[found.square]])
        modes = len(masked.m)
        squares = np.zeros((modes + 1, modes + 1))
        squares[:modes, :modes] = self.context.kept**4 * square
        return squares


class QuadraticDynamicRule(MaskedRule):
    """The average of a quadratic loss over the noise of masks, a |y - c ω|²/(2c)."""

    def averages(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Averages:
        """Return the averages at these order parameters."""
        masked, loss = self.channel.fields(m, q, V), self.rule
        average = loss.averages(masked.m, masked.q, masked.V, accuracy)
        curvature = loss.scale * loss.curvature * loss.law.dimensions
        weight_decay = float(self.channel.context.noise @ curvature)
        smoothed = average.loss + 0.5 * float(masked.noise @ curvature)
        return self.channel.with_norm(average, response=weight_decay, loss=smoothed)


class DynamicRule(MaskedRule):
    """The cross-entropy averaged over the noise of masks, by a lattice of trained fields."""

    def order(self, m: Vector, q: Vector, V: Vector) -> tuple[float, float, float, float]:
        """Return m, q, V and Δ of what all masks have in common."""
        return _numbers(self.channel.fields(m, q, V))

    def averages(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Averages:
        """Return the averages at these order parameters."""
        found: SmoothedAverages = self.rule.averages(*self.order(m, q, V), accuracy)
        overlap, energy, response = (np.array([each]) for each in found[:3])
        average = Averages(overlap, energy, response, found.loss)
        decay = float(self.channel.context.noise[0]) * found.curvature
        return self.channel.with_norm(average, response=decay)


def _numbers(masked: MaskedFields) -> tuple[float, float, float, float]:
    """Return m, q, V and Δ of one mode."""
    return float(masked.m[0]), float(masked.q[0]), float(masked.V[0]), float(masked.noise[0])
