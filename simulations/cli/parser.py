"""The command replica-simulate."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from replica.commandline.command import CONVERGED, NOT_CONVERGED, Parser, run
from replica.commandline.grid import GRID, LISTED
from replica.commandline.options import (
    OPTIMAL,
    ROWS,
    add_executor_options,
    add_problem_options,
    read_as,
    takes,
)
from replica.commandline.output import add_output_options, print_json
from replica.commandline.parsing import MOST_POINTS, alpha_grid, matrix, number, values
from replica.commandline.terminal import say
from replica.errors import Removed, Unwritable, WorkerDied
from replica.execution.dask_cluster import check_scheduler
from replica.execution.sharing import asked
from replica.problem import DataModel
from replica.tables import Table
from replica.tables.collected import AnyJournal, Collected, Lines, journal_at
from replica.tables.journal import RESUME_HINT, Journal
from replica.tables.table import place_for
from replica.validation import integer, invalid, one_of
from simulations.cli.given_lam import TABLE_OF_LAM, is_table
from simulations.cli.grid import LISTS, lengths, simulated
from simulations.cli.training import add_training_options, training_options, training_told
from simulations.estimators.by_name import COURSES, ESTIMATORS
from simulations.tokens import MOST_COLORS, SAMPLED

NAME = "replica-simulate"

#: Options of an experiment, which has a default for each.
_OPTIONS = ("rows", "test_samples", "burn_in")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    0 if every row of every system converged; 1 if some did not, or if the work could not be
    finished; 2 for a bad command line; 130 after Ctrl-C. What is done is always kept.
    """
    return run(_parser(), argv, _simulate)


def _parser() -> Parser:
    parser = Parser(
        prog=NAME,
        description="Train factored attention on sampled sequences, to the exact "
        "minimum, and test it on fresh ones: one line of a table per point and seed. "
        f"{LISTED}, as --sites; every combination is a point. Lines of a CSV file are on "
        "disk as soon as they are computed: the same command goes on where it was stopped.",
    )
    rows = f"rows that are trained per system (all); {ROWS}"
    add_problem_options(parser, TABLE_OF_LAM, models=SAMPLED, most_colors=MOST_COLORS, rows=rows)
    parser.add_argument("--sites", metavar="L",
                        help="length of a sequence, 3 or more, or a list of lengths; couplings "
                        "and tokens data have their own")  # fmt: skip
    parser.add_argument("--seeds", type=number, default=1, metavar="N",
                        help="independent realisations per point (1)")  # fmt: skip
    parser.add_argument("--seed", type=number, default=0, metavar="BASE",
                        help="the first seed; the others follow (0)")  # fmt: skip
    parser.add_argument("--test-samples", type=number, metavar="N",
                        help="fresh sequences for the test (2000)")  # fmt: skip
    parser.add_argument("--burn-in", type=number, metavar="N",
                        help="sweeps before a sequence is taken (60)")  # fmt: skip
    parser.add_argument("--estimator", metavar="NAME",
                        help="one of " + ", ".join((*ESTIMATORS, *COURSES)) + "; given, it is a "
                        "column of the table (the first, without a column)")  # fmt: skip
    parser.add_argument("--leave-one-out", action="store_true",
                        help="tell what rows reach without fresh sequences, too, in columns "
                        "loo_test_loss, loo_error_rate and loo_temperature")  # fmt: skip
    parser.add_argument("--ensemble", type=number, metavar="K",
                        help="average K layers, each trained on sequences of its own of one model "
                        "(one layer)")  # fmt: skip
    parser.add_argument("--whole-matrix", action="store_true",
                        help="read all rows of potts data as one matrix, too, in columns outlier, "
                        "overlap, pca_outlier, pca_overlap, symmetrised_error and "
                        "precision")  # fmt: skip
    add_training_options(parser)
    add_executor_options(parser)
    add_output_options(parser)
    return parser


