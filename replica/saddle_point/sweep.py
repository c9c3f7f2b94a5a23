"""Solve a problem along the sample ratio, each point from its neighbours."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from replica.immutable import keep
from replica.problem import DataModel, Problem, RowTokens
from replica.saddle_point.continuation import State, extrapolated
from replica.saddle_point.solution import Solution
from replica.saddle_point.solver import solve_from
from replica.tables import Table
from replica.validation import invalid


class Curve(Table):
    """A table of solutions, one line per sample ratio, that also keeps the solutions."""

    _solutions: tuple[Solution, ...]

    def __init__(self, solutions: Iterable[Solution]) -> None:
        known = tuple(solutions) if isinstance(solutions, Iterable) else (solutions,)
        for solution in known:
            if not isinstance(solution, Solution):
                allowed = "Solutions, such as solve() returns; lines and files make a Table"
                raise invalid("solutions", solution, allowed)
        keep(self, _solutions=known)
        super().__init__(solution.line() for solution in known)

    @classmethod
    def from_csv(cls, path: str | os.PathLike[str], name: str = "path") -> Table:
        """Read a curve back as a `Table`: a file keeps the lines, not the solutions."""
        return Table.from_csv(path, name)

    @property
    def solutions(self) -> tuple[Solution, ...]:
        """The solutions, one per line."""
        return self._solutions

    @property
    def converged(self) -> bool:
        """Whether every solution converged."""
        return all(solution.converged for solution in self.solutions)

    def to_csv(self, path: str | os.PathLike[str], **provenance: Any) -> Path:
        """Write the table, and to its sidecar also parameters and quadrature errors (see `Table`).

        The parameters are those of the problems, unless `provenance` has others.
        """
        errors = [solution.quadrature_error for solution in self.solutions]
        # JSON has no NaN.
        known = [error if np.isfinite(error) else None for error in errors]
        provenance = {"parameters": self._parameters(), **provenance}
        return super().to_csv(path, **provenance, quadrature_error=known)

    def _parameters(self) -> dict[str, Any]:
        """Return data, loss, λ and sample ratios as JSON can hold them; lists where they differ."""
        problems = [solution.problem for solution in self.solutions]
        described = [
            {
                **_content(problem.data),
                "loss": problem.loss_name,
                "lam": problem.lam,
                **({} if problem.masking is None else {"masking": str(problem.masking)}),
            }
            for problem in problems
        ]
        parameters: dict[str, Any] = {}
        for name in dict.fromkeys(name for each in described for name in each):
            values = [each.get(name) for each in described]
            parameters[name] = values if values != values[:1] * len(values) else values[0]
        return {**parameters, "alpha": [problem.alpha for problem in problems]}


def _content(data: DataModel) -> dict[str, Any]:
    """Return the name and all fields of data; of a row of given data the columns."""
    if isinstance(data, RowTokens):
        return data.columns()
    known = {field.name: getattr(data, field.name) for field in fields(data)}  # type: ignore[arg-type]
    listed = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in known.items()}
    return {"data": data.name, **{k: v for k, v in listed.items() if v is not None}}


def sweep(problem: Problem, alphas: Iterable[float]) -> Curve:
    """Solve a problem at many sample ratios.

    Each solution starts from its converged neighbours. A point that does not converge is kept
    with its status, and never seeds another.

    Parameters
    ----------
    problem : Problem
        What to solve; its own alpha is not used.
    alphas : iterable of float
        Sample ratios α = M/L, in any order.

    Returns
    -------
    Curve
        One line per alpha, in the order given: `curve["test_loss"]` is an array.

    Raises
    ------
    ValueError
        If an argument is not allowed.
    """
    if not isinstance(problem, Problem):
        raise invalid("problem", problem, "a Problem")
    if isinstance(alphas, (str, bytes)) or not isinstance(alphas, Iterable):
        raise invalid("alphas", alphas, "a sequence of sample ratios")
    problems = [problem.at(alpha=alpha) for alpha in alphas]
    order = sorted(range(len(problems)), key=lambda i: problems[i].alpha)
    found = dict(zip(order, solutions([problems[i] for i in order]), strict=True))
    return Curve(found[i] for i in range(len(problems)))


def solutions(problems: Sequence[Problem]) -> Iterator[Solution]:
    """Yield the solution of each problem, where neighbours differ in alpha only."""
    past: list[tuple[float, State]] = []
    for problem in problems:
        here = math.log(problem.alpha)
        solution, state = solve_from(problem, extrapolated(past, here))
        past = [*past[-6:], (here, state)] if state is not None else []
        yield solution
