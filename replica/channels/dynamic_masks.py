"""A loss averaged over masks that are drawn anew in every epoch: smoothed by their noise."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from replica.arrays import Matrix, Vector
from replica.channels.masked import MaskedChannel, MaskedFields, MaskedRule
from replica.channels.quadratic import QuadraticChannel
from replica.channels.smoothed_by_points import SmoothedPointRule
from replica.quadrature.rule import Accuracy, Averages, Rule
from replica.quadrature.smoothed import SmoothedAverages, SmoothedRule
from replica.quadrature.tilted_law import TiltedLaw

#: The most colours whose trained fields have a lattice, and the q below which its steps are far
#: shorter than anything that happens on the way from one field to another.
_MOST_COLORS, _LEAST_Q = 24, 1e-7

#: The q beyond which points see little of a field.
_LARGEST_Q = 1e5


class DynamicChannel(MaskedChannel):
    """Masks that are drawn anew in every epoch: the loss is its average over their noise.

    They leave no noise in the minimiser, but the noise of a longer row is larger: its curvature
    is a weight decay.
    """

    def rule(self, m: Vector, q: Vector, V: Vector) -> Rule:
        """Return the quadratic loss, a lattice of trained fields or points of those before."""
        if isinstance(self.full, QuadraticChannel):
            return self.quadratic(self.full)
        masked = self.fields(m, q, V)
        points = SmoothedPointRule(self, masked)
        tilted = isinstance(self.law, TiltedLaw) and self.law.colors <= _MOST_COLORS
        if not tilted or masked.q[0] < _LEAST_Q:
            return points
        return DynamicRule(self, SmoothedRule(self.law.colors, _numbers(masked)), points)

    def quadratic(self, loss: QuadraticChannel) -> QuadraticDynamicRule:
        """Return the quadratic loss, to which noise adds a quadratic one."""
        return QuadraticDynamicRule(self, loss)

    def response_square(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Matrix:
        """Return E tr K² of what all masks have in common; their noise has none."""
        masked = self.fields(m, q, V)
        if isinstance(self.full, QuadraticChannel):
            square = self.full.response_square(masked.m, masked.q, masked.V, accuracy)
        else:
            rule = self.rule(m, q, V)
            assert isinstance(rule, DynamicRule | SmoothedPointRule)
            square = rule.square(m, q, V, accuracy)
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


@dataclass
class DynamicRule(MaskedRule):
    """The cross-entropy averaged over the noise of masks, by a lattice of trained fields.

    Attributes
    ----------
    points : SmoothedPointRule
        What serves where the lattice would be too large.
    """

    points: SmoothedPointRule
    _beyond: bool = field(default=False, repr=False)

    @property
    def common_error(self) -> float:
        """That of the rule that was used."""
        return self.points.common_error if self._beyond else float(self.rule.common_error)

    def order(self, m: Vector, q: Vector, V: Vector) -> tuple[float, float, float, float]:
        """Return m, q, V and Δ of what all masks have in common."""
        return _numbers(self.channel.fields(m, q, V))

    def averages(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Averages:
        """Return the averages at these order parameters."""
        found: SmoothedAverages = self.rule.averages(*self.order(m, q, V), accuracy)
        self._beyond = math.isnan(found.loss)
        if self._beyond and self.channel.fields(m, q, V).q[0] < _LARGEST_Q:
            return self.points.averages(m, q, V, accuracy)
        overlap, energy, response = (np.array([each]) for each in found[:3])
        average = Averages(overlap, energy, response, found.loss)
        decay = float(self.channel.context.noise[0]) * found.curvature
        return self.channel.with_norm(average, response=decay)

    def square(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Matrix:
        """Return E tr K²."""
        found: SmoothedAverages = self.rule.averages(*self.order(m, q, V), accuracy)
        if math.isnan(found.square):
            return self.points.square(m, q, V, accuracy)
        return np.array([[found.square]])


def _numbers(masked: MaskedFields) -> tuple[float, float, float, float]:
    """Return m, q, V and Δ of one mode."""
    return float(masked.m[0]), float(masked.q[0]), float(masked.V[0]), float(masked.noise[0])
