"""Rows of the attention at V = U, trained by full-batch gradient descent from zero."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replica.problem.data_model import LossName
from replica.validation import invalid, non_negative, positive
from simulations.estimators.given import increasing
from simulations.estimators.minimiser import Training, objectives_of
from simulations.estimators.objective import Rows
from simulations.estimators.own_loss import OwnLoss
from simulations.kernels.one_thread import one_thread
from simulations.tokens import Floats

#: Numbers in the largest array that is made.
_LARGEST = 8_000_000

#: By how much rounding may lengthen a gradient, relative to that at w = 0, and by what factor
#: momentum may.
_ROUNDING, _SWING = 1e-9, 10.0


def descend(
    tokens: Any,
    colors: int,
    lam: float,
    rate: float,
    steps: Sequence[int],
    loss: LossName | OwnLoss = "cross-entropy",
    similarity: Any = None,
    rows: Any = None,
    momentum: float = 0.0,
) -> Iterator[tuple[int, Training]]:
    """Train rows by gradient descent from w = 0, and look at them on the way.

    A step is w ← w + v, v ← μ v - (η/L) ∂, with ∂ the gradient of
    Σ_μ ℓ(s_i^μ, Σ_j w_j U s_j^μ) + (L λ / 2) |w|² over all sequences, as `train` minimises it.
    A row is "diverged" from where the gradient has grown, as it does under steps too long for the
    curvature and, on a convex loss, no others; with momentum, where it exceeds ten times the first.

    Parameters
    ----------
    tokens : uint8 array (samples, sites)
        Training sequences.
    colors : int
        C.
    lam : float
        λ, 0 or greater.
    rate : float
        The rate η, greater than 0.
    steps : sequence of int
        The numbers of steps, 0 or greater and increasing.
    loss : str or OwnLoss
        "cross-entropy", "squared-error" or a loss of the user's.
    similarity : array (colors, colors), optional
        U; None is the identity.
    rows : sequence of int, optional
        The sites i; None is all.
    momentum : float
        The share μ of a step that the next one repeats, 0 or greater and less than 1.

    Returns
    -------
    iterator of (int, Training)
        Numbers of steps, and the rows after them: "converged" where every step did what it
        should; `evaluations` counts the gradients.

    Raises
    ------
    ValueError
        If an argument is not allowed.

    Examples
    --------
    >>> from replica import PottsTokens
    >>> from simulations import PottsModel, descend, sample
    >>> tokens = sample(PottsModel.random(PottsTokens(3, 1.5), 20, seed=0), 40, seed=1)
    >>> on_the_way = descend(tokens, 3, lam=0.1, rate=0.3, steps=[0, 5, 20])
    >>> [(step, rows.status) for step, rows in on_the_way]
    [(0, 'converged'), (5, 'converged'), (20, 'converged')]
    """
    rate, momentum = positive("rate", rate), _share(momentum)
    objectives = objectives_of(tokens, colors, lam, loss, similarity, rows)
    # What is refused is refused here, not when the first rows are asked for.
    return _course(objectives, rate / objectives.sites, momentum, increasing("steps", steps))


def _share(momentum: Any) -> float:
    share = non_negative("momentum", momentum)
    if share >= 1.0:
        raise invalid("momentum", momentum, "a number from 0 to less than 1")
    return share


def _course(
    rows: Rows, length: float, momentum: float, steps: list[int]
) -> Iterator[tuple[int, Training]]:
    points = np.zeros((rows.sites, len(rows.rows)))
    moves, slopes = np.zeros_like(points), _gradients(rows, points)
    first = norms = _norms(slopes)
    scale = np.where(first > 0.0, first, 1.0)
    grown = np.zeros(len(first), dtype=bool)
    taken = 0
    for step in steps:
        for _ in range(taken, step):
            with np.errstate(over="ignore", invalid="ignore"):
                moves = momentum * moves - length * slopes
                points = points + moves
                slopes, before = _gradients(rows, points), norms
                norms = _norms(slopes)
            grown |= ~(norms <= (_SWING * first if momentum else before + _ROUNDING * first))
        taken = step
        yield step, _trained(rows, points, norms / scale, grown, step)


@one_thread
def _gradients(rows: Rows, points: Floats) -> Floats:
    """Return the gradients of all rows, of some at a time where there are many sequences."""
    columns = np.arange(points.shape[1])
    width = max(1, _LARGEST // (len(rows.tokens) * rows.colors))
    found = np.empty_like(points)
    for start in range(0, len(columns), width):
        part = columns[start : start + width]
        found[:, part] = rows.gradients(np.ascontiguousarray(points[:, part]), part)
    return found


def _norms(slopes: Floats) -> Floats:
    norms: Floats = np.linalg.norm(slopes, axis=0)
    return norms


def _trained(
    rows: Rows, points: Floats, residuals: Floats, grown: NDArray[np.bool_], step: int
) -> Training:
    statuses = np.where(grown, "diverged", "converged").astype(object)
    statuses[~np.isfinite(residuals)] = "not-finite"
    weights = np.ascontiguousarray(points.T)
    return Training(weights, rows.rows, residuals, np.full(len(residuals), step + 1), statuses)
