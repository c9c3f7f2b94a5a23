"""The channel of a loss over the fields of an ensemble: the one place where the rules are chosen.

The squared error has closed forms, the cross-entropy a rule for each law it is known with, and any
other pair is averaged over points.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from replica.channels.by_points import PointChannel
from replica.channels.channel import Channel
from replica.channels.colour_mode_cross_entropy import ModeCrossEntropyChannel
from replica.channels.drawn_cross_entropy import DrawnCrossEntropyChannel
from replica.channels.drawn_masks import DrawsChannel
from replica.channels.dynamic_masks import DynamicChannel
from replica.channels.independent_cross_entropy import IndependentCrossEntropyChannel
from replica.channels.masked import MaskedChannel, StaticChannel
from replica.channels.mixture import MixtureChannel
from replica.channels.mixture_quadratic import MixtureQuadraticChannel
from replica.channels.potts_cross_entropy import CrossEntropyChannel
from replica.channels.quadratic import QuadraticChannel
from replica.ensembles.independent import IndependentLaw
from replica.ensembles.masked import MaskedSpectrum
from replica.losses.cross_entropy import CrossEntropyPoints
from replica.losses.custom import CustomPoints
from replica.losses.mixture_cross_entropy import MixtureCrossEntropy
from replica.losses.mixture_custom import MixtureCustom
from replica.problem import Loss
from replica.quadrature.colour_mode_law import ModeLaw
from replica.quadrature.field_law import FieldLaw
from replica.quadrature.mixture_law import MixtureLaw
from replica.quadrature.point_sum import PointLoss
from replica.quadrature.tilted_law import TiltedLaw
from replica.validation import invalid

#: What makes the channel of a pair of law and loss that has a rule of its own.
_SPECIAL: Mapping[tuple[type[FieldLaw], str], Callable[[Any], Channel]] = {
    (TiltedLaw, "cross-entropy"): lambda law: CrossEntropyChannel(law.colors),
    (ModeLaw, "cross-entropy"): ModeCrossEntropyChannel,
    (IndependentLaw, "cross-entropy"): IndependentCrossEntropyChannel,
    (MixtureLaw, "cross-entropy"): lambda law: MixtureChannel(law, MixtureCrossEntropy(law.basis)),
    (MixtureLaw, "squared-error"): MixtureQuadraticChannel,
}

#: The losses with a name, as any law that can be sampled averages them.
_POINTS: Mapping[str, Callable[[], PointLoss]] = {"cross-entropy": CrossEntropyPoints}

#: The most colours whose smoothed cross-entropy takes no more than some ten seconds, and the most
#: where a law has points of its own, as that of independent tokens, with true fields beside.
_MOST_BY_POINTS, _MOST_SAMPLED = 40, 8


def channel_of(law: FieldLaw, loss: str | Loss) -> Channel:
    """Return the channel of a loss over fields of this law.

    A pair with a rule of its own has that. Else the squared error needs second moments only, which
    every law of commuting modes states, and other losses are averaged over points of the law.

    Raises
    ------
    ValueError
        If it is a user-defined loss that is not what `replica.Loss` asks for, or there are too
        many colours for it.
    """
    if not isinstance(loss, str):
        points = CustomPoints(loss, law.colors)
        if isinstance(law, MixtureLaw):
            return MixtureChannel(law, MixtureCustom(points, law.basis))
        return PointChannel(law, points)
    special = _SPECIAL.get((type(law), loss))
    if special:
        return special(law)
    if loss == "squared-error":
        return QuadraticChannel(law)
    return PointChannel(law, _POINTS[loss]())


def masked_channel_of(law: FieldLaw, loss: str | Loss, context: MaskedSpectrum) -> MaskedChannel:
    """Return the channel of a loss over the fields of masked contexts.

    Static masks that are drawn once suit any law and loss. Averages over all masks are known for
    the squared error and for the cross-entropy: a rule of its own for tilted fields, points for
    others. Averages over several draws are for the squared error, and the cross-entropy of tilted
    fields.

    Raises
    ------
    ValueError
        If it is another pair, or `channel_of` refuses the loss.
    """
    full, masking = channel_of(law, loss), context.masking
    if not masking.dynamic and masking.draws == 1:
        return StaticChannel(full, context)
    known = loss == "squared-error"
    if masking.draws > 1:
        if known:
            return DrawsChannel(full, context)
        if loss == "cross-entropy" and isinstance(law, TiltedLaw):
            drawn = DrawnCrossEntropyChannel(full, context)
            if law.colors == 2 or masking.draws <= drawn.most:
                return drawn
            allowed = f"of at most {drawn.most} draws for the cross-entropy of {law.colors} colours"
        else:
            allowed = (
                "of one draw, but with the squared error, and with the cross-entropy of "
                "PottsTokens with U = I or CustomTokens"
            )
        raise invalid("masking", str(masking), allowed)
    if not known:
        if loss != "cross-entropy":
            allowed = "static, or dynamic with the cross-entropy or the squared error"
            raise invalid("masking", str(masking), allowed)
        most = _MOST_BY_POINTS if isinstance(law, TiltedLaw | ModeLaw) else _MOST_SAMPLED
        if law.colors > most:
            allowed = f"at most {most} with dynamic masks and the cross-entropy of these data"
            raise invalid("colors", law.colors, allowed)
    return DynamicChannel(full, context)
