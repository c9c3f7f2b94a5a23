"""Training that sees every sequence once, as two differential equations per eigenvalue."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from replica.arrays import Vector
from replica.channels.channel import Channel
from replica.channels.channel_of import channel_of
from replica.channels.quadratic import QuadraticChannel
from replica.ensembles import ensemble_of
from replica.predictions.course import Course
from replica.predictions.fresh_row import Followed, FreshRow, Reached
from replica.problem import Problem
from replica.problem.schedules import AnySchedule, Schedule, schedule_of
from replica.quadrature.rule import TINY_OVERLAP, Accuracy, relative_difference
from replica.saddle_point.couplings import coupling_error
from replica.saddle_point.observables import optimal_loss_at
from replica.saddle_point.solution import behind, public
from replica.validation import integer, invalid, non_negative

#: The name of the training in tables.
ESTIMATOR = "one-pass"

#: Relative tolerances of the integration, and of the one that tells its error.
_TOLERANCE, _ROUGHER = 1e-11, 1e-9

#: The most sequences per site.
_LONGEST = 1e6


def one_pass(
    problem: Problem,
    rate: float | Schedule | Callable[[float], float],
    alphas: Iterable[float],
    *,
    max_steps: int = 200_000,
) -> Course:
    """Follow a row that is trained on every sequence once, by stochastic gradient descent.

    From w = 0 every sequence moves the row by w ← w - (η/L) ∂ℓ - (ηλ/L) w. As no sequence comes
    again the fields of the next one are fresh, and the overlaps follow ordinary differential
    equations (THEORY.md, section 17). The weight decay λ is that per sequence, λ/α of the
    minimiser.

    Parameters
    ----------
    problem : Problem
        What is learnt; its own alpha is not used.
    rate : float, Schedule or callable
        η: a number, a `Schedule`, or a function of the sequences seen so far per site.
    alphas : iterable of float
        Sequences per site, ascending from 0 or more, at which the row is looked at.
    max_steps : int
        Evaluations of the equations after which they are not followed any further.

    Returns
    -------
    Course
        A line per alpha. Its `error` bounds the relative error of all observables by their
        distance to the same course with a rougher integrator and quadrature. There is no training
        loss: on every sequence that is about to train it, a row has its test loss.

    Raises
    ------
    ValueError
        If an argument is not allowed, the data are moments, or the rate reaches one at which
        fields grow without end, as with the squared error.
    """
    places = _places(alphas)
    schedule = schedule_of(rate, places[-1])
    row = fresh_row(problem)
    check_stable(row, schedule, places[-1])
    most = integer("max_steps", max_steps, 1)
    fine = list(_padded(row, schedule, places, Accuracy.FINER, _TOLERANCE, most))
    rough = list(_padded(row, schedule, places, Accuracy.FINE, _ROUGHER, most))
    lines, errors = [], []
    for place, one, other in zip(places, fine, rough, strict=True):
        seen = _Seen(problem, row, one, Accuracy.FINER)
        errors.append(relative_difference(_Seen(problem, row, other).numbers, seen.numbers))
        lines.append(seen.line(place) | schedule.columns())
    return Course(problem, lines, errors)


def fresh_row(problem: Problem) -> FreshRow:
    """Return the equations of a row that meets every sequence once, or raise ValueError."""
    if not isinstance(problem, Problem):
        raise invalid("problem", problem, "a Problem")
    if problem.masking is not None:
        raise invalid("masking", problem.masking, "None for training in one pass")
    ensemble = ensemble_of(problem.data)
    spectrum = ensemble.spectrum
    return FreshRow(spectrum, channel_of(ensemble.law, problem.loss), problem.lam)


def largest_stable_rate(row: FreshRow) -> float:
    """Return the constant rate from which on the fields of a row grow without end.

    Where |g|² grows as Σ_l s_l q_l, sequences stir up noise of which the weights forget at the
    rate B + λ: the largest eigenvalue of η/2 Σ_i weights_i x_k x_l s_l/(B + λ) is 1 there.
    Infinity for a loss whose forces are bounded, and where nobody knows.
    """
    if not isinstance(row.channel, QuadraticChannel):
        return math.inf
    scaled, weights = row.spectrum.scaled, row.spectrum.weights
    nothing, one = np.zeros(len(scaled)), np.ones(len(scaled))
    at_rest, stirred = (row.channel.fresh(nothing, q, Accuracy.FINE) for q in (nothing, one))
    slope = stirred.energy - at_rest.energy
    forgetting = stirred.response @ scaled + row.lam
    kept = (weights / np.where(forgetting > 0.0, forgetting, 1.0) * scaled) @ scaled.T
    growth = float(np.abs(np.linalg.eigvals(0.5 * kept * slope)).max())
    return 1.0 / growth if growth > 0.0 else math.inf


def check_stable(row: FreshRow, schedule: AnySchedule, last: float) -> None:
    """Raise ValueError if a rate of the schedule is one at which fields grow without end."""
    stable = largest_stable_rate(row)
    if stable == math.inf:
        return
    largest = max(map(schedule, np.linspace(0.0, last, 257).tolist()))
    if isinstance(schedule, Schedule):
        largest = schedule.rate
    if largest >= stable:
        raise invalid("rate", largest, f"below {stable:.10g}, from where on the fields grow")


def _places(alphas: Iterable[float]) -> list[float]:
    """Return sample ratios in ascending order, or raise ValueError."""
    allowed = "a sequence of ascending numbers, 0 or greater"
    if isinstance(alphas, (str, bytes)) or not isinstance(alphas, Iterable):
        raise invalid("alphas", alphas, allowed)
    places = [non_negative("alphas", alpha) for alpha in alphas]
    if not places or any(b <= a for a, b in itertools.pairwise(places)):
        raise invalid("alphas", places, allowed)
    if places[-1] > _LONGEST:
        raise invalid("alphas", places[-1], f"at most {_LONGEST:g}")
    return places


def _padded(
    row: FreshRow,
    schedule: AnySchedule,
    places: Sequence[float],
    accuracy: Accuracy,
    tolerance: float,
    most: int,
) -> Iterator[Reached]:
    """Yield what was reached at every place, and how it ended at those that were not."""
    followed = Followed(row, schedule, accuracy, tolerance, most)
    reached = 0
    for point in followed.through(places):
        yield point
        reached += 1
    yield from (Reached(None, followed.status, followed.evaluations) for _ in places[reached:])


class _Seen:
    """What is observed of a row."""

    def __init__(
        self, problem: Problem, row: FreshRow, reached: Reached, accuracy: Accuracy = Accuracy.FINE
    ) -> None:
        self._problem, self._reached = problem, reached
        self._channel: Channel = row.channel
        modes = len(row.spectrum.scales)
        self.optimal = optimal_loss_at(ensemble_of(problem.data), problem.loss, accuracy)
        self.observed: dict[str, Any] = dict.fromkeys(
            ("test_loss", "error_rate", "coupling_error"), math.nan
        )
        self.m = self.q = np.full(modes, math.nan)
        order = reached.order
        if order is None:
            return
        self.m, self.q = order.m, order.q
        test = row.channel.test_loss(order.m, self._wide, accuracy)
        rate = row.channel.error_rate(order.m, self._wide, accuracy)
        distance = coupling_error(row.spectrum.teacher_norm2, order.teacher_overlap, order.norm2)
        self.observed = {
            "test_loss": float(test), "error_rate": float(rate), "coupling_error": distance
        }  # fmt: skip

    @property
    def _wide(self) -> Vector:
        """q, above 0 for the sake of quotients."""
        wide: Vector = np.maximum(self.q, TINY_OVERLAP)
        return wide

    @property
    def numbers(self) -> list[float]:
        """All that has an error."""
        return [*self.observed.values(), *self.m, *self.q, self.optimal]

    def line(self, alpha: float) -> dict[str, Any]:
        """Return the line of a table."""
        known = {
            **self.observed,
            "optimal_loss": self.optimal,
            "excess_loss": self.observed["test_loss"] - self.optimal,
        }
        found = {name: value for name, value in known.items() if math.isfinite(value)}
        if self._reached.order is not None:
            found |= {"m": public(self.m), "q": public(self.q)}
        return {
            "source": "theory",
            **self._problem.columns(),
            "alpha": alpha,
            "estimator": ESTIMATOR,
            **found,
            "status": str(self._reached.status),
            "evaluations": self._reached.evaluations,
            **self._calibrated(),
        }

    def _calibrated(self) -> dict[str, float | None]:
        names = behind(self._problem)
        if not names or self._reached.order is None:
            return dict.fromkeys(names)
        calibrated = self._channel.calibrated(self.m, self._wide)
        values = (calibrated.temperature, calibrated.loss)
        return {
            name: value if math.isfinite(value) else None
            for name, value in zip(names, values, strict=True)
        }
