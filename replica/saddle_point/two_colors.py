"""Problems of two colours from their neighbours' solutions, by one kernel: these cost the least."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc

from replica.arrays import Matrix, Vector
from replica.channels.potts_cross_entropy import CrossEntropyChannel
from replica.problem import Problem
from replica.quadrature.lattice import DIGITS, LATTICE_DIGITS, LATTICE_RADII, RADII, LatticeRule
from replica.saddle_point.continuation import State
from replica.saddle_point.couplings import SpectralCouplings
from replica.saddle_point.kernels.two_color_curve import (
    AFTER,
    FINER,
    FRESH,
    GAP,
    ORDER,
    PAST,
    follow_two_colors,
)
from replica.saddle_point.observables import (
    CONVERGED,
    ROUNDING,
    optimal_loss_at,
    optimal_loss_error,
)
from replica.saddle_point.saddle_point import SaddlePoint
from replica.saddle_point.solution import Solution
from replica.saddle_point.status import Status

#: Points of lattices that are averaged over before the kernel returns: some 20 ms.
_BUDGET = 2e5

#: Of the accuracies FINE and FINER.
_LATTICE = np.array(LATTICE_DIGITS[1:]), np.array(LATTICE_RADII[1:])
_FRESH = np.array(DIGITS[1:]), np.array(RADII[1:])


def follow(
    saddle: SaddlePoint,
    problems: Sequence[Problem],
    past: Sequence[tuple[float, State]],
    tolerance: float,
    max_steps: int,
) -> Iterator[tuple[Solution, State]]:
    """Yield what the equations in general would, as far as they are those of two colours.

    Parameters
    ----------
    saddle : SaddlePoint
        That of the first problem.
    problems : sequence of Problem
        In the order in which they are followed; they differ in alpha only.
    past : sequence of (float, State)
        log α and the state of the neighbours before.
    tolerance, max_steps : float, int
        Where the search for a point ends.
    """
    couplings, channel = saddle.couplings, saddle.channel
    if type(couplings) is not SpectralCouplings or not isinstance(channel, CrossEntropyChannel):
        return
    if channel.colors != 2 or past[-1][1].inverse is None:
        return
    before, count = past[-PAST:], len(problems)
    places = np.array([place for place, _ in before] + [math.log(each.alpha) for each in problems])
    states, inverses = np.empty((len(places), 3)), np.empty((count, 3, 3))
    states[: len(before)] = [state.x for _, state in before]
    found = np.zeros((count, 5, 6))
    s = couplings.spectrum
    followed = follow_two_colors(
        np.array([problem.alpha for problem in problems]),
        saddle.lam, (s.scaled[0], s.weights, s.teacher), _LATTICE, _FRESH,
        places, states, past[-1][1].inverse.copy(),
        (tolerance, max_steps, channel.largest_q, _BUDGET), inverses, found,
    )  # fmt: skip
    if not followed:
        saddle.evaluations += int(found[0, GAP, 5])
        return
    states, inverses = states[len(before) :], inverses[:followed]
    columns = _columns(saddle, states[:followed], inverses, found[:followed])
    converged = columns.pop("converged")
    names, known = list(columns), np.column_stack(list(columns.values())).tolist()
    optimal = optimal_loss_at(saddle.ensemble, saddle.problem.loss)
    for k, row in enumerate(known):
        if not converged[k]:
            return
        yield (
            Solution(
                problems[k],
                **dict(zip(names, row, strict=True)),
                optimal_loss=optimal,
                status=Status.CONVERGED,
                evaluations=int(found[k, GAP, 5]),
            ),
            State(states[k], inverses[k]),
        )


def _columns(
    saddle: SaddlePoint, states: Matrix, inverses: NDArray[np.float64], found: NDArray[np.float64]
) -> dict[str, Vector]:
    """Return what solutions hold, and whether they converged, an array each."""
    order, gap, finer = found[:, ORDER], found[:, GAP, :3], found[:, FINER]
    m, q, V, _, norm2, train_loss = order.T
    test_loss, finer_loss, calibrated_loss = found[:, FRESH, :3].T
    rates, finer_rates = (_rates(each, saddle.couplings.teacher_norm2) for each in (order, finer))
    residual = np.maximum(
        np.abs(np.expm1(gap)).max(axis=1), _apart(found[:, AFTER, :3], order[:, :3])
    )
    apart = np.maximum(_apart(order[:, :3], finer[:, :3]), _apart(rates, finer_rates))
    losses_apart = _apart(
        np.column_stack([test_loss, train_loss]), np.column_stack([finer_loss, finer[:, 5]])
    )
    shared = optimal_loss_error(saddle.ensemble, saddle.problem.loss) + LatticeRule.common_error
    rounding = ROUNDING * np.abs(inverses).sum(axis=2).max(axis=1)
    V_hat, m_hat, q_hat = np.exp(states).T
    with np.errstate(divide="ignore"):
        temperature = q / m
    return {
        "m": m, "q": q, "V": V, "m_hat": m_hat, "q_hat": q_hat, "V_hat": V_hat,
        "test_loss": test_loss, "train_loss": train_loss,
        "error_rate": rates[:, 0], "coupling_error": rates[:, 1], "norm2": norm2,
        "residual": residual, "quadrature_error": losses_apart + apart + shared + rounding,
        "temperature": temperature, "calibrated_loss": calibrated_loss,
        "converged": (residual < CONVERGED) & np.isfinite(finer).all(axis=1),
    }  # fmt: skip


def _rates(order: Matrix, teacher_norm2: float) -> Matrix:
    """Return error rates and coupling errors, a line per point."""
    m, q, _, overlap, norm2, _ = order.T
    distance = teacher_norm2 - 2.0 * overlap + norm2
    none = np.full_like(distance, np.nan)
    return np.column_stack(
        [
            0.5 * erfc(0.5 * m / np.sqrt(q)),
            distance / teacher_norm2 if teacher_norm2 else none,
        ]
    )


def _apart(one: Matrix, other: Matrix) -> Vector:
    """Return the largest relative difference on each line, where NaN does not differ from NaN."""
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.abs(one - other) / np.abs(other)
    return np.asarray(np.where(same, 0.0, apart).max(axis=1))
