"""Experiments in worker processes, with results that do not depend on their number."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection
from typing import Any, Protocol

from replica.arguments import integer
from replica.commandline import progress
from replica.data import GaussianTokens
from replica.problem import Problem
from replica.tables import Table
from simulations.experiment import experiments
from simulations.gaussian_tokens import GaussianExperiment
from simulations.mixing import MixingWarning

Lines = list[dict[str, Any]]


class Task(Protocol):
    """What a worker process can do: an experiment, or anything like it that can be pickled."""

    def run(self) -> Lines:
        """Return lines of a table."""


class WorkerDied(RuntimeError):
    """A worker process was ended from outside; the results it had delivered are kept."""


def simulate_many(
    problems: Sequence[Problem],
    sites: Sequence[int],
    seeds: Sequence[int],
    workers: int = 1,
    label: str | None = None,
    **options: Any,
) -> Table:
    """Train finite systems over a grid and return the table, one line per point and seed.

    Parameters
    ----------
    problems : sequence of Problem
        What to learn; Gaussian tokens among themselves.
    sites, seeds : sequences of int
        Sizes and realisations.
    workers : int
        Processes; 1 works in this one. With more, a script needs the usual guard
        ``if __name__ == "__main__":``. The table is the same for any number, to the last
        digit.
    label : str, optional
        Show a progress bar with this label if stderr is a terminal.
    **options
        `rows`, `test_samples`, `burn_in` and `estimator` as in `simulations.simulate`;
        Gaussian tokens take `rows` alone.

    Raises
    ------
    ValueError
        If an argument is not allowed.
    """
    tasks: Sequence[Task]
    if any(isinstance(problem.data, GaussianTokens) for problem in problems):
        tasks = [
            GaussianExperiment(problem, size, seed, **options)
            for size in sites
            for problem in problems
            for seed in seeds
        ]
    else:
        tasks = experiments(problems, sites, seeds, **options)
    return collect(tasks, workers, label)


def collect(tasks: Sequence[Task], workers: int = 1, label: str | None = None) -> Table:
    """Run tasks and return their lines in the order of the tasks.

    `workers` and `label` are those of `simulate_many`.
    """
    finished: Iterator[tuple[int, Lines]]
    if integer("workers", workers, 1) == 1:
        finished = ((number, task.run()) for number, task in enumerate(tasks))
    else:
        finished = run_all(tasks, workers)
    results = dict(finished if label is None else progress(finished, len(tasks), label))
    return Table(line for number in range(len(tasks)) for line in results[number])


def run_all(tasks: Sequence[Task], workers: int) -> Iterator[tuple[int, Lines]]:
    """Yield (number of the task, its lines) as worker processes finish them.

    Warnings of the workers are issued here. If the caller stops early, what is under way is
    given up; if this process dies, so do the workers.

    Raises
    ------
    WorkerDied
        If a worker was killed, or ran out of memory.
    """
    workers = min(integer("workers", workers, 1), max(1, len(tasks)))
    earlier = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=_depend_on_the_parent)
    try:
        with one_thread_each():
            numbers: dict[Future[tuple[Lines, list[str]]], int] = {
                pool.submit(_run, task): number for number, task in enumerate(tasks)
            }
        for future in as_completed(numbers):
            lines, messages = future.result()
            for message in messages:
                warnings.warn(message, MixingWarning, stacklevel=2)
            yield numbers[future], lines
    except BrokenProcessPool:
        raise WorkerDied(
            "a worker process was killed, by hand or for want of memory; fewer --workers need less"
        ) from None
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - earlier:
            process.terminate()
        raise
    finally:
        pool.shutdown()


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Let processes that start meanwhile use one thread each for linear algebra.

    The libraries read these variables when they are loaded; in a process per core, more
    threads only get into each other's way.
    """
    names = (
        "OPENBLAS_NUM_THREADS",
        "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "NPROC",  # of XLA, on which JAX runs
    )
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _depend_on_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent.sentinel,), daemon=True).start()


def _follow(parent: int) -> None:
    # A killed parent cannot tell its workers, which would wait for tasks for ever.
    connection.wait([parent])
    os._exit(1)


def _run(task: Task) -> tuple[Lines, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", MixingWarning)
        lines = task.run()
    return lines, [str(w.message) for w in caught if issubclass(w.category, MixingWarning)]
