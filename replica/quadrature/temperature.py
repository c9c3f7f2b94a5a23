"""The temperature that serves fields best as logits, over explicit points of their law."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from replica.arrays import Matrix, Vector

#: Newton's steps, the factor by which one may change a temperature, and the relative change after
#: which the next one would be rounding.
_STEPS, _FACTOR, _DONE = 60, 3.0, 1e-6


class Calibrated(NamedTuple):
    """The best temperature, and the mean cross-entropy of softmax(ω/T) there."""

    temperature: float
    loss: float


def untaught(colors: int) -> Calibrated:
    """Return the calibration of fields that know nothing of the token: all colours alike."""
    return Calibrated(math.inf, math.log(colors))


class Points(NamedTuple):
    """Fields, an array (points, colors), with weights, and the colour that is masked in them."""

    fields: Matrix
    weights: Vector
    masked: int


def best_temperature(samples: Sequence[Points], start: float) -> Calibrated:
    """Minimise E log Σ_a e^{ω_a/T} - ω_y/T, which is convex in 1/T, by Newton's method.

    Parameters
    ----------
    samples : sequence of Points
        Of masked colours that are equally likely, or whose weights say how likely they are.
    start : float
        Where to begin.
    """
    t = 1.0 / start
    for _ in range(_STEPS):
        loss, slope, curvature = np.mean([_terms(*each, t) for each in samples], axis=0)
        step = -slope / curvature if curvature > 0.0 else -math.copysign(math.inf, slope)
        last, t = t, min(max(t + step, t / _FACTOR), t * _FACTOR)
        if abs(t - last) <= _DONE * last:
            break
    # At the minimum the last step changes nothing.
    return Calibrated(1.0 / float(t), float(loss))


def _terms(fields: Matrix, weights: Vector, masked: int, t: float) -> Vector:
    """Return the loss at 1/T = t, and its first two derivatives in t."""
    right = fields[:, masked]
    gain = fields - right[:, None]
    top = t * gain.max(axis=1)
    p = np.exp(t * gain - top[:, None])
    total = p.sum(axis=1)
    first = (p * gain).sum(axis=1) / total
    second = (p * gain * gain).sum(axis=1) / total - first * first
    return np.array([weights @ (np.log(total) + top), weights @ first, weights @ second])
