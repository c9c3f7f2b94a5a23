"""Trainings with any loss: descents of independent sets of sampled paths."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from replica.channels.path_forces import PathForces, probes
from replica.ensembles import ensemble_of
from replica.losses.along_paths import CrossEntropyPaths, CustomPaths, PathLoss
from replica.losses.custom import CustomPoints
from replica.predictions.followed import Reached
from replica.predictions.polynomial_course import largest_second_moment
from replica.problem import Problem
from replica.saddle_point.row_course import Answer, RowCourse, Step
from replica.validation import invalid

#: Independent sets of paths, whose spread tells the errors, and by how much they are smaller than
#: the one that is told: what sets have in common falls with their size itself, not with its root.
SETS, _SMALLER = 10, 16

#: Seconds of a product along a path, and of one at a node of the spectrum.
_SECONDS = 2.5e-10, 1e-9

Watch = Callable[[Iterable[int]], Iterator[int]]


class Descent(NamedTuple):
    """Gradient descent: w_{t+1} = w_t + momentum (w_t - w_{t-1}) - (rate/L) gradient."""

    rate: float
    momentum: float
    steps: int

    def stable(self, decay: float, curvature: float) -> float:
        """Return the largest stable rate at these largest second derivatives of the objective."""
        largest = decay + curvature
        return 2.0 * (1.0 + self.momentum) / largest if largest > 0.0 else math.inf

    def check(self, decay: float, curvature: float) -> None:
        """Raise ValueError if steps are too long for these second derivatives."""
        stable = self.stable(decay, curvature)
        if self.rate > stable:
            # What is named is allowed.
            raise invalid("rate", self.rate, f"at most {_below(stable)}, the largest stable rate")


def _below(number: float) -> str:
    """Return a number of five digits that is not larger."""
    unit = 10.0 ** (math.floor(math.log10(number)) - 4)
    return f"{math.floor(number / unit) * unit:.5g}"


def paths_of(paths: int) -> int:
    """Return the next power of 2, such that sets have 16 paths or more."""
    return max(16 * _SMALLER, 1 << (paths - 1).bit_length())


class Cost(NamedTuple):
    """What a training takes, of one core."""

    paths: int
    seconds: float
    gigabytes: float


def cost_of(problem: Problem, descent: Descent, paths: int) -> Cost:
    """Return about what the rows of all steps take."""
    ensemble, steps, most = ensemble_of(problem.data), descent.steps, paths_of(paths)
    axes, nodes = len(ensemble.law.axes[1]), ensemble.spectrum.weights.size
    every = most + SETS * most // _SMALLER
    products = every * (axes * probes(axes) * steps**3 / 6 + 3 * axes**2 * steps**2)
    seconds = _SECONDS[0] * products + _SECONDS[1] * (1 + SETS) * nodes * steps**3
    kept = most * steps * (axes**2 + 4 * axes) + nodes * steps**2
    return Cost(every, seconds, 8e-9 * kept)


def path_rows(problem: Problem, descent: Descent, paths: int, watch: Watch = iter) -> list[Reached]:
    """Return the rows after every step.

    Parameters
    ----------
    problem : Problem
        What is learnt.
    descent : Descent
        How.
    paths : int
        The least number of paths, besides those that tell errors.
    watch : callable, optional
        Yields what it is given, the numbers of the sets, and sees them pass.
    """
    top, most = largest_second_moment(problem), paths_of(paths)
    # One set after the other: each remembers all steps of its paths.
    sets = [
        list(followed(problem, descent, top, most if each == 0 else most // _SMALLER, (each,)))
        for each in watch(range(1 + SETS))
    ]
    return [_together(rows) for rows in zip(*sets, strict=True)]


def _together(rows: tuple[Reached, ...]) -> Reached:
    m, q = (np.concatenate([getattr(row, name) for row in rows]) for name in ("m", "q"))
    names = ("teacher_overlap", "norm2", "train_loss")
    overlap, norm2, loss = (np.concatenate([getattr(row, name) for row in rows]) for name in names)
    return Reached(m, q, overlap, norm2, loss, share=1.0 / _SMALLER)


def followed(
    problem: Problem, descent: Descent, top: float, paths: int, seed: tuple[int, ...]
) -> Iterator[Reached]:
    """Yield the row of one set of paths after every step."""
    ensemble, alpha = ensemble_of(problem.data), problem.alpha
    loss = _loss(problem)
    course = RowCourse(ensemble.spectrum, descent.steps)
    forces = PathForces(ensemble.law, loss, descent.steps, paths, seed)
    mu, last = descent.momentum, descent.steps
    step = Step(1.0 + mu - descent.rate * problem.lam, -mu, descent.rate)
    for t in range(last + 1):
        known = slice(0, t + 1)
        told = course.m[:, known], course.memory[:, t, :t], course.overlap[:, t, known]
        found = forces.answer(t, *told, t == last)
        yield Reached(
            course.m[None, :, t].copy(),
            course.overlap[None, :, t, t].copy(),
            np.array([course.teacher_overlap[t]]),
            np.array([course.norms[t, t]]),
            np.array([found.loss]),
        )
        if t < last:
            descent.check(problem.lam, loss.curvature * top)
            averages = (alpha * x for x in (found.drive, found.response, found.energy))
            course.advance(Answer(*averages), step)


def _loss(problem: Problem) -> PathLoss:
    basis = ensemble_of(problem.data).law.axes[0]
    if isinstance(problem.loss, str):
        return CrossEntropyPaths(basis)
    return CustomPaths(CustomPoints(problem.loss, problem.data.colors), basis)
