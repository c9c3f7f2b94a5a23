"""The commands that print what else is known of a row: stability, asymptotics, message passing."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import fields

import numpy as np

from replica.cli.family import Family
from replica.cli.output import Row, deliver, values_of
from replica.cli.report import report_failed, report_unconverged
from replica.cli.subcommand import BEST_LAM, EXPANDED, OPTIMAL_LAM, Commands, subcommand
from replica.commandline.command import CONVERGED, NOT_CONVERGED
from replica.commandline.options import add_problem_options
from replica.commandline.output import add_output_options
from replica.commandline.parsing import MOST_POINTS, number
from replica.commandline.terminal import say
from replica.validation import integer


def add_stability(commands: Commands) -> None:
    """Add `replica stability`."""
    parser = subcommand(
        commands,
        "stability",
        print_stability,
        "distance from replica-symmetry breaking",
        "Prints the replicon of the solution, which is 0 where replica symmetry breaks, "
        "as CSV, one line per alpha.",
    )
    add_problem_options(parser, OPTIMAL_LAM)
    add_output_options(parser)


def print_stability(options: argparse.Namespace, command: str) -> int:
    """Print the replicon along α."""
    from replica.predictions.stability import Stability, stability
    from replica.saddle_point.sweep import solutions

    unknown, failed = Stability(math.nan, math.nan), []
    family = Family.at_lam(options)

    def rows() -> Iterator[Row]:
        for solution in solutions(family.problems):
            found = stability(solution) if solution.converged else unknown
            if not solution.converged:
                failed.append((solution.problem, solution.line()))
            yield family.row(solution.problem, values_of(found) | {"status": str(solution.status)})

    deliver(rows(), options, command)
    return report_unconverged(failed, family.names)


def add_asymptotics(commands: Commands) -> None:
    """Add `replica asymptotics`."""
    parser = subcommand(
        commands,
        "asymptotics",
        print_asymptotics,
        "leading terms at few or many samples",
        "Prints them as CSV, one line per alpha, and in NAME_order the power of alpha "
        "that NAME leaves out.",
    )
    add_problem_options(parser, OPTIMAL_LAM, models=EXPANDED, similarity=False)
    parser.add_argument(
        "--samples",
        required=True,
        choices=("few", "many"),
        help="expand for alpha -> 0 or for alpha -> infinity",
    )
    add_output_options(parser)


def print_asymptotics(options: argparse.Namespace, command: str) -> int:
    """Print leading terms along α."""
    from replica.predictions.asymptotics import IN_RANGE, few_samples, many_samples

    expand, failed = few_samples if options.samples == "few" else many_samples, []
    family = Family.at_lam(options)

    def rows() -> Iterator[Row]:
        for problem in family.problems:
            found = expand(problem)
            terms = {name: getattr(found, name) for name in found.orders}
            orders = {f"{name}_order": order for name, order in found.orders.items()}
            if found.status != IN_RANGE:
                failed.append(f"alpha = {problem.alpha}: {found.status}, error {found.error:.1g}")
            state = {"error": found.error, "status": found.status}
            yield family.row(problem, terms | orders | state)

    deliver(rows(), options, command)
    return report_failed(failed)


def add_evolve(commands: Commands) -> None:
    """Add `replica evolve`."""
    parser = subcommand(
        commands,
        "evolve",
        print_evolution,
        "follow approximate message passing",
        "Prints the order parameters and losses of state evolution as CSV, one line per iteration.",
    )
    add_problem_options(parser, BEST_LAM, alone=True)
    parser.add_argument("--steps", type=number, default=20, metavar="N", help="iterations (20)")
    add_output_options(parser)


def print_evolution(options: argparse.Namespace, command: str) -> int:
    """Print the course of message passing."""
    from replica.predictions.state_evolution import StateEvolution, state_evolution

    family = Family.at_lam(options, alone=True)
    problem = family.only(options)
    integer("steps", options.steps, 1, MOST_POINTS)
    course = state_evolution(problem, options.steps)
    names = [field.name for field in fields(StateEvolution) if field.name != "problem"]
    columns = {"step": range(options.steps + 1), **{name: getattr(course, name) for name in names}}
    lines = (dict(zip(columns, line, strict=True)) for line in zip(*columns.values(), strict=True))
    point = {"source": "theory", **problem.columns()}
    told = {"lam": problem.lam} if family.found else {}
    deliver((Row(point, told, line) for line in lines), options, command)
    followed = int(np.isfinite(course.test_loss).sum())
    if followed == len(course.test_loss):
        return CONVERGED
    say(f"replica: the overlaps are beyond what the quadrature carries from step {followed} on")
    return NOT_CONVERGED
