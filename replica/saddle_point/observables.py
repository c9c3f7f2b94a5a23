"""Observables at a fixed point, and bounds of their errors."""

from __future__ import annotations

import math

import numpy as np

from replica.channels.channel_of import channel_of
from replica.ensembles.ensemble import Ensemble
from replica.memory import kept
from replica.problem import Loss
from replica.quadrature.rule import Accuracy, relative_difference
from replica.saddle_point.couplings import coupling_error
from replica.saddle_point.equations import Overlaps
from replica.saddle_point.fixed_point import FixedPoint
from replica.saddle_point.saddle_point import SaddlePoint
from replica.saddle_point.solution import Solution, public
from replica.saddle_point.status import Status

Numbers = tuple[float, float]

#: The largest residual of a converged solution.
_CONVERGED = 2e-10

#: Relative rounding error of an average over the fields.
_ROUNDING = 1e-14


def solution_at(saddle: SaddlePoint, found: FixedPoint) -> Solution:
    """Return the solution where a search ended."""
    order = saddle.overlaps(found.x)
    conjugates = saddle.conjugates(found.x)
    test_loss, train_loss = losses = losses_at(saddle, order, Accuracy.FINE)
    error_rate, distance = rates = rates_at(saddle, order, Accuracy.FINE)
    residual = max(
        saddle.couplings.change(found.gap),
        relative_difference(_listed(saddle.overlaps(found.x + found.gap)), _listed(order)),
    )
    status = found.status
    if status in (Status.CONVERGED, Status.MAX_STEPS):
        # A residual that rounding alone keeps from the tolerance is small enough.
        status = Status.CONVERGED if residual < _CONVERGED else Status.MAX_STEPS
    quadrature_error = _quadrature_error(saddle, found, order, losses, rates)
    calibrated = saddle.channel.calibrated(order.m, order.q)
    return Solution(
        saddle.problem,
        m=public(order.m),
        q=public(order.q),
        V=public(order.V),
        m_hat=public(conjugates.m),
        q_hat=public(conjugates.q),
        V_hat=public(conjugates.V),
        test_loss=test_loss,
        train_loss=train_loss,
        optimal_loss=optimal_loss_at(saddle.ensemble, saddle.problem.loss),
        error_rate=error_rate,
        coupling_error=distance,
        status=status,
        residual=residual,
        evaluations=saddle.evaluations,
        quadrature_error=quadrature_error,
        temperature=calibrated.temperature,
        calibrated_loss=calibrated.loss,
    )


def without_answer(saddle: SaddlePoint, status: Status) -> Solution:
    """Return a solution of which only the status and the optimal loss are known."""
    m, q, V = (public(np.full_like(each, math.nan)) for each in saddle.couplings.untrained[:3])
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
    if not np.isfinite(found.inverse).all():
        return math.nan
    moved = saddle.overlaps(found.x - found.inverse @ finer_gap)
    if not np.isfinite(_listed(moved)).all():
        return math.nan
    return (
        relative_difference(losses, losses_at(saddle, order, Accuracy.FINER))
        + relative_difference(
            [*_listed(order), *rates],
            [*_listed(moved), *rates_at(saddle, moved, Accuracy.FINER)],
        )
        + _optimal_loss_error(saddle.ensemble, saddle.problem.loss)
        + _ROUNDING * float(np.abs(found.inverse).sum(axis=1).max())
        + saddle.common_error
        + saddle.channel.rate_error(order.m, order.q)
    )


def losses_at(saddle: SaddlePoint, order: Overlaps, accuracy: Accuracy) -> Numbers:
    """Return test loss and training loss."""
    test = saddle.channel.test_loss(order.m, order.q, accuracy)
    return float(test), float(saddle.averages(order, accuracy).loss)


def rates_at(saddle: SaddlePoint, order: Overlaps, accuracy: Accuracy) -> Numbers:
    """Return error rate and coupling error."""
    rate = saddle.channel.error_rate(order.m, order.q, accuracy)
    teacher_norm2 = saddle.couplings.teacher_norm2
    return rate, float(coupling_error(teacher_norm2, order.teacher_overlap, order.norm2))


@kept()
def optimal_loss_at(
    ensemble: Ensemble, loss: str | Loss, accuracy: Accuracy = Accuracy.FINE
) -> float:
    """Return the loss of the true conditional law."""
    return channel_of(ensemble.law, loss).optimal_loss(ensemble.rho, accuracy)


@kept()
def _optimal_loss_error(ensemble: Ensemble, loss: str | Loss) -> float:
    fine, finer = (
        optimal_loss_at(ensemble, loss, each) for each in (Accuracy.FINE, Accuracy.FINER)
    )
    return relative_difference([fine], [finer])


def _listed(order: Overlaps) -> list[float]:
    m, q, V = order.m.ravel(), order.q.ravel(), order.V.ravel()
    return [*m.tolist(), *q.tolist(), *V.tolist()]
