"""What every training of rows at V = U is given, checked once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from replica.validation import invalid, non_negative, unmasked
from simulations.estimators.losses import loss_named
from simulations.estimators.objective import Loss
from simulations.sequences.potts import checked_colors
from simulations.tokens import (
    Floats,
    Tokens,
    checked_similarity,
    checked_sites,
    checked_tokens,
    seen,
)


class Given(NamedTuple):
    """Sequences, what their tokens stand for, and the rows that are to learn them.

    Parameters
    ----------
    tokens : uint8 array (samples, sites)
        Training sequences, one or more.
    values : array (colors, colors)
        U.
    plain : bool
        Whether U is the identity.
    lam : float
        λ.
    loss : Loss
        The loss.
    rows : int array (rows,)
        The sites i.
    """

    tokens: Tokens
    values: Floats
    plain: bool
    lam: float
    loss: Loss
    rows: NDArray[np.int64]


def given(tokens: Any, colors: Any, lam: Any, loss: Any, similarity: Any, rows: Any) -> Given:
    """Return what rows are trained on, or raise ValueError if an argument is not allowed."""
    colors = checked_colors(colors)
    tokens = checked_tokens(tokens, None, colors, least=1)
    plain, values = similarity is None, np.eye(colors)
    if not plain:
        values = seen(checked_similarity(similarity, colors))
    lam = non_negative("lam", lam)
    return Given(tokens, values, plain, lam, loss_named(loss), checked_sites(rows, tokens.shape[1]))


def increasing(name: str, values: Any, most: int | None = None) -> list[int]:
    """Return increasing integers, 0 or greater and up to `most` if given, or raise ValueError."""
    bounds = ", 0 or greater" if most is None else f" from 0 to {most}"
    allowed = f"increasing integers{bounds}"
    array = unmasked(name, values, allowed)
    if array.ndim != 1 or not array.size or not np.issubdtype(array.dtype, np.integer):
        raise invalid(name, values, allowed)
    if array[0] < 0 or not (np.diff(array) > 0).all() or (most is not None and array[-1] > most):
        raise invalid(name, values, allowed)
    numbers: list[int] = array.tolist()
    return numbers
