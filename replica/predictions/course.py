"""The course of one training: what a row is like at every point of it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replica.arrays import Vector
from replica.immutable import fixed, keep
from replica.problem import Problem
from replica.saddle_point.status import Status
from replica.tables import Table
from replica.tables.columns import as_json


class Course(Table):
    """A table of one training, a line per point of time, the earliest first.

    `course["test_loss"]` is an array with an entry per point, and so is `course.test_loss`: every
    column is an attribute, too.

    Parameters
    ----------
    problem : Problem
        What is learnt.
    lines : iterable of mappings
        From column names to values, see `Table`; sampled observables NAME have NAME_stderr.
    error : sequence of float, optional
        A bound on the relative error of the observables for every point, beside the standard
        errors; NaN where none is given.

    Examples
    --------
    >>> from replica import PottsTokens, Problem, one_pass
    >>> course = one_pass(Problem(1.0, 0.0, PottsTokens(3, 1.5)), rate=0.8, alphas=[1.0, 4.0])
    >>> course.test_loss.round(3), course.best["alpha"]
    (array([1.029, 0.954]), 4.0)
    """

    _problem: Problem
    _error: Vector

    def __init__(
        self,
        problem: Problem,
        lines: Iterable[Mapping[str, Any]],
        error: Iterable[float] | None = None,
    ) -> None:
        super().__init__(lines)
        bounds = np.full(len(self), np.nan) if error is None else np.array([*error], dtype=float)
        keep(self, _problem=problem, _error=fixed(bounds))

    @classmethod
    def from_csv(cls, path: str | os.PathLike[str], name: str = "path") -> Table:
        """Read a course back as a `Table`: a file keeps the lines, not the problem."""
        return Table.from_csv(path, name)

    def __getattr__(self, name: str) -> NDArray[Any]:
        # Not before there are columns to look among, as while it is unpickled.
        if name.startswith("_") or name not in self.columns:
            raise AttributeError(f"{type(self).__name__} has no attribute or column {name!r}")
        return self[name]

    @property
    def problem(self) -> Problem:
        """What is learnt."""
        return self._problem

    @property
    def alphas(self) -> Vector:
        """Sample ratios M/L of the sequences that the row has been trained on."""
        return self["alpha"]

    @property
    def steps(self) -> NDArray[np.int64]:
        """Steps that the row has been trained for.

        Raises
        ------
        KeyError
            If time is not counted in steps.
        """
        return np.array(self["step"], dtype=np.int64)

    @property
    def error(self) -> Vector:
        """A bound on the relative error at every point, beside the standard errors."""
        return self._error

    @property
    def stderr(self) -> Vector:
        """The standard error of the test loss at every point."""
        return self.standard_error("test_loss")

    def standard_error(self, name: str) -> Vector:
        """Return the standard error of an observable at every point; 0 if nothing is sampled.

        Raises
        ------
        KeyError
            If there is no such column.
        """
        self._known(name)
        beside = f"{name}_stderr"
        return self[beside] if beside in self.columns else np.zeros(self[name].shape)

    @property
    def converged(self) -> bool:
        """Whether every point was followed."""
        return all(status == Status.CONVERGED for status in self["status"])

    @property
    def best(self) -> dict[str, Any]:
        """The line of least test loss, where training had better stop.

        Raises
        ------
        ValueError
            If the test loss is known at no point.
        """
        loss = self["test_loss"]
        if not np.isfinite(loss).any():
            raise ValueError("no point of this course has a test loss")
        return self.lines()[int(np.nanargmin(loss))]

    def values(self) -> list[dict[str, Any]]:
        """Return the lines as JSON can hold them: None for NaN, lists for arrays."""
        return [as_json(line) for line in self.lines()]

    def to_csv(self, path: str | os.PathLike[str], **provenance: Any) -> Path:
        """Write the table, and to its sidecar also parameters and errors (see `Table`).

        The parameters are those of the problem, unless `provenance` has others.
        """
        parameters = as_json(self.problem.columns())
        parameters["alpha"] = _shortened(self.alphas)
        first = self.lines()[0] if len(self) else {}
        parameters |= {name: first[name] for name in ("rate", "schedule") if name in first}
        provenance = {"parameters": parameters, **provenance}
        return super().to_csv(path, **provenance, error=as_json(self.error))


def _shortened(values: Vector) -> Any:
    """Return one number where all are equal."""
    first = as_json(values[:1])
    return first[0] if len(first) and (values == values[0]).all() else as_json(values)
