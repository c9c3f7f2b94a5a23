"""Which channel a loss has on given data."""

from __future__ import annotations

from replica.channel import Channel
from replica.cross_entropy import CrossEntropyChannel
from replica.data import DataModel, GaussianTokens
from replica.gaussian import GaussianChannel
from replica.spectrum import spectrum_of
from replica.squared_error import SquaredErrorChannel


def channel_of(data: DataModel, loss: str) -> Channel:
    """Return the channel of the loss for these data."""
    if isinstance(data, GaussianTokens):
        return GaussianChannel(data.colors, float(spectrum_of(data).rho[0]), 1.0 / data.shift)
    if loss == "squared-error":
        return SquaredErrorChannel(data.colors)
    return CrossEntropyChannel(data.colors)
