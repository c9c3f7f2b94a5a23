"""The command `replica solve`."""

from __future__ import annotations

import argparse
import json

from replica.cli.family import Family
from replica.cli.output import check_output
from replica.cli.report import report_unconverged
from replica.cli.subcommand import BEST_LAM, Commands, subcommand
from replica.commandline.options import add_ensemble_option, add_problem_options
from replica.commandline.output import add_output_options
from replica.saddle_point.solution import listed
from replica.tables import Table
from replica.tables.columns import as_cell


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
    add_problem_options(parser, BEST_LAM, best_masks=True, alone=True)
    add_ensemble_option(parser)
    add_output_options(parser, "solution")


def run_solve(options: argparse.Namespace, command: str) -> int:
    """Solve one problem and print the solution."""
    from replica.predictions.optimal_lam import at_best_lam
    from replica.predictions.optimal_masking import at_best_masking
    from replica.saddle_point.solver import solve

    family = Family.from_options(options)
    problem = family.only(options)
    check_output(options, command)
    if family.kind:
        family.check_masks()
        solution = at_best_masking(problem, family.kind, family.optimal)
    else:
        solution = at_best_lam(problem) if family.optimal else solve(problem, check=False)
    values, line = solution.values(), solution.line()
    if family.layers is not None:
        from replica.predictions.layer_average import average_line

        line = average_line(solution, family.layers)
        values = solution.values(line)
        # JSON has no infinity.
        values["ensemble"] = as_cell(family.layers)
    if options.out is not None:
        error = [values["quadrature_error"]]
        Table([line]).to_csv(options.out, command=command, seeds=[], quadrature_error=error)
    if options.json:
        print(json.dumps(values, indent=2))
    elif options.out is None:
        print(listed(values))
    return report_unconverged([(solution.problem, solution.line())])
