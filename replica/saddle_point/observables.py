"""Observables at a fixed point, and bounds of their errors."""

from __future__ import annotations

import math
from itertools import chain

import numpy as np

from replica.arrays import Vector
from replica.channels.channel_of import channel_of
from replica.channels.masked import MaskedChannel
from replica.ensembles.ensemble import Ensemble
from replica.memory import kept
from replica.problem import Loss
from replica.quadrature.rule import Accuracy, relative_difference
from replica.quadrature.temperature import Calibrated
from replica.saddle_point.couplings import coupling_error
from replica.saddle_point.equations import Overlaps
from replica.saddle_point.fixed_point import FixedPoint, amplification
from replica.saddle_point.saddle_point import SaddlePoint
from replica.saddle_point.solution import Solution, public
from replica.saddle_point.status import Status

Numbers = tuple[float, ...]

#: The largest residual of a converged solution.
CONVERGED = 2e-10

#: Relative rounding error of an average over the fields.
ROUNDING = 1e-14

#: What is told of masked contexts.
_MASKED = (
    "masked_test_loss", "masked_error_rate", "masked_temperature", "masked_calibrated_loss",
)  # fmt: skip


def solution_at(saddle: SaddlePoint, found: FixedPoint) -> Solution:
    """Return the solution where a search ended."""
    order = saddle.overlaps(found.x)
    conjugates, shown = saddle.conjugates(found.x), _of_full_contexts(order)
    test_loss, train_loss, *masked_loss = losses = losses_at(saddle, order, Accuracy.FINE)
    error_rate, distance, *masked_rate = rates = rates_at(saddle, order, Accuracy.FINE)
    quadrature_error = float(_quadrature_error(saddle, found, order, losses, rates))
    following = saddle.overlaps(found.x + found.gap)
    residual = float(max(saddle.couplings.change(found.gap), _difference(following, order)))
    status = found.status
    if status in (Status.CONVERGED, Status.MAX_STEPS):
        # A residual that rounding alone keeps from the tolerance is small enough.
        status = Status.CONVERGED if residual < CONVERGED else Status.MAX_STEPS
    calibrated, *masked_calibrated = calibrated_at(saddle, order)
    masked = zip(_MASKED, (*masked_loss, *masked_rate, *chain(*masked_calibrated)), strict=False)
    return Solution(
        saddle.problem,
        m=public(saddle.seen(shown.m)),
        q=public(saddle.seen(shown.q)),
        V=public(saddle.seen(shown.V)),
        m_hat=public(saddle.seen(conjugates.m)),
        q_hat=public(saddle.seen(conjugates.q)),
        V_hat=public(saddle.seen(conjugates.V)),
        norm2=float(order.norm2),
        test_loss=test_loss,
        train_loss=train_loss,
        optimal_loss=optimal_loss_at(saddle.ensemble, saddle.problem.loss),
        error_rate=error_rate,
        coupling_error=distance,
        coordinates=None if saddle.problem.masking is None else found.x,
        status=status,
        residual=residual,
        evaluations=saddle.evaluations,
        quadrature_error=quadrature_error,
        told=saddle.couplings.told(shown),
        temperature=calibrated.temperature,
        calibrated_loss=calibrated.loss,
        **{name: float(value) for name, value in masked},
    )


def without_answer(saddle: SaddlePoint, status: Status) -> Solution:
    """Return a solution of which only the status and the optimal loss are known."""
    nothing = map(saddle.seen, saddle.couplings.untrained[:3])
    m, q, V = (public(np.full_like(each, math.nan)) for each in nothing)
    return Solution(
        saddle.problem,
        m=m,
        q=q,
        V=V,
        m_hat=m,
        q_hat=q,
        V_hat=V,
        optimal_loss=optimal_loss_at(saddle.ensemble, saddle.problem.loss),
        status=status,
        evaluations=saddle.evaluations,
    )


