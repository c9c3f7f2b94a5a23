"""Rows of the attention at V = U that see every sequence once: stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from replica.problem.data_model import LossName
from replica.problem.schedules import AnySchedule, Schedule, schedule_of
from replica.validation import invalid, non_negative, unmasked
from simulations.estimators.losses import loss_named
from simulations.estimators.minimiser import Training
from simulations.estimators.objective import Loss
from simulations.estimators.own_loss import OwnLoss
from simulations.kernels.one_thread import one_thread
from simulations.sequences.potts import checked_colors
from simulations.tokens import (
    Floats,
    Tokens,
    checked_similarity,
    checked_sites,
    checked_tokens,
    seen,
)


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
        Numbers of sequences, and the rows after them: "converged", or "not-finite" where they
        have grown beyond all numbers. There is no residual; `evaluations` counts the gradients.

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
    colors = checked_colors(colors)
    tokens = checked_tokens(tokens, None, colors, least=1)
    stops = _stops(samples, len(tokens))
    schedule = schedule_of(rate, stops[-1] / tokens.shape[1])
    U = np.eye(colors) if similarity is None else seen(checked_similarity(similarity, colors))
    trained = _Rows(loss_named(loss), U, checked_sites(rows, tokens.shape[1]), tokens.shape[1])
    # What is refused is refused here, not when the first rows are asked for.
    return _course(trained, tokens, non_negative("lam", lam), schedule, stops)


def _stops(samples: Any, most: int) -> list[int]:
    allowed = f"increasing integers from 0 to {most}, the number of sequences"
    array = unmasked("samples", samples, allowed)
    if array.ndim != 1 or not array.size or not np.issubdtype(array.dtype, np.integer):
        raise invalid("samples", samples, allowed)
    if array[0] < 0 or array[-1] > most or not (np.diff(array) > 0).all():
        raise invalid("samples", samples, allowed)
    stops: list[int] = array.tolist()
    return stops


def _course(
    rows: _Rows, tokens: Tokens, lam: float, schedule: AnySchedule, stops: list[int]
) -> Iterator[tuple[int, Training]]:
    taken, sites = 0, tokens.shape[1]
    for stop in stops:
        rates = [schedule((number + 0.5) / sites) / sites for number in range(taken, stop)]
        rows.move(tokens[taken:stop], rates, lam)
        taken = stop
        yield stop, rows.trained(stop)


class _Rows:
    """Rows in training, weights of an array (sites, rows)."""

    def __init__(self, loss: Loss, values: Floats, rows: Any, sites: int) -> None:
        self._loss, self._values, self._rows = loss, values, rows
        self._weights = np.zeros((sites, len(rows)))

    @one_thread
    def move(self, tokens: Tokens, rates: Sequence[float], lam: float) -> None:
        """Train the rows on some sequences, one after the other."""
        one_hot, own = np.eye(len(self._values)), (self._rows, np.arange(len(self._rows)))
        with np.errstate(over="ignore", invalid="ignore"):
            for sequence, rate in zip(tokens, rates, strict=True):
                context = one_hot[sequence]
                fields = self._weights.T @ (context @ self._values.T)
                slope = self._loss.gradient(fields[None], context[self._rows][None])[0]
                self._weights *= 1.0 - rate * lam
                self._weights -= rate * (context @ (slope @ self._values).T)
                self._weights[own] = 0.0

    def trained(self, number: int) -> Training:
        """Return the rows as they are, after so many sequences."""
        weights = np.ascontiguousarray(self._weights.T)
        finite = np.isfinite(weights).all(axis=1)
        count = len(self._rows)
        statuses = np.where(finite, "converged", "not-finite").astype(object)
        unknown, steps = np.full(count, np.nan), np.full(count, number)
        return Training(weights, self._rows, unknown, steps, statuses)
