"""A bias of every row, as the weights of further sites whose tokens never change."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from replica.validation import invalid
from simulations.tokens import MOST_COLORS, Floats, Tokens


class Inputs(NamedTuple):
    """What rows see: fields are Σ_j w_j E s_j, and a bias the last of the w.

    Parameters
    ----------
    tokens : uint8 array (samples, sites + bias)
        Sequences, with the sites of the bias behind the others.
    values : array (colors, symbols)
        E: U, and behind it what the symbols stand for that only the bias shows.
    bias : int
        Sites of the bias.
    """

    tokens: Tokens
    values: Floats
    bias: int


def with_bias(tokens: Tokens, values: Floats, plain: bool, common: bool) -> Inputs:
    """Return sequences with a site for every component of a bias that a loss sees.

    Parameters
    ----------
    tokens : uint8 array (samples, sites)
        Sequences.
    values : array (colors, colors), or with a column of zeros for missing tokens
        U.
    plain : bool
        Whether U is the identity, whose colours are symbols enough.
    common : bool
        Whether the loss sees what is common to all colours; else the last has none of the bias.
    """
    colors, known = values.shape
    count = colors if common else colors - 1
    symbols, inputs = np.arange(count), values
    if not plain:
        if known + count > MOST_COLORS:
            raise invalid("bias", True, f"False beyond {MOST_COLORS // 2} colors with a similarity")
        symbols, inputs = known + symbols, np.concatenate([values, np.eye(colors)[:, :count]], 1)
    shown = np.broadcast_to(symbols.astype(np.uint8), (len(tokens), count))
    return Inputs(np.concatenate([tokens, shown], axis=1), inputs, count)
