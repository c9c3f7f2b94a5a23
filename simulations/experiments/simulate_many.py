"""Experiments in worker processes, with results that do not depend on their number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from replica.commandline.progress import progress, until_interrupted
from replica.execution.executor import outcomes
from replica.execution.sharing import asked, shared
from replica.execution.task import Failure, Lines, Outcome, Task
from replica.problem import Problem
from replica.tables import Table
from replica.validation import only
from simulations.experiments.cost import seconds
from simulations.experiments.course import experiments_of

#: What `simulate_many` hands to the experiments.
_OPTIONS = (
    "rows", "test_samples", "burn_in", "estimator", "own_loss", "leave_one_out", "ensemble",
    "whole_matrix", "rate", "steps",
)  # fmt: skip


class TaskFailed(RuntimeError):
    """A task raised in a worker process; the message is that of its exception."""


def simulate_many(
    problems: Sequence[Problem],
    sites: Sequence[int] = (),
    seeds: Sequence[int] = (0,),
    workers: int | None = None,
    label: str | None = None,
    **options: Any,
) -> Table:
    """Train finite systems over a grid and return the table, one line per point and seed.

    Ctrl-C in a notebook ends it with a notice, and what is done is returned.

    Parameters
    ----------
    problems : sequence of Problem
        What to learn; Gaussian tokens among themselves.
    sites, seeds : sequences of int
        Sizes and realisations; rows of a given model and of given sequences have their size.
    workers : int, optional
        Processes; 1 works in this one. By default all cores that it may use, unless the run is
        short: what takes some five seconds stays in this one, and so does what a script asks
        outside the usual guard ``if __name__ == "__main__":``, which more processes need. The
        table is the same for any number, to the last digit.
    label : str, optional
        Show a progress bar with this label, away from a terminal a line every half minute;
        notebooks show one anyway.
    **options
        Those of `simulations.simulate`; Gaussian tokens take `rows` alone. The estimator may also
        be "one-pass", stochastic gradient descent that sees every sequence once, with its `rate`,
        a number, a `replica.Schedule` or a function; or "descent", gradient descent on all, with
        its `rate` and the `steps` that are looked at. Their tables have a line per alpha or step.

    Returns
    -------
    Table
        Its columns are those of `simulations.simulate`, without standard errors for Gaussian
        tokens.

    Raises
    ------
    TypeError
        If an option is another one.
    ValueError
        If an argument is not allowed, or `workers` are asked for where there can be none: by a
        script without that guard, in a daemonic process, or for objects that no module holds.

    Examples
    --------
    >>> from replica import PottsTokens, Problem
    >>> from simulations import simulate_many
    >>> problem = Problem(alpha=2.0, lam=0.1, data=PottsTokens(3, 1.5))
    >>> table = simulate_many([problem, problem.at(lam=0.4)], [20], range(2), test_samples=200)
    >>> len(table), table["lam"]
    (4, array([0.1, 0.4, 0.1, 0.4]))
    """
    only("simulate_many", options, _OPTIONS)
    tasks = experiments_of(problems, sites, seeds, **options)
    return collect(tasks, workers, label, True, sum(map(seconds, tasks)))


def collect(
    tasks: Sequence[Task],
    workers: int | None = None,
    label: str | None = None,
    partly: bool = False,
    expected: float = 0.0,
) -> Table:
    """Run tasks and return their lines in the order of the tasks.

    `workers` and `label` are those of `simulate_many`; `partly` returns what is done after Ctrl-C
    in a notebook; `expected` are the seconds that all take on one core, if that is known.

    Raises
    ------
    TaskFailed
        If a task raised in a worker process; in this one its exception is left as it is.
    replica.errors.WorkerDied
        If worker processes were ended from outside, again and again.
    """
    seen = progress(run_all(tasks, workers, expected), len(tasks), label)
    results = dict(until_interrupted(seen, len(tasks), partly))
    return Table(line for number in sorted(results) for line in results[number])


def run_all(
    tasks: Sequence[Task], workers: int | None = None, expected: float = 0.0
) -> Iterator[tuple[int, Lines]]:
    """Yield (number of the task, its lines) as they are finished, as `collect` says where.

    Raises
    ------
    TaskFailed
        If a task raised in a worker process; in this one its exception is left as it is.
    replica.errors.WorkerDied
        If worker processes were ended from outside, again and again.
    """
    results: Iterator[tuple[int, Outcome]]
    count = asked(workers)
    if count is None:
        results = shared(tasks, lambda task: task.run(), expected)
    elif count == 1:
        results = ((number, task.run()) for number, task in enumerate(tasks))
    else:
        results = outcomes(tasks, count)
    for number, outcome in results:
        if isinstance(outcome, Failure):
            raise TaskFailed(outcome.error)
        yield number, outcome
