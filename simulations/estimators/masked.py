"""Rows that are trained with many tokens masked at once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from replica.problem import Masking
from replica.problem.data_model import LossName
from replica.validation import invalid
from simulations.estimators.bias import with_bias
from simulations.estimators.losses import loss_named
from simulations.estimators.masked_draws import minimise_draws
from simulations.estimators.masked_squared_error import minimise_averaged
from simulations.estimators.minimiser import Training
from simulations.estimators.objective import Rows
from simulations.estimators.own_loss import OwnLoss
from simulations.estimators.smoothed_cross_entropy import minimise_smoothed
from simulations.kernels.one_thread import one_thread
from simulations.tokens import MOST_COLORS, Floats, Tokens, checked_sites, seen


class MaskedTraining(NamedTuple):
    """Rows trained with masks.

    Parameters
    ----------
    training : Training
        The rows.
    train_loss : array (rows,)
        The mean loss per masked token of what they were trained on, without weight decay; NaN
        where no mask hides the site of a row.
    """

    training: Training
    train_loss: Floats


@one_thread
def train_masked(
    tokens: Tokens,
    colors: int,
    lam: float,
    masking: Masking,
    loss: LossName | OwnLoss = "cross-entropy",
    similarity: Any = None,
    rows: Any = None,
    seed: int | np.random.SeedSequence = 0,
    bias: bool = False,
    tolerance: float = 1e-8,
    max_steps: int = 1000,
) -> MaskedTraining:
    """Minimise M times the mean loss per masked token plus (L λ / 2) |w|² for many sites i.

    Static masks: Σ_μ (1/pK) Σ_k ℓ over those of K draws that hide site i, the tokens that they
    hide adding nothing to fields. The masks of a sequence are the same for all rows.

    Dynamic masks: Σ_μ E ℓ, the average over all masks that hide site i. With the squared error it
    is a quadratic function of w, in closed form. For the cross-entropy the sum over masked tokens
    is taken for Gaussian, which holds up to 1/L (see `smoothed_cross_entropy`).

    Parameters
    ----------
    tokens : uint8 array (samples, sites)
        Training sequences, where C may stand for tokens that are missing in other rows.
    colors, lam, loss, similarity, rows, bias, tolerance, max_steps
        As in `train`.
    masking : Masking
        How tokens are masked.
    seed : int or SeedSequence
        Source of static masks, and of the points of averages over dynamic ones.

    Returns
    -------
    MaskedTraining
        With the statuses of `train`.

    Raises
    ------
    ValueError
        If the masking does not go with loss or colours.
    """
    chosen = loss_named(loss)
    check_masked(masking, loss, colors)
    sites = checked_sites(rows, tokens.shape[1])
    if (tokens[:, sites] == colors).any():
        raise invalid("rows", sites.tolist(), "sites whose tokens are all known")
    plain = similarity is None
    values = np.eye(colors) if plain else seen(np.asarray(similarity, dtype=float))
    # Missing, or hidden: one more symbol, of which U makes nothing.
    values = np.pad(values, ((0, 0), (0, 1)))
    decay, biased = tokens.shape[1] * lam, 0
    if bias:
        common = chosen.sees_common_part(colors)
        tokens, values, biased = with_bias(tokens, values, plain, common)
    every = Rows(chosen, tokens, values, decay, sites, plain, biased, missing=True)
    if not masking.dynamic:
        found = minimise_draws(every, masking, seed, tolerance, max_steps)
    elif loss == "squared-error":
        found = minimise_averaged(every, masking.rate, tolerance)
    else:
        found = minimise_smoothed(every, masking.rate, seed, tolerance, max_steps)
    return MaskedTraining(*found)


def check_masked(masking: Masking, loss: LossName | OwnLoss, colors: int) -> None:
    """Raise ValueError if rows of such a loss cannot be trained with such masks."""
    if masking.dynamic and not isinstance(loss, str):
        allowed = "static with a loss of your own, as static:RATE:DRAWS"
        raise invalid("masking", str(masking), allowed)
    if colors >= MOST_COLORS:
        raise invalid("colors", colors, f"{MOST_COLORS - 1} or fewer with masks")
