"""Rows of sequences whose tokens may be missing: one more letter, which adds nothing to fields."""

from __future__ import annotations

from typing import Any

import numpy as np

from replica.problem.data_model import LossName
from replica.validation import invalid
from simulations.estimators.leave_one_out import LeftOut, left_out
from simulations.estimators.losses import loss_named
from simulations.estimators.minimiser import Training, objectives_of, train
from simulations.estimators.objective import Loss
from simulations.estimators.own_loss import OwnLoss
from simulations.tokens import Floats, Tokens


def train_with_missing(
    tokens: Tokens, colors: int, lam: float, loss: LossName | OwnLoss, similarity: Any, rows: Any
) -> Training:
    """Train rows whose own tokens are known, where C among the others stands for missing ones.

    To `train` there are C + 1 letters, of which the last has zeros in U, and a loss that does not
    look at its logit.

    Parameters
    ----------
    tokens : uint8 array (samples, sites)
        Training sequences, of values up to C.
    colors, lam, loss, similarity, rows
        As in `train`.

    Raises
    ------
    ValueError
        If an argument is not allowed, such as rows whose own tokens are missing.
    """
    if (tokens[:, rows] == colors).any():
        raise invalid("rows", list(rows), "sites whose tokens are all known")
    return train(tokens, colors + 1, lam, *_with_another(loss, colors, similarity), rows)


def left_out_with_missing(
    training: Training,
    tokens: Tokens,
    colors: int,
    lam: float,
    loss: LossName | OwnLoss,
    similarity: Any,
) -> LeftOut:
    """Return what these rows would predict of each sequence, as `leave_one_out`."""
    how = *_with_another(loss, colors, similarity), training.rows, False
    rows = objectives_of(tokens, colors + 1, lam, *how)
    return left_out(rows, training, letters=colors)


def _with_another(loss: LossName | OwnLoss, colors: int, similarity: Any) -> tuple[_Known, Floats]:
    U = np.eye(colors) if similarity is None else np.asarray(similarity)
    return _Known(loss_named(loss), colors), np.pad(U, (0, 1))


class _Known:
    """A loss of the letters that are known, for training."""

    def __init__(self, loss: Loss, colors: int) -> None:
        self.name, self._loss, self._colors = loss.name, loss, colors

    def expected(self, fields: Floats, probabilities: Floats) -> Floats:
        """Return Σ_a p_a ℓ(e_a, z) over the letters."""
        return self._loss.expected(*self._known(fields, probabilities))

    def gradient(self, fields: Floats, probabilities: Floats) -> Floats:
        """Return its derivatives, 0 for what is missing."""
        slope = self._loss.gradient(*self._known(fields, probabilities))
        return np.pad(
            slope, [(0, 0)] * (slope.ndim - 1) + [(0, fields.shape[-1] - slope.shape[-1])]
        )

    def _known(self, fields: Floats, probabilities: Floats) -> tuple[Floats, Floats]:
        # The check of a loss tries it with fewer colours.
        letters = slice(0, min(self._colors, fields.shape[-1]))
        return fields[..., letters], probabilities[..., letters]
