"""The command `replica solve`."""

from __future__ import annotations

import argparse
import json

from replica.cli.report import report_unconverged
from replica.cli.subcommand import OPTIMAL_LAM, Commands, subcommand
from replica.commandline.options import (
    add_ensemble_option,
    add_problem_options,
    at_best_or_given_lam,
    best_masking,
)
from replica.saddle_point.solution import listed
from replica.tables.columns import as_cell
from replica.validation import invalid


def add_solve(commands: Commands) -> None:
    """Add `replica solve`."""
    parser = subcommand(
        commands,
        "solve",
        run_solve,
        "solve one problem",
        "Prints losses, error rate, coupling error and order parameters, one a line, with "
        "the status and the error of the solution.",
    )
    add_problem_options(parser, OPTIMAL_LAM)
    add_ensemble_option(parser)
    parser.add_argument("--json", action="store_true", help="print the solution as JSON")


def run_solve(options: argparse.Namespace, command: str) -> int:
    """Solve one problem and print the solution."""
    from replica.predictions.optimal_lam import at_best_lam
    from replica.predictions.optimal_masking import at_best_masking
    from replica.saddle_point.solver import solve

    kind = best_masking(options)
    family, optimal = at_best_or_given_lam(options)
    if len(family) != 1:
        raise invalid("alpha", options.alpha, "one number; `replica sweep` takes several")
    if options.ensemble is not None:
        from replica.predictions.layer_average import check_layers

        options.ensemble = check_layers(family[0], options.ensemble, "ensemble")
    if kind:
        solution = at_best_masking(family[0], kind, optimal)
    else:
        solution = at_best_lam(family[0]) if optimal else solve(family[0], check=False)
    if options.ensemble is None:
        print(json.dumps(solution.values(), indent=2) if options.json else solution)
    else:
        from replica.predictions.layer_average import average_line

        values = solution.values(average_line(solution, options.ensemble))
        # JSON has no infinity.
        values["ensemble"] = as_cell(options.ensemble)
        print(json.dumps(values, indent=2) if options.json else listed(values))
    return report_unconverged([(solution.problem, solution.line())])
