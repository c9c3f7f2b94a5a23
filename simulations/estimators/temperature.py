"""The temperature with which logits predict best."""

from __future__ import annotations

import numpy as np

from simulations.estimators.cross_entropy import CrossEntropy
from simulations.estimators.objective import Loss
from simulations.kernels.local_fields import softmax
from simulations.kernels.tempered import tempered
from simulations.tokens import Floats

#: Newton's steps, and the factor by which one may change an inverse temperature.
_STEPS, _FACTOR = 60, 4.0

#: The relative step after which the error, about its square, is small enough.
_DONE = 1e-3

#: Inverse temperatures between which they are looked for.
_IDLE, _FROZEN = 1e-9, 1e9

#: Sequences that are enough for the first steps.
_ENOUGH = 250


def coldness(fields: Floats, truth: Floats, shares: Floats | None = None) -> tuple[Floats, Floats]:
    """Return the inverse temperatures b of rows, and the mean cross-entropy of softmax(b z).

    It is convex in b. Newton's steps from b = 1 find the least of it over b ≥ 0: 0 where logits
    help nothing, infinity where the largest one is always right.

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
    arrays (rows,), twice
    """
    fields, truth = np.ascontiguousarray(fields), np.ascontiguousarray(truth)
    samples, rows, colors = fields.shape
    share = np.full(samples, 1 / samples) if shares is None else shares / shares.sum()
    b, loss = np.ones(rows), np.zeros(rows)
    # The first steps need a part of many sequences alone.
    for part in (slice(None, None, samples // _ENOUGH or 1), slice(None)):
        z, p, c = (np.ascontiguousarray(each[part]) for each in (fields, truth, share))
        left = np.arange(rows)
        for _ in range(_STEPS):
            value, slope, bend = tempered(z, p, c, left, b[left])
            with np.errstate(divide="ignore", invalid="ignore"):
                step = np.where(bend > 0, slope / bend, np.where(slope < 0, -np.inf, np.inf))
            new = np.clip(b[left] - step, b[left] / _FACTOR, b[left] * _FACTOR)
            moved = np.abs(new - b[left]) > _DONE * b[left]
            # To second order, as the last step leads to the minimum.
            loss[left] = value + slope * (new - b[left]) / 2
            b[left] = np.clip(new, _IDLE, _FROZEN)
            left = left[moved & (new > _IDLE) & (new < _FROZEN)]
            if not left.size:
                break
    idle = b <= _IDLE
    b[idle], loss[idle] = 0.0, np.log(colors)
    # A token whose logit is not the largest costs log 2 at least.
    endless = loss < np.log(2) * share[share > 0].min()
    b[endless], loss[endless] = np.inf, 0.0
    return b, loss


def calibrated_by(
    loss: Loss, fields: Floats, truth: Floats, shares: Floats | None = None
) -> tuple[Floats, Floats]:
    """Return the best temperatures 1/b of rows, and the loss there.

    The arguments are those of `coldness`. NaN for other losses than the cross-entropy.
    """
    if loss.name != CrossEntropy.name:
        missing = np.full(fields.shape[1], np.nan)
        return missing, missing
    b, least = coldness(fields, truth, shares)
    with np.errstate(divide="ignore"):
        return 1 / b, least


def scores(fields: Floats, truth: Floats, b: float) -> tuple[Floats, Floats]:
    """Return first and second derivatives in b of the cross-entropies, arrays (samples,)."""
    z = fields - np.sum(truth * fields, axis=-1, keepdims=True)
    p = softmax(b * z)
    first = np.sum(p * z, axis=-1)
    return first, np.sum(p * z * z, axis=-1) - first**2