def _simulate(arguments: argparse.Namespace, command: str) -> int:
    workers = asked(arguments.workers)
    base, count = integer("seed", arguments.seed, 0), integer("seeds", arguments.seeds, 1)
    if arguments.estimator is not None:
        one_of("estimator", arguments.estimator, (*ESTIMATORS, *COURSES))
    if arguments.lam == OPTIMAL:
        allowed = (
            "numbers, or a table of them, as `replica sweep --lam optimal --out best.csv` makes "
            "for --lam best.csv"
        )
        raise invalid("lam", OPTIMAL, allowed)
    sites, family = lengths(arguments), simulated(arguments)
    arguments.loss = arguments.loss or family[0].loss_name
    total = count * max(1, len(sites)) * len(family)
    if total > MOST_POINTS:
        raise invalid("seeds", count, f"so few that there are {MOST_POINTS} points at most")
    seeds = range(base, base + count)
    if arguments.out is not None:
        place_for("out", arguments.out)
    scheduler = check_scheduler(arguments.scheduler)

    # The arguments are good so far: now the compiler is worth loading.
    from simulations.experiments.cost import announce
    from simulations.experiments.course import experiments_of
    from simulations.experiments.resume import complete, identities

    options = {name: getattr(arguments, name) for name in _OPTIONS}
    given_rows = takes(arguments, "rows")
    if options["rows"] is not None:
        options["rows"] = None if given_rows else number(options["rows"])
    named = {} if arguments.estimator is None else {"estimator": arguments.estimator}
    named |= {"leave_one_out": True} if arguments.leave_one_out else {}
    named |= {} if arguments.ensemble is None else {"ensemble": arguments.ensemble}
    named |= {"whole_matrix": True} if arguments.whole_matrix else {}
    given = {name: value for name, value in options.items() if value is not None} | named
    training = training_options(arguments)
    tasks = experiments_of(family, sites, seeds, **given, **training)
    parameters = {
        "data": arguments.data,
        "similarity": arguments.similarity and matrix("similarity", arguments.similarity),
        **{k: v for k, v in family[0].data.columns().items() if k == "couplings"},
        **{
            name: values(name, value)
            for name in LISTS
            if (value := getattr(arguments, name)) is not None
        },
        **({"lam": [problem.lam for problem in family]} if is_table(arguments.lam) else {}),
        **({"joint": True} if arguments.joint else {}),
        **({"bias": True} if arguments.bias else {}),
        "alpha": alpha_grid(arguments.alpha, arguments.log),
        **({**_told(family[0].data), "rows": arguments.rows} if given_rows else {}),
        **read_as(arguments),
        "sites": sites or tasks[0].sites,
        **{name: getattr(tasks[0], name) for name in _OPTIONS if hasattr(tasks[0], name)},
        **named,
        **training_told(arguments),
    }
    journal: AnyJournal | None = None
    try:
        points = [point for task in tasks for point in identities(task)]
        total = len(points)
        listed = ("sites", *(name for name in GRID if given_rows or name != "rows"))
        if arguments.out is None:
            journal = Collected(_printed(arguments.json), points)
        else:
            journal = journal_at(
                "out", arguments.out, command, parameters, seeds, points=points, grid=listed
            )
        with journal:
            if scheduler is None:
                announce(tasks, workers, NAME)
            table = complete(journal, tasks, workers, NAME, scheduler)
    except Removed as error:
        say(f"{NAME}: {error}")
        return NOT_CONVERGED
    except (Unwritable, WorkerDied) as error:
        hint = RESUME_HINT if isinstance(journal, Journal) else ""
        say(f"{NAME}: {error}; what is done is kept{hint}")
        return NOT_CONVERGED
    except KeyboardInterrupt:
        if journal is not None:
            say(f"{NAME}: {len(journal.kept())} of {total} points are done and kept")
        raise
    if arguments.json and arguments.out is not None:
        print_json(table.lines())
    counts = Counter(s.partition(":")[0] for s in table["status"] if s != "converged")
    if not counts:
        return CONVERGED
    kinds = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    stable = "diverged" in counts and arguments.estimator in COURSES
    hint = f"; `replica {arguments.estimator}` names the largest stable rate" if stable else ""
    say(f"{NAME}: {counts.total()} of {total} points did not converge: {kinds}{hint}")
    return NOT_CONVERGED


def _printed(json: bool) -> Callable[[Lines], None]:
    """Return what prints the lines of a table."""
    return print_json if json else lambda lines: Table(lines).write(sys.stdout)


def _told(data: DataModel) -> dict[str, Any]:
    """Return what stands for the content of a file, of data with rows."""
    return {k: v for k, v in data.columns().items() if k in ("couplings", "tokens", "covariances")}
