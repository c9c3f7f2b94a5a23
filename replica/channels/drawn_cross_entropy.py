"""The cross-entropy under several draws of masks per sequence: averages over coupled fields."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from replica.arrays import Matrix, Vector
from replica.channels.drawn_masks import DrawsRule
from replica.channels.masked import MaskedChannel, MaskedFields
from replica.channels.quadratic import QuadraticChannel
from replica.quadrature.kernels.draws import draws_terms, solved_draws
from replica.quadrature.point_sets import SCRAMBLES, complement, normal_scrambles
from replica.quadrature.rule import Accuracy, Averages, Rule
from replica.quadrature.two_color_draws import DrawnAverages, DrawnFields, TwoColorDraws
from replica.validation import invalid

#: log2 of the points of a scramble for the number of masked draws that weighs most, at each
#: accuracy, and the least for others.
_LOG2, _FEWEST = (9, 12, 14), 6

#: The most draws times colours whose points take no more than some ten seconds.
_MOST_FIELDS = 32

#: Sequences masked so often that they weigh less than this are left out.
_NEGLIGIBLE = 1e-11


class _Fields(NamedTuple):
    """Sequences of which n of the K draws hide the site.

    Attributes
    ----------
    share : float
        Probability of n.
    weight : float
        Share of them among masked tokens.
    n : int
        How many.
    """

    share: float
    weight: float
    n: int


@dataclass(frozen=True)
class DrawnCrossEntropyChannel(MaskedChannel):
    """The cross-entropy of tilted fields, with masks that are drawn several times per sequence."""

    def rule(self, m: Vector, q: Vector, V: Vector) -> DrawnRule:
        """Return points, with the rule of full contexts for what is masked once, or waves."""
        masking, waves = self.context.masking, None
        if self.law.colors == 2:
            waves = TwoColorDraws(masking.rate, masking.draws)
        return DrawnRule(self, self.full.rule(*self.once(self.fields(m, q, V))), waves)

    @property
    def most(self) -> int:
        """The most draws whose points are few enough."""
        return max(1, _MOST_FIELDS // self.law.colors)

    def quadratic(self, loss: QuadraticChannel) -> DrawsRule:
        """Return the quadratic loss of all draws."""
        return DrawsRule(self, loss)

    @property
    def force(self) -> float:
        """1/pK, the weight of the loss of a draw."""
        return 1.0 / (self.context.masking.rate * self.context.masking.draws)

    def once(self, masked: MaskedFields) -> tuple[Vector, Vector, Vector]:
        """Return m, q and V of the fields that one draw alone hides, in units of its force."""
        return masked.m, masked.q + masked.noise, self.force * (masked.V + masked.own)

    def classes(self) -> Iterator[_Fields]:
        """Yield the numbers of masked draws that have a weight."""
        p, K = self.context.masking.rate, self.context.masking.draws
        for n in range(1, K + 1):
            share = math.comb(K, n) * p**n * (1.0 - p) ** (K - n)
            weight = share * n / (p * K)
            if weight > _NEGLIGIBLE:
                yield _Fields(share, weight, n)

    def solved(self, masked: MaskedFields, n: int, log2_points: int) -> tuple[Vector, Matrix]:
        """Return probabilities (points, n, colors) and losses of fields that n draws hide."""
        colors = self.law.colors
        # Their mean comes first, then differences, all of a noise of their own.
        noise = normal_scrambles(n * (colors - 1), log2_points)
        noise = noise.reshape(-1, n, colors - 1) @ complement(colors)
        q, Delta = float(masked.q[0]), float(masked.noise[0])
        mean = math.sqrt(q + Delta / n) * noise[:, :1]
        omega = mean + math.sqrt(Delta) * np.einsum("jk,pja->pka", complement(n), noise[:, 1:])
        omega[..., 0] += masked.m[0]
        common, own = float(masked.V[0]), float(masked.own[0])
        p, losses = np.empty_like(omega), np.empty(omega.shape[:2])
        solved_draws(omega, common, own, self.force, p, losses)
        return p, losses

    def response_square(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Matrix:
        """Return E tr K² for every pair of common part and noise.

        Raises
        ------
        ValueError
            If there are too many draws for points.
        """
        if self.context.masking.draws > self.most:
            allowed = f"at most {self.most} for the stability of the cross-entropy"
            raise invalid("draws", self.context.masking.draws, allowed)
        masked = self.fields(m, q, V)
        kept2, noise = self.context.kept**2, float(self.context.noise[0])
        squares = np.zeros((2, 2))
        for share, weight, n in self.classes():
            p, _ = self.solved(masked, n, log2_points(accuracy, weight))
            squares += share * _squares(p, float(masked.V[0]), float(masked.own[0]), self.force)
        units = np.array([kept2, noise])
        return np.asarray(squares * units * units[:, None])


def log2_points(accuracy: Accuracy, weight: float) -> int:
    """Return log2 of the points in a scramble for sequences of this weight: fewer for rare ones."""
    return max(_FEWEST, _LOG2[accuracy] + round(0.7 * math.log2(weight)))


@dataclass
class DrawnRule:
    """Averages over sequences by how many of the K draws hide the site (THEORY.md).

    One: a loss like that of full contexts. More: coupled fields at points. Two colours have waves
    for all of them, unless they are too many.

    Attributes
    ----------
    channel : DrawnCrossEntropyChannel
        What the masks make of a field.
    single : Rule
        That of full fields, for sequences that one draw hides.
    waves : TwoColorDraws or None
        Those of two colours.
    """

    channel: DrawnCrossEntropyChannel
    single: Rule
    waves: TwoColorDraws | None
    _spread: float = field(default=0.0, repr=False)

    @property
    def common_error(self) -> float:
        """That of the rule for one draw, and the relative standard error of the points."""
        waves = 0.0 if self.waves is None else self.waves.error
        return self.single.common_error + self._spread + waves

    def covers(self, m: Vector, q: Vector, V: Vector) -> bool:
        """Tell whether the rule for one draw is still fit; points fit everywhere."""
        return self.single.covers(*self.channel.once(self.channel.fields(m, q, V)))

    def averages(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Averages:
        """Return the averages at these order parameters."""
        masked = self.channel.fields(m, q, V)
        overlap, energy, own, response, apart, loss = self._sums(masked, accuracy)
        average = Averages(np.array([overlap]), np.array([energy]), np.array([response]), loss)
        noise = float(self.channel.context.noise[0])
        return self.channel.with_norm(average, noise * own, noise * apart)

    def _sums(self, masked: MaskedFields, accuracy: Accuracy) -> DrawnAverages:
        """Return averages of what `draws_terms` tells of a sequence."""
        if self.waves is not None:
            order = (float(each[0]) for each in (*masked[:2], masked.noise, masked.V, masked.own))
            found = self.waves.averages(DrawnFields(*order), accuracy)
            if found is not None:
                self._spread = 0.0
                return found
        if self.channel.context.masking.draws > self.channel.most:
            return DrawnAverages(*[math.nan] * 6)
        return self._by_points(masked, accuracy)

    def _by_points(self, masked: MaskedFields, accuracy: Accuracy) -> DrawnAverages:
        c, parts = self.channel.force, np.zeros((SCRAMBLES, 6))
        for share, weight, n in self.channel.classes():
            if n == 1:
                found = self.single.averages(*self.channel.once(masked), accuracy)
                overlap, energy, response = (float(each[0]) for each in found[:3])
                parts += share * np.array([c * overlap, c * c * energy, c * c * energy,
                                           c * response, c * response, c * found.loss])  # fmt: skip
                continue
            p, losses = self.channel.solved(masked, n, log2_points(accuracy, weight))
            terms = np.empty((len(p), 6))
            draws_terms(p, losses, float(masked.V[0]), float(masked.own[0]), c, terms)
            parts += share * terms.reshape(SCRAMBLES, -1, 6).mean(axis=1)
        means = parts.mean(axis=0)
        error = parts.std(axis=0, ddof=1) / math.sqrt(SCRAMBLES)
        self._spread = float((error / np.abs(means)).max())
        return DrawnAverages(*means.tolist())


def _squares(p: Vector, common: float, own: float, c: float) -> Matrix:
    """Return E tr K², summed over draws of common part (0) and noise (1) at either end."""
    r = p / (1.0 + own * c * p)
    R = c * (r[..., None] * np.eye(p.shape[-1]) - r[..., None] * r[..., None, :]
             / r.sum(axis=-1)[..., None, None])  # fmt: skip
    two = R @ R
    one, square, cube = R.sum(axis=1), two.sum(axis=1), (two @ R).sum(axis=1)
    inverse = np.linalg.inv(np.eye(p.shape[-1]) + common * one)
    whole, mixed = inverse @ one, inverse @ square
    both = np.einsum("nab,nba->", whole, whole)
    once = np.einsum("nab,nba->", mixed, inverse)
    apart = (
        np.einsum("naa->", square)
        - 2.0 * common * np.einsum("nab,nba->", inverse, cube)
        + common**2 * np.einsum("nab,nba->", mixed, mixed)
    )
    return np.array([[both, once], [once, apart]]) / len(p)
