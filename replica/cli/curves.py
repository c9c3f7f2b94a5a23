"""The commands that print numbers beside the solution, one line per sample ratio or iteration."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from replica.cli.family import Family, differing
from replica.cli.output import Row, add_output_options, deliver
from replica.cli.report import report_unconverged
from replica.cli.subcommand import BOUNDED, ESTIMATED, EXPANDED, Commands, subcommand
from replica.commandline.command import CONVERGED, NOT_CONVERGED
from replica.commandline.grid import data_grid
from replica.commandline.options import (
    add_alpha_options,
    add_bias_option,
    add_data_options,
    add_loss_option,
    add_masking_option,
    add_problem_options,
    masking_of,
)
from replica.commandline.parsing import MOST_POINTS, alpha_grid, number
from replica.commandline.terminal import say
from replica.problem import DataModel
from replica.saddle_point.status import Status
from replica.validation import integer

#: A relative error from here on is told.
TOLD_ERROR = 1e-7


def add_threshold(commands: Commands) -> None:
    """Add `replica threshold`."""
    parser = subcommand(
        commands,
        "threshold",
        print_threshold,
        "sample ratio where a minimiser appears",
        "Prints alpha_c, one number, or a line for each of several data: without weight decay "
        "there is no unique minimiser below it.",
    )
    add_data_options(parser)
    add_loss_option(parser)
    add_masking_option(parser)
    add_output_options(parser)
    add_bias_option(parser)


def print_threshold(options: argparse.Namespace, command: str) -> int:
    """Print the existence threshold, and its relative error where ten digits are not all good."""
    from replica.errors import ConvergenceError
    from replica.saddle_point.existence_threshold import stated_threshold

    every, masking, failed = data_grid(options), masking_of(options), []

    def rows() -> Iterator[Row]:
        for data, told in _differing(every):
            trained = {"loss": options.loss or data.losses[0], "lam": 0.0}
            trained |= {} if masking is None else {"masking": str(masking)}
            point = {"source": "theory", **data.columns(), **trained}
            try:
                found = stated_threshold(data, options.loss, masking, options.bias)
            except ConvergenceError as error:
                failed.append(str(error))
                values = {"threshold": math.nan, "status": str(Status.NOT_FINITE)}
            else:
                if found.error > TOLD_ERROR:
                    say(f"replica: the relative error of this threshold is {found.error:.1g}")
                values = {"threshold": found.alpha, "quadrature_error": found.error}
            yield Row(point, told, values)

    if len(every) > 1 or options.json or options.out is not None:
        deliver(rows(), options, command)
    else:
        (alone,) = rows()
        if not failed:
            print(f"{alone.values['threshold']:.10g}")
    for line in failed:
        say(f"replica: {line}")
    return NOT_CONVERGED if failed else CONVERGED


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
    add_output_options(parser)


def print_bounds(options: argparse.Namespace, command: str) -> int:
    """Print the Bayes bound along α."""
    from replica.predictions.bayes_bound import bayes_bound

    rows = (
        Row(
            {"source": "theory", "loss": "cross-entropy", **data.columns()},
            told,
            _values(bayes_bound(told["alpha"], data)),
        )
        for data, told in _points(data_grid(options), options)
    )
    deliver(rows, options, command)
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
    add_output_options(parser)


def print_stability(options: argparse.Namespace, command: str) -> int:
    """Print the replicon along α."""
    from replica.predictions.stability import Stability, stability
    from replica.saddle_point.sweep import solutions

    unknown, failed = Stability(math.nan, math.nan), []
    family = Family.from_options(options).whole()

    def rows() -> Iterator[Row]:
        for solution in solutions(family.problems):
            found = stability(solution) if solution.converged else unknown
            if not solution.converged:
                failed.append((solution.problem, solution.line()))
            yield family.row(solution.problem, _values(found) | {"status": str(solution.status)})

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
    add_problem_options(parser, models=EXPANDED, similarity=False)
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
    family = Family.from_options(options).whole()

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
    add_output_options(parser)


def print_baselines(options: argparse.Namespace, command: str) -> int:
    """Print what a mean-field estimator reaches along α."""
    from replica.errors import ConvergenceError
    from replica.predictions.mean_field_baseline import Baseline, mean_field_baseline

    unknown, failed = Baseline(*(math.nan for _ in fields(Baseline))), []
    every = data_grid(options)

    def rows() -> Iterator[Row]:
        for data, told in _points(every, options):
            try:
                found = mean_field_baseline(options.estimator, told["alpha"], data, options.lam)
            except ConvergenceError as error:
                failed.append(error)
                found = unknown
            asked = {"loss": "squared-error", "lam": options.lam, "estimator": options.estimator}
            yield Row({"source": "theory", **data.columns(), **asked}, told, _values(found))

    deliver(rows(), options, command)
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
    add_output_options(parser)


def print_evolution(options: argparse.Namespace, command: str) -> int:
    """Print the course of message passing."""
    from replica.predictions.state_evolution import StateEvolution, state_evolution

    problem = Family.from_options(options).only(options)
    integer("steps", options.steps, 1, MOST_POINTS)
    course = state_evolution(problem, options.steps)
    names = [field.name for field in fields(StateEvolution) if field.name != "problem"]
    columns = {"step": range(options.steps + 1), **{name: getattr(course, name) for name in names}}
    lines = (dict(zip(columns, line, strict=True)) for line in zip(*columns.values(), strict=True))
    point = {"source": "theory", **problem.columns()}
    deliver((Row(point, {}, line) for line in lines), options, command)
    followed = int(np.isfinite(course.test_loss).sum())
    if followed == len(course.test_loss):
        return CONVERGED
    say(f"replica: the overlaps are beyond what the quadrature carries from step {followed} on")
    return NOT_CONVERGED


def _differing(every: Sequence[DataModel]) -> Iterator[tuple[DataModel, dict[str, Any]]]:
    """Yield data, and the columns in which they differ."""
    known = [data.columns() for data in every]
    names = differing(known)
    for data, columns in zip(every, known, strict=True):
        yield data, {name: columns.get(name) for name in names}


def _points(
    every: Sequence[DataModel], options: argparse.Namespace
) -> Iterator[tuple[DataModel, dict[str, Any]]]:
    """Yield data at each sample ratio, and what tells such a line from others, alpha last."""
    alphas = alpha_grid(options.alpha, options.log)
    for data, told in _differing(every):
        for alpha in alphas:
            yield data, told | {"alpha": alpha}


def _values(found: Any) -> dict[str, Any]:
    """Return the fields of a dataclass of numbers."""
    return {field.name: getattr(found, field.name) for field in fields(found)}
