"""Sweeps in parts that do not depend on one another."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

from replica.commandline.terminal import progress
from replica.errors import BadArgument
from replica.execution.resumable import finished, recorded
from replica.execution.task import Line, described
from replica.problem import Problem, RowTokens
from replica.problem.row_sequences import RowSequences
from replica.saddle_point.solution import Solution, behind
from replica.tables.columns import FAILED
from replica.tables.journal import Journal

#: Points of a stretch. The first costs as much as two others, which with 50 is 5 % of the
#: time; after an interruption the points of one stretch at most are solved again.
LENGTH = 50

#: What tells a point of a sweep from its others: a row, or None, and a sample ratio.
Point = tuple[int | None, float]

#: The column that the sidecar of a finished table holds.
ERROR = "quadrature_error"

#: Seconds for which quick points wait for others to be written with, which is cheaper.
_TOGETHER = 0.01


def solved(
    problems: Sequence[Problem],
    optimal: bool,
    journal: Journal | None = None,
    workers: int = 1,
    scheduler: str | None = None,
    kind: str = "",
) -> Iterator[Line]:
    """Yield the lines of all problems, each point once: those of the journal, and new ones.

    They are the same whenever and however often the work was stopped, and wherever it is done.

    Parameters
    ----------
    problems : sequence of Problem
        They differ in alpha, and in the row of one model.
    optimal : bool
        Solve each at its best weight decay.
    journal : Journal, optional
        Holds every new line before it is yielded, except those of points that raised.
    workers : int
        Processes; 1 works in this one.
    scheduler : str, optional
        Address of a Dask cluster that takes the place of the processes.
    kind : str
        Of the masks whose rate is to be the best at each point; nothing, where it is given.

    Raises
    ------
    replica.errors.Unwritable, replica.errors.Removed
        If the disk is full or the file can no longer be written, or is gone.
    replica.errors.WorkerDied
        If workers were ended from outside, again and again, or the cluster was lost.
    """
    held = () if journal is None else journal.lines
    known = {point(line): line for line in held}
    tasks = []
    for task in stretches(problems, optimal, kind):
        points = [point_of(problem) for problem in task.problems]
        missing = [number for number, each in enumerate(points) if each not in known]
        if missing:
            tasks.append(task)
            # What follows a point that failed started cold: the next attempt goes through.
            for each in points[missing[0] :]:
                known.pop(each, None)
    yield from known.values()
    if workers == 1 and scheduler is None:
        # Quick points one by one: here they wait for others to be written with.
        lines_of = ([line] for task in tasks for line in task.lines())
        written = recorded(lines_of, known, point, journal, _TOGETHER)
    else:
        results = finished(tasks, Stretch.failed, workers, scheduler)
        written = recorded(results, known, point, journal)
    count = sum(len(task.problems) for task in tasks)
    yield from progress((line for lines in written for line in lines), count, "sweep")


def point(line: Mapping[str, Any]) -> Point:
    """Return what tells a line of a sweep from its others: its row, if it has one, and alpha."""
    return line.get("row"), line["alpha"]


def point_of(problem: Problem) -> Point:
    """Return what tells the line of a problem from those of the others of a sweep."""
    data = problem.data
    return data.columns().get("row") if isinstance(data, RowTokens) else None, problem.alpha


def stretches(problems: Iterable[Problem], optimal: bool = False, kind: str = "") -> list[Stretch]:
    """Return the stretches that solve problems of one or more rows along alpha, each once."""
    length = 1 if optimal or kind else LENGTH
    along: dict[int | None, dict[float, Problem]] = {}
    for problem in problems:
        row, alpha = point_of(problem)
        along.setdefault(row, {})[alpha] = problem
    curves = [[curve[alpha] for alpha in sorted(curve)] for curve in along.values()]
    return [
        Stretch(tuple(curve[start : start + length]), optimal, kind)
        for curve in curves
        for start in range(0, len(curve), length)
    ]


@dataclass(frozen=True)
class Stretch:
    """Consecutive points of a sweep: the first starts cold, the others from their neighbours.

    Parameters
    ----------
    problems : tuple of Problem
        In ascending order of alpha, and of nothing else.
    optimal : bool
        Solve each at its best weight decay; it then starts from no neighbour.
    kind : str
        Solve each at the best rate of masks of this kind, if one is given.
    """

    problems: tuple[Problem, ...]
    optimal: bool = False
    kind: str = ""

    def run(self) -> list[Line]:
        """Return one line per point."""
        return list(self.lines())

    def lines(self) -> Iterator[Line]:
        """Yield the line of each point when it is done; that of one that raised says so."""
        solve: Callable[[Sequence[Problem]], Iterable[Solution]] = (
            _at_best_lam if self.optimal else _along_alpha
        )
        if self.kind:
            solve = partial(_at_best_masking, self.kind, self.optimal)
        done = 0
        while done < len(self.problems):
            try:
                for solution in solve(self.problems[done:]):
                    error = solution.quadrature_error
                    # JSON has no NaN.
                    found = solution.line() | _moment_errors(solution)
                    yield found | {ERROR: error if math.isfinite(error) else None}
                    done += 1
            except Exception as error:
                # The next point starts cold.
                yield self._failed(self.problems[done], described(error))
                done += 1

    def failed(self, error: str) -> list[Line]:
        """Return the lines of a stretch that was not solved."""
        return [self._failed(problem, error) for problem in self.problems]

    def _failed(self, problem: Problem, error: str) -> Line:
        return {
            **identity(problem, self.optimal, self.kind),
            "status": f"{FAILED}: {error}",
            **dict.fromkeys(behind(problem)),
            ERROR: None,
        }


def identity(problem: Problem, optimal: bool, kind: str = "") -> Line:
    """Return what tells the line of a problem from others; at its best, λ is a result.

    So is the masking where the best rate of a kind is asked for.
    """
    told = {"source": "theory", **problem.columns(without="lam" if optimal else "")}
    if kind:
        del told["masking"]
    return told


def _moment_errors(solution: Solution) -> Line:
    """Return the standard errors of what is predicted from measured moments, as columns."""
    if not solution.converged or solution.problem.data.name != RowSequences.name:
        return {}
    from replica.predictions.moment_error import MomentError, moment_error

    try:
        errors = dict(vars(moment_error(solution)))
    except BadArgument:
        # Enough sequences for the prediction can be too few for one without some of them.
        errors = dict.fromkeys(field.name for field in fields(MomentError))
    if solution.problem.masking is None:
        del errors["masked_test_loss"]
    return {f"{name}_stderr": error for name, error in errors.items()}


def _along_alpha(problems: Sequence[Problem]) -> Iterable[Solution]:
    from replica.saddle_point.sweep import solutions

    return solutions(problems)


def _at_best_lam(problems: Sequence[Problem]) -> Iterable[Solution]:
    from replica.predictions.optimal_lam import at_best_lam

    return map(at_best_lam, problems)


def _at_best_masking(kind: str, best_lam: bool, problems: Sequence[Problem]) -> Iterable[Solution]:
    from replica.predictions.optimal_masking import at_best_masking

    return (at_best_masking(problem, kind, best_lam) for problem in problems)
