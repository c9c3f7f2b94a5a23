"""Ensembles of couplings: trained systems, extrapolated to long sequences, beside the theory.

    python tests/benchmarks/couplings.py [--seeds N] [--couplings NAME] [--colors C ...]

Systems of two lengths have errors of order 1/L and 1/L²; 2 x(2L) - x(L) leaves the second only.
Prints a line per case: what systems of infinite length have, its standard error over seeds, the
theory, and their distance in standard errors; and of all, the root of the mean square distance.
"""

from __future__ import annotations

import argparse
import sys
import time
from math import sqrt

import numpy as np

from replica import PottsTokens, Problem, solve
from simulations import simulate_many

#: Colours, ensemble, b = β/C, and the first row of a circulant U, if any. A Hopfield glass is at
#: b = 1/(1 + √γ): here √(b²R'(b)) is 0.5.
CASES = [
    *(
        (C, f"hopfield:{ratio}", 0.5 / (0.5 + sqrt(ratio)))
        for ratio in (0.3, 0.5, 2)
        for C in (2, 3, 5)
    ),
    (2, "orthogonal", 1.5),
    (3, "orthogonal", 0.8),
    # R is not odd.
    (3, "hopfield:0.5", -1.5),
    (4, "hopfield:1", -0.5, (1, 0.5, 0, 0.5)),
]

LENGTHS = (60, 120)

OBSERVABLES = ("test_loss", "train_loss", "excess_loss", "coupling_error")


def problem_of(colors: int, couplings: str, b: float, row: tuple[float, ...] = ()) -> Problem:
    similarity = [np.roll(row, i) for i in range(colors)] if row else None
    return Problem(2.0, 0.1, PottsTokens(colors, round(b * colors, 3), similarity, couplings))


def extrapolated(problem: Problem, seeds: range) -> dict[str, tuple[float, float]]:
    """Return the observables of infinite length and their standard errors."""
    table = simulate_many([problem], LENGTHS, seeds, 1, test_samples=1000)
    assert all(status == "converged" for status in table["status"])
    found = {}
    for name in OBSERVABLES:
        short, long = (table.where(sites=sites)[name] for sites in LENGTHS)
        variances = [x.var(ddof=1) / len(x) for x in (short, long)]
        found[name] = 2 * long.mean() - short.mean(), sqrt(4 * variances[1] + variances[0])
    return found


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=64)
    parser.add_argument("--couplings", default="")
    parser.add_argument("--colors", type=int, nargs="+", default=[2, 3, 4, 5])
    options = parser.parse_args(argv)
    distances = []
    print(f"L = {LENGTHS}, {options.seeds} seeds, alpha = 2, lam = 0.1")
    for colors, couplings, *more in CASES:
        if options.couplings not in couplings or colors not in options.colors:
            continue
        start, problem = time.process_time(), problem_of(colors, couplings, *more)
        theory, found = solve(problem), extrapolated(problem, range(options.seeds))
        cells = []
        for name, (value, error) in found.items():
            expected = getattr(theory, name)
            distances.append((value - expected) / error)
            cells.append(f"{name} {value:.4f} ± {error:.4f} ({expected:.4f}, {distances[-1]:+.1f})")
        spent = time.process_time() - start
        case = f"{couplings:12} C = {colors}, beta = {problem.data.beta:.4g}:"
        print(case, *cells, f"{spent:.0f} s", sep="  ", flush=True)
    print(f"root of the mean square distance {np.sqrt(np.mean(np.square(distances))):.2f}, "
          f"largest {np.abs(distances).max():.1f}")  # fmt: skip
    return int(np.abs(distances).max() > 4)


if __name__ == "__main__":
    sys.exit(main())
