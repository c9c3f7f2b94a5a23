"""A quadratic loss over masks that are drawn several times per sequence, in closed form."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from replica.arrays import Matrix, Vector
from replica.channels.masked import MaskedChannel, MaskedFields, MaskedRule
from replica.channels.quadratic import QuadraticChannel
from replica.quadrature.rule import Accuracy, Averages


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


class DrawsRule(MaskedRule):
    """K draws of masks with the quadratic loss a |y - c ω|²/(2c), in closed form (THEORY.md).

    The n masked fields of a sequence have a common part and a noise each; forces f_k of size 1/pK
    act on them through V in common and through the local variance of its own on each.
    """

    @property
    def loss(self) -> QuadraticChannel:
        """The quadratic loss, which is its own rule."""
        loss: QuadraticChannel = self.rule
        return loss

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
