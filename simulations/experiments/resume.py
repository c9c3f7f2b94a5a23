"""Experiments whose results reach the disk one by one, and go on where they were stopped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from replica.commandline.progress import progress
from replica.commandline.terminal import say
from replica.execution.resumable import finished, recorded
from replica.tables import Table
from replica.tables.collected import AnyJournal
from replica.tables.columns import FAILED, failed
from simulations.experiments.cost import seconds
from simulations.experiments.course import CourseExperiment
from simulations.experiments.given_rows import RowsExperiment
from simulations.experiments.grids import AnyExperiment
from simulations.experiments.identity import identity
from simulations.experiments.sequences import SequencesExperiment


def complete(
    journal: AnyJournal,
    tasks: Sequence[AnyExperiment],
    workers: int | None,
    label: str,
    scheduler: str | None = None,
) -> Table:
    """Run the experiments that the journal lacks, and finish it.

    The table is the same whenever and however often the work was stopped, and for any number
    of workers, here or on a cluster. An experiment that raises has its error as status, in
    the table and in a line on stderr; the journal does not hold it, so that it is tried again.

    Parameters
    ----------
    journal : Journal
        Holds the lines of experiments that have finished, in any order; an experiment that is
        not there with all its lines is run again.
    tasks : sequence of experiments
        All experiments of the table, in its order.
    workers : int, optional
        Processes; by default all cores, unless the run is short.
    label : str
        Of the progress bar, and of what is said.
    scheduler : str, optional
        Address of a Dask cluster that takes the place of the processes.

    Returns
    -------
    Table
        The whole table, as it is on disk.

    Raises
    ------
    replica.errors.Unwritable, replica.errors.Removed
        If the disk is full or the file can no longer be written, or is gone.
    replica.errors.WorkerDied
        If workers were ended from outside, again and again, or the cluster was lost.
    """
    points = [identities(task) for task in tasks]
    names = tuple(dict.fromkeys(name for lines in points for line in lines for name in line))

    def key(line: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(line.get(name) for name in names)

    done = {key(line): line for line in journal.lines}
    missing = [
        task
        for task, lines in zip(tasks, points, strict=True)
        if not all(key(line) in done for line in lines)
    ]
    results = finished(missing, _failed, workers, scheduler, sum(map(seconds, missing)))
    written = recorded(results, done, key, journal)
    for lines in progress(written, len(missing), label):
        if failed(lines[0]):
            say(f"{label}: {_named(lines[0])}: {lines[0]['status']}")
        done.update((key(line), line) for line in lines)
    return journal.finish(done[key(line)] for lines in points for line in lines)


def _failed(task: AnyExperiment, error: str) -> list[dict[str, Any]]:
    """Return the lines of an experiment that raised."""
    told = {**_settings(task), "status": f"{FAILED}: {error}"}
    return [line | told for line in identities(task)]


def identities(task: AnyExperiment) -> list[dict[str, Any]]:
    """Return what tells the lines of an experiment from others, in their order."""
    if isinstance(task, CourseExperiment):
        return task.identities()
    return [identity(p, task.sites, task.samples, task.seed) for p in task.problems]


def _settings(task: AnyExperiment) -> dict[str, Any]:
    """Return the settings that a line of the experiment tells."""
    names = ("test_samples", "burn_in", "estimator", "ensemble")
    known: dict[str, Any] = {name: getattr(task, name, None) for name in names}
    if not isinstance(task, RowsExperiment | SequencesExperiment):
        known["rows"] = task.sites if task.rows is None else task.rows
    return {name: value for name, value in known.items() if value is not None}


def _named(line: dict[str, Any]) -> str:
    known = ((name, line.get(name)) for name in ("beta", "shift", "alpha", "sites", "seed"))
    return ", ".join(f"{name} = {value}" for name, value in known if value is not None)
