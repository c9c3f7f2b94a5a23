"""The command `replica required-alpha`."""

from __future__ import annotations

import argparse
import json
import math
import sys

from replica.cli.output import check_output
from replica.cli.report import report_unconverged
from replica.cli.subcommand import OPTIMAL_LAM, Commands, subcommand
from replica.commandline.options import (
    OPTIMAL,
    add_data_options,
    add_loss_option,
    data_model,
)
from replica.commandline.output import add_output_options
from replica.commandline.parsing import number
from replica.commandline.terminal import say
from replica.errors import ConvergenceError
from replica.problem import Problem
from replica.validation import invalid

#: What can be asked for, by the name of its option.
_WANTED = {
    "excess_loss": "the largest test loss above the optimal loss",
    "test_loss": "the largest test loss",
    "error_rate": "the largest error rate",
}


def add_required_alpha(commands: Commands) -> None:
    """Add `replica required-alpha`."""
    parser = subcommand(
        commands,
        "required-alpha",
        run_required_alpha,
        "sample ratio from which on a row is good enough",
        "Prints or writes a CSV table of one line, the solution at the smallest alpha beyond "
        "which the value holds.",
    )
    add_data_options(parser)
    add_loss_option(parser)
    parser.add_argument("--lam", type=number, required=True, help=f"weight decay, {OPTIMAL_LAM}")
    for name, told in _WANTED.items():
        parser.add_argument("--" + name.replace("_", "-"), type=number, metavar="X", help=told)
    add_output_options(parser, "solution")


def run_required_alpha(options: argparse.Namespace, command: str) -> int:
    """Find the sample ratio, and print or write the solution there."""
    from replica.predictions.required_alpha import reached
    from replica.saddle_point.sweep import Curve

    given = {name: value for name in _WANTED if (value := getattr(options, name)) is not None}
    if len(given) != 1:
        flags = ", ".join("--" + name.replace("_", "-") for name in _WANTED)
        raise invalid("required value", given or None, f"given by one of {flags}")
    ((name, value),) = given.items()
    optimal = options.lam == OPTIMAL
    problem = Problem(1.0, 1.0 if optimal else options.lam, data_model(options), options.loss)
    check_output(options, command)
    try:
        found = reached(problem, name, value, optimal)
        solution = found.solution
        if not math.isnan(found.earlier):
            say(
                f"replica: {name} = {value} is reached below a peak, too, as at alpha = "
                f"{found.earlier:.3g}; from alpha = {found.alpha:.10g} on it is not lost again"
            )
    except ConvergenceError as error:
        solution = error.solution
    curve = Curve([solution])
    if options.out is not None:
        curve.to_csv(options.out, command=command, seeds=[], required={name: value})
    if options.json:
        print(json.dumps(solution.values(), indent=2))
    elif options.out is None:
        curve.write(sys.stdout)
    return report_unconverged([(solution.problem, solution.line())])
