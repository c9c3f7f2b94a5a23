"""The commands that print numbers beside the solution, one line per sample ratio or iteration."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from replica.cli.report import report_unconverged
from replica.commandline.command import CONVERGED, NOT_CONVERGED
from replica.commandline.options import data_model, problems
from replica.commandline.parsing import MOST_POINTS, alpha_grid
from replica.commandline.terminal import say
from replica.tables.columns import as_cell
from replica.validation import integer, refusal


def print_threshold(options: argparse.Namespace, command: str) -> int:
    """Print the existence threshold."""
    from replica.saddle_point.existence_threshold import existence_threshold

    print(f"{existence_threshold(data_model(options), options.loss):.10g}")
    return CONVERGED


def print_bounds(options: argparse.Namespace, command: str) -> int:
    """Print the Bayes bound along α."""
    from replica.predictions.bayes_bound import bayes_bound

    data = data_model(options)
    alphas = alpha_grid(options.alpha, options.log)
    _print_lines({"alpha": alpha, **_values(bayes_bound(alpha, data))} for alpha in alphas)
    return CONVERGED


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


def print_evolution(options: argparse.Namespace, command: str) -> int:
    """Print the course of message passing."""
    from replica.predictions.state_evolution import StateEvolution, state_evolution

    family = problems(options)
    if len(family) != 1:
        raise refusal("alpha", options.alpha, "one number")
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
    for number, line in enumerate(lines):
        if not number:
            print(*line, sep=",")
        print(*(as_cell(value) for value in line.values()), sep=",", flush=True)
