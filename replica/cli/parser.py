"""The command `replica`: solve one problem, sweep the sample ratio, name its bounds."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from replica.cli.curves import (
    print_asymptotics,
    print_baselines,
    print_bounds,
    print_evolution,
    print_stability,
    print_threshold,
)
from replica.cli.report import report_unconverged
from replica.cli.sweep import run_sweep
from replica.commandline.command import Parser, run
from replica.commandline.options import (
    add_alpha_options,
    add_data_options,
    add_executor_options,
    add_loss_option,
    add_problem_options,
    at_best_or_given_lam,
)
from replica.commandline.parsing import number
from replica.problem import CustomTokens, GaussianTokens, PottsTokens
from replica.validation import refusal

_LAM = "0 or greater, or optimal: the best at every alpha"

#: Data for which the Bayes bound and the mean-field estimators are known, and the asymptotics.
_BOUNDED = (PottsTokens.name, CustomTokens.name)
_EXPANDED = (PottsTokens.name, GaussianTokens.name, CustomTokens.name)


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

    def add(name: str, summary: str, more: str) -> argparse.ArgumentParser:
        return commands.add_parser(
            name, help=summary, description=f"{summary.capitalize()}. {more}"
        )

    solve = add("solve", "solve one problem",
                "Prints losses, error rate, coupling error and order parameters, one a line, with "
                "the status and the error of the solution.")  # fmt: skip
    add_problem_options(solve, _LAM)
    solve.add_argument("--json", action="store_true", help="print the solution as JSON")
    solve.set_defaults(work=_solve)

    sweep = add("sweep", "solve along the sample ratio alpha",
                "Prints or writes a CSV table, one line per alpha.")  # fmt: skip
    add_problem_options(sweep, _LAM)
    sweep.add_argument("--out", metavar="FILE",
                       help="CSV table to write, point by point: the same command goes on where "
                       "it was stopped; stdout by default")  # fmt: skip
    add_executor_options(sweep, 1, "1")
    sweep.set_defaults(work=run_sweep)

    threshold = add("threshold", "sample ratio where a minimiser appears",
                    "Prints alpha_c, one number: without weight decay there is no unique "
                    "minimiser below it.")  # fmt: skip
    add_data_options(threshold)
    add_loss_option(threshold)
    threshold.set_defaults(work=print_threshold)

    bayes = add("bayes", "what no estimator of a row can exceed",
                "Prints overlap, test loss, error rate and coupling error of the posterior mean "
                "as CSV, one line per alpha.")  # fmt: skip
    add_data_options(bayes, _BOUNDED)
    add_alpha_options(bayes)
    bayes.set_defaults(work=print_bounds)

    stable = add("stability", "distance from replica-symmetry breaking",
                 "Prints the replicon of the solution, which is 0 where replica symmetry breaks, "
                 "as CSV, one line per alpha.")  # fmt: skip
    add_problem_options(stable)
    stable.set_defaults(work=print_stability)

    limits = add("asymptotics", "leading terms at few or many samples",
                 "Prints them as CSV, one line per alpha, and in NAME_order the power of alpha "
                 "that NAME leaves out.")  # fmt: skip
    add_problem_options(limits, models=_EXPANDED, similarity=False)
    limits.add_argument("--samples", required=True, choices=("few", "many"),
                        help="expand for alpha -> 0 or for alpha -> infinity")  # fmt: skip
    limits.set_defaults(work=print_asymptotics)

    baseline = add("baseline", "what mean-field estimators of a row reach",
                   "Prints scale, overlaps, test loss, error rate and coupling error as CSV, one "
                   "line per alpha.")  # fmt: skip
    baseline.add_argument("--estimator", required=True,
                          help="naive-mean-field or quadratic")  # fmt: skip
    add_data_options(baseline, _BOUNDED, similarity=False)
    baseline.add_argument("--lam", type=number, default=0.0,
                          help="weight decay of the regression, 0 or greater (0)")  # fmt: skip
    add_alpha_options(baseline)
    baseline.set_defaults(work=print_baselines)

    evolve = add("evolve", "follow approximate message passing",
                 "Prints the order parameters and losses of state evolution as CSV, one line per "
                 "iteration.")  # fmt: skip
    add_problem_options(evolve)
    evolve.add_argument("--steps", type=number, default=20, metavar="N",
                        help="iterations (20)")  # fmt: skip
    evolve.set_defaults(work=print_evolution)
    return run(parser, argv, lambda options, command: int(options.work(options, command)))


def _solve(options: argparse.Namespace, command: str) -> int:
    from replica.predictions.optimal_lam import at_best_lam
    from replica.saddle_point.solver import solve

    family, optimal = at_best_or_given_lam(options)
    if len(family) != 1:
        raise refusal("alpha", options.alpha, "one number; `replica sweep` takes several")
    solution = at_best_lam(family[0]) if optimal else solve(family[0], check=False)
    print(json.dumps(solution.values(), indent=2) if options.json else solution)
    return report_unconverged([(solution.problem, solution.line())])
