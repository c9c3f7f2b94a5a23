"""The command `replica sweep`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from replica.cli.report import told
from replica.cli.sweep_chunks import ERROR, identity, solve_missing
from replica.commandline.command import NOT_CONVERGED
from replica.commandline.options import at_best_or_given_lam
from replica.commandline.parsing import digests
from replica.commandline.terminal import say
from replica.errors import BadArgument, Removed, Unwritable, WorkerDied
from replica.execution.dask_cluster import check_scheduler
from replica.problem import CustomTokens, Problem
from replica.tables import Table
from replica.tables.journal import RESUME_HINT, Journal
from replica.validation import integer


def run_sweep(options: argparse.Namespace, command: str) -> int:
    """Solve along α and print the table, or write it point by point."""
    family, optimal = at_best_or_given_lam(options)
    if optimal:
        from replica.predictions.optimal_lam import check_teacher

        check_teacher(family[0])
    where = integer("workers", options.workers, 1), check_scheduler(options.scheduler)
    done: dict[float, dict[str, Any]] = {}
    try:
        if options.out is None:
            solve_missing(family, optimal, done, None, *where)
            _table(family, done).write(sys.stdout)
        else:
            parameters = _parameters(options, family[0])
            points = [identity(problem, optimal) for problem in family]
            with Journal("out", options.out, command, parameters, [], [ERROR], points) as journal:
                solve_missing(family, optimal, done, journal, *where)
                journal.finish(done[problem.alpha] for problem in family)
    except Removed as error:
        say(f"replica: {error}")
        return NOT_CONVERGED
    except (Unwritable, WorkerDied) as error:
        if options.out is None:
            _table(family, done).write(sys.stdout)
        say(f"replica: {error}; what is done is kept{'' if options.out is None else RESUME_HINT}")
        return NOT_CONVERGED
    except KeyboardInterrupt:
        if options.out is None:
            _table(family, done).write(sys.stdout)
            kept = set(done)
        else:
            # Ctrl-C may have come between writing a point and counting it, or the file be gone.
            kept = _alphas(options.out)
        count = sum(problem.alpha in kept for problem in family)
        say(f"replica sweep: {count} of {len(family)} points are done and kept")
        raise
    return told((each, done[each.alpha]) for each in {p.alpha: p for p in family}.values())


def _alphas(out: str) -> set[float]:
    """Return the sample ratios of a table, none where it has no lines yet."""
    try:
        return {line["alpha"] for line in Table.from_csv(out).lines()}
    except BadArgument:
        return set()


def _table(family: Sequence[Problem], done: Mapping[float, Mapping[str, Any]]) -> Table:
    """Return the lines that are done as a table like that of `--out`."""
    rows = [done[problem.alpha] for problem in family if problem.alpha in done]
    return Table({name: row[name] for name in row if name != ERROR} for row in rows)


def _parameters(options: argparse.Namespace, problem: Problem) -> dict[str, Any]:
    """Return what determines the table of a sweep, with the content of files that it names."""
    data = problem.data
    described = {field.name: getattr(data, field.name) for field in fields(data)}  # type: ignore[arg-type]
    if data.name == CustomTokens.name:
        # The eigenvalues are the same matrix to the last digit on one machine only.
        described = {"colors": data.colors, **digests(options, "covariance", "teacher")}
    return {
        "data": data.name,
        **{name: value for name, value in described.items() if value is not None},
        "lam": options.lam,
        "alpha": options.alpha,
        **({"log": True} if options.log else {}),
        "loss": problem.loss,
    }
