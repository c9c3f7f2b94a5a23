"""The command `replica`: solve one problem, sweep the sample ratio, name its bounds."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from replica.arguments import one_of, refusal
from replica.commandline import (
    CONVERGED,
    NOT_CONVERGED,
    Parser,
    add_alpha_options,
    add_data_options,
    add_loss_option,
    add_problem_options,
    alpha_grid,
    data_model,
    number,
    problems,
    progress,
    run,
    say,
)
from replica.problem import LOSSES, Problem
from replica.solution import Solution
from replica.tables import as_cell, writable_file

Solver = Callable[[Sequence[Problem]], Iterable[Solution]]

_LAM = "0 or greater, or optimal: the best at every alpha"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; by default those of the process.
    """
    parser = Parser(
        prog="replica", description="Replica theory of factored attention on Potts sequences."
    )
    commands = parser.add_subparsers(dest="command", required=True, parser_class=Parser)

    solve = commands.add_parser("solve", help="solve one problem")
    add_problem_options(solve, _LAM)
    solve.add_argument("--json", action="store_true", help="print the solution as JSON")
    solve.set_defaults(work=_solve)

    sweep = commands.add_parser("sweep", help="solve along the sample ratio alpha")
    add_problem_options(sweep, _LAM)
    sweep.add_argument("--out", metavar="FILE", help="CSV table to write; stdout by default")
    sweep.set_defaults(work=_sweep)

    threshold = commands.add_parser("threshold", help="sample ratio where a minimiser appears")
    add_data_options(threshold)
    add_loss_option(threshold)
    threshold.set_defaults(work=_threshold)

    bayes = commands.add_parser("bayes", help="what no estimator of a row can exceed")
    add_data_options(bayes)
    add_alpha_options(bayes)
    bayes.set_defaults(work=_bayes)

    stable = commands.add_parser("stability", help="distance from replica-symmetry breaking")
    add_problem_options(stable)
    stable.set_defaults(work=_stability)

    limits = commands.add_parser("asymptotics", help="leading terms at few or many samples")
    add_problem_options(limits)
    limits.add_argument("--samples", required=True, choices=("few", "many"),
                        help="expand for alpha -> 0 or for alpha -> infinity")  # fmt: skip
    limits.set_defaults(work=_asymptotics)

    baseline = commands.add_parser("baseline", help="what mean-field estimators of a row reach")
    baseline.add_argument("--estimator", required=True,
                          help="naive-mean-field or quadratic")  # fmt: skip
    add_data_options(baseline)
    baseline.add_argument("--lam", type=number, default=0.0,
                          help="weight decay of the regression, 0 or greater (0)")  # fmt: skip
    add_alpha_options(baseline)
    baseline.set_defaults(work=_baseline)

    evolve = commands.add_parser("evolve", help="follow approximate message passing")
    add_problem_options(evolve)
    evolve.add_argument("--steps", type=number, default=20, metavar="N",
                        help="iterations (20)")  # fmt: skip
    evolve.set_defaults(work=_evolve)
    return run(parser, argv, lambda options, command: int(options.work(options, command)))


def _solve(options: argparse.Namespace, command: str) -> int:
    family, solver = _family(options)
    if len(family) != 1:
        raise refusal("alpha", options.alpha, "one number; `replica sweep` takes several")
    (solution,) = solver(family)
    values = _values(solution)
    if options.json:
        print(json.dumps(values, indent=2))
    else:
        width = max(map(len, values))
        for name, value in values.items():
            shown = f"{value:.10g}" if isinstance(value, float) else value
            print(f"{name:<{width}}  {'-' if value is None else shown}")
    return _status([solution])


def _sweep(options: argparse.Namespace, command: str) -> int:
    from replica.curve import Curve

    family, solver = _family(options)
    if options.out is not None:
        writable_file("out", options.out)
    order = sorted(range(len(family)), key=lambda i: family[i].alpha)
    found: dict[int, Solution] = {}
    interrupted = False
    try:
        solved = solver([family[i] for i in order])
        for i, solution in zip(order, progress(solved, len(family), "sweep"), strict=True):
            found[i] = solution
    except KeyboardInterrupt:
        interrupted = True
    curve = Curve(found[i] for i in sorted(found))
    parameters = {
        name: getattr(options, name)
        for name in ("data", "colors", "beta", "similarity", "shift", "lam", "alpha", "loss")
        if getattr(options, name) is not None
    }
    if options.out is None:
        curve.write(sys.stdout)
    elif found:
        curve.to_csv(options.out, command=command, parameters=parameters, seeds=[])
    if interrupted:
        say(f"replica sweep: {len(found)} of {len(family)} points are done and kept")
        raise KeyboardInterrupt
    return _status(curve.solutions)


