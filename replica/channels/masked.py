"""A loss over the fields of masked contexts, and that of masks that are drawn once per sequence.

Here m, q and V have the mode of |w|² behind those of the colours, whose entries make the noise of
the masks (`replica.ensembles.masked`).
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from replica.arrays import Matrix, Vector
from replica.channels.channel import Channel
from replica.channels.quadratic import QuadraticChannel
from replica.ensembles.masked import MaskedSpectrum
from replica.quadrature.field_law import FieldLaw
from replica.quadrature.rule import Accuracy, Averages, Rule
from replica.quadrature.temperature import Calibrated


class MaskedFields(NamedTuple):
    """Order parameters of masked fields: what a sequence gives them, and the noise of its masks.

    Attributes
    ----------
    m, q, V : arrays (modes,)
        Mean, variance and local variance of what all masks of a sequence have in common.
    noise, own : arrays (modes,)
        Variance, and local variance, of what differs from mask to mask.
    """

    m: Vector
    q: Vector
    V: Vector
    noise: Vector
    own: Vector

    @property
    def once(self) -> tuple[Vector, Vector, Vector]:
        """Mean, variance and local variance of the field of one mask."""
        return self.m, self.q + self.noise, self.V + self.own


@dataclass(frozen=True)
class MaskedChannel(Channel):
    """A loss over the fields of masked contexts.

    Attributes
    ----------
    full : Channel
        The same loss over full contexts.
    context : MaskedSpectrum
        What the masks make of a context.
    """

    full: Channel
    context: MaskedSpectrum

    @cached_property
    def law(self) -> FieldLaw:  # type: ignore[override]
        """That of full contexts."""
        return self.full.law

    @property
    def largest_q(self) -> float:
        """That of full contexts."""
        return self.full.largest_q

    def fields(self, m: Vector, q: Vector, V: Vector) -> MaskedFields:
        """Return the order parameters of masked fields."""
        kept, noise = self.context.kept, self.context.noise
        return MaskedFields(
            kept * m[:-1], kept**2 * q[:-1], kept**2 * V[:-1], noise * q[-1], noise * V[-1]
        )

    def with_norm(
        self,
        average: Averages,
        energy: float = 0.0,
        response: float = 0.0,
        loss: float | None = None,
    ) -> Averages:
        """Return averages over masked fields as those of full ones, and of |w|² behind them."""
        kept = self.context.kept
        return Averages(
            np.append(kept * average.overlap, 0.0),
            np.append(kept**2 * average.energy, energy),
            np.append(kept**2 * average.response, response),
            average.loss if loss is None else loss,
        )

    def test_loss(self, m: Vector, q: Vector, accuracy: Accuracy) -> float:
        """Return the loss on fresh sequences with their full contexts."""
        return self.full.test_loss(m[:-1], q[:-1], accuracy)

    def masked_test_loss(self, m: Vector, q: Vector, accuracy: Accuracy) -> float:
        """Return the loss on fresh sequences with masks of the same rate."""
        return self.full.test_loss(*self.fields(m, q, q).once[:2], accuracy)

    def error_rate(self, m: Vector, q: Vector, accuracy: Accuracy) -> float:
        """Return the probability of a wrong guess from full contexts."""
        return self.full.error_rate(m[:-1], q[:-1], accuracy)

    def masked_error_rate(self, m: Vector, q: Vector, accuracy: Accuracy) -> float:
        """Return the probability of a wrong guess from masked contexts."""
        return self.full.error_rate(*self.fields(m, q, q).once[:2], accuracy)

    def calibrated(self, m: Vector, q: Vector) -> Calibrated:
        """Return the best temperature on full contexts, and the loss at it."""
        return self.full.calibrated(m[:-1], q[:-1])

    def masked_calibrated(self, m: Vector, q: Vector) -> Calibrated:
        """Return the best temperature on masked contexts, and the loss at it."""
        return self.full.calibrated(*self.fields(m, q, q).once[:2])

    def rate_error(self, m: Vector, q: Vector) -> float:
        """Return the relative error that the accuracies of the error rate share."""
        return self.full.rate_error(m[:-1], q[:-1])

    def optimal_loss(self, rho: Vector, accuracy: Accuracy) -> float:
        """Return the loss of the true conditional law, of full contexts."""
        return self.full.optimal_loss(rho, accuracy)

    def expansion(self) -> Rule:
        """Return the same masks with the loss expanded to second order at h = 0."""
        expanded = self.full.expansion()
        assert isinstance(expanded, QuadraticChannel)
        return self.quadratic(expanded)

    @abstractmethod
    def quadratic(self, loss: QuadraticChannel) -> Rule:
        """Return the same masks with a quadratic loss, a channel that is its own rule."""


@dataclass
class MaskedRule:
    """Averages over masked fields, by a rule for the fields of one mask.

    Attributes
    ----------
    channel : MaskedChannel
        What the masks make of a field.
    rule : Rule
        The rule, or any that a subclass asks for other order parameters.
    """

    channel: MaskedChannel
    rule: Any

    @property
    def common_error(self) -> float:
        """That of the rule."""
        return float(self.rule.common_error)

    def covers(self, m: Vector, q: Vector, V: Vector) -> bool:
        """Tell whether the rule is still fit at these masked fields."""
        return bool(self.rule.covers(*self.order(m, q, V)))

    def order(self, m: Vector, q: Vector, V: Vector) -> tuple[Any, ...]:
        """Return the order parameters that the rule averages at."""
        return self.channel.fields(m, q, V).once


class StaticChannel(MaskedChannel):
    """Masks that are drawn once per sequence: noise like any other."""

    def rule(self, m: Vector, q: Vector, V: Vector) -> StaticRule:
        """Return the rule of full contexts at masked fields."""
        return StaticRule(self, self.full.rule(*self.fields(m, q, V).once))

    def quadratic(self, loss: QuadraticChannel) -> StaticRule:
        """Return the quadratic loss at masked fields."""
        return StaticRule(self, loss)

    def response_square(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Matrix:
        """Return E tr (P_k K P_l K), which noise and common part share."""
        square = self.full.response_square(*self.fields(m, q, V).once, accuracy)
        modes = len(square)
        shares = np.hstack([self.context.kept**2 * np.eye(modes), self.context.noise[:, None]])
        return np.asarray(shares.T @ square @ shares)


class StaticRule(MaskedRule):
    """The average over masked fields by a rule for full ones."""

    def averages(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Averages:
        """Return the averages at these order parameters."""
        average = self.rule.averages(*self.order(m, q, V), accuracy)
        noise = self.channel.context.noise
        return self.channel.with_norm(
            average, float(noise @ average.energy), float(noise @ average.response)
        )
