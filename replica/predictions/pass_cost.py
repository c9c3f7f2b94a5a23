"""How long it takes to follow a row through one pass, told before it is done."""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np

from replica.predictions.fresh_row import FreshRow
from replica.problem.schedules import AnySchedule
from replica.quadrature.rule import TINY_OVERLAP, Accuracy

#: Evaluations of an integration: at the least, and for every time in which a row forgets, of which
#: a step takes no more than about three.
_LEAST, _EACH = 300, 4.3

#: Points of the integral over the schedule, and the widest fields whose averages are timed.
_POINTS, _WIDE = 400, 1e3


class Cost(NamedTuple):
    """What a course takes, of one core."""

    evaluations: int
    seconds: float


class Work:
    """About how many evaluations an integration up to τ = `last` takes."""

    def __init__(self, row: FreshRow, schedule: AnySchedule, last: float) -> None:
        nothing, self._row = np.zeros(len(row.spectrum.scales)), row
        start = row.channel.fresh(nothing, nothing + TINY_OVERLAP, Accuracy.FINE)
        forgetting = np.maximum(start.response @ row.spectrum.scaled + row.lam, TINY_OVERLAP)
        self._places = np.concatenate([[0.0], last * np.geomspace(1e-6, 1.0, _POINTS)])
        rates = np.array([schedule(place) for place in self._places.tolist()])
        moved = np.cumsum(np.diff(self._places) * (rates[1:] + rates[:-1]) / 2)
        times = forgetting.max() * np.concatenate([[0.0], moved])
        self._evaluations = np.linspace(0.0, _LEAST, _POINTS + 1) + _EACH * times
        # Fields grow to the noise that is forgotten as fast as it comes.
        noise = 0.5 * rates.max() * (start.energy @ row.spectrum.scaled) / forgetting
        q = row.spectrum.scaled @ (row.spectrum.weights * noise)
        self._q = np.clip(q, TINY_OVERLAP, _WIDE)

    def share(self, seen: float) -> float:
        """Return the share of all evaluations that is done when τ is `seen`."""
        done = np.interp(seen, self._places, self._evaluations)
        return float(done / self._evaluations[-1])

    def cost(self, most: int, *accuracies: Accuracy) -> Cost:
        """Return what integrations of these accuracies take, each of `most` evaluations or less."""
        count = round(min(self._evaluations[-1], most))
        return Cost(len(accuracies) * count, count * sum(map(self._seconds, accuracies)))

    def _seconds(self, accuracy: Accuracy) -> float:
        """Return what an evaluation takes, in the mean of the start and of wide fields."""
        row, state = self._row, np.zeros(2 * len(self._row.spectrum.weights))
        row.slope(state, 1.0, accuracy)
        start = time.process_time()
        row.channel.fresh(np.zeros_like(self._q), self._q, accuracy)
        row.slope(state, 1.0, accuracy)
        return 0.5 * (time.process_time() - start)
