"""Rows of given models, predicted and trained on those very models: run with

    OPENBLAS_NUM_THREADS=1 python tests/benchmarks/rows.py

Every line is one model, or several: the mean square distance of ten rows' test losses from the
theory in standard errors, which the rows share, what that of the Gaussian ensemble is, and the
mean of measured minus predicted loss with its standard error. Last, what the theory warns of.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable

import numpy as np

from replica import PottsTokens, Problem, RowTokens, solve
from simulations.experiments.given_rows import row_experiments
from simulations.experiments.simulate_many import collect

ALPHA, LAM, ROWS = 2.0, 0.1, 10

Couplings = Callable[[int, np.random.Generator], np.ndarray]


def gaussian(sites: int, rng: np.random.Generator) -> np.ndarray:
    return symmetric(rng.standard_normal((sites, sites)) / np.sqrt(sites))


def decaying(sites: int, rng: np.random.Generator) -> np.ndarray:
    """Gaussian, times distance^-0.7; the rows have |J_i|² = 1 in the mean."""
    place = np.arange(sites)
    shape = (np.abs(np.subtract.outer(place, place)) + np.eye(sites)) ** -0.7
    np.fill_diagonal(shape, 0.0)
    return symmetric(
        rng.standard_normal((sites, sites)) * shape / np.sqrt((shape**2).sum(1).mean())
    )


def sparse(sites: int, rng: np.random.Generator) -> np.ndarray:
    """±1/√3 to three neighbours, those of a random ring and of a random matching."""
    ring, J = rng.permutation(sites), np.zeros((sites, sites))
    J[ring, np.roll(ring, 1)] = rng.choice((-1.0, 1.0), sites)
    pairs = ring.reshape(2, -1)
    J[pairs[0], pairs[1]] += rng.choice((-1.0, 1.0), sites // 2)
    return (J + J.T) / np.sqrt(3.0)


def symmetric(matrix: np.ndarray) -> np.ndarray:
    upper = np.triu(matrix, 1)
    return upper + upper.T


def measured(problems: list[Problem], seeds: int) -> tuple[np.ndarray, np.ndarray]:
    """Return test losses, an array (seeds, rows), and the optimal losses of the rows."""
    tasks = row_experiments(problems, range(seeds), test_samples=4000)
    table = collect(tasks)
    shape = (seeds, len(problems))
    return table["test_loss"].reshape(shape), table["optimal_loss"].reshape(shape).mean(axis=0)


def compare(
    label: str, couplings: Couplings, colors: int, b: float, sites: int, seeds: int, models: int = 1
) -> None:
    start, beta = time.process_time(), b * colors
    squares, ensemble, means, spreads, errors, told = [], [], [], [], [], set()
    for number in range(models):
        J = couplings(sites, np.random.default_rng((sites, number)))
        rows = RowTokens.rows_from_couplings(J, range(ROWS), colors, beta)
        problems = [Problem(ALPHA, LAM, row) for row in rows]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            theory = np.array([solve(problem).test_loss for problem in problems])
        told |= {warning.category.__name__ for warning in caught}
        losses, _ = measured(problems, seeds)
        # One error for all rows: those of few seeds are uncertain.
        error = np.sqrt(losses.var(axis=0, ddof=1).mean() / seeds)
        mean = losses.mean(axis=0)
        squares.append(np.mean((mean - theory) ** 2) / error**2)
        alike = solve(Problem(ALPHA, LAM, PottsTokens(colors, beta))).test_loss
        ensemble.append(np.mean((mean - alike) ** 2) / error**2)
        bias = (losses.mean(axis=1) - theory.mean()) / theory.mean()
        means.append(bias.mean())
        spreads.append(bias.std(ddof=1) / np.sqrt(seeds))
        errors.append(error / theory.mean())
    mean, spread = np.mean(means), np.sqrt(np.sum(np.square(spreads))) / models
    cells = (
        f"{label:<9} {colors:>2} {b:<5g} {sites:>4} {models:>2} {seeds:>3}",
        f"{100 * np.mean(errors):5.2f}",
        f"{np.mean(squares):6.2f} {np.mean(ensemble):7.1f}",
        f"{100 * mean:+6.2f} ± {100 * spread:4.2f} {mean * sites:+6.2f} ± {spread * sites:4.2f}",
        f"{', '.join(sorted(told)) or '-':<40}{time.process_time() - start:5.0f} s",
    )
    print(*cells, sep="  ", flush=True)


def main() -> None:
    print(
        "couplings  C b        L  n seeds  err %  square   alike         bias %       bias x L  "
        "warned"
    )
    for colors, b, seeds in ((2, 0.5, 36), (3, 0.5, 24), (5, 0.4, 12), (20, 0.15, 8)):
        compare("gaussian", gaussian, colors, b, 30, seeds)
        compare("gaussian", gaussian, colors, b, 100, max(8, seeds // 3))
    for colors, b in ((3, 0.5), (5, 0.4)):
        for sites, models, seeds in ((30, 12, 24), (60, 8, 16), (120, 5, 12)):
            compare("bias", gaussian, colors, b, sites, seeds, models)
    for couplings in (decaying, sparse):
        for colors, b in ((2, 0.5), (3, 0.25), (3, 0.5), (5, 0.4), (20, 0.05), (20, 0.15)):
            compare(couplings.__name__, couplings, colors, b, 60, 12)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.exit(main())
