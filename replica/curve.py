"""Solve a problem along the sample ratio."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from replica.path import State, extrapolated
from replica.problem import Problem
from replica.solution import Solution
from replica.solver import solve_from
from replica.tables import Table


class Curve(Table):
    """A table of solutions, one line per sample ratio, that also keeps the solutions."""

    def __init__(self, solutions: Iterable[Solution]) -> None:
        self.solutions = tuple(solutions)
        super().__init__(solution.line() for solution in self.solutions)

    @property
    def converged(self) -> bool:
        """Whether every solution converged."""
        return all(solution.converged for solution in self.solutions)

    def to_csv(self, path: str | os.PathLike[str], **provenance: Any) -> Path:
        """Write the table, and the quadrature error of each line to its sidecar (see `Table`)."""
        errors = [solution.quadrature_error for solution in self.solutions]
        # JSON has no NaN.
        known = [error if np.isfinite(error) else None for error in errors]
        return super().to_csv(path, **provenance, quadrature_error=known)


def sweep(problem: Problem, alphas: Sequence[float]) -> Curve:
    """Solve a problem at many sample ratios.

    Each solution starts from its converged neighbours. A point that does not converge is kept
    with its status, and never seeds another.

    Parameters
    ----------
    problem : Problem
        What to solve; its own alpha is not used.
    alphas : sequence of float
        Sample ratios α = M/L, in any order.

    Returns
    -------
    Curve
        One line per alpha, in the order given: `curve["test_loss"]` is an array.

    Raises
    ------
    ValueError
        If a sample ratio is not allowed.
    """
    problems = [problem.at(alpha=alpha) for alpha in np.asarray(alphas, dtype=object).ravel()]
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
