"""The losses by name."""

from __future__ import annotations

from replica.problem.data_model import LossName
from replica.validation import one_of
from simulations.estimators.cross_entropy import CrossEntropy
from simulations.estimators.objective import Loss
from simulations.estimators.own_loss import OwnLoss, checked_loss
from simulations.estimators.squared_error import SquaredError

_LOSSES: dict[str, Loss] = {loss.name: loss for loss in (CrossEntropy(), SquaredError())}


def loss_named(name: LossName | OwnLoss) -> Loss:
    """Return the loss called "cross-entropy" or "squared-error", or one of the user's.

    Raises
    ------
    ValueError
        If it is neither.
    """
    return _LOSSES[one_of("loss", name, _LOSSES)] if isinstance(name, str) else checked_loss(name)
