"""The temperature with which logits predict best."""

from __future__ import annotations

import numpy as np

from simulations.kernels.local_fields import softmax
from simulations.tokens import Floats

#: Newton's steps, and the factor by which one may change an inverse temperature.
_STEPS, _FACTOR = 60, 4.0

#: The relative step after which the next one is rounding.
_DONE = 1e-7


def coldness(fields: Floats, truth: Floats, shares: Floats | None = None) -> Floats:
    """Return the inverse temperatures b of rows, of which softmax(b z) predicts tokens best.

    The mean cross-entropy of softmax(b z) is convex in b. Newton's steps from b = 1 find the least
    of it over b ≥ 0: 0 where logits help nothing, infinity where the largest one is always right.

    Parameters
    ----------
    fields : array (samples, rows, colors)
        z.
    truth : array (samples, rows, colors)
        Probabilities of the token, one-hot where it is known.
    shares : array (samples,), optional
        Weights of the sequences in means; all alike if None.

    Returns
    -------
    array (rows,)
    """
    mean = np.full(len(fields), 1 / len(fields)) if shares is None else shares / shares.sum()
    z = fields - np.sum(truth * fields, axis=-1, keepdims=True)
    # The slopes in b at zero, and at infinity.
    b = np.ones(fields.shape[1])
    idle, endless = mean @ z.mean(axis=-1) >= 0, mean @ z.max(axis=-1) <= 0
    left = np.flatnonzero(~(idle | endless))
    for _ in range(_STEPS):
        if not left.size:
            break
        slope, bend = _derivatives(z[:, left], b[left], mean)
        with np.errstate(divide="ignore", invalid="ignore"):
            new = np.clip(b[left] - slope / bend, b[left] / _FACTOR, b[left] * _FACTOR)
        # Where all but one colour has died out the curvature underflows.
        new = np.where(np.isnan(new), b[left] / _FACTOR, new)
        moved = np.abs(new - b[left]) > _DONE * b[left]
        b[left] = new
        left = left[moved]
    b[endless], b[idle] = np.inf, 0.0
    return b


def temperature_of(b: Floats) -> Floats:
    """Return 1/b, infinite where b = 0."""
    with np.errstate(divide="ignore"):
        return np.asarray(1.0 / np.asarray(b, dtype=float))


def scores(fields: Floats, truth: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Return first and second derivatives in b of the cross-entropy, arrays (samples, rows)."""
    z = fields - np.sum(truth * fields, axis=-1, keepdims=True)
    return _terms(z, b)


def _derivatives(z: Floats, b: Floats, mean: Floats) -> tuple[Floats, Floats]:
    slopes, bends = _terms(z, b)
    return mean @ slopes, mean @ bends


def _terms(z: Floats, b: Floats) -> tuple[Floats, Floats]:
    p = softmax(b[:, None] * z)
    first = np.sum(p * z, axis=-1)
    return first, np.sum(p * z * z, axis=-1) - first**2
