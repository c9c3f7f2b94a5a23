"""The learning rate with which one pass ends at the smallest test loss."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np
from scipy.optimize import minimize

from replica.predictions.course import Course
from replica.predictions.fresh_row import FreshCourse, FreshRow
from replica.predictions.one_pass import fresh_row, largest_stable_rate, one_pass
from replica.predictions.pass_cost import Work
from replica.problem import Problem
from replica.problem.schedules import Schedule, ScheduleKind
from replica.quadrature.rule import TINY_OVERLAP, Accuracy
from replica.quadrature.search import deepest_minimum, flat_minimum
from replica.validation import invalid, positive

#: Grid of log η around its natural scale, and what a minimum on it is refined to. Larger rates are
#: those of a row that forgets each sequence with the next few per site.
_GRID, _COARSE = (1.8, 1.1, 0.4, -0.3, -1.0, -2.0, -3.5, -5.0), 0.1

#: How far apart further places of the grid are, for long passes, down to a rate at which a row has
#: learnt hardly anything.
_APART, _UNTRAINED = 1.5, 1.5

#: Half width and degree of the polynomial in log η whose minimum is the answer.
_HALF_WIDTH, _DEGREE = 0.25, 6

#: Tolerances of a course on the way, to find the minimum and to place it, and its evaluations.
_ROUGH, _TOLERANCE, _MOST = 1e-5, 1e-9, 20_000

#: The share of α that a span of "warm-up" is, where those of "1/t" begin, and the least of them.
_WARM_UP, _SPANS, _LEAST = 0.1, (0.03, 0.3), 1e-3

#: Where a search for rate and span ends, in their logarithms and relative to the loss, and the
#: tolerance of its courses.
_NEAR, _FLAT, _PLACED = 2e-3, 1e-8, 1e-7

#: About how many courses are followed beside those of the grid, for a rate alone and for one with
#: its span.
_FURTHER = 16, 80

#: In the place of a schedule: every one, of which the best is taken.
BEST = "best"


def optimal_rate(
    problem: Problem, alpha: float, schedule: ScheduleKind | Literal["best"] | str = "constant"
) -> tuple[Schedule, Course]:
    """Return the rate whose row has the smallest test loss after one pass, and that row.

    Parameters
    ----------
    problem : Problem
        What is learnt; its own alpha is not used.
    alpha : float
        Sequences per site that are seen in all.
    schedule : str
        "constant", "cosine", "1/t" or "warm-up", with a span as "1/t:2" or without: the span of
        "1/t" is then the best one, that of "cosine" alpha, and that of "warm-up" a tenth of it.
        "best" is the best of all.

    Returns
    -------
    schedule : Schedule
        With the best rate, to about four digits.
    course : Course
        Its row at alpha, one line.

    Raises
    ------
    ValueError
        If an argument is not allowed, or no rate is better than its neighbours.

    Examples
    --------
    >>> from replica import PottsTokens, Problem, optimal_rate
    >>> schedule, last = optimal_rate(Problem(1.0, 0.0, PottsTokens(3, 1.5)), alpha=16.0)
    >>> round(schedule.rate, 3), last.test_loss.round(4)
    (0.51, array([0.9099]))
    """
    end = positive("alpha", alpha)
    search = _Search(fresh_row(problem), end)
    if not search.teaches:
        raise invalid("problem", problem, "one of a true row other than 0, from which to learn")
    texts = Schedule.kinds if schedule == BEST else (schedule,)
    best = min((search.best(text) for text in texts), key=search.test_loss)
    return best, one_pass(problem, best, [end])


def search_cost(problem: Problem, alpha: float, schedule: str) -> float:
    """Return about how many seconds `optimal_rate` takes."""
    end = positive("alpha", alpha)
    seconds = _Search(fresh_row(problem), end).seconds()
    texts = Schedule.kinds if schedule == BEST else (schedule,)
    further = sum(_FURTHER[text == "1/t"] for text in texts)
    return len(texts) * sum(seconds) + further * float(np.median(seconds))


class _Search:
    """The test loss at the end of a course, as a function of its schedule."""

    def __init__(self, row: FreshRow, end: float) -> None:
        self._row, self._end = row, end
        self._stable = largest_stable_rate(row)
        nothing = np.zeros(len(row.spectrum.scales))
        force = row.channel.fresh(nothing, nothing + TINY_OVERLAP, Accuracy.FINE)
        #: A row forgets at about this rate, for each unit of η.
        forgets = force.response @ row.spectrum.scaled @ row.spectrum.weights
        self.teaches = row.spectrum.teacher_norm2 > 0.0 and forgets > 0.0
        self._scale = -math.log(forgets) if self.teaches else 0.0
        least = -math.log(end) - _UNTRAINED
        self._grid = (*_GRID, *np.arange(_GRID[-1] - _APART, least, -_APART).tolist())

    def seconds(self) -> list[float]:
        """Return about what the courses of the grid take."""
        tried = (Schedule(math.exp(self._scale + place)) for place in self._grid)
        works = (Work(self._row, rate, self._end) for rate in tried)
        return [work.cost(_MOST, Accuracy.FINE).seconds for work in works]

    def test_loss(self, schedule: Schedule, tolerance: float = _TOLERANCE) -> float:
        """Return the test loss of a schedule, infinity where it is not stable."""
        if schedule.rate >= self._stable:
            return math.inf
        followed = FreshCourse(self._row, schedule, Accuracy.FINE, tolerance, _MOST)
        for reached in followed.through([self._end]):
            m, q = reached.row.m[0], np.maximum(reached.row.q[0], TINY_OVERLAP)
            return self._row.channel.test_loss(m, q, Accuracy.FINE)
        return math.inf

    def best(self, text: str) -> Schedule:
        """Return the best of the schedules that a text names, or raise ValueError."""
        shape = Schedule.from_text(1.0, text)
        if ":" in text or shape.kind == "constant":
            return self._at_best_rate(shape)
        if shape.kind != "1/t":
            share = _WARM_UP if shape.kind == "warm-up" else 1.0
            return self._at_best_rate(replace(shape, span=share * self._end))
        tried = [self._at_best_rate(replace(shape, span=s * self._end)) for s in _SPANS]
        return self._at_best_span(min(tried, key=self.test_loss))

    def _at_best_rate(self, shape: Schedule) -> Schedule:
        def loss(place: float, tolerance: float = _TOLERANCE) -> float:
            return self.test_loss(replace(shape, rate=math.exp(self._scale + place)), tolerance)

        found = deepest_minimum(partial(loss, tolerance=_ROUGH), self._grid, _COARSE, ends=False)
        if not found.inside:
            raise invalid("schedule", str(shape), "one of which some rate is best at this alpha")
        place = flat_minimum(loss, found.place, _HALF_WIDTH, _DEGREE)
        best = found.place if place is None else place
        return replace(shape, rate=math.exp(self._scale + best))

    def _at_best_span(self, start: Schedule) -> Schedule:
        assert start.span is not None

        def loss(places: np.ndarray) -> float:
            rate, span = np.exp(places)
            if not self._end * _LEAST < span < self._end / _LEAST:
                return math.inf
            there = replace(start, rate=float(rate), span=float(span))
            return self.test_loss(there, _PLACED)

        begin = np.log([start.rate, start.span])
        ends = {"xatol": _NEAR, "fatol": _FLAT, "maxfev": 200}
        simplex = begin + 0.3 * np.array([[0, 0], [1, 0], [0, 1]])
        found = minimize(
            loss, begin, method="Nelder-Mead", options=ends | {"initial_simplex": simplex}
        )
        rate, span = np.exp(found.x).tolist()
        return replace(start, rate=rate, span=span)
