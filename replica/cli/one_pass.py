"""The command `replica one-pass`."""

from __future__ import annotations

import argparse
from contextlib import closing

from replica.cli.courses import deliver_course, say_long
from replica.cli.family import Family
from replica.cli.output import check_output
from replica.cli.subcommand import FOLLOWED, Commands, subcommand
from replica.commandline.grid import grid
from replica.commandline.options import OPTIMAL, add_problem_options
from replica.commandline.output import add_output_options
from replica.commandline.parsing import number
from replica.commandline.progress import Bar
from replica.problem import Problem
from replica.problem.schedules import Schedule


def add_one_pass(commands: Commands) -> None:
    """Add `replica one-pass`."""
    parser = subcommand(
        commands,
        "one-pass",
        run_one_pass,
        "follow stochastic gradient descent that sees every sequence once",
        "Prints or writes a CSV table, one line per alpha, the sequences seen so far per site.",
    )
    add_problem_options(parser, "of every sequence, 0 or greater", models=FOLLOWED)
    parser.add_argument("--rate", type=number, required=True, metavar="ETA",
                        help="learning rate, each sequence moves the row by rate/L times its "
                        "gradient; or optimal: the best at the last alpha")  # fmt: skip
    parser.add_argument("--schedule", metavar="NAME", default="constant",
                        help=f"one of {', '.join(Schedule.kinds)}; with its span in sequences per "
                        "site as cosine:10, 1/t:2, warm-up:0.5 (constant)")  # fmt: skip
    add_output_options(parser)


def run_one_pass(options: argparse.Namespace, command: str) -> int:
    """Follow the training, and print or write its course."""
    from replica.predictions.one_pass import MOST_STEPS, pass_of, passed

    family = Family(tuple(grid(options)))
    problem, alphas = family.only(options, but=["alpha"]), [p.alpha for p in family.problems]
    check_output(options, command)
    told = pass_of(problem, _rate(options, family.problems[-1]), alphas)
    cost = told.cost(MOST_STEPS)
    say_long(f"about {cost.evaluations} evaluations of the equations", cost.seconds)
    with closing(Bar(100, "per cent of the pass")) as bar:
        course = passed(told, MOST_STEPS, lambda share: bar(int(100 * share)))
    return deliver_course(course, options, command)


def _rate(options: argparse.Namespace, last: Problem) -> Schedule:
    if options.rate != OPTIMAL:
        return Schedule.from_text(options.rate, options.schedule)
    from replica.predictions.optimal_rate import optimal_rate, search_cost

    what = "the courses by which the best rate is found"
    say_long(what, search_cost(last, last.alpha, options.schedule))
    return optimal_rate(last, last.alpha, options.schedule)[0]
