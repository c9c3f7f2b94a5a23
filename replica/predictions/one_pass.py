"""Training that sees every sequence once, as two differential equations per eigenvalue."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from replica.channels.channel_of import channel_of
from replica.channels.quadratic import QuadraticChannel
from replica.predictions.course import Course
from replica.predictions.followable import followable
from replica.predictions.followed import Observed
from replica.predictions.fresh_row import FreshCourse, FreshRow, Stage, Watch
from replica.predictions.pass_cost import Cost, Work
from replica.problem import Problem
from replica.problem.schedules import AnySchedule, Schedule, schedule_of
from replica.quadrature.rule import Accuracy, relative_difference
from replica.validation import integer, invalid, non_negative

#: The name of the training in tables.
ESTIMATOR = "one-pass"

#: What an error is told of.
_COMPARED = ("test_loss", "error_rate", "coupling_error", "m", "q")

#: Accuracy and relative tolerance of the integration, and of the one that tells its error.
_TWICE = (Accuracy.FINER, 1e-11), (Accuracy.FINE, 1e-9)

#: Evaluations without further notice.
MOST_STEPS = 200_000

#: The most sequences per site.
_LONGEST = 1e6


def one_pass(
    problem: Problem,
    rate: float | Schedule | Callable[[float], float],
    alphas: Iterable[float],
    *,
    max_steps: int = MOST_STEPS,
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

    Examples
    --------
    >>> from replica import PottsTokens, Problem, one_pass
    >>> problem = Problem(alpha=1.0, lam=0.0, data=PottsTokens(3, 1.5))
    >>> one_pass(problem, rate=0.8, alphas=[1.0, 4.0, 16.0]).test_loss.round(3)
    array([1.029, 0.954, 0.916])
    """
    return passed(pass_of(problem, rate, alphas), max_steps)


class Pass(NamedTuple):
    """One pass: the equations of its row, its schedule, and where the row is looked at."""

    problem: Problem
    row: FreshRow
    schedule: AnySchedule
    places: list[float]

    @property
    def work(self) -> Work:
        """About how many evaluations an integration takes."""
        return Work(self.row, self.schedule, self.places[-1])

    def cost(self, max_steps: int) -> Cost:
        """Return about what it takes to follow it."""
        return self.work.cost(max_steps, *(accuracy for accuracy, _ in _TWICE))


def pass_of(problem: Problem, rate: Any, alphas: Iterable[float]) -> Pass:
    """Return a pass that can be followed, or raise ValueError."""
    places = _places(alphas)
    schedule, row = schedule_of(rate, places[-1]), fresh_row(problem)
    check_stable(row, schedule, places[-1])
    return Pass(problem, row, schedule, places)


def passed(told: Pass, max_steps: int, watch: Watch = float) -> Course:
    """Return the course of a pass; `watch` is told the share of the work that is done."""
    most = integer("max_steps", max_steps, 1)
    share = float if watch is float else told.work.share
    fine, rough = (
        _reached(told, *how, most, partial(_seen, watch, share, part))
        for part, how in enumerate(_TWICE)
    )
    observed, lines, errors = Observed(told.problem), [], []
    named = {"estimator": ESTIMATOR, **told.schedule.columns()}
    for place, one, other in zip(told.places, fine, rough, strict=True):
        found, apart = observed.at(one.row)
        moved, _ = observed.at(other.row)
        errors.append(apart + _difference(moved, found))
        fixed = {"source": "theory", **told.problem.columns(), "alpha": place, **named}
        known = {"status": str(one.status), "evaluations": one.evaluations}
        lines.append({**fixed, **found, **known})
    return Course(told.problem, lines, errors)


def _seen(watch: Watch, share: Callable[[float], float], part: int, seen: float) -> None:
    """Tell the share that is done where one of two integrations is at τ = `seen`."""
    watch((part + share(seen)) / 2)


def _difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """Return the largest relative difference of what is observed."""
    names = [name for name in _COMPARED if name in one and name in other]
    if not names:
        return math.nan
    values = (np.concatenate([np.ravel(found[name]) for name in names]) for found in (one, other))
    return relative_difference(*values)


def fresh_row(problem: Problem) -> FreshRow:
    """Return the equations of a row that meets every sequence once, or raise ValueError."""
    ensemble = followable(problem, "training in one pass")
    return FreshRow(ensemble.spectrum, channel_of(ensemble.law, problem.loss), problem.lam)


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
        raise invalid("rate", largest, f"below {stable:.10g}, the largest stable rate")


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


def _reached(
    told: Pass, accuracy: Accuracy, tolerance: float, most: int, watch: Watch
) -> list[Stage]:
    """Return what was reached at every place, and how it ended at those that were not."""
    followed = FreshCourse(told.row, told.schedule, accuracy, tolerance, most, watch)
    found = list(followed.through(told.places))
    missing = len(told.places) - len(found)
    return found + [told.row.lost(followed.status, followed.evaluations)] * missing
