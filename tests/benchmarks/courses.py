"""One pass: trained systems, extrapolated to long sequences, beside the theory.

    python tests/benchmarks/courses.py [--seeds N] [--workers N]

trains systems of two lengths on fresh sequences, with a constant and with a falling rate, without
and with weight decay, and looks at their rows five times. For every observable it prints the value
of infinite length, 2 x(2L) - x(L), with its standard error over seeds, that of the theory, and the
distance in standard errors; and how far each length is off, which falls as 1/L.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from replica import PottsTokens, Problem, Schedule, one_pass
from simulations import average_seeds, simulate_many

LENGTHS = (60, 120)
ALPHAS = (0.5, 1.0, 2.0, 4.0, 8.0)
LAMS = (0.0, 0.1)
DATA = (PottsTokens(2, 1.0), PottsTokens(3, 1.5), PottsTokens(5, 1.5))
RATES = (Schedule(0.8), Schedule(2.0, "1/t", 1.5))
OBSERVABLES = ("test_loss", "error_rate", "coupling_error", "m", "q")


def compared(data: PottsTokens, rate: Schedule, seeds: int, workers: int) -> list[float]:
    """Print a case, and return all distances in standard errors."""
    start = time.process_time()
    problems = [Problem(alpha, lam, data) for lam in LAMS for alpha in ALPHAS]
    table = simulate_many(
        problems, LENGTHS, range(seeds), workers, estimator="one-pass", rate=rate, test_samples=1000
    )
    means = average_seeds(table)
    distances = []
    for lam in LAMS:
        course = one_pass(Problem(1.0, lam, data), rate, ALPHAS)
        short, long = (means.where(lam=lam, sites=sites) for sites in LENGTHS)
        for name in OBSERVABLES:
            found = 2 * long[name] - short[name]
            error = np.hypot(2 * long[f"{name}_stderr"], short[f"{name}_stderr"])
            apart = (found - course[name]) / error
            distances += apart.tolist()
            print(f"C = {data.colors}, {rate}, lam = {lam}, {name}")
            for row in zip(ALPHAS, course[name], found, error, apart, short[name], long[name],
                           strict=True):  # fmt: skip
                alpha, theory, x, e, away, *finite = row
                off = ", ".join(f"{value - theory:+.4f}" for value in finite)
                print(f"  {alpha:4} {theory:.5f} {x:.5f} ± {e:.5f} {away:+5.2f}   {off}")
    print(f"  {time.process_time() - start:.0f} s", flush=True)
    return distances


def main() -> None:
    """Compare all cases, and sum up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=24)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    found = np.array(
        [
            distance
            for data in DATA
            for rate in RATES
            for distance in compared(data, rate, options.seeds, options.workers)
        ]
    )
    beyond, squares = int((np.abs(found) > 3).sum()), float(np.mean(found**2))
    print(f"{len(found)} distances: mean square {squares:.2f}, largest {np.abs(found).max():.2f}, "
          f"{beyond} beyond 3")  # fmt: skip


if __name__ == "__main__":
    main()
