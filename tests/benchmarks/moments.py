# ruff: noqa: E402
"""Speed, memory and errors of a row of which the moments are given, as a Markdown table.

    python tests/benchmarks/moments.py [C:L ...]

Every line is one cold start: a random mixture with unequal frequencies, means with a common part of
length √L, and a covariance for each token. By default 2:100, 3:100, 4:100, 5:136 and 21:100. The
last takes a minute and 1.5 GB.
"""

from __future__ import annotations

import os
import resource
import sys
import time

# One core, before numpy is imported.
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np

from replica import Problem, RowTokens, solve


def mixture(colors: int, sites: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return random frequencies, means and covariances, one for each token."""
    rng = np.random.default_rng(seed)
    inputs = sites - 1
    frequencies = 0.2 / colors + 0.8 * rng.dirichlet(np.full(colors, 2.0))
    means = 0.5 * rng.standard_normal((inputs, colors))
    means = means + rng.standard_normal((colors, inputs, colors)) / np.sqrt(inputs)
    covariance = np.empty((colors, inputs, colors, inputs, colors))
    for of_class in covariance:
        A = rng.standard_normal((colors, colors))
        B = rng.standard_normal((inputs, inputs)) / np.sqrt(inputs)
        shared = np.eye(inputs) + 0.5 * B @ B.T
        np.einsum("jk,cd->jckd", shared, A @ A.T / (2 * colors), out=of_class)
    return frequencies, means, covariance


def main() -> None:
    """Print a line for each size and problem."""
    sizes = sys.argv[1:] or ["2:100", "3:100", "4:100", "5:136", "21:100"]
    print("| C | L | loss | α | λ | made | solved | evaluations | stated error | memory |")
    print("|" + "---|" * 10)
    solve(Problem(1.0, 0.1, RowTokens.from_moments(*mixture(2, 10, 0))))  # compiles
    for colors, sites in (map(int, size.split(":")) for size in sizes):
        start = time.process_time()
        given = mixture(colors, sites, 1)
        drawn = time.process_time()
        data = RowTokens.from_moments(*given)
        del given
        made = time.process_time() - drawn
        print(f"<!-- {colors}:{sites} drawn in {drawn - start:.1f} s -->", flush=True)
        for alpha, lam, loss in (
            (3.0, 0.1, "cross-entropy"),
            (1.0, 0.01, "cross-entropy"),
            (3.0, 0.1, "squared-error"),
        ):
            start = time.process_time()
            solution = solve(Problem(alpha, lam, data, loss), check=False)
            seconds = time.process_time() - start
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            print(
                f"| {colors} | {sites} | {loss} | {alpha} | {lam} | {made:.2f} s | {seconds:.2f} s "
                f"| {solution.evaluations} ({solution.status}) | {solution.quadrature_error:.1e} "
                f"| {memory:.2f} GB |",
                flush=True,
            )
            made = 0.0


if __name__ == "__main__":
    main()
