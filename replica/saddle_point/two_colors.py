"""Problems of two colours from their neighbours' solutions, by one kernel: these cost the least."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc

from replica.arrays import Matrix
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

#: What a solution holds of a point.
_NAMES = (
    "m", "q", "V", "m_hat", "q_hat", "V_hat", "test_loss", "train_loss", "error_rate",
    "coupling_error", "norm2", "residual", "quadrature_error", "temperature", "calibrated_loss",
)  # fmt: skip

Points = NDArray[np.float64]


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
    converged, numbers = _numbers(saddle, states[:followed], inverses, found[:followed])
    optimal = optimal_loss_at(saddle.ensemble, saddle.problem.loss)
    for k, row in enumerate(numbers.T.tolist()):
        if not converged[k]:
            return
        solution = Solution(
            problems[k],
            **dict(zip(_NAMES, row, strict=True)),
            optimal_loss=optimal,
            status=Status.CONVERGED,
            evaluations=int(found[k, GAP, 5]),
        )
        yield solution, State(states[k], inverses[k])


def _numbers(
    saddle: SaddlePoint, states: Matrix, inverses: Points, found: Points
) -> tuple[NDArray[np.bool_], Matrix]:
    """Return whether points have converged, and what solutions hold of them, a row per name."""
    gap, (test_loss, finer_loss, calibrated_loss) = found[:, GAP, :3], found[:, FRESH, :3].T
    # By the quadrature, and by the finer one.
    m, q, V, overlap, norm2, loss = found[:, (ORDER, FINER)].T
    teacher_norm2 = saddle.couplings.teacher_norm2
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = 0.5 * erfc(0.5 * m / np.sqrt(q))
        distance = (teacher_norm2 - 2.0 * overlap + norm2) / teacher_norm2
        pairs = np.array([m, q, V, rate, distance, loss, (test_loss, finer_loss)])
        apart = _apart(pairs[:, 0], pairs[:, 1]).T
        moved = _apart(found[:, AFTER, :3].T, pairs[:3, 0]).T
        temperature = q[0] / m[0]
    residual = np.maximum(np.abs(np.expm1(gap)).max(axis=1), moved.max(axis=1))
    shared = optimal_loss_error(saddle.ensemble, saddle.problem.loss) + LatticeRule.common_error
    rounding = ROUNDING * np.abs(inverses).sum(axis=2).max(axis=1)
    error = apart[:, :5].max(axis=1) + apart[:, 5:].max(axis=1) + shared + rounding
    V_hat, m_hat, q_hat = np.exp(states).T
    converged = (residual < CONVERGED) & np.isfinite(found).all(axis=(1, 2))
    return converged, np.array(
        [
            m[0], q[0], V[0], m_hat, q_hat, V_hat, test_loss, loss[0], rate[0], distance[0],
            norm2[0], residual, error, temperature, calibrated_loss,
        ]
    )  # fmt: skip


def _apart(one: Matrix, other: Matrix) -> Matrix:
    """Return relative differences; zeros do not differ, and nothing that is no number."""
    return np.fmax(np.abs(one - other) / np.abs(other), 0.0)
