"""Sweeps in parts that do not depend on one another."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

from replica.cli.family import Family
from replica.commandline.grid import Refused
from replica.commandline.progress import progress
from replica.errors import BadArgument
from replica.execution.resumable import finished, recorded
from replica.execution.task import Line, described
from replica.execution.threads import in_threads
from replica.problem import Problem
from replica.problem.row_sequences import RowSequences
from replica.saddle_point.solution import Solution, behind
from replica.saddle_point.stretches import stretches as grid_stretches
from replica.saddle_point.stretches import threads_for
from replica.tables.collected import AnyJournal

#: Points of a stretch of one curve. The first costs as much as two others, which with 50 is 5 % of
#: the time; after an interruption the points of one stretch at most are solved again.
LENGTH = 50

#: The column that the sidecar of a finished table holds.
ERROR = "quadrature_error"

#: Seconds for which quick points wait for others to be written with, which is cheaper.
_TOGETHER = 0.01


def solved(
    family: Family,
    journal: AnyJournal | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
) -> Iterator[Line]:
    """Yield the lines of all problems, each point once: those of the journal, and new ones.

    They are the same whenever and however often the work was stopped, and wherever it is done. In a
    table that has grown new points start from one another alone, which shows in the last digits.

    Parameters
    ----------
    family : Family
        What to solve.
    journal : Journal, optional
        Holds every new line before it is yielded, except those of points that raised.
    workers : int, optional
        Processes; 1 works in this one, as does None: one curve in one thread, several in as many as
        there are cores.
    scheduler : str, optional
        Address of a Dask cluster that takes the place of the processes.

    Raises
    ------
    replica.errors.Unwritable, replica.errors.Removed
        If the disk is full or the file can no longer be written, or is gone.
    replica.errors.WorkerDied
        If workers were ended from outside, again and again, or the cluster was lost.
    """
    held = () if journal is None else journal.lines
    grown = journal is not None and journal.grown
    known = {family.place_of(line): line for line in held}
    tasks = []
    for task in stretches(family):
        points = [family.place(problem) for problem in task.family.problems]
        missing = [number for number, each in enumerate(points) if each not in known]
        if missing and grown:
            lacking = tuple(task.family.problems[number] for number in missing)
            tasks.append(Stretch(replace(family, points=lacking)))
        elif missing:
            tasks.append(task)
            # What follows a point that failed started cold: the next attempt goes through.
            for each in points[missing[0] :]:
                known.pop(each, None)
    yield from known.values()
    for point in family.points:
        if isinstance(point, Refused):
            yield family.failed(point, point.error) | {ERROR: None}
    if scheduler is None and (workers or 1) == 1:
        # Quick points one by one: here they wait for others to be written with.
        threads = workers or threads_for(family.problems)
        lines_of = ([line] for line in in_threads([task.lines for task in tasks], threads))
        written = recorded(lines_of, known, family.place_of, journal, _TOGETHER)
    else:
        results = finished(tasks, Stretch.failed, workers or 1, scheduler)
        written = recorded(results, known, family.place_of, journal)
    count = sum(len(task.family.problems) for task in tasks)
    yield from progress((line for lines in written for line in lines), count, "sweep")


def stretches(family: Family) -> list[Stretch]:
    """Return the stretches that solve each point of a family once, along alpha."""
    along: dict[tuple[Any, ...], dict[float, Problem]] = {}
    others = tuple(name for name in family.names if name != "alpha")
    for point, told in zip(family.points, family.identities, strict=True):
        if isinstance(point, Problem):
            along.setdefault(tuple(map(told.get, others)), {})[point.alpha] = point
    curves = [[curve[alpha] for alpha in sorted(curve)] for curve in along.values()]
    sought = family.optimal or family.kind
    split = [[p] for curve in curves for p in curve] if sought else grid_stretches(curves, LENGTH)
    return [Stretch(replace(family, points=tuple(points))) for points in split]


@dataclass(frozen=True)
class Stretch:
    """Points of a sweep: the first starts cold, the others from their neighbours.

    Parameters
    ----------
    family : Family
        Points curve by curve, each in ascending order of alpha; where something is sought at each
        of them, it starts from no neighbour.
    """

    family: Family

    def run(self) -> list[Line]:
        """Return one line per point."""
        return list(self.lines())

    def lines(self) -> Iterator[Line]:
        """Yield the line of each point when it is done; that of one that raised says so."""
        problems, done = self.family.problems, 0
        while done < len(problems):
            try:
                for solution in _solutions(replace(self.family, points=problems[done:])):
                    error = solution.quadrature_error
                    # JSON has no NaN.
                    found = self._line(solution)
                    yield found | {ERROR: error if math.isfinite(error) else None}
                    done += 1
            except Exception as error:
                # The next point starts cold.
                yield self._failed(problems[done], described(error))
                done += 1

    def _line(self, solution: Solution) -> Line:
        if self.family.layers is None:
            return solution.line() | _moment_errors(solution)
        from replica.predictions.layer_average import average_line

        return average_line(solution, self.family.layers)

    def failed(self, error: str) -> list[Line]:
        """Return the lines of a stretch that was not solved."""
        return [self._failed(problem, error) for problem in self.family.problems]

    def _failed(self, problem: Problem, error: str) -> Line:
        return self.family.failed(problem, error) | dict.fromkeys((*behind(problem), ERROR))


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


def _solutions(family: Family) -> Iterable[Solution]:
    """Return the solutions of a family, of which each leads to the next."""
    if family.kind:
        from replica.predictions.optimal_masking import at_best_masking

        return (at_best_masking(each, family.kind, family.optimal) for each in family.problems)
    if family.optimal:
        from replica.predictions.optimal_lam import at_best_lam

        return map(at_best_lam, family.problems)
    from replica.saddle_point.sweep import solutions

    return solutions(family.problems)
