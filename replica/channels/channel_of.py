"""The channel of a loss over the fields of an ensemble."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from replica.by_points import PointChannel
from replica.channel import Channel
from replica.cross_entropy import CrossEntropyChannel
from replica.cross_entropy_points import CrossEntropyPoints
from replica.ensemble_independent import IndependentLaw
from replica.field_law import FieldLaw
from replica.independent import IndependentCrossEntropyChannel
from replica.mode_cross_entropy import ModeCrossEntropyChannel
from replica.mode_law import ModeLaw
from replica.own_loss import OwnPoints
from replica.problem import Loss
from replica.quadratic import QuadraticChannel
from replica.tilted import TiltedLaw

#: What makes the channel of a pair of law and loss that has a rule of its own.
_SPECIAL: Mapping[tuple[type[FieldLaw], str], Callable[[Any], Channel]] = {
    (TiltedLaw, "cross-entropy"): lambda law: CrossEntropyChannel(law.colors),
    (ModeLaw, "cross-entropy"): ModeCrossEntropyChannel,
    (IndependentLaw, "cross-entropy"): IndependentCrossEntropyChannel,
}


def channel_of(law: FieldLaw, loss: str | Loss) -> Channel:
    """Return the channel of a loss over fields of this law.

    The squared error needs second moments only, which every law states. A pair that has no rule
    of its own is averaged over points of the law.

    Raises
    ------
    ValueError
        If it is a loss of the user's that is not what `replica.Loss` asks for, or there are too
        many colours for it.
    """
    if not isinstance(loss, str):
        return PointChannel(law, OwnPoints(loss, law.colors))
    if loss == "squared-error":
        return QuadraticChannel(law)
    special = _SPECIAL.get((type(law), loss))
    return special(law) if special else PointChannel(law, CrossEntropyPoints())
