"""Problems of two colours from a neighbour's solution, by one kernel: these cost the least."""

from __future__ import annotations

import math

import numpy as np

from replica.channels.potts_cross_entropy import CrossEntropyChannel
from replica.quadrature.lattice import LATTICE_RADII, LatticeRule
from replica.quadrature.rule import Accuracy, relative_difference
from replica.saddle_point.continuation import State
from replica.saddle_point.couplings import SpectralCouplings, coupling_error
from replica.saddle_point.fixed_point import amplification
from replica.saddle_point.kernels.two_colors import search_two_colors
from replica.saddle_point.observables import CONVERGED, ROUNDING, error_bound, optimal_loss_at
from replica.saddle_point.saddle_point import SaddlePoint
from replica.saddle_point.solution import Solution
from replica.saddle_point.status import Status

_RADII = np.array(LATTICE_RADII[1:])


def solve_two_colors(
    saddle: SaddlePoint, state: State, tolerance: float, max_steps: int
) -> tuple[Solution, State] | None:
    """Return what the equations in general would, and None where they are others or do not end."""
    couplings, channel = saddle.couplings, saddle.channel
    if type(couplings) is not SpectralCouplings or not isinstance(channel, CrossEntropyChannel):
        return None
    if channel.colors != 2 or state.inverse is None:
        return None
    rule = saddle.rule_for(saddle.overlaps(state.x))
    if not isinstance(rule, LatticeRule):
        return None
    s, x, inverse, found = (
        couplings.spectrum,
        state.x.copy(),
        state.inverse.copy(),
        np.empty((4, 6)),
    )
    searched = search_two_colors(
        x, inverse, saddle.alpha, saddle.lam, s.scaled[0], s.weights, s.teacher,
        np.array(rule.spacings[1:]), _RADII, tolerance, max_steps, found,
    )  # fmt: skip
    saddle.evaluations += int(found[1, 5])
    if not searched:
        return None
    order, gap, after, finer = found
    m, q = order[:1], order[1:2]
    residual = max(
        couplings.change(gap[:3]), relative_difference(after[:3].tolist(), order[:3].tolist())
    )
    rounding = ROUNDING * amplification(inverse)
    if not (residual < CONVERGED and rule.covers(m, q, order[2:3]) and np.isfinite(finer).all()):
        return None
    test, test_finer = (
        channel.test_loss(m, q, accuracy) for accuracy in (Accuracy.FINE, Accuracy.FINER)
    )
    rates, rates_finer = (
        (
            channel.error_rate(each[:1], each[1:2], Accuracy.FINE),
            coupling_error(couplings.teacher_norm2, each[3], each[4]),
        )
        for each in (order, finer)
    )
    apart = relative_difference([*order[:3].tolist(), *rates], [*finer[:3].tolist(), *rates_finer])
    losses = relative_difference([test, order[5]], [test_finer, finer[5]])
    calibrated = channel.calibrated(m, q)
    V_hat, m_hat, q_hat = map(math.exp, x.tolist())
    m_, q_, V, _, norm2, train = order.tolist()
    solution = Solution(
        saddle.problem, m_, q_, V, m_hat, q_hat, V_hat, test, train,
        optimal_loss_at(saddle.ensemble, saddle.problem.loss), *rates,
        norm2=norm2,
        status=Status.CONVERGED,
        residual=residual,
        evaluations=saddle.evaluations,
        quadrature_error=error_bound(saddle, m, q, rounding, losses, apart),
        temperature=calibrated.temperature,
        calibrated_loss=calibrated.loss,
    )  # fmt: skip
    return solution, State(x, inverse)
