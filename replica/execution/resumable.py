"""Run what a journal lacks: tasks whose lines reach the disk as they finish.

For whatever makes a table of many tasks and must go on where it was stopped: decide which tasks
the journal lacks, pass what `finished` yields of them to `recorded`, and collect.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Hashable, Iterable, Iterator, Sequence
from typing import TypeVar

from replica.execution.executor import outcomes, told
from replica.execution.sharing import shared
from replica.execution.task import Failure, Line, Lines, Task, do
from replica.tables.collected import AnyJournal
from replica.tables.columns import failed

AnyTask = TypeVar("AnyTask", bound=Task)


def finished(
    tasks: Sequence[AnyTask],
    failure: Callable[[AnyTask, str], Lines],
    workers: int | None,
    scheduler: str | None = None,
    expected: float = 0.0,
) -> Iterator[Lines]:
    """Yield the lines of each task as workers finish them (see `outcomes`, whose errors it raises).

    Parameters
    ----------
    tasks : sequence of Task
        What to do.
    failure : callable
        Returns the lines of a task that raised, which say so, given it and its error.
    workers : int, optional
        Processes on this machine; by default all cores, unless the run is short.
    scheduler : str, optional
        Address of the scheduler of a Dask cluster, which does the tasks instead.
    expected : float
        Seconds that all take on one core, if that is known.
    """
    results = (
        shared(tasks, lambda task: told(do(task)), expected)
        if workers is None and scheduler is None
        else outcomes(tasks, workers or 1, scheduler)
    )
    for number, outcome in results:
        yield failure(tasks[number], outcome.error) if isinstance(outcome, Failure) else outcome


def recorded(
    results: Iterable[Lines],
    known: Container[Hashable],
    key: Callable[[Line], Hashable],
    journal: AnyJournal | None = None,
    together: float = 0.0,
) -> Iterator[Lines]:
    """Yield of each result the lines that are not known yet, once they are on disk.

    Lines of points that failed are yielded, but not written, so that they are tried again. Where
    the results end early, because they raise or are interrupted, what came before is written.

    Parameters
    ----------
    results : iterable of lists of lines
        As they come.
    known : container
        The keys of known lines; it may grow meanwhile.
    key : callable
        What tells a line from others.
    journal : Journal, optional
        Where lines are written; None writes none.
    together : float
        Seconds for which results wait for others to be written with, which is cheaper.

    Raises
    ------
    replica.errors.Unwritable, replica.errors.Removed
        If the disk is full or the file can no longer be written, or is gone.
    """
    waiting: list[Lines] = []
    since = time.monotonic()
    try:
        for lines in results:
            waiting.append([line for line in lines if key(line) not in known])
            now = time.monotonic()
            if now - since >= together:
                since, ready, waiting = now, waiting, []
                _write(ready, journal)
                yield from ready
    finally:
        _write(waiting, journal)
    yield from waiting


def _write(results: Iterable[Lines], journal: AnyJournal | None) -> None:
    if journal is not None:
        journal.append(line for lines in results for line in lines if not failed(line))
