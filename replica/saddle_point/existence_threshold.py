"""The sample ratio below which there is no minimiser without weight decay."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any

from scipy.optimize import minimize_scalar

from replica.channels.channel_of import masked_channel_of
from replica.ensembles import ensemble_of
from replica.ensembles.ensemble import Ensemble
from replica.ensembles.independent import IndependentLaw
from replica.ensembles.masked import MaskedSpectrum
from replica.errors import ConvergenceError
from replica.losses.recession import falls_in_the_cone
from replica.problem import DataModel, Loss, Masking
from replica.problem.data_model import LossName
from replica.problem.loss import check_custom_loss
from replica.quadrature.cone_distance import squared_distance
from replica.quadrature.field_law import FieldLaw
from replica.quadrature.race_distance import race_distance
from replica.quadrature.rule import Accuracy
from replica.quadrature.tilted_law import TiltedLaw
from replica.saddle_point.separability import EXACT, Threshold, separability
from replica.validation import invalid, one_of, truth

#: Losses whose threshold is known.
_KNOWN = ("cross-entropy", "squared-error")

#: The least distance, and the least whose coarse integral has four digits.
_SMALLEST, _CLEAR = 1e-8, 1e-2

#: Relative error of what has a formula.
_DIGITS = 1e-8


def existence_threshold(
    data: DataModel,
    loss: LossName | Loss | None = None,
    masking: Masking | None = None,
    bias: bool = False,
) -> float:
    """Return α_c: at λ → 0 a unique minimiser exists for α > α_c only.

    Cross-entropy: below α_c the training set can be classified without error along some
    direction, and the row grows without bound (Candès & Sur, arXiv:1804.09753, for two
    colours). 1/α_c = min_t (1 + t²ρ) D(tρ/√(1 + t²ρ)), with D(c) the mean squared distance of
    ξ + c K0 e_1 from the cone where component 1 is the largest; for independent tokens of
    ξ from the cone of a token drawn from softmax(c ξ + noise). With a similarity of several modes,
    and for rows of given moments or sequences, the saddle point of that cone is solved. Squared
    error: 1/(C - 1), for
    Gaussian tokens 1/C, and with a similarity one over its rank on the complement of 1, where
    a row begins to interpolate; for moments by the ranks of their covariances. Static masks move it
    to the α of which they leave these samples, at the ρ of masked contexts; with dynamic masks
    there always is a minimiser.

    Parameters
    ----------
    data : DataModel
        What the sequences are.
    loss : str or Loss, optional
        "cross-entropy" or "squared-error", one of `data.losses`; None is the first of them. Or a
        loss of your own that, like the cross-entropy, approaches its least value where h_1 is the
        largest component, and grows in all other directions: it has the same threshold.
    masking : Masking, optional
        The masks of training.
    bias : bool, optional
        Whether rows have a bias. It changes something where colours are not alike.

    Returns
    -------
    float
        α_c; infinity where it exceeds 1e8, and with a bias where a colour is never shown. To eight
        digits or more up to four colours, and where all are alike in all; else to about 1e-5 with
        five colours, and 1e-3 with more. `replica threshold` tells the error.

    Raises
    ------
    ValueError
        If an argument is not allowed; for the cross-entropy also if colours are not told apart,
        by the similarity or by fields without noise.
    ConvergenceError
        If the saddle point was not found.

    Examples
    --------
    >>> from replica import PottsTokens, existence_threshold
    >>> round(existence_threshold(PottsTokens(colors=3, beta=1.5)), 4)
    1.4848
    """
    return stated_threshold(data, loss, masking, bias).alpha


def stated_threshold(
    data: DataModel,
    loss: LossName | Loss | None = None,
    masking: Masking | None = None,
    bias: bool = False,
) -> Threshold:
    """Return the existence threshold with its error, of the same arguments."""
    if not isinstance(data, DataModel):
        raise invalid("data", data, "a data model such as PottsTokens(colors, beta)")
    ensemble, has_bias = ensemble_of(data), truth("bias", bias)
    chosen = _checked_loss(ensemble, data.losses[0] if loss is None else loss)
    if chosen != "squared-error":
        ensemble.require("threshold")
    if not isinstance(masking, Masking | None):
        raise invalid("masking", masking, "None, or a Masking(rate, kind)")
    if masking is not None and not ensemble.searched:
        masked_channel_of(ensemble.law, chosen, MaskedSpectrum(ensemble.spectrum, masking))
    if chosen != "squared-error" and _drawn_again(masking):
        raise invalid("masking", str(masking), "drawn once, or dynamic, with the cross-entropy")
    return _threshold(ensemble, chosen, masking, has_bias)


def _checked_loss(ensemble: Ensemble, loss: str | Loss) -> str:
    """Return the loss with a name that has the threshold of this one."""
    if isinstance(loss, str):
        known = [name for name in ensemble.data.losses if name in _KNOWN]
        return one_of("loss", loss, known)
    check_custom_loss(loss, ensemble.data)
    if not falls_in_the_cone(loss, ensemble.colors):
        allowed = (
            "a loss with a name, or one that approaches its least value where h_1 is the largest "
            "and grows without bound in other directions, where its threshold is asked for"
        )
        raise invalid("loss", loss, allowed)
    return "cross-entropy"


def known_threshold(
    ensemble: Ensemble, loss: str | Loss, masking: Masking | None = None, bias: bool = False
) -> float:
    """Return the existence threshold; 0 where none is known soon, and a search decides."""
    if not isinstance(loss, str) or loss not in _KNOWN:
        return 0.0
    if loss != "squared-error":
        if _drawn_again(masking) or not ensemble.knows("threshold"):
            return 0.0
        if ensemble.searched and ensemble.colors - 1 > EXACT:
            return 0.0
    try:
        return _threshold(ensemble, loss, masking, bias).alpha
    except ConvergenceError:
        return 0.0


def _drawn_again(masking: Masking | None) -> bool:
    return masking is not None and masking.draws > 1


def _threshold(ensemble: Ensemble, loss: str, masking: Masking | None, bias: bool) -> Threshold:
    # Averaged over masks the loss grows along every direction: some of them mislead any row.
    if masking is not None and masking.dynamic:
        return Threshold(0.0, 0.0)
    samples = 1.0 if masking is None else masking.rate * masking.draws
    if loss == "squared-error":
        return Threshold(ensemble.interpolation / samples, _DIGITS)
    if ensemble.searched:
        return separability(ensemble, bias, masking)
    if masking is None:
        separation = ensemble.separation
    else:
        separation = MaskedSpectrum(ensemble.spectrum, masking).rho
    found = _cross_entropy_threshold(ensemble.law, separation)
    return Threshold(ensemble.share * found / samples, _DIGITS)


@lru_cache(maxsize=256)
def _cross_entropy_threshold(law: FieldLaw, rho: float) -> float:
    if rho == 0.0:
        return 1.0 / squared_distance(law.colors, 0.0)
    least = _LEAST[type(law)](law, rho)
    # Fourier's integral leaves an absolute error, which a smaller distance cannot be told from.
    return 1.0 / least if least > _SMALLEST else math.inf


def _least_tilted(law: TiltedLaw, rho: float) -> float:
    """Return the minimum for fields tilted by the masked token."""
    return _minimum(_unsatisfied(partial(squared_distance, law.colors), rho), 1e-9)[1]


def _least_independent(law: IndependentLaw, rho: float) -> float:
    """Return the minimum for independent tokens, each of whose distances may take seconds.

    A minimum is flat: where coarse distances have four digits or more, their minimum is close
    enough for all digits of its value.
    """
    coarse, fine = (
        _unsatisfied(partial(race_distance, law.colors, rho=law.rho, accuracy=accuracy), rho)
        for accuracy in (Accuracy.COARSE, Accuracy.FINE)
    )
    angle, least = _minimum(coarse, 1e-5)
    return fine(angle) if least > _CLEAR else _minimum(fine, 1e-5)[1]


def _unsatisfied(distance: Callable[[float], float], rho: float) -> Callable[[float], float]:
    """Return (1 + t²ρ) D as a function of an angle; t√ρ, its tangent, has the whole half line."""
    return lambda angle: distance(math.sqrt(rho) * math.sin(angle)) / math.cos(angle) ** 2


def _minimum(unsatisfied: Callable[[float], float], tolerance: float) -> tuple[float, float]:
    """Return the angle of the minimum, to a tolerance, and the minimum.

    It is the only one: the root of E dist² is a norm of a convex function of v, hence convex in c.
    """
    bounds, options = (0.0, 0.5 * math.pi - 1e-6), {"xatol": tolerance}
    best = minimize_scalar(unsatisfied, bounds=bounds, method="bounded", options=options)
    return float(best.x), float(best.fun)


#: The minimum of the mean squared distance, by the law of the fields.
_LEAST: Mapping[type[FieldLaw], Callable[[Any, float], float]] = {
    TiltedLaw: _least_tilted,
    IndependentLaw: _least_independent,
}
