"""Tasks in worker processes or on a cluster, with results that do not depend on where."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing

from replica.execution.dask_cluster import on_cluster
from replica.execution.processes import in_processes
from replica.execution.task import Outcome, Sent, Task
from replica.notices import tell


def outcomes(
    tasks: Sequence[Task], workers: int, scheduler: str | None = None
) -> Iterator[tuple[int, Outcome]]:
    """Yield (number of the task, its lines or failure) as workers finish them.

    Warnings of the workers are issued here. If the caller stops early, what is under way is
    given up; if this process dies, so do the workers, or they forget its tasks.

    Parameters
    ----------
    tasks : sequence of Task
        What to do.
    workers : int
        Processes on this machine.
    scheduler : str, optional
        Address of the scheduler of a Dask cluster, which does the tasks instead.

    Raises
    ------
    WorkerDied
        If no worker process lives long enough for any task, or if the cluster was lost.
    MissingExtra
        If a cluster is asked for and Dask is not installed.
    ValueError
        If an argument is not allowed, or no scheduler answers.
    """
    results = in_processes(tasks, workers) if scheduler is None else on_cluster(tasks, scheduler)
    with closing(results):
        for task, sent in results:
            yield task, told(sent)


def told(sent: Sent) -> Outcome:
    """Return the outcome of what was sent, and issue its warnings."""
    outcome, warned = sent
    for category, message in warned:
        tell(message, category)
    return outcome
