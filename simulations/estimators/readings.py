"""What is read of logits of known tokens: means over sequences, and their slopes in the logits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from simulations.estimators.cross_entropy import CrossEntropy
from simulations.estimators.objective import Loss
from simulations.estimators.temperature import coldness, scores
from simulations.kernels.local_fields import softmax
from simulations.tokens import Floats

#: Their names.
READINGS = ("test_loss", "error_rate", "temperature")


class Reading(NamedTuple):
    """A mean over sequences.

    Parameters
    ----------
    name : str
        One of `READINGS`.
    value : float
        What it comes to.
    terms : array (samples,)
        What is averaged: of a temperature T the first order of 1/T, whose mean is zero.
    slopes : array (samples, colors)
        Derivatives of the terms in the logits.
    scale : float
        Change of the value with that of the mean.
    """

    name: str
    value: float
    terms: Floats
    slopes: Floats
    scale: float = 1.0


def readings(
    loss: Loss, fields: Floats, seen: Floats, share: Floats, letters: int | None = None
) -> Iterator[Reading]:
    """Yield what is read of logits (samples, colors) of known tokens, one-hot.

    `share` are the shares of the sequences in means. Colours from `letters` on are none.
    """
    losses = loss.expected(fields, seen)
    slopes = loss.gradient(fields[:, None], seen[:, None])[:, 0]
    yield Reading("test_loss", float(share @ losses), losses, slopes)
    colors = fields.shape[1] if letters is None else letters
    unknown = [(0, 0), (0, fields.shape[1] - colors)]
    z, y = fields[:, :colors], seen[:, :colors]
    wrong = (z.argmax(axis=1) != y.argmax(axis=1)).astype(float)
    yield Reading("error_rate", float(share @ wrong), wrong, np.pad(_step(z, y), unknown))
    if loss.name == CrossEntropy.name:
        b = float(coldness(z[:, None], y[:, None], share)[0][0])
        if np.isfinite(b) and b > 0:
            terms, slopes, scale = _temperature(z, y, share, b)
            yield Reading("temperature", 1 / b, terms, np.pad(slopes, unknown), scale)
        else:
            # Without an error to first order: infinite, or zero.
            none = np.zeros_like(fields)
            yield Reading("temperature", 0.0 if b else np.inf, none[:, 0], none, np.nan)


def _step(z: Floats, seen: Floats) -> Floats:
    """Return slopes of the error in the logits: of a step of about the width of their noise."""
    right = seen.argmax(axis=1)
    others = np.where(seen > 0, -np.inf, z).argmax(axis=1)
    every = np.arange(len(z))
    margin = z[every, right] - z[every, others]
    width = 1.06 * margin.std() * len(z) ** -0.2 or 1.0
    density = np.exp(-0.5 * (margin / width) ** 2) / (np.sqrt(2 * np.pi) * width)
    slopes = np.zeros_like(z)
    slopes[every, right] = -density
    slopes[every, others] = density
    return slopes


def _temperature(z: Floats, seen: Floats, share: Floats, b: float) -> tuple[Floats, Floats, float]:
    """Return by how much every sequence moves b, the slopes of that, and dT/db."""
    first, second = scores(z, seen, b)
    bend = share @ second
    p = softmax(b * z)
    gain = z - np.sum(p * z, axis=1, keepdims=True)
    slopes = (p - seen + b * p * gain) / -bend
    return first / -bend, slopes, 1 / b**2
