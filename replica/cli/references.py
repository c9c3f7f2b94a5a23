"""The commands that print what rows are compared with: threshold, Bayes bound and baselines."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

from replica.cli.family import differing
from replica.cli.output import Row, deliver, values_of
from replica.cli.report import report_failed
from replica.cli.subcommand import BOUNDED, ESTIMATED, Commands, subcommand
from replica.commandline.command import CONVERGED
from replica.commandline.grid import data_grid
from replica.commandline.options import (
    add_alpha_options,
    add_bias_option,
    add_data_options,
    add_loss_option,
    add_masking_option,
    masking_of,
)
from replica.commandline.output import add_output_options
from replica.commandline.parsing import alpha_grid, number
from replica.commandline.terminal import say
from replica.problem import DataModel
from replica.saddle_point.status import Status

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
    return report_failed(failed)


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
            values_of(bayes_bound(told["alpha"], data)),
        )
        for data, told in _points(data_grid(options), options)
    )
    deliver(rows, options, command)
    return CONVERGED


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
                failed.append(str(error))
                found = unknown
            asked = {"loss": "squared-error", "lam": options.lam, "estimator": options.estimator}
            yield Row({"source": "theory", **data.columns(), **asked}, told, values_of(found))

    deliver(rows(), options, command)
    return report_failed(failed)


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
