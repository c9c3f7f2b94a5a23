"""Solve a problem on a grid, each point from its neighbours along the sample ratio."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from functools import partial
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np

from replica.commandline.progress import progress, until_interrupted
from replica.execution.threads import in_threads
from replica.immutable import keep
from replica.problem import DataModel, Problem, RowTokens
from replica.saddle_point.continuation import State
from replica.saddle_point.neighbours import Neighbours
from replica.saddle_point.solution import Solution
from replica.saddle_point.solver import follow_from, solve_from
from replica.saddle_point.stretches import differ_in_alpha_only, stretches, threads_for
from replica.tables import Table
from replica.validation import integer, invalid


class Curve(Table):
    """A table of solutions, one line per sample ratio, that also keeps the solutions.

    Examples
    --------
    >>> from replica import PottsTokens, Problem, sweep
    >>> curve = sweep(Problem(2.0, 0.1, PottsTokens(3, 1.5)), [1.0, 2.0, 4.0])
    >>> curve["test_loss"].round(3)
    array([1.087, 1.043, 0.984])
    >>> [solution.status for solution in curve.solutions]
    ['converged', 'converged', 'converged']
    """

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

    def __add__(self, other: Table) -> Table:
        """Return the curve, or the table, of the lines of both."""
        if isinstance(other, Curve):
            return Curve(self.solutions + other.solutions)
        return super().__add__(other)

    def _of(self, numbers: Iterable[int]) -> Curve:
        return Curve(self._solutions[number] for number in numbers)

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


def sweep(
    problem: Problem,
    alphas: Iterable[float] | None = None,
    *,
    workers: int | None = None,
    **grid: Any,
) -> Curve:
    """Solve a problem at many sample ratios, or on a grid of any of its parameters.

    Each solution starts from its converged neighbours, along alpha and, in a grid of sixteen curves
    or more, beside it. A point that does not converge is kept with its status, and never seeds
    another. A notebook shows how far it is; Ctrl-C there ends it with a notice, and what is done
    is returned.

    Parameters
    ----------
    problem : Problem
        What to solve; what the grid lists of it is not used.
    alphas : iterable of float, optional
        Sample ratios α = M/L, in any order.
    workers : int, optional
        Threads, on which no number depends. By default those of the machine's cores for several
        curves, and one where the loss is one of your own.
    **grid
        Values, or one value, of whatever `Problem.at` takes: alpha, lam, loss, bias, masking,
        data, and parameters of the data such as beta and colors. The table holds every
        combination, alpha running fastest, then the last that is named.

    Returns
    -------
    Curve
        One line per point, in the order given: `curve["test_loss"]` is an array.

    Raises
    ------
    TypeError
        If there is no such parameter, or nothing to sweep.
    ValueError
        If an argument is not allowed.

    Examples
    --------
    >>> from replica import PottsTokens, Problem, sweep
    >>> problem = Problem(alpha=2.0, lam=0.1, data=PottsTokens(colors=3, beta=1.5))
    >>> len(sweep(problem, alpha=[1.0, 2.0, 4.0], lam=[0.01, 0.1], beta=[1.0, 1.5]))
    12
    """
    if not isinstance(problem, Problem):
        raise invalid("problem", problem, "a Problem")
    if alphas is not None:
        if isinstance(alphas, (str, bytes)) or not isinstance(alphas, Iterable):
            raise invalid("alphas", alphas, "a sequence of sample ratios")
        if "alpha" in grid:
            raise TypeError("sweep() takes alphas or alpha, not both")
        grid["alpha"] = alphas
    if not grid:
        raise TypeError("sweep() needs alphas, or values of a parameter such as lam")
    along = _values(grid.pop("alpha", problem.alpha))
    points = product(*map(_values, grid.values()))
    problems = [problem.at(**dict(zip(grid, point, strict=True))) for point in points]
    curves = [[each.at(alpha=alpha) for alpha in along] for each in problems]
    threads = None if workers is None else integer("workers", workers, 1)
    total = len(curves) * len(along)
    solved = in_threads(_parts(curves), threads or threads_for(problems))
    found = dict(until_interrupted(progress(solved, total, None), total))
    return Curve(found[place] for place in sorted(found))


def _parts(
    curves: Sequence[Sequence[Problem]],
) -> list[Callable[[], Iterator[tuple[tuple[int, int], Solution]]]]:
    """Return what yields the places, and the solutions, of problems along alpha in any order."""
    ordered = [
        [((number, i), curve[i]) for i in sorted(range(len(curve)), key=lambda i: curve[i].alpha)]
        for number, curve in enumerate(curves)
    ]
    return [partial(_placed, stretch) for stretch in stretches(ordered)]


def _placed(
    stretch: Sequence[tuple[tuple[int, int], Problem]],
) -> Iterator[tuple[tuple[int, int], Solution]]:
    places, problems = zip(*stretch, strict=True)
    return zip(places, solutions(problems), strict=True)


def _values(given: Any) -> Sequence[Any]:
    """Return the values of a parameter, of which one may stand alone."""
    alone = isinstance(given, (str, bytes)) or not isinstance(given, Iterable)
    return (given,) if alone else tuple(given)


def solutions(problems: Sequence[Problem]) -> Iterator[Solution]:
    """Yield the solution of each problem, from those before it, one curve after the other."""
    neighbours = Neighbours()
    for ahead in _curves(problems):
        while ahead:
            beginning = neighbours.start(ahead[0])
            found: Sequence[tuple[Solution, State | None]] = follow_from(ahead, neighbours.along)
            found = found or [solve_from(ahead[0], beginning)]
            for problem, (solution, state) in zip(ahead, found, strict=False):
                neighbours.add(problem, state)
                yield solution
            ahead = ahead[len(found) :]


def _curves(problems: Sequence[Problem]) -> Iterator[Sequence[Problem]]:
    """Yield stretches of problems that differ in alpha only."""
    start = 0
    for end, (one, other) in enumerate(pairwise(problems), start=1):
        if not differ_in_alpha_only(one, other):
            yield problems[start:end]
            start = end
    yield problems[start:]