def _threshold(options: argparse.Namespace, command: str) -> int:
    from replica.threshold import existence_threshold

    print(f"{existence_threshold(data_model(options), one_of('loss', options.loss, LOSSES)):.10g}")
    return CONVERGED


def _bayes(options: argparse.Namespace, command: str) -> int:
    from replica.bounds import BayesBound, bayes_bound

    data, alphas = data_model(options), alpha_grid(options.alpha, options.log)
    names = [field.name for field in fields(BayesBound)]
    bounds = [bayes_bound(alpha, data) for alpha in alphas]
    _print_columns(
        {"alpha": alphas, **{name: [getattr(each, name) for each in bounds] for name in names}}
    )
    return CONVERGED


def _stability(options: argparse.Namespace, command: str) -> int:
    from replica.curve import solutions
    from replica.replicon import Stability, stability

    unknown = Stability(math.nan, math.nan)
    family = problems(options)
    solved = list(solutions(family))
    found = [stability(each) if each.converged else unknown for each in solved]
    _print_columns(
        {
            "alpha": [problem.alpha for problem in family],
            "replicon": [each.replicon for each in found],
            "quadrature_error": [each.quadrature_error for each in found],
            "status": [each.status for each in solved],
        }
    )
    return _status(solved)


def _asymptotics(options: argparse.Namespace, command: str) -> int:
    from replica.asymptotics import few_samples, many_samples

    family = problems(options)
    expand = few_samples if options.samples == "few" else many_samples
    found = [expand(problem) for problem in family]
    names = list(found[0].orders)
    columns: dict[str, Sequence[Any]] = {"alpha": [problem.alpha for problem in family]}
    for name in names:
        columns[name] = [getattr(each, name) for each in found]
    for name in names:
        columns[f"{name}_order"] = [each.orders[name] for each in found]
    _print_columns(columns)
    return CONVERGED


def _baseline(options: argparse.Namespace, command: str) -> int:
    from replica.baselines import Baseline, mean_field_baseline
    from replica.solution import ConvergenceError

    data, alphas = data_model(options), alpha_grid(options.alpha, options.log)
    names = [field.name for field in fields(Baseline)]
    found, status = [], CONVERGED
    for alpha in alphas:
        try:
            found.append(mean_field_baseline(options.estimator, alpha, data, options.lam))
        except ConvergenceError as error:
            found.append(Baseline(*(math.nan for _ in names)))
            say(f"replica: {error}")
            status = NOT_CONVERGED
    _print_columns(
        {"alpha": alphas, **{name: [getattr(each, name) for each in found] for name in names}}
    )
    return status


def _evolve(options: argparse.Namespace, command: str) -> int:
    from replica.evolution import StateEvolution, state_evolution

    family = problems(options)
    if len(family) != 1:
        raise refusal("alpha", options.alpha, "one number")
    course = state_evolution(family[0], options.steps)
    names = [field.name for field in fields(StateEvolution) if field.name != "problem"]
    columns = {name: getattr(course, name) for name in names}
    _print_columns({"step": range(options.steps + 1), **columns})
    return CONVERGED


def _print_columns(columns: Mapping[str, Sequence[Any]]) -> None:
    """Print columns as CSV, with cells as in every table."""
    print(*columns, sep=",")
    for row in zip(*columns.values(), strict=True):
        print(*(as_cell(value) for value in row), sep=",")


def _family(options: argparse.Namespace) -> tuple[list[Problem], Solver]:
    """Return the problems along alpha, and what solves them one after the other."""
    from replica.curve import solutions
    from replica.weight_decay import optimal_lam

    if options.lam != "optimal":
        return problems(options), solutions
    any_lam = argparse.Namespace(**{**vars(options), "lam": 1.0})
    return problems(any_lam), lambda family: (optimal_lam(problem)[1] for problem in family)


def _values(solution: Solution) -> dict[str, Any]:
    """Return a solution as JSON can hold it: no NaN, no arrays."""
    line = {name: value for name, value in solution.line().items() if name != "source"}
    line["quadrature_error"] = solution.quadrature_error
    return {
        name: value.tolist()
        if isinstance(value, np.ndarray)
        else None
        if isinstance(value, float) and not np.isfinite(value)
        else value
        for name, value in line.items()
    }


def _status(solutions: Sequence[Solution]) -> int:
    from replica.solver import complaint

    failed = [solution for solution in solutions if not solution.converged]
    for solution in failed:
        say(f"replica: {complaint(solution)}")
    return NOT_CONVERGED if failed else CONVERGED