def _quadrature_error(
    saddle: SaddlePoint, found: FixedPoint, order: Overlaps, losses: Numbers, rates: Numbers
) -> float:
    """Bound the relative error of a solution by its distance to that of a finer quadrature.

    The finer equations are solved one Newton step away. To this distance the rounding error is
    added, amplified by the inverse Jacobian. NaN if no bound is known.
    """
    finer_gap = saddle.evaluate(found.x, Accuracy.FINER) - found.x
    rounding = ROUNDING * amplification(found.inverse)
    if math.isnan(rounding):
        return math.nan
    moved = saddle.overlaps(found.x - found.inverse @ finer_gap)
    if not all(map(math.isfinite, chain(*(each.ravel().tolist() for each in moved[:3])))):
        return math.nan
    rates_apart = relative_difference(rates, rates_at(saddle, moved, Accuracy.FINER))
    losses_apart = relative_difference(losses, losses_at(saddle, order, Accuracy.FINER))
    solutions_apart = max(_difference(order, moved), rates_apart)
    return error_bound(saddle, order.m, order.q, rounding, losses_apart, solutions_apart)


def error_bound(
    saddle: SaddlePoint,
    m: Vector,
    q: Vector,
    rounding: float,
    losses_apart: float,
    solutions_apart: float,
) -> float:
    """Return the sum of what two quadratures differ by and of what both of them miss."""
    return (
        losses_apart
        + solutions_apart
        + optimal_loss_error(saddle.ensemble, saddle.problem.loss)
        + rounding
        + saddle.common_error
        + saddle.channel.rate_error(m, q)
    )


def losses_at(saddle: SaddlePoint, order: Overlaps, accuracy: Accuracy) -> Numbers:
    """Return test loss and training loss, and with masks the masked test loss."""
    full = _of_full_contexts(order)
    test = saddle.channel.test_loss(full.m, full.q, accuracy)
    losses = float(test), float(saddle.averages(order, accuracy).loss)
    if isinstance(saddle.channel, MaskedChannel):
        return *losses, saddle.channel.masked_test_loss(order.m, order.q, accuracy)
    if full is not order:
        return *losses, saddle.channel.test_loss(order.m, order.q, accuracy)
    return losses


def rates_at(saddle: SaddlePoint, order: Overlaps, accuracy: Accuracy) -> Numbers:
    """Return error rate and coupling error, and with masks the masked error rate."""
    full = _of_full_contexts(order)
    rate = saddle.channel.error_rate(full.m, full.q, accuracy)
    teacher_norm2 = saddle.couplings.teacher_norm2
    distance = float(coupling_error(teacher_norm2, order.teacher_overlap, order.norm2))
    if isinstance(saddle.channel, MaskedChannel):
        return rate, distance, saddle.channel.masked_error_rate(order.m, order.q, accuracy)
    if full is not order:
        return rate, distance, saddle.channel.error_rate(order.m, order.q, accuracy)
    return rate, distance


def calibrated_at(saddle: SaddlePoint, order: Overlaps) -> list[Calibrated]:
    """Return the best temperature and the loss at it, and with masks those of masked contexts."""
    full, channel = _of_full_contexts(order), saddle.channel
    found = [channel.calibrated(full.m, full.q)]
    if isinstance(channel, MaskedChannel):
        found.append(channel.masked_calibrated(order.m, order.q))
    elif full is not order:
        found.append(channel.calibrated(order.m, order.q))
    return found


def _of_full_contexts(order: Overlaps) -> Overlaps:
    return order if order.full is None else order.full


@kept()
def optimal_loss_at(
    ensemble: Ensemble, loss: str | Loss, accuracy: Accuracy = Accuracy.FINE
) -> float:
    """Return the loss of the true conditional law."""
    return channel_of(ensemble.law, loss).optimal_loss(ensemble.rho, accuracy)


@kept()
def optimal_loss_error(ensemble: Ensemble, loss: str | Loss) -> float:
    """Return the relative error of the loss of the true conditional law."""
    fine, finer = (
        optimal_loss_at(ensemble, loss, each) for each in (Accuracy.FINE, Accuracy.FINER)
    )
    return relative_difference([fine], [finer])


def _difference(one: Overlaps, other: Overlaps) -> float:
    """Return the largest relative difference of order parameters.

    That of a matrix is relative to its size, and that of a mean to the size of the field.
    """
    if one.m.ndim == 1:
        pairs = (chain(*(each.tolist() for each in overlaps[:3])) for overlaps in (one, other))
        return relative_difference(*pairs)
    field = math.sqrt(float((other.m**2).sum() + np.trace(other.q, axis1=1, axis2=2).sum()))
    sizes = [field, float(np.linalg.norm(other.q)), float(np.linalg.norm(other.V))]
    moved = [
        size + float(np.linalg.norm(a - b))
        for size, a, b in zip(sizes, one[:3], other[:3], strict=True)
    ]
    return relative_difference(moved, sizes)
