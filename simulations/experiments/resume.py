"""Experiments whose results reach the disk one by one, and go on where they were stopped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from replica.commandline.terminal import progress, say
from replica.execution.resumable import finished, recorded
from replica.tables import Table
from replica.tables.columns import FAILED, failed
from replica.tables.journal import Journal
from simulations.experiments.experiment import Experiment
from simulations.experiments.gaussian import GaussianExperiment

#: The columns that tell the lines of a table apart.
KEY = ("loss", "colors", "beta", "coupling_norm", "shift", "lam", "alpha", "sites", "seed")


def complete(
    journal: Journal,
    tasks: Sequence[Experiment | GaussianExperiment],
    workers: int,
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
    tasks : sequence of Experiment or GaussianExperiment
        All experiments of the table, in its order.
    workers : int
        Processes.
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
    done = {_key(line): line for line in journal.lines}
    missing = [task for task in tasks if not all(key in done for key in keys(task))]
    results = recorded(finished(missing, _failed, workers, scheduler), done, _key, journal)
    for lines in progress(results, len(missing), label):
        if failed(lines[0]):
            say(f"{label}: {_named(lines[0])}: {lines[0]['status']}")
        done.update((_key(line), line) for line in lines)
    return journal.finish(done[key] for task in tasks for key in keys(task))


def keys(task: Experiment | GaussianExperiment) -> list[tuple[Any, ...]]:
    """Return what tells the lines of an experiment apart, in their order."""
    return [_key(identity) for identity in identities(task)]


def _failed(task: Experiment | GaussianExperiment, error: str) -> list[dict[str, Any]]:
    """Return the lines of an experiment that raised."""
    told = {**_settings(task), "status": f"{FAILED}: {error}"}
    return [identity | told for identity in identities(task)]


def identities(task: Experiment | GaussianExperiment) -> list[dict[str, Any]]:
    """Return what the lines of an experiment say of it, in their order."""
    return [
        {
            "source": "simulation",
            "loss": problem.loss_name,
            **problem.data.columns(),
            "lam": problem.lam,
            "alpha": problem.alpha,
            "sites": task.sites,
            "samples": task.samples,
            "seed": task.seed,
        }
        for problem in task.problems
    ]


def _settings(task: Experiment | GaussianExperiment) -> dict[str, Any]:
    """Return the settings that a line of the experiment tells."""
    names = ("test_samples", "burn_in", "estimator")
    known = {name: getattr(task, name, None) for name in names}
    rows = task.sites if task.rows is None else task.rows
    return {"rows": rows} | {name: value for name, value in known.items() if value is not None}


def _named(line: dict[str, Any]) -> str:
    known = ((name, line.get(name)) for name in ("beta", "shift", "alpha", "sites", "seed"))
    return ", ".join(f"{name} = {value}" for name, value in known if value is not None)


def _key(line: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(line.get(name) for name in KEY)
