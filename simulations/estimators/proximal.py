"""The proximal steps of the losses, by which message passing weighs a token against its field."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import wrightomega

from simulations.estimators.losses import CrossEntropy, Loss
from simulations.kernels.local_fields import softmax
from simulations.tokens import Floats

#: Newton steps for the normaliser; four to eight reach the rounding error.
_MOST_STEPS = 60


class Force(NamedTuple):
    """What the tokens answer to fields ω.

    Parameters
    ----------
    force : array (samples, rows, colors)
        g = (h - ω)/V = -∂ℓ/∂h at h = argmin_h [ℓ(y, h) + |h - ω|²/(2V)].
    response : array (samples, rows)
        -tr ∂g/∂ω.
    """

    force: Floats
    response: Floats


def force(loss: Loss, fields: Floats, seen: Floats, variance: Floats) -> Force:
    """Return the forces that masked tokens exert on their fields.

    Parameters
    ----------
    loss : Loss
        ℓ.
    fields : array (samples, rows, colors)
        ω, centred: its components add up to zero.
    seen : array (samples, rows, colors)
        The masked tokens y, one-hot.
    variance : array (rows,)
        V, 0 or greater.
    """
    if isinstance(loss, CrossEntropy):
        return _cross_entropy(fields, seen, variance)
    colors = fields.shape[-1]
    stiff = 1 + variance[:, None]
    answer = (seen - 1 / colors - fields) / stiff
    return Force(answer, np.broadcast_to((colors - 1) / stiff[:, 0], fields.shape[:2]))


def _cross_entropy(fields: Floats, seen: Floats, variance: Floats) -> Force:
    """h = ω + V (y - p) with p = softmax(h): log p_a + V p_a = ω_a + V y_a - t for every a.

    At given t that is Wright's omega function, V p_a = ω_W(ω_a + V y_a - t + log V), and t
    follows from Σ_a p_a = 1.
    """
    V = variance[:, None]
    target = fields + V * seen
    # Without variance p is the softmax of the field: V = 0 must not divide.
    tiny = np.maximum(V, 1e-100)
    # Σ p falls with t and is convex. Newton's steps from where it is one or more, as it is
    # where the largest p alone is one, approach the root from there.
    t = target.max(axis=-1, keepdims=True) - V
    p = softmax(target)
    for _ in range(_MOST_STEPS if V.max() > 0 else 0):
        p = wrightomega(target - t + np.log(tiny)) / tiny
        excess = p.sum(axis=-1, keepdims=True) - 1
        t += excess / (p / (1 + V * p)).sum(axis=-1, keepdims=True)
        if np.abs(excess).max() < 1e-14 * len(p[0, 0]):
            break
    slope = p / (1 + V * p)
    total = slope.sum(axis=-1)
    return Force(seen - p, total - (slope**2).sum(axis=-1) / total)
