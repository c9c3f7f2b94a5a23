"""Rows of the attention at V = U that see every sequence once: stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replica.problem.data_model import LossName
from replica.problem.schedules import AnySchedule, Schedule, schedule_of
from simulations.estimators.given import Given, given, increasing
from simulations.estimators.minimiser import Training
from simulations.estimators.own_loss import OwnLoss
from simulations.kernels.one_thread import one_thread
from simulations.tokens import Floats

#: Sequences by which it is told whether the forces on them have grown, and by what factor they may.
_LOOKED, _SWING = 20, 10.0


def train_once(
    tokens: Any,
    colors: int,
    lam: float,
    rate: float | Schedule | Any,
    samples: Sequence[int],
    loss: LossName | OwnLoss = "cross-entropy",
    similarity: Any = None,
    rows: Any = None,
) -> Iterator[tuple[int, Training]]:
    """Train rows on sequences of which none is seen twice, from w = 0, and look at them on the way.

    A sequence moves a row by w ← w - (η/L) ∂ℓ(s_i, Σ_j w_j U s_j) - (ηλ/L) w.

    Parameters
    ----------
    tokens : uint8 array (samples, sites)
        Training sequences, in the order in which they are seen.
    colors : int
        C.
    lam : float
        λ, 0 or greater, of every sequence.
    rate : float, Schedule or callable
        η, constant or depending on the sequences seen so far per site, of which the one at hand
        counts half.
    samples : sequence of int
        Numbers of sequences, 0 or greater and increasing, up to all.
    loss : str or OwnLoss
        "cross-entropy", "squared-error" or a loss of the user's.
    similarity : array (colors, colors), optional
        U; None is the identity.
    rows : sequence of int, optional
        The sites i; None is all.

    Returns
    -------
    iterator of (int, Training)
        Numbers of sequences, and the rows after them: "converged"; "diverged", where the forces on
        the last sequences exceed ten times those at w = 0, as at rates at which the fields of the
        squared error grow without end; or "not-finite", where they have grown beyond all numbers.
        There is no residual; `evaluations` counts the gradients.

    Raises
    ------
    ValueError
        If an argument is not allowed.

    Examples
    --------
    >>> from replica import PottsTokens
    >>> from simulations import PottsModel, sample, train_once
    >>> tokens = sample(PottsModel.random(PottsTokens(3, 1.5), 20, seed=0), 80, seed=1)
    >>> seen = train_once(tokens, 3, lam=0.0, rate=0.8, samples=[20, 80])
    >>> [(number, rows.status) for number, rows in seen]
    [(20, 'converged'), (80, 'converged')]
    """
    known = given(tokens, colors, lam, loss, similarity, rows)
    sites = known.tokens.shape[1]
    stops = increasing("samples", samples, len(known.tokens))
    schedule = schedule_of(rate, stops[-1] / sites)
    # What is refused is refused here, not when the first rows are asked for.
    return _course(_Rows(known), schedule, stops)


def _course(rows: _Rows, schedule: AnySchedule, stops: list[int]) -> Iterator[tuple[int, Training]]:
    taken = 0
    for stop in stops:
        rates = [schedule((number + 0.5) / rows.sites) for number in range(taken, stop)]
        rows.move(taken, rates)
        taken = stop
        yield stop, rows.trained(stop)


class _Rows:
    """Rows in training, weights of an array (sites, rows)."""

    def __init__(self, known: Given) -> None:
        self._known, self.sites = known, known.tokens.shape[1]
        self._one_hot = np.eye(len(known.values))
        self._weights = np.zeros((self.sites, len(known.rows)))

    @one_thread
    def move(self, first: int, rates: Sequence[float]) -> None:
        """Train the rows on as many sequences as there are rates, one after the other."""
        known, own = self._known, (self._known.rows, np.arange(len(self._known.rows)))
        with np.errstate(over="ignore", invalid="ignore"):
            for sequence, rate in zip(known.tokens[first:], rates, strict=False):
                context, step = self._one_hot[sequence], rate / self.sites
                fields, seen = self._fields(context), context[known.rows]
                slope = known.loss.gradient(fields[None], seen[None])[0]
                self._weights *= 1.0 - step * known.lam
                self._weights -= step * (context @ (slope @ known.values).T)
                self._weights[own] = 0.0

    def trained(self, number: int) -> Training:
        """Return the rows as they are, after so many sequences."""
        weights = np.ascontiguousarray(self._weights.T)
        count = len(weights)
        statuses = np.where(self._grown(number), "diverged", "converged").astype(object)
        statuses[~np.isfinite(weights).all(axis=1)] = "not-finite"
        unknown, steps = np.full(count, np.nan), np.full(count, number)
        return Training(weights, self._known.rows, unknown, steps, statuses)

    @one_thread
    def _grown(self, number: int) -> NDArray[np.bool_]:
        """Tell on which rows the last sequences act with forces that have grown."""
        context = self._one_hot[self._known.tokens[max(number - _LOOKED, 0) : number]]
        seen = context[:, self._known.rows]
        with np.errstate(over="ignore", invalid="ignore"):
            fields = self._fields(context)
            here, first = (
                (self._known.loss.gradient(each, seen) ** 2).sum(axis=(0, 2))
                for each in (fields, np.zeros_like(fields))
            )
            return np.asarray(here > _SWING**2 * first)

    def _fields(self, context: Floats) -> Floats:
        """Return the fields of one-hot sequences, (..., rows, colors)."""
        return np.asarray(self._weights.T @ (context @ self._known.values.T))
