"""A loss over the fields of masked contexts: static masks, several draws of them, and dynamic ones.

Here m, q and V have the mode of |w|² behind those of the colours, whose entries make the noise of
the masks (`replica.ensembles.masked`).
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from replica.arrays import Matrix, Vector
from replica.channels.channel import Channel
from replica.channels.quadratic import QuadraticChannel
from replica.ensembles.masked import MaskedSpectrum
from replica.quadrature.field_law import FieldLaw
from replica.quadrature.rule import Accuracy, Averages, Rule
from replica.quadrature.smoothed import SmoothedAverages, SmoothedRule
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
        masked = self.fields(m, q, q)
        return self.full.test_loss(masked.m, masked.q + masked.noise, accuracy)

    def error_rate(self, m: Vector, q: Vector, accuracy: Accuracy) -> float:
        """Return the probability of a wrong guess from full contexts."""
        return self.full.error_rate(m[:-1], q[:-1], accuracy)

    def masked_error_rate(self, m: Vector, q: Vector, accuracy: Accuracy) -> float:
        """Return the probability of a wrong guess from masked contexts."""
        masked = self.fields(m, q, q)
        return self.full.error_rate(masked.m, masked.q + masked.noise, accuracy)

    def calibrated(self, m: Vector, q: Vector) -> Calibrated:
        """Return the best temperature on full contexts, and the loss at it."""
        return self.full.calibrated(m[:-1], q[:-1])

    def masked_calibrated(self, m: Vector, q: Vector) -> Calibrated:
        """Return the best temperature on masked contexts, and the loss at it."""
        masked = self.fields(m, q, q)
        return self.full.calibrated(masked.m, masked.q + masked.noise)

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


class StaticChannel(MaskedChannel):
    """Masks that are drawn once per sequence: noise like any other."""

    def rule(self, m: Vector, q: Vector, V: Vector) -> StaticRule:
        """Return the rule of full contexts at masked fields."""
        masked = self.fields(m, q, V)
        order = masked.m, masked.q + masked.noise, masked.V + masked.own
        return StaticRule(self, self.full.rule(*order))

    def quadratic(self, loss: QuadraticChannel) -> StaticRule:
        """Return the quadratic loss at masked fields."""
        return StaticRule(self, loss)

    def response_square(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Matrix:
        """Return E tr (P_k K P_l K), which noise and common part share."""
        masked = self.fields(m, q, V)
        order = masked.m, masked.q + masked.noise, masked.V + masked.own
        square = self.full.response_square(*order, accuracy)
        modes = len(masked.m)
        shares = np.hstack([self.context.kept**2 * np.eye(modes), self.context.noise[:, None]])
        return np.asarray(shares.T @ square @ shares)


@dataclass
class StaticRule:
    """The average over masked fields by a rule for full ones.

    Attributes
    ----------
    channel : StaticChannel
        What the masks make of a field.
    rule : Rule
        That of full fields.
    """

    channel: StaticChannel
    rule: Rule

    @property
    def common_error(self) -> float:
        """That of the rule."""
        return self.rule.common_error

    def covers(self, m: Vector, q: Vector, V: Vector) -> bool:
        """Tell whether the rule is still fit at these masked fields."""
        masked = self.channel.fields(m, q, V)
        return self.rule.covers(masked.m, masked.q + masked.noise, masked.V + masked.own)

    def averages(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Averages:
        """Return the averages at these order parameters."""
        masked = self.channel.fields(m, q, V)
        order = masked.m, masked.q + masked.noise, masked.V + masked.own
        average = self.rule.averages(*order, accuracy)
        noise = self.channel.context.noise
        return self.channel.with_norm(
            average, float(noise @ average.energy), float(noise @ average.response)
        )


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


@dataclass
class QuadraticDynamicRule:
    """The average of a quadratic loss over the noise of masks, a |y - c ω|²/(2c)."""

    channel: DynamicChannel
    loss: QuadraticChannel

    @property
    def common_error(self) -> float:
        """That of the loss."""
        return self.loss.common_error

    def covers(self, m: Vector, q: Vector, V: Vector) -> bool:
        """Tell that closed forms hold everywhere."""
        return True

    def averages(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Averages:
        """Return the averages at these order parameters."""
        masked = self.channel.fields(m, q, V)
        average = self.loss.averages(masked.m, masked.q, masked.V, accuracy)
        curvature = self.loss.scale * self.loss.curvature * self.loss.law.dimensions
        weight_decay = float(self.channel.context.noise @ curvature)
        loss = average.loss + 0.5 * float(masked.noise @ curvature)
        return self.channel.with_norm(average, response=weight_decay, loss=loss)


@dataclass
class DynamicRule:
    """The cross-entropy averaged over the noise of masks, by a lattice of trained fields."""

    channel: DynamicChannel
    rule: SmoothedRule

    @property
    def common_error(self) -> float:
        """That of the rule."""
        return self.rule.common_error

    def covers(self, m: Vector, q: Vector, V: Vector) -> bool:
        """Tell whether the rule is still fit at these masked fields."""
        return self.rule.covers(*_numbers(self.channel.fields(m, q, V)))

    def averages(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Averages:
        """Return the averages at these order parameters."""
        order = _numbers(self.channel.fields(m, q, V))
        found: SmoothedAverages = self.rule.averages(*order, accuracy)
        overlap, energy, response = (np.array([each]) for each in found[:3])
        average = Averages(overlap, energy, response, found.loss)
        decay = float(self.channel.context.noise[0]) * found.curvature
        return self.channel.with_norm(average, response=decay)


class DrawsChannel(MaskedChannel):
    """Masks that are drawn several times per sequence, with a quadratic loss."""

    def rule(self, m: Vector, q: Vector, V: Vector) -> DrawsRule:
        """Return the closed forms."""
        assert isinstance(self.full, QuadraticChannel)
        return DrawsRule(self, self.full)

    def quadratic(self, loss: QuadraticChannel) -> DrawsRule:
        """Return the quadratic loss of all draws."""
        return DrawsRule(self, loss)

    def response_square(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Matrix:
        """Return E tr K² for every pair of common part and noise."""
        assert isinstance(self.full, QuadraticChannel)
        return DrawsRule(self, self.full).response_square(m, q, V)


class _Class(NamedTuple):
    """Sequences whose site n of the K draws mask.

    Attributes
    ----------
    share : float
        Probability of n.
    n : int
        How many draws.
    mean, difference : arrays (modes,)
        K = -∂f/∂ω of the mean of the n fields, and of a difference of two.
    """

    share: float
    n: int
    mean: Vector
    difference: Vector


@dataclass
class DrawsRule:
    """K draws of masks with the quadratic loss a |y - c ω|²/(2c), in closed form (THEORY.md).

    The n masked fields of a sequence have a common part and a noise each; forces f_k of size 1/pK
    act on them through V in common and through the local variance of its own on each.
    """

    channel: MaskedChannel
    loss: QuadraticChannel

    @property
    def common_error(self) -> float:
        """That of the loss."""
        return self.loss.common_error

    def covers(self, m: Vector, q: Vector, V: Vector) -> bool:
        """Tell that closed forms hold everywhere."""
        return True

    def _classes(self, masked: MaskedFields) -> Iterable[_Class]:
        p, K = self.channel.context.masking.rate, self.channel.context.masking.draws
        stiffness = self.loss.scale * self.loss.curvature / (p * K)
        difference = stiffness / (1 + stiffness * masked.own)
        for n in range(1, K + 1):
            log_share = math.lgamma(K + 1) - math.lgamma(n + 1) - math.lgamma(K - n + 1)
            log_share += n * math.log(p) + (K - n) * math.log1p(-p)
            mean = stiffness / (1 + stiffness * (n * masked.V + masked.own))
            yield _Class(math.exp(log_share), n, mean, difference)

    def averages(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Averages:
        """Return the averages at these order parameters."""
        masked = self.channel.fields(m, q, V)
        law, c = self.loss.law, self.loss.curvature
        dimensions, noise = law.dimensions, self.channel.context.noise
        stiffness = self.loss.scale * c / (self.channel.context.masking.rate
                                           * self.channel.context.masking.draws)  # fmt: skip
        overlap, energy, response, own, decay = (np.zeros(len(masked.m)) for _ in range(5))
        for share, n, mean, difference in self._classes(masked):
            # The mean of the n fields has a share of their noise.
            square, pull = law.residual(masked.m, masked.q + masked.noise / n, c)
            overlap += share * n * mean * pull / c
            energy += share * n**2 * mean**2 * square / c**2
            apart = (n - 1) * difference**2 * masked.noise * dimensions
            own += share * (n * mean**2 * square / c**2 + apart)
            response += share * n * mean * dimensions
            decay += share * (mean + (n - 1) * difference) * dimensions
        average = Averages(overlap, energy, response, float(own.sum()) / (2 * stiffness))
        return self.channel.with_norm(average, float(noise @ own), float(noise @ decay))

    def response_square(self, m: Vector, q: Vector, V: Vector) -> Matrix:
        """Return E tr K² for every pair of common part and noise."""
        masked = self.channel.fields(m, q, V)
        modes = len(masked.m)
        kept, noise = self.channel.context.kept, self.channel.context.noise
        squares = np.zeros((modes + 1, modes + 1))
        for share, n, mean, difference in self._classes(masked):
            weights = share * self.loss.law.dimensions
            squares[:modes, :modes] += np.diag(kept**4 * weights * (n * mean) ** 2)
            mixed = kept**2 * noise * weights * n * mean**2
            squares[:modes, -1] += mixed
            squares[-1, :modes] += mixed
            squares[-1, -1] += noise**2 @ (weights * (mean**2 + (n - 1) * difference**2))
        return squares


def _numbers(masked: MaskedFields) -> tuple[float, float, float, float]:
    """Return m, q, V and Δ of one mode."""
    return float(masked.m[0]), float(masked.q[0]), float(masked.V[0]), float(masked.noise[0])
