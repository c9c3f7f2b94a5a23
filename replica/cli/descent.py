"""The command `replica descent`."""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING

from replica.cli.courses import deliver_course, say_long
from replica.cli.family import Family
from replica.cli.output import check_output
from replica.cli.subcommand import BEST_LAM, FOLLOWED, Commands, subcommand
from replica.commandline.options import add_problem_options
from replica.commandline.output import add_output_options
from replica.commandline.parsing import number
from replica.commandline.progress import progress

if TYPE_CHECKING:
    from replica.predictions.path_course import Descent
    from replica.problem import Problem


def add_descent(commands: Commands) -> None:
    """Add `replica descent`."""
    parser = subcommand(
        commands,
        "descent",
        run_descent,
        "follow gradient descent on the whole training set from zero",
        "Prints or writes a CSV table, one line per step, with standard errors where paths are "
        "sampled.",
    )
    add_problem_options(parser, BEST_LAM, alone=True, models=FOLLOWED)
    parser.add_argument("--rate", type=number, required=True, metavar="ETA",
                        help="learning rate, a step is rate/L times the gradient of the sum over "
                        "sequences")  # fmt: skip
    parser.add_argument("--steps", type=number, required=True, metavar="N", help="steps")
    parser.add_argument("--momentum", type=number, default=0.0, metavar="MU",
                        help="share of a step that the next one repeats (0)")  # fmt: skip
    parser.add_argument("--paths", type=number, default=2**14, metavar="N",
                        help="paths that are sampled, unless the loss is the squared error "
                        "(16384)")  # fmt: skip
    add_output_options(parser)


def run_descent(options: argparse.Namespace, command: str) -> int:
    """Follow the training, and print or write its course."""
    from replica.predictions.descent import descended, descent_of
    from replica.predictions.path_course import SETS

    problem = Family.at_lam(options, alone=True).only(options)
    check_output(options, command)
    told = descent_of(problem, options.rate, options.steps, options.momentum)
    _say_cost(problem, told, options.paths)
    watch = partial(progress, total=1 + SETS, label="sets of paths")
    return deliver_course(descended(problem, told, options.paths, watch), options, command)


def _say_cost(problem: Problem, told: Descent, paths: int) -> None:
    """Say beforehand what a long run takes."""
    from replica.predictions.path_course import cost_of

    if problem.loss == "squared-error" or not isinstance(paths, int) or paths < 1:
        return
    cost = cost_of(problem, told, paths)
    what, more = f"{told.steps} steps of {cost.paths} paths", f" and {cost.gigabytes:.1g} GB"
    say_long(what, cost.seconds, more)
