"""Quadrature of the cross-entropy of two colours under any number of draws of masks."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from replica.arrays import Vector
from replica.quadrature.kernels.softmax_prox import solved_probabilities
from replica.quadrature.rule import Accuracy

#: log(1/error) aimed at for each accuracy, and the most numbers of an array.
_DIGITS, _MOST = (16.0, 27.0, 31.0), 2_000_000

#: Shares of the way from the real axis to the first pole of a softmax.
_OFF_AXIS = math.pi * np.linspace(0.02, 0.98, 49)

Waves = NDArray[np.complex128]


class DrawnFields(NamedTuple):
    """Masked fields of two colours.

    Attributes
    ----------
    m, q, Delta : float
        Mean, variance and noise of a draw.
    common, own : float
        Local variances in common and of a draw's own.
    """

    m: float
    q: float
    Delta: float
    common: float
    own: float


class DrawnAverages(NamedTuple):
    """Averages over sequences; see `replica.quadrature.kernels.draws.draws_terms`."""

    overlap: float
    energy: float
    own: float
    response: float
    apart: float
    loss: float


@dataclass
class TwoColorDraws:
    """Draws are independent of one another at a given local field (THEORY.md).

    With x the difference of the fields of two colours that all draws have in common, the forces of
    the draws included, a draw is masked with probability p and answers to x and its noise alone.
    The Gaussian law of what is left of x without the forces is a sum of waves exp(itx), in each of
    which the draws are factors: a double sum over x and t, whatever their number K.

    Attributes
    ----------
    rate, draws : float and int
        p and K.
    """

    rate: float
    draws: int
    _defects: dict[Accuracy, float] = field(default_factory=dict, repr=False)

    @property
    def error(self) -> float:
        """What the average of 1 misses, as a sign of what the others do."""
        return 1e-12 + max(self._defects.values(), default=0.0)

    def averages(self, fields: DrawnFields, accuracy: Accuracy) -> DrawnAverages | None:
        """Return the averages, or None where they take too many points."""
        digits = _DIGITS[accuracy]
        p, K = self.rate, self.draws
        m, q, Delta, common, own = fields
        c = 1.0 / (p * K)
        push = 2.0 * common * c
        spread, noise = math.sqrt(2.0 * q), math.sqrt(2.0 * Delta)
        reach = math.sqrt(2.0 * digits) + 1.0
        step = _step(q, common / p, digits)
        # The noise needs steps of its own where it is small.
        finer = max(1, math.ceil(math.sqrt(digits / 2.0) / math.pi * step / noise))
        most = _largest(m + reach * spread, push * K, reach * noise)
        x = np.arange(m - reach * spread, most + step, step)
        fine = step / finer
        around = math.ceil(reach * noise / fine)
        y = x[0] + fine * np.arange(-around, (len(x) - 1) * finer + around + 1)
        longest = math.sqrt(digits / q)
        wave = 2.0 * math.pi / (x[-1] - x[0] + push * K + 2.0 * reach * spread)
        t = wave * np.arange(math.ceil(longest / wave) + 1)
        if len(y) * max(len(t), len(x)) > _MOST:
            return None
        waves = _Draw(y, own * c, around, finer, fine / noise, p, push * t)
        one, u, k, loss = (waves.of(*powers) for powers in ((), ("u",), ("k",), ("loss",)))
        uu, uk, lk = waves.of("u", "u"), waves.of("u", "k"), waves.of("loss", "k")
        uuk = waves.of("u", "u", "k")
        one += 1.0 - p
        pairs, triples = K * (K - 1.0), K * (K - 1.0) * (K - 2.0)
        rest1, rest2, rest3 = (one ** max(K - n, 0) for n in (1, 2, 3))
        # dx of what is left without the forces is (1 + push Σ k) dx.
        moments = (
            one * rest1 + push * K * k * rest1,
            K * u * rest1 + push * (K * uk * rest1 + pairs * u * k * rest2),
            K * uu * rest1 + pairs * u * u * rest2
            + push * (K * uuk * rest1 + pairs * (uu * k + 2.0 * uk * u) * rest2
                      + triples * u * u * k * rest3),
            K * uu * rest1 + push * (K * uuk * rest1 + pairs * uu * k * rest2),
            K * k * rest1,
            K * k * rest1 + push * pairs * k * k * rest2,
            K * loss * rest1 + push * (K * lk * rest1 + pairs * loss * k * rest2),
        )  # fmt: skip
        phase = np.exp(-1j * np.outer(x - m, t) - q * t**2) * (step * wave / math.pi)
        phase[:, 0] *= 0.5
        norm, *sums = (float(np.sum((phase * each).real)) for each in moments)
        if accuracy != Accuracy.COARSE:
            self._defects[accuracy] = abs(norm - 1.0)
        units = (c, 2 * c * c, 2 * c * c, 2 * c, 2 * c, c)
        return DrawnAverages(*(unit * each / norm for unit, each in zip(units, sums, strict=True)))


class _Draw:
    """One draw at every local field x and wave: averages over its noise, times p."""

    def __init__(
        self,
        y: Vector,
        own: float,
        around: int,
        finer: int,
        step: float,
        rate: float,
        waves: Vector,
    ) -> None:
        omega = np.column_stack([y, np.zeros_like(y)])
        p, losses = np.empty_like(omega), np.empty(len(y))
        solved_probabilities(omega, own, p, losses)
        u = p[:, 1]
        bend = u * p[:, 0]
        self._known = {"u": u, "k": bend / (1.0 + 2.0 * own * bend), "loss": losses}
        self._waves = np.exp(1j * np.outer(u, waves))
        places = np.arange(0, len(y) - 2 * around, finer)[:, None] + around
        z = step * (np.arange(len(y)) - places)
        self._gauss = rate * step / math.sqrt(2.0 * math.pi) * np.exp(-0.5 * z * z)

    def of(self, *powers: str) -> Waves:
        """Return the average of a product of u, k = -du/dx and the loss, (fields, waves)."""
        values = self._waves.copy()
        for name in powers:
            values *= self._known[name][:, None]
        # A product of real matrices.
        return np.asarray((self._gauss @ values.view(float)).view(complex))


def _step(q: float, V: float, digits: float) -> float:
    """Return the distance of fields x for an error of e^{-digits}.

    A step iy off the real axis moves what is left of x without the forces by i (y + V tan(y/2)) at
    most, up to the pole of the softmax at y = π.
    """
    moved = _OFF_AXIS + V * np.tan(0.5 * _OFF_AXIS)
    return float(np.max(2.0 * math.pi * _OFF_AXIS / (digits + moved**2 / (4.0 * q))))


def _largest(free: float, push: float, noise: float) -> float:
    """Return the largest local field, where no draw of usual noise pushes further."""
    low, high = free, free + push
    while high - low > 1e-3 * (1.0 + abs(high)):
        x = 0.5 * (low + high)
        if x < free + push / (1.0 + math.exp(min(x - noise, 700.0))):
            low = x
        else:
            high = x
    return high
