"""Experiments whose results reach the disk one by one, and go on where they were stopped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from replica.commandline import progress
from replica.journal import Journal
from replica.tables import Table
from simulations.experiment import Experiment
from simulations.parallel import run_all

#: The columns that tell the lines of a table apart.
KEY = ("loss", "colors", "beta", "coupling_norm", "lam", "alpha", "sites", "seed")


def complete(journal: Journal, tasks: Sequence[Experiment], workers: int, label: str) -> Table:
    """Run the experiments that the journal lacks, and finish it.

    The table is the same whenever and however often the work was stopped, and for any number
    of workers.

    Parameters
    ----------
    journal : Journal
        Holds the lines of experiments that have finished, in any order; an experiment that is
        not there with all its lines is run again.
    tasks : sequence of Experiment
        All experiments of the table, in its order.
    workers : int
        Processes.
    label : str
        Of the progress bar.

    Returns
    -------
    Table
        The whole table, as it is on disk.

    Raises
    ------
    replica.journal.Unwritable
        If the disk is full or the file can no longer be written.
    simulations.parallel.WorkerDied
        If a worker process was ended from outside.
    """
    done = {_key(line): line for line in journal.lines}
    missing = [task for task in tasks if not all(key in done for key in keys(task))]
    for _, lines in progress(run_all(missing, workers), len(missing), label):
        journal.append(lines)
        done.update((_key(line), line) for line in lines)
    return journal.finish(done[key] for task in tasks for key in keys(task))


def keys(task: Experiment) -> list[tuple[Any, ...]]:
    """Return what tells the lines of an experiment apart, in their order."""
    data = task.data.columns()
    return [
        (
            problem.loss_name,
            task.data.colors,
            data.get("beta"),
            data.get("coupling_norm"),
            problem.lam,
            problem.alpha,
            task.sites,
            task.seed,
        )
        for problem in task.problems
    ]


def _key(line: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(line.get(name) for name in KEY)
