"""Training that sees every sequence once, as two differential equations per eigenvalue."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from replica.channels.channel_of import channel_of
from replica.channels.quadratic import QuadraticChannel
from replica.ensembles import ensemble_of
from replica.predictions.course import Course
from replica.predictions.followed import Observed
from replica.predictions.fresh_row import FreshCourse, FreshRow, Stage
from replica.problem import Problem
from replica.problem.schedules import AnySchedule, Schedule, schedule_of
from replica.quadrature.rule import Accuracy, relative_difference
from replica.validation import integer, invalid, non_negative

#: The name of the training in tables.
ESTIMATOR = "one-pass"

#: What an error is told of.
_COMPARED = ("test_loss", "error_rate", "coupling_error", "m", "q")

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

    Examples
    --------
    >>> from replica import PottsTokens, Problem, one_pass
    >>> problem = Problem(alpha=1.0, lam=0.0, data=PottsTokens(3, 1.5))
    >>> one_pass(problem, rate=0.8, alphas=[1.0, 4.0, 16.0]).test_loss.round(3)
    array([1.029, 0.954, 0.916])
    """
    places = _places(alphas)
    schedule = schedule_of(rate, places[-1])
    row = fresh_row(problem)
    check_stable(row, schedule, places[-1])
    most = integer("max_steps", max_steps, 1)
    fine = _reached(row, schedule, places, Accuracy.FINER, _TOLERANCE, most)
    rough = _reached(row, schedule, places, Accuracy.FINE, _ROUGHER, most)
    observed, lines, errors = Observed(problem), [], []
    named = {"estimator": ESTIMATOR, **schedule.columns()}
    for place, one, other in zip(places, fine, rough, strict=True):
        found, apart = observed.at(one.row)
        moved, _ = observed.at(other.row)
        errors.append(apart + _difference(moved, found))
        fixed = {"source": "theory", **problem.columns(), "alpha": place, **named}
        told = {"status": str(one.status), "evaluations": one.evaluations}
        lines.append({**fixed, **found, **told})
    return Course(problem, lines, errors)


def _difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """Return the largest relative difference of what is observed."""
    names = [name for name in _COMPARED if name in one and name in other]
    if not names:
        return math.nan
    values = (np.concatenate([np.ravel(found[name]) for name in names]) for found in (one, other))
    return relative_difference(*values)


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


def _reached(
    row: FreshRow,
    schedule: AnySchedule,
    places: Sequence[float],
    accuracy: Accuracy,
    tolerance: float,
    most: int,
) -> list[Stage]:
    """Return what was reached at every place, and how it ended at those that were not."""
    followed = FreshCourse(row, schedule, accuracy, tolerance, most)
    found = list(followed.through(places))
    missing = len(places) - len(found)
    return found + [row.lost(followed.status, followed.evaluations)] * missing
