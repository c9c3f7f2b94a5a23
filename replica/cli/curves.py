"""The commands that print numbers beside the solution, one line per sample ratio or iteration."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from replica.cli.report import report_unconverged
from replica.cli.subcommand import BOUNDED, ESTIMATED, EXPANDED, Commands, subcommand
from replica.commandline.command import CONVERGED, NOT_CONVERGED
from replica.commandline.options import (
    add_alpha_options,
    add_bias_option,
    add_data_options,
    add_loss_option,
    add_masking_option,
    add_problem_options,
    data_model,
    masking_of,
    problems,
)
from replica.commandline.parsing import MOST_POINTS, alpha_grid, number
from replica.commandline.terminal import say
from replica.tables.columns import as_cell
from replica.validation import integer, invalid

#: A relative error from here on is told.
TOLD_ERROR = 1e-7


def add_threshold(commands: Commands) -> None:
    """Add `replica threshold`."""
    parser = subcommand(
        commands,
        "threshold",
        print_threshold,
        "sample ratio where a minimiser appears",
        "Prints alpha_c, one number: without weight decay there is no unique minimiser below it.",
    )
    add_data_options(parser)
    add_loss_option(parser)
    add_masking_option(parser)
    add_bias_option(parser)


def print_threshold(options: argparse.Namespace, command: str) -> int:
    """Print the existence threshold, and its relative error where ten digits are not all good."""
    from replica.errors import ConvergenceError
    from replica.saddle_point.existence_threshold import stated_threshold

    data, masking = data_model(options), masking_of(options)
    try:
        threshold = stated_threshold(data, options.loss, masking, options.bias)
    except ConvergenceError as error:
        say(f"replica: {error}")
        return NOT_CONVERGED
    print(f"{threshold.alpha:.10g}")
    if threshold.error > TOLD_ERROR:
        say(f"replica: the relative error of this threshold is {threshold.error:.1g}")
    return CONVERGED


def add_bayes(commands: Commands) -> None:
    """Add `replica bayes`."""
    parser = subcommand(
        commands,
        "bayes",
        print_bounds,
        "what no estimator of a row can exceed",
        "Prints overlap, test loss, error rate and coupling error of the posterior mean "
        "as CSV, one line per alpha.",
    )
    add_data_options(parser, BOUNDED)
    add_alpha_options(parser)


def print_bounds(options: argparse.Namespace, command: str) -> int:
    """Print the Bayes bound along α."""
    from replica.predictions.bayes_bound import bayes_bound

    data = data_model(options)
    alphas = alpha_grid(options.alpha, options.log)
    _print_lines({"alpha": alpha, **_values(bayes_bound(alpha, data))} for alpha in alphas)
    return CONVERGED


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
    add_problem_options(parser)


def print_stability(options: argparse.Namespace, command: str) -> int:
    """Print the replicon along α."""
    from replica.predictions.stability import Stability, stability
    from replica.saddle_point.sweep import solutions

    unknown, failed = Stability(math.nan, math.nan), []

    def lines() -> Iterator[dict[str, Any]]:
        for solution in solutions(problems(options)):
            found = stability(solution) if solution.converged else unknown
            if not solution.converged:
                failed.append((solution.problem, solution.line()))
            alpha = {"alpha": solution.problem.alpha}
            yield alpha | _values(found) | {"status": solution.status}

    _print_lines(lines())
    return report_unconverged(failed)


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
    add_problem_options(parser, models=EXPANDED, similarity=False)
    parser.add_argument(
        "--samples",
        required=True,
        choices=("few", "many"),
        help="expand for alpha -> 0 or for alpha -> infinity",
    )


def print_asymptotics(options: argparse.Namespace, command: str) -> int:
    """Print leading terms along α."""
    from replica.predictions.asymptotics import IN_RANGE, few_samples, many_samples

    expand, failed = few_samples if options.samples == "few" else many_samples, []

    def lines() -> Iterator[dict[str, Any]]:
        for problem in problems(options):
            found = expand(problem)
            terms = {name: getattr(found, name) for name in found.orders}
            orders = {f"{name}_order": order for name, order in found.orders.items()}
            if found.status != IN_RANGE:
                failed.append(f"alpha = {problem.alpha}: {found.status}, error {found.error:.1g}")
            state = {"error": found.error, "status": found.status}
            yield {"alpha": problem.alpha} | terms | orders | state

    _print_lines(lines())
    for line in failed:
        say(f"replica: {line}")
    return NOT_CONVERGED if failed else CONVERGED


def add_baseline(commands: Commands) -> None:
    """Add `replica baseline`."""
    parser = subcommand(
        commands,
        "baseline",
        print_baselines,
        "what mean-field estimators of a row reach",
        "Prints scale, overlaps, test loss, error rate and coupling error as CSV, one "
        "line per alpha.",
    )
    parser.add_argument("--estimator", required=True, help="naive-mean-field or quadratic")
    add_data_options(parser, ESTIMATED, similarity=False)
    parser.add_argument(
        "--lam", type=number, default=0.0, help="weight decay of the regression, 0 or greater (0)"
    )
    add_alpha_options(parser)


def print_baselines(options: argparse.Namespace, command: str) -> int:
    """Print what a mean-field estimator reaches along α."""
    from replica.errors import ConvergenceError
    from replica.predictions.mean_field_baseline import Baseline, mean_field_baseline

    unknown, failed = Baseline(*(math.nan for _ in fields(Baseline))), []
    data = data_model(options)

    def lines() -> Iterator[dict[str, Any]]:
        for alpha in alpha_grid(options.alpha, options.log):
            try:
                found = mean_field_baseline(options.estimator, alpha, data, options.lam)
            except ConvergenceError as error:
                failed.append(error)
                found = unknown
            yield {"alpha": alpha} | _values(found)

    _print_lines(lines())
    for error in failed:
        say(f"replica: {error}")
    return NOT_CONVERGED if failed else CONVERGED


def add_evolve(commands: Commands) -> None:
    """Add `replica evolve`."""
    parser = subcommand(
        commands,
        "evolve",
        print_evolution,
        "follow approximate message passing",
        "Prints the order parameters and losses of state evolution as CSV, one line per iteration.",
    )
    add_problem_options(parser)
    parser.add_argument("--steps", type=number, default=20, metavar="N", help="iterations (20)")


def print_evolution(options: argparse.Namespace, command: str) -> int:
    """Print the course of message passing."""
    from replica.predictions.state_evolution import StateEvolution, state_evolution

    family = problems(options)
    if len(family) != 1:
        raise invalid("alpha", options.alpha, "one number")
    integer("steps", options.steps, 1, MOST_POINTS)
    course = state_evolution(family[0], options.steps)
    names = [field.name for field in fields(StateEvolution) if field.name != "problem"]
    columns = {"step": range(options.steps + 1), **{name: getattr(course, name) for name in names}}
    _print_lines(
        dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
    )
    followed = int(np.isfinite(course.test_loss).sum())
    if followed == len(course.test_loss):
        return CONVERGED
    say(f"replica: the overlaps are beyond what the quadrature carries from step {followed} on")
    return NOT_CONVERGED


def _values(found: Any) -> dict[str, Any]:
    """Return the fields of a dataclass of numbers."""
    return {field.name: getattr(found, field.name) for field in fields(found)}


def _print_lines(lines: Iterable[Mapping[str, Any]]) -> None:
    """Print lines as CSV as they come, with cells as in every table."""
    for index, line in enumerate(lines):
        if not index:
            print(*line, sep=",")
        print(*(as_cell(value) for value in line.values()), sep=",", flush=True)
