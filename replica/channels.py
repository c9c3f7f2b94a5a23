"""Which channel a loss has on given data."""

from __future__ import annotations

import numpy as np

from replica.arrays import Vector
from replica.channel import Channel
from replica.colour_modes import colour_modes, eigenspaces
from replica.cross_entropy import CrossEntropyChannel
from replica.data import DataModel, GaussianTokens, IndependentTokens, PottsTokens
from replica.gaussian import GaussianChannel
from replica.independent import IndependentCrossEntropyChannel, IndependentSquaredErrorChannel
from replica.mode_cross_entropy import ModeCrossEntropyChannel
from replica.own_loss import OwnLossChannel
from replica.problem import Loss
from replica.spectrum import spectrum_of
from replica.squared_error import ModeSquaredErrorChannel, SquaredErrorChannel


def channel_of(data: DataModel, loss: str | Loss) -> Channel:
    """Return the channel of the loss for these data."""
    if not isinstance(loss, str):
        independent = isinstance(data, IndependentTokens)
        rho = float(spectrum_of(data).rho[0]) if independent else None
        return OwnLossChannel(loss, data.colors, rho)
    if isinstance(data, GaussianTokens):
        return GaussianChannel(data.colors, float(spectrum_of(data).rho[0]), 1.0 / data.shift)
    if isinstance(data, IndependentTokens):
        rho = float(spectrum_of(data).rho[0])
        squared = loss == "squared-error"
        kind = IndependentSquaredErrorChannel if squared else IndependentCrossEntropyChannel
        return kind(data.colors, rho)
    if isinstance(data, PottsTokens) and not colour_modes(data).one:
        fields = _mode_channel(data)
        return ModeSquaredErrorChannel(fields) if loss == "squared-error" else fields
    if loss == "squared-error":
        return SquaredErrorChannel(data.colors)
    return CrossEntropyChannel(data.colors)


def rate_error(channel: Channel, m: Vector, q: Vector) -> float:
    """Return the relative error of an error rate that comes from random points, else 0."""
    fields = channel.fields if isinstance(channel, ModeSquaredErrorChannel) else channel
    return fields.rate_error(m, q) if isinstance(fields, ModeCrossEntropyChannel) else 0.0


def _mode_channel(data: PottsTokens) -> ModeCrossEntropyChannel:
    bases = eigenspaces(data)[1]
    mode = np.repeat(np.arange(len(bases)), [len(basis) for basis in bases])
    similarity = np.array(data.similarity)
    # Where a rotation of the colours changes nothing, one masked colour stands for all.
    circulant = np.allclose(similarity, np.roll(similarity, (1, 1), axis=(0, 1)))
    masked = (0,) if circulant else tuple(range(data.colors))
    return ModeCrossEntropyChannel(np.concatenate(bases), mode, masked)
