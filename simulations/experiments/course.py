"""Experiments that look at rows while they are trained: a line of a table per point of time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

from replica.immutable import keep
from replica.problem import Problem
from replica.problem.schedules import Schedule, schedule_of
from replica.validation import invalid, one_of
from simulations.estimators.by_name import COURSES
from simulations.estimators.descent import descend
from simulations.estimators.given import increasing
from simulations.estimators.minimiser import Training
from simulations.estimators.one_pass import train_once
from simulations.experiments.experiment import Experiment, _Rows
from simulations.experiments.grids import AnyExperiment, experiments
from simulations.experiments.identity import identity
from simulations.experiments.measure import measure
from simulations.experiments.unmasked import check_unmasked
from simulations.kernels.one_thread import one_thread
from simulations.sequences.systems import System, systems
from simulations.tokens import VALUED

#: What an experiment takes that has a course.
_OPTIONS = ("rows", "test_samples", "burn_in", "own_loss")

#: The most steps of gradient descent.
MOST_STEPS = 100_000


@dataclass(frozen=True)
class CourseExperiment(Experiment):
    """Problems that share their couplings and sequences, and how rows come to learn them.

    Its parameters are those of `Experiment`, without an estimator, and

    Parameters
    ----------
    course : str
        "one-pass", which sees every sequence once, or "descent", gradient descent on all.
    rate : float or Schedule
        η; descent has a constant one.
    places : tuple
        When to look: sample ratios, of which the problems have the last, or steps, ascending.
    """

    course: str = COURSES[0]
    rate: Any = None
    places: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("course", self.course, COURSES)
        if self.estimator is not None:
            raise invalid("estimator", self.estimator, "None where the course is given")
        for problem in self.problems:
            check_unmasked(problem)
            if problem.bias:
                raise invalid("bias", True, f"False with {self.course}")
        last = self.problems[0].alpha
        keep(self, rate=schedule_of(self.rate, last))
        if self.steps is None:
            if self.places[-1:] != (last,):
                raise invalid("places", self.places, f"sample ratios up to alpha = {last}")
            self._distinct_samples()
        elif getattr(self.rate, "kind", "") != "constant":
            raise invalid("schedule", str(self.rate), "constant with descent")

    @property
    def steps(self) -> tuple[int, ...] | None:
        """The steps of gradient descent that are looked at, None of one pass."""
        return self.places if self.course == "descent" else None

    @property
    def gradients(self) -> float:
        """Gradients of all sequences that training takes, about."""
        return 1.0 if self.steps is None else float(self.steps[-1])

    @property
    def points(self) -> list[tuple[Problem, int, dict[str, Any]]]:
        """Problem, number of sequences and further cells of every line, problem by problem."""
        named = {"estimator": self.course, **self.rate.columns()}
        if self.steps is not None:
            return [
                (problem, self.samples, {**named, "step": step})
                for problem in self.problems
                for step in self.steps
            ]
        return [
            (problem.at(alpha=alpha), round(alpha * self.sites), named)
            for problem in self.problems
            for alpha in self.places
        ]

    def identities(self) -> list[dict[str, Any]]:
        """Return what tells the lines from others, in their order."""
        return [
            identity(problem, self.sites, samples, self.seed) | named
            for problem, samples, named in self.points
        ]

    @one_thread
    def run(self) -> list[dict[str, Any]]:
        """Return one line of a table per problem and point of time.

        Warns
        -----
        MixingWarning
            If the burn-in was too short.
        """
        found: list[list[_Rows]] = [[] for _ in self.points]
        for system in systems(self.data, self.size, (self.seed, self.sites, self.samples)):
            for rows, seen in zip(found, self._courses(system), strict=True):
                rows.append(seen)
        told = zip(self.points, self.identities(), found, strict=True)
        return [self._line(problem, rows) | cells for (problem, _, _), cells, rows in told]

    def _courses(self, system: System) -> Iterator[_Rows]:
        """Yield the rows of a system at every point."""
        tokens, fresh, model = system.train_tokens, system.test_tokens, system.model
        for problem in self.problems:
            loss = self.loss(problem)
            for number, training in self._trained(problem, system):
                known = tokens[: max(number, 1)] if self.steps is None else tokens
                observed = measure(model, training, known, fresh, loss)
                yield _Rows(training, observed, None, system.memory)

    def _trained(self, problem: Problem, system: System) -> Iterator[tuple[int, Training]]:
        what = system.train_tokens, system.model.colors, problem.lam
        how = self.loss(problem), system.model.similarity, system.rows
        if self.steps is None:
            samples = [round(alpha * self.sites) for alpha in self.places]
            return train_once(*what, self.rate, samples, *how)
        return descend(*what, self.rate.rate, self.steps, *how)

    def _distinct_samples(self) -> None:
        """Raise ValueError where two sample ratios are the same number of sequences."""
        samples = [round(alpha * self.sites) for alpha in self.places]
        if samples[0] < 1 or any(b <= a for a, b in itertools.pairwise(samples)):
            allowed = f"ascending, with another number of samples each at sites = {self.sites}"
            raise invalid("alpha", list(self.places), allowed)


def experiments_of(
    problems: Sequence[Problem],
    sites: Sequence[int],
    seeds: Sequence[int],
    *,
    rate: float | Schedule | Any = None,
    steps: Sequence[int] | None = None,
    **options: Any,
) -> Sequence[AnyExperiment]:
    """Return the experiments of a grid, also of courses of training.

    Parameters
    ----------
    problems, sites, seeds, **options
        As of `experiments`; the estimator may be "one-pass" or "descent", too.
    rate : float or Schedule, optional
        η of these two.
    steps : sequence of int, optional
        The steps of "descent" that are looked at, ascending from 0 or more.

    Raises
    ------
    ValueError
        If an argument is not allowed.
    """
    course = options.get("estimator")
    if course not in COURSES:
        for name, value in (("rate", getattr(rate, "rate", rate)), ("steps", steps)):
            if value is not None:
                raise invalid(name, value, f"left out but with {' and '.join(COURSES)}")
        return experiments(problems, sites, seeds, **options)
    if rate is None:
        raise invalid("rate", rate, f"given with {course}")
    if (steps is None) == (course == "descent"):
        raise invalid("steps", steps, f"{'given' if steps is None else 'left out'} with {course}")
    for problem in problems:
        if isinstance(problem, Problem) and problem.data.name not in VALUED:
            allowed = f"minimiser with {type(problem.data).__name__}"
            raise invalid("estimator", course, allowed)
    for name in ("leave_one_out", "ensemble", "whole_matrix"):
        if options.get(name):
            raise invalid(name, options[name], f"left out with {course}")
    del options["estimator"]
    for name, value in options.items():
        if value and name not in _OPTIONS:
            raise invalid(name, value, f"left out with {course}")
    return [
        CourseExperiment(**_settings(task), course=course, rate=rate, places=places)
        for places, group in _together(problems, steps).items()
        for task in experiments(group, sites, seeds, **options)
    ]


def _together(
    problems: Sequence[Problem], steps: Sequence[int] | None
) -> dict[tuple[Any, ...], list[Problem]]:
    """Return problems that are looked at at the same places; in one pass those of the last α."""
    if steps is not None:
        return {tuple(increasing("steps", steps, MOST_STEPS)): list(problems)}
    alphas: dict[Problem, list[float]] = {}
    for problem in problems:
        alphas.setdefault(problem.at(alpha=1.0), []).append(problem.alpha)
    found: dict[tuple[Any, ...], list[Problem]] = {}
    for problem, seen in alphas.items():
        places = tuple(sorted(seen))
        found.setdefault(places, []).append(problem.at(alpha=places[-1]))
    return found


def _settings(task: AnyExperiment) -> dict[str, Any]:
    return {field.name: getattr(task, field.name) for field in fields(Experiment)}
