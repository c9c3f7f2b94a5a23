"""The command `replica`: solve one problem, sweep the sample ratio, name its bounds."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from replica.arguments import refusal
from replica.commandline import Parser, run
from replica.complaints import told
from replica.curve_commands import (
    print_asymptotics,
    print_baselines,
    print_bounds,
    print_evolution,
    print_stability,
    print_threshold,
)
from replica.executor import add_executor_options
from replica.options import (
    add_alpha_options,
    add_data_options,
    add_loss_option,
    add_problem_options,
    at_best_or_given_lam,
    number,
)
from replica.sweep_command import run_sweep

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
    sweep.set_defaults(work=run_sweep)

    threshold = commands.add_parser("threshold", help="sample ratio where a minimiser appears")
    add_data_options(threshold)
    add_loss_option(threshold)
    threshold.set_defaults(work=print_threshold)

    bayes = commands.add_parser("bayes", help="what no estimator of a row can exceed")
    add_data_options(bayes)
    add_alpha_options(bayes)
    bayes.set_defaults(work=print_bounds)

    stable = commands.add_parser("stability", help="distance from replica-symmetry breaking")
    add_problem_options(stable)
    stable.set_defaults(work=print_stability)

    limits = commands.add_parser("asymptotics", help="leading terms at few or many samples")
    add_problem_options(limits)
    limits.add_argument("--samples", required=True, choices=("few", "many"),
                        help="expand for alpha -> 0 or for alpha -> infinity")  # fmt: skip
    limits.set_defaults(work=print_asymptotics)

    baseline = commands.add_parser("baseline", help="what mean-field estimators of a row reach")
    baseline.add_argument("--estimator", required=True,
                          help="naive-mean-field or quadratic")  # fmt: skip
    add_data_options(baseline)
    baseline.add_argument("--lam", type=number, default=0.0,
                          help="weight decay of the regression, 0 or greater (0)")  # fmt: skip
    add_alpha_options(baseline)
    baseline.set_defaults(work=print_baselines)

    evolve = commands.add_parser("evolve", help="follow approximate message passing")
    add_problem_options(evolve)
    evolve.add_argument("--steps", type=number, default=20, metavar="N",
                        help="iterations (20)")  # fmt: skip
    evolve.set_defaults(work=print_evolution)
    return run(parser, argv, lambda options, command: int(options.work(options, command)))


def _solve(options: argparse.Namespace, command: str) -> int:
    from replica.solver import solve
    from replica.weight_decay import at_best_lam

    family, optimal = at_best_or_given_lam(options)
    if len(family) != 1:
        raise refusal("alpha", options.alpha, "one number; `replica sweep` takes several")
    solution = at_best_lam(family[0]) if optimal else solve(family[0], check=False)
    print(json.dumps(solution.values(), indent=2) if options.json else solution)
    return told([(solution.problem, solution.line())])
