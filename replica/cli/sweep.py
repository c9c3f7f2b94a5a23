"""The command `replica sweep`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields
from typing import Any, Protocol

from replica.cli.family import Family, Place
from replica.cli.report import report_unconverged
from replica.cli.subcommand import OPTIMAL_LAM, Commands, subcommand
from replica.cli.sweep_chunks import ERROR, solved
from replica.commandline.command import NOT_CONVERGED
from replica.commandline.grid import GRID, LISTED, OF_DATA
from replica.commandline.options import (
    add_ensemble_option,
    add_executor_options,
    add_problem_options,
    read_as,
)
from replica.commandline.output import add_output_options, print_json
from replica.commandline.parsing import digests
from replica.commandline.terminal import say
from replica.errors import Removed, Unwritable, WorkerDied
from replica.execution.dask_cluster import check_scheduler
from replica.execution.sharing import asked
from replica.execution.task import Line
from replica.problem import CustomTokens, RowTokens
from replica.problem.coupling_laws import GaussianCouplings
from replica.tables import Table
from replica.tables.collected import AnyJournal, journal_at
from replica.tables.columns import as_cell
from replica.tables.formats import CSV, ending_of
from replica.tables.journal import RESUME_HINT


def add_sweep(commands: Commands) -> None:
    """Add `replica sweep`."""
    parser = subcommand(
        commands,
        "sweep",
        run_sweep,
        "solve on a grid",
        "Prints or writes a CSV table of every combination of the values, alpha running fastest. "
        f"{LISTED}. A file is written point by point: the same command goes on where it was "
        "stopped, and one of more points adds them.",
    )
    add_problem_options(parser, OPTIMAL_LAM, best_masks=True)
    add_ensemble_option(parser)
    add_output_options(parser)
    add_executor_options(parser)


def run_sweep(options: argparse.Namespace, command: str) -> int:
    """Solve along α and print the table, or write it point by point."""
    family = Family.from_options(options)
    if family.optimal or family.kind:
        from replica.predictions.optimal_lam import check_teacher

        for problem in {each.data: each for each in family.problems}.values():
            check_teacher(problem)
    if options.masking is not None:
        family.check_masks()
    where = asked(options.workers), check_scheduler(options.scheduler)
    if options.out is None:
        sink: _Sink = _Printed(family, options.json)
    else:
        sink = _Written(family, options, command)
    done: dict[Place, Line] = {}
    try:
        with sink.journal() as journal:
            for line in solved(family, journal, *where):
                done[family.place_of(line)] = line
            sink.finish(done)
    except Removed as error:
        say(f"replica: {error}")
        return NOT_CONVERGED
    except (Unwritable, WorkerDied) as error:
        sink.leave(done)
        say(f"replica: {error}; what is done is kept{sink.hint}")
        return NOT_CONVERGED
    except KeyboardInterrupt:
        kept = sink.leave(done)
        count = sum(place in kept for place in family.places)
        say(f"replica sweep: {count} of {len(family.points)} points are done and kept")
        raise
    points = dict(zip(family.places, family.points, strict=True))
    if options.json and options.out is not None:
        print_json(done[place] for place in family.places)
    return report_unconverged(((each, done[key]) for key, each in points.items()), family.names)


class _Sink(Protocol):
    """Where the table of a sweep goes, at the end or, where that is not reached, what is done."""

    hint: str

    def journal(self) -> AbstractContextManager[AnyJournal | None]:
        """Return what keeps lines as they come, if anything does."""

    def finish(self, done: Mapping[Place, Line]) -> None:
        """Deliver the whole table."""

    def leave(self, done: Mapping[Place, Line]) -> Collection[Place]:
        """Deliver what is done, and return the points of it."""


class _Printed:
    """A table on stdout like that of `--out`, without what its sidecar holds."""

    hint = ""

    def __init__(self, family: Family, json: bool) -> None:
        self._family, self._json = family, json

    def journal(self) -> AbstractContextManager[None]:
        return nullcontext()

    def finish(self, done: Mapping[Place, Line]) -> None:
        rows = [done[place] for place in self._family.places if place in done]
        if self._json:
            print_json(rows)
            return
        table = Table({name: row[name] for name in row if name != ERROR} for row in rows)
        table.write(sys.stdout)

    def leave(self, done: Mapping[Place, Line]) -> Collection[Place]:
        self.finish(done)
        return done


class _Written:
    """A table in a file, point by point, or one that does not grow all at once."""

    def __init__(self, family: Family, options: argparse.Namespace, command: str) -> None:
        self._family, self._out, self._command = family, options.out, command
        self._parameters = _parameters(options, family)
        self._journal: AnyJournal | None = None
        self.hint = RESUME_HINT if ending_of(options.out) == CSV else ""

    def journal(self) -> AbstractContextManager[AnyJournal]:
        points = self._family.identities
        self._journal = journal_at(
            "out", self._out, self._command, self._parameters, [], [ERROR], points, GRID
        )
        return self._journal

    def finish(self, done: Mapping[Place, Line]) -> None:
        assert self._journal is not None
        self._journal.finish(done[place] for place in self._family.places)

    def leave(self, done: Mapping[Place, Line]) -> Collection[Place]:
        kept = () if self._journal is None else self._journal.kept()
        return {self._family.place_of(line) for line in kept}


def _parameters(options: argparse.Namespace, family: Family) -> dict[str, Any]:
    """Return what determines the table of a sweep, with the content of files that it names."""
    problem = family.problems[0]
    data = problem.data
    if isinstance(data, RowTokens):
        told = ("data", "row")
        described = {k: v for k, v in data.columns().items() if k not in told}
        described |= {"rows": options.rows, **read_as(options)}
    else:
        described = {field.name: getattr(data, field.name) for field in fields(data)}  # type: ignore[arg-type]
    if data.name == CustomTokens.name:
        # The eigenvalues are the same matrix to the last digit on one machine only.
        described = {"colors": data.colors, **digests(options, "covariance", "teacher")}
    described |= {name: getattr(options, name) for name in OF_DATA if name in described}
    unsaid = None, GaussianCouplings.text
    return {
        "data": data.name,
        **{name: value for name, value in described.items() if value not in unsaid},
        **({"bias": True} if options.bias else {}),
        "lam": options.lam,
        "alpha": options.alpha,
        **({"log": True} if options.log else {}),
        "loss": options.loss or problem.loss,
        **({"masking": options.masking} if options.masking else {}),
        # JSON has no infinity.
        **({"ensemble": as_cell(family.layers)} if family.layers else {}),
    }
