"""The command replica-simulate."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import Any

from replica.arguments import integer
from replica.commandline import (
    CONVERGED,
    NOT_CONVERGED,
    Parser,
    add_problem_options,
    number,
    problems,
    progress,
    run,
)
from replica.tables import Table, writable_file

NAME = "replica-simulate"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    0 if every row of every system converged, 1 if some did not, 2 for a bad command line,
    130 after Ctrl-C, which keeps what is done.
    """
    return run(_parser(), argv, _simulate)


def _parser() -> Parser:
    parser = Parser(
        prog=NAME,
        description="Train factored attention on sequences of the Potts model, to the exact "
        "minimum, and test it on fresh ones: one line of a CSV table per (sites, alpha, seed).",
    )
    add_problem_options(parser)
    parser.add_argument("--sites", required=True, metavar="L",
                        help="length of a sequence, 3 or more, or a list of lengths")  # fmt: skip
    parser.add_argument("--seeds", type=number, default=1, metavar="N",
                        help="independent realisations per point (1)")  # fmt: skip
    parser.add_argument("--seed", type=number, default=0, metavar="BASE",
                        help="the first seed; the others follow (0)")  # fmt: skip
    parser.add_argument("--rows", type=number, metavar="N",
                        help="rows that are trained per system (all)")  # fmt: skip
    parser.add_argument("--test-samples", type=number, metavar="N",
                        help="fresh sequences for the test (2000)")  # fmt: skip
    parser.add_argument("--burn-in", type=number, metavar="N",
                        help="sweeps before a sequence is taken (60)")  # fmt: skip
    parser.add_argument("--workers", type=number, default=_cores(), metavar="N",
                        help="processes, which do not change the table (all cores)")  # fmt: skip
    parser.add_argument("--out", required=True, metavar="CSV",
                        help="the table; its provenance is written beside it")  # fmt: skip
    return parser


def _simulate(arguments: argparse.Namespace, command: str) -> int:
    workers = integer("workers", arguments.workers, 1)
    base, count = integer("seed", arguments.seed, 0), integer("seeds", arguments.seeds, 1)
    seeds = range(base, base + count)
    sites = [integer("sites", number(part.strip()), 3) for part in str(arguments.sites).split(",")]
    options = {
        name: getattr(arguments, name)
        for name in ("rows", "test_samples", "burn_in")
        if getattr(arguments, name) is not None
    }
    family = problems(arguments)
    out = writable_file("out", arguments.out)

    # The arguments are good so far: now the compiler is worth loading.
    from simulations.experiment import experiments
    from simulations.parallel import run_all

    tasks = experiments(family, sites, seeds, **options)
    provenance = {"command": command, "parameters": _parameters(arguments), "seeds": list(seeds)}
    done: dict[int, list[dict[str, Any]]] = {}
    for task, lines in progress(run_all(tasks, workers), len(tasks), NAME):
        done[task] = lines
        # The file is whole after every task, whatever ends the run.
        table = Table(line for task in sorted(done) for line in done[task])
        table.to_csv(out, **provenance)
    return CONVERGED if all(table["status"] == "converged") else NOT_CONVERGED


def _parameters(arguments: argparse.Namespace) -> dict[str, Any]:
    return {name: value for name, value in vars(arguments).items() if value is not None}


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
