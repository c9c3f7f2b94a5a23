"""Rows that a training was followed to, and the lines of its course."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from replica.arrays import Vector
from replica.channels.channel import Channel
from replica.channels.channel_of import channel_of
from replica.ensembles import ensemble_of
from replica.predictions.course import Course
from replica.problem import Problem
from replica.quadrature.rule import TINY_OVERLAP, Accuracy, relative_difference
from replica.saddle_point.couplings import coupling_error
from replica.saddle_point.observables import optimal_loss_at
from replica.saddle_point.solution import behind, public
from replica.saddle_point.status import Status

#: Distance of the overlaps that tells a derivative, relative to √q.
_DISTANCE = 1e-3


@dataclass(frozen=True)
class Reached:
    """A row at one point of its training, and the same row of several smaller sets of paths.

    The first entry is the row itself, and the others, if any, tell its error.

    Attributes
    ----------
    m, q : arrays (1 + sets, modes)
        Its overlaps.
    teacher_overlap, norm2, train_loss : arrays (1 + sets,)
        w*·w, |w|² and the loss on the training sequences.
    share : float
        Paths of a set, relative to those of the row itself.
    """

    m: Vector
    q: Vector
    teacher_overlap: Vector
    norm2: Vector
    train_loss: Vector
    share: float = 1.0

    def standard_error(self, values: Vector) -> Vector:
        """Return the standard error of values of the row, of their spread over the sets."""
        errors: Vector = values[1:].std(axis=0, ddof=1) * math.sqrt(self.share)
        return errors


def course_of(
    problem: Problem, training: dict[str, Any], rows: Sequence[Reached], times: Iterable[Any],
    time: str, error: float,
) -> Course:  # fmt: skip
    """Return the course of rows that were reached.

    Parameters
    ----------
    problem : Problem
        What is learnt.
    training : dict
        Columns that tell this training from others.
    rows : sequence of Reached
        The earliest first.
    times : iterable
        The point of time of each.
    time : str
        The column that has it.
    error : float
        Relative error of the overlaps beside what sets of paths show.
    """
    seen = Observed(problem)
    lines, errors = [], []
    for row, place in zip(rows, times, strict=True):
        found, apart = seen.at(row)
        fixed = {"source": "theory", **problem.columns(), **training, time: place}
        lines.append({**fixed, **found})
        errors.append(apart + error)
    return Course(problem, lines, errors)


class Observed:
    """What is observed of rows of one problem."""

    def __init__(self, problem: Problem) -> None:
        ensemble = ensemble_of(problem.data)
        self._channel: Channel = channel_of(ensemble.law, problem.loss)
        self._teacher_norm2 = ensemble.spectrum.teacher_norm2
        self._behind = behind(problem)
        fine, finer = (
            optimal_loss_at(ensemble, problem.loss, each)
            for each in (Accuracy.FINE, Accuracy.FINER)
        )
        self._optimal, self._optimal_error = fine, relative_difference([fine], [finer])

    def at(self, row: Reached) -> tuple[dict[str, Any], float]:
        """Return the columns of a row, and the relative error of its averages."""
        m, q = row.m[0], np.maximum(row.q[0], TINY_OVERLAP)
        if not np.isfinite(np.concatenate([m, q])).all():
            return {"status": str(Status.NOT_FINITE)}, math.nan
        test, finer = (self._test_loss(m, q, each) for each in (Accuracy.FINE, Accuracy.FINER))
        rate = float(self._channel.error_rate(m, q, Accuracy.FINE))
        distances = [
            coupling_error(self._teacher_norm2, float(r), float(n))
            for r, n in zip(row.teacher_overlap, row.norm2, strict=True)
        ]
        known = {
            "test_loss": test,
            "train_loss": float(row.train_loss[0]),
            "optimal_loss": self._optimal,
            "excess_loss": test - self._optimal,
            "error_rate": rate,
            "coupling_error": distances[0],
        }
        found: dict[str, Any] = {name: x for name, x in known.items() if math.isfinite(x)}
        found |= {"m": public(row.m[0]), "q": public(row.q[0])}
        found |= {"status": str(Status.CONVERGED), **self._calibrated(m, q)}
        if len(row.m) > 1:
            found |= self._standard_errors(row, m, q, distances)
        apart = relative_difference([test], [finer]) + self._channel.rate_error(m, q)
        return found, apart + self._optimal_error

    def _test_loss(self, m: Vector, q: Vector, accuracy: Accuracy) -> float:
        return float(self._channel.test_loss(m, q, accuracy))

    def _roughly(self, m: Vector, q: Vector) -> Vector:
        """Return test loss and error rate, as good as their derivatives have to be."""
        rate = self._channel.error_rate(m, q, Accuracy.COARSE)
        return np.array([self._test_loss(m, q, Accuracy.COARSE), rate])

    def _calibrated(self, m: Vector, q: Vector) -> dict[str, float | None]:
        if not self._behind:
            return {}
        calibrated = self._channel.calibrated(m, q)
        return {
            name: float(value) if math.isfinite(value) else None
            for name, value in zip(self._behind, calibrated, strict=True)
        }

    def _standard_errors(
        self, row: Reached, m: Vector, q: Vector, distances: list[float]
    ) -> dict[str, Any]:
        """Return standard errors over the sets; those of averages by their derivatives in m, q."""
        moved = np.concatenate([row.m, row.q], axis=1)
        tests, rates = self._slopes(m, q) @ moved.T
        told = {
            "test_loss": tests,
            "train_loss": row.train_loss,
            "excess_loss": tests,
            "error_rate": rates,
            "coupling_error": np.array(distances),
        }
        errors: dict[str, Any] = {
            f"{name}_stderr": float(row.standard_error(values))
            for name, values in told.items()
            if np.isfinite(values).all()
        }
        errors["m_stderr"] = public(row.standard_error(row.m))
        errors["q_stderr"] = public(row.standard_error(row.q))
        return errors

    def _slopes(self, m: Vector, q: Vector) -> Vector:
        """Return the derivatives of test loss and error rate, (2, 2 modes)."""
        modes = len(m)
        slopes = np.zeros((2, 2 * modes))
        for k in range(modes):
            if q[k] <= TINY_OVERLAP:
                continue
            steps = _DISTANCE * math.sqrt(q[k]), _DISTANCE * q[k]
            for which, step in enumerate(steps):
                move = np.zeros((2, modes))
                move[which, k] = step
                up, down = (self._roughly(m + s * move[0], q + s * move[1]) for s in (1.0, -1.0))
                slopes[:, which * modes + k] = (up - down) / (2.0 * step)
        return slopes
