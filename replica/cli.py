"""The command `replica`: solve one problem, sweep the sample ratio, name its bounds."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from replica.arguments import BadArgument, integer, one_of, refusal
from replica.commandline import (
    CONVERGED,
    MOST_POINTS,
    NOT_CONVERGED,
    Parser,
    add_alpha_options,
    add_data_options,
    add_loss_option,
    add_problem_options,
    alpha_grid,
    data_model,
    digests,
    number,
    problems,
    run,
    say,
)
from replica.data import CustomTokens
from replica.executor import WorkerDied, add_executor_options, check_scheduler
from replica.journal import GO_ON, Journal, Removed, Unwritable
from replica.problem import LOSSES, Problem
from replica.solution import Solution
from replica.stretches import ERROR, solve_missing
from replica.tables import Table, as_cell, failed

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
    sweep.add_argument("--out", metavar="FILE",
                       help="CSV table to write, point by point: the same command goes on where "
                       "it was stopped; stdout by default")  # fmt: skip
    add_executor_options(sweep, 1, "1")
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
    from replica.solver import solve
    from replica.weight_decay import optimal_lam

    family, optimal = _problems(options)
    if len(family) != 1:
        raise refusal("alpha", options.alpha, "one number; `replica sweep` takes several")
    solution = optimal_lam(family[0])[1] if optimal else solve(family[0], check=False)
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
    family, optimal = _problems(options)
    where = integer("workers", options.workers, 1), check_scheduler(options.scheduler)
    done: dict[float, dict[str, Any]] = {}
    try:
        if options.out is None:
            solve_missing(family, optimal, done, None, *where)
            _table(family, done).write(sys.stdout)
        else:
            parameters = _parameters(options, family[0])
            with Journal("out", options.out, command, parameters, [], [ERROR]) as journal:
                solve_missing(family, optimal, done, journal, *where)
                journal.finish(done[problem.alpha] for problem in family)
    except Removed as error:
        say(f"replica: {error}")
        return NOT_CONVERGED
    except (Unwritable, WorkerDied) as error:
        if options.out is None:
            _table(family, done).write(sys.stdout)
        say(f"replica: {error}; what is done is kept{'' if options.out is None else GO_ON}")
        return NOT_CONVERGED
    except KeyboardInterrupt:
        if options.out is None:
            _table(family, done).write(sys.stdout)
            kept = set(done)
        else:
            # Ctrl-C may have come between writing a point and counting it, or the file be gone.
            kept = _alphas(options.out)
        count = sum(problem.alpha in kept for problem in family)
        say(f"replica sweep: {count} of {len(family)} points are done and kept")
        raise
    return _told(family, done)


def _alphas(out: str) -> set[float]:
    """Return the sample ratios of a table, none where it has no lines yet."""
    try:
        return {line["alpha"] for line in Table.from_csv(out).lines()}
    except BadArgument:
        return set()


def _table(family: Sequence[Problem], done: Mapping[float, Mapping[str, Any]]) -> Table:
    """Return the lines that are done as a table like that of `--out`."""
    rows = [done[problem.alpha] for problem in family if problem.alpha in done]
    return Table({name: row[name] for name in row if name != ERROR} for row in rows)


def _parameters(options: argparse.Namespace, problem: Problem) -> dict[str, Any]:
    """Return what determines the table of a sweep, with the content of files that it names."""
    data = problem.data
    described = {field.name: getattr(data, field.name) for field in fields(data)}  # type: ignore[arg-type]
    if data.name == CustomTokens.name:
        # The eigenvalues are the same matrix to the last digit on one machine only.
        described = {"colors": data.colors, **digests(options, "covariance", "teacher")}
    return {
        "data": data.name,
        **{name: value for name, value in described.items() if value is not None},
        "lam": options.lam,
        "alpha": options.alpha,
        **({"log": True} if options.log else {}),
        "loss": problem.loss,
    }


def _told(family: Sequence[Problem], done: Mapping[float, Mapping[str, Any]]) -> int:
    """Say what became of the points that did not converge, and return the exit status."""
    from replica.solver import reason

    status = CONVERGED
    for alpha, problem in {problem.alpha: problem for problem in family}.items():
        line = done[alpha]
        if line["status"] != "converged":
            status = NOT_CONVERGED
            if failed(line):
                say(f"replica: alpha = {alpha}: {line['status']}")
            else:
                residual = math.nan if line.get("residual") is None else line["residual"]
                say(f"replica: {reason(problem, line['status'], line['evaluations'], residual)}")
    return status


def _threshold(options: argparse.Namespace, command: str) -> int:
    from replica.threshold import existence_threshold

    print(f"{existence_threshold(data_model(options), one_of('loss', options.loss, LOSSES)):.10g}")
    return CONVERGED


def _bayes(options: argparse.Namespace, command: str) -> int:
    from replica.bounds import bayes_bound

    data, alphas = data_model(options), alpha_grid(options.alpha, options.log)
    _print_columns(_by_alpha(alphas, [bayes_bound(alpha, data) for alpha in alphas]))
    return CONVERGED


def _stability(options: argparse.Namespace, command: str) -> int:
    from replica.curve import solutions
    from replica.replicon import Stability, stability

    unknown = Stability(math.nan, math.nan)
    family = problems(options)
    solved = list(solutions(family))
    found = [stability(each) if each.converged else unknown for each in solved]
    columns = _by_alpha([problem.alpha for problem in family], found)
    _print_columns({**columns, "status": [each.status for each in solved]})
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
    found, status = [], CONVERGED
    for alpha in alphas:
        try:
            found.append(mean_field_baseline(options.estimator, alpha, data, options.lam))
        except ConvergenceError as error:
            found.append(Baseline(*(math.nan for _ in fields(Baseline))))
            say(f"replica: {error}")
            status = NOT_CONVERGED
    _print_columns(_by_alpha(alphas, found))
    return status


def _evolve(options: argparse.Namespace, command: str) -> int:
    from replica.evolution import StateEvolution, state_evolution

    family = problems(options)
    if len(family) != 1:
        raise refusal("alpha", options.alpha, "one number")
    if integer("steps", options.steps, 1) > MOST_POINTS:
        raise refusal("steps", options.steps, f"{MOST_POINTS} or less")
    course = state_evolution(family[0], options.steps)
    names = [field.name for field in fields(StateEvolution) if field.name != "problem"]
    columns = {name: getattr(course, name) for name in names}
    _print_columns({"step": range(options.steps + 1), **columns})
    followed = int(np.isfinite(course.q).sum())
    if followed == len(course.q):
        return CONVERGED
    say(f"replica: the overlaps are beyond what the quadrature carries from step {followed} on")
    return NOT_CONVERGED


def _by_alpha(alphas: Sequence[float], found: Sequence[Any]) -> dict[str, Sequence[Any]]:
    """Return the fields of dataclasses, one object per alpha, as columns."""
    names = [field.name for field in fields(found[0])]
    return {"alpha": alphas, **{name: [getattr(each, name) for each in found] for name in names}}


def _print_columns(columns: Mapping[str, Sequence[Any]]) -> None:
    """Print columns as CSV, with cells as in every table."""
    print(*columns, sep=",")
    for row in zip(*columns.values(), strict=True):
        print(*(as_cell(value) for value in row), sep=",")


def _problems(options: argparse.Namespace) -> tuple[list[Problem], bool]:
    """Return the problems along alpha, and whether their weight decay is to be the best."""
    optimal = options.lam == "optimal"
    return problems(
        argparse.Namespace(**{**vars(options), "lam": 1.0 if optimal else options.lam})
    ), optimal


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
