"""Sweeps in parts that do not depend on one another."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from replica.commandline.terminal import progress
from replica.execution.resumable import finished, recorded
from replica.execution.task import Line, described
from replica.problem import Problem
from replica.saddle_point.solution import Solution, behind
from replica.tables.columns import FAILED
from replica.tables.journal import Journal

#: Points of a stretch. The first costs as much as two others, which with 50 is 5 % of the
#: time; after an interruption the points of one stretch at most are solved again.
LENGTH = 50

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
) -> Iterator[Line]:
    """Yield the lines of all problems, one for each alpha: those of the journal, and new ones.

    They are the same whenever and however often the work was stopped, and wherever it is done.

    Parameters
    ----------
    problems : sequence of Problem
        They differ in alpha only.
    optimal : bool
        Solve each at its best weight decay.
    journal : Journal, optional
        Holds every new line before it is yielded, except those of points that raised.
    workers : int
        Processes; 1 works in this one.
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
    known = {line["alpha"]: line for line in held}
    tasks = []
    for task in stretches(problems, optimal):
        alphas = [problem.alpha for problem in task.problems]
        missing = [number for number, alpha in enumerate(alphas) if alpha not in known]
        if missing:
            tasks.append(task)
            # What follows a point that failed started cold: the next attempt goes through.
            for alpha in alphas[missing[0] :]:
                known.pop(alpha, None)
    yield from known.values()
    if workers == 1 and scheduler is None:
        # Quick points one by one: here they wait for others to be written with.
        points = ([line] for task in tasks for line in task.lines())
        written = recorded(points, known, _alpha, journal, _TOGETHER)
    else:
        results = finished(tasks, Stretch.failed, workers, scheduler)
        written = recorded(results, known, _alpha, journal)
    count = sum(len(task.problems) for task in tasks)
    yield from progress((line for lines in written for line in lines), count, "sweep")


def _alpha(line: Line) -> float:
    alpha: float = line["alpha"]
    return alpha


def stretches(problems: Iterable[Problem], optimal: bool = False) -> list[Stretch]:
    """Return the stretches that solve problems which differ in alpha only, each once."""
    length = 1 if optimal else LENGTH
    distinct = sorted({problem.alpha: problem for problem in problems}.items())
    ordered = [problem for _, problem in distinct]
    return [
        Stretch(tuple(ordered[start : start + length]), optimal)
        for start in range(0, len(ordered), length)
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
    """

    problems: tuple[Problem, ...]
    optimal: bool = False

    def run(self) -> list[Line]:
        """Return one line per point."""
        return list(self.lines())

    def lines(self) -> Iterator[Line]:
        """Yield the line of each point when it is done; that of one that raised says so."""
        solve: Callable[[Sequence[Problem]], Iterable[Solution]] = (
            _at_best_lam if self.optimal else _along_alpha
        )
        done = 0
        while done < len(self.problems):
            try:
                for solution in solve(self.problems[done:]):
                    error = solution.quadrature_error
                    # JSON has no NaN.
                    yield solution.line() | {ERROR: error if math.isfinite(error) else None}
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
            **identity(problem, self.optimal),
            "status": f"{FAILED}: {error}",
            **dict.fromkeys(behind(problem)),
            ERROR: None,
        }


def identity(problem: Problem, optimal: bool) -> Line:
    """Return what tells the line of a problem from others; at its best, λ is a result."""
    return {"source": "theory", **problem.columns(without="lam" if optimal else "")}


def _along_alpha(problems: Sequence[Problem]) -> Iterable[Solution]:
    from replica.saddle_point.sweep import solutions

    return solutions(problems)


def _at_best_lam(problems: Sequence[Problem]) -> Iterable[Solution]:
    from replica.predictions.optimal_lam import at_best_lam

    return map(at_best_lam, problems)
