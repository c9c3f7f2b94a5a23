"""Solutions of several colour modes against averages over 2^22 scrambled Sobol points.

Arguments: log2 of the points in each of four scrambles (20), and names of problems (all).
"""

from __future__ import annotations

import sys
import time
import warnings

import numpy as np
from scipy.special import ndtri
from scipy.stats import qmc

from replica import PottsTokens, Problem
from replica.quadrature.colour_mode_law import ModeLaw
from replica.quadrature.kernels.colour_modes import mode_averages
from replica.quadrature.rule import Averages
from replica.saddle_point.equations import conjugates_of
from replica.saddle_point.saddle_point import SaddlePoint
from replica.saddle_point.solver import solve_from

LOG2_POINTS = int(sys.argv[1]) if len(sys.argv) > 1 else 20
SCRAMBLES, TOGETHER = 4, 2**17


def circulant(*row: float) -> list[list[float]]:
    """Return the matrix whose rows are this one, moved on."""
    return [np.roll(row, i).tolist() for i in range(len(row))]


def two_signs(colors: int, negative: int) -> list[list[float]]:
    """Return a random similarity of the eigenvalues 1 and -1, where no colour is like another."""
    rng = np.random.default_rng(negative)
    columns = np.column_stack([np.ones(colors), rng.standard_normal((colors, colors - 1))])
    basis = np.linalg.qr(columns)[0][:, 1:]
    signs = np.where(np.arange(colors - 1) < negative, -1.0, 1.0)
    return ((basis * signs) @ basis.T + 1.0 / colors).tolist()


def of_bits(*values: float) -> list[list[float]]:
    """Return a similarity that depends on the bits in which two numbers differ."""
    places = np.arange(len(values))
    return np.array(values)[places[:, None] ^ places].tolist()


SIX = circulant(1, 0.5, 0.2, 0.1, 0.2, 0.5)
SIXTEEN = circulant(
    1, 0.7, 0.45, 0.3, 0.2, 0.12, 0.08, 0.05, 0.03, 0.05, 0.08, 0.12, 0.2, 0.3, 0.45, 0.7
)
PROBLEMS = {
    "3, two signs": Problem(2.0, 0.1, PottsTokens(3, 1.5, two_signs(3, 1))),
    "4, ring": Problem(1.0, 0.01, PottsTokens(4, 1.5, circulant(1, 0.3, 0, 0.3))),
    "5, ring": Problem(1.5, 0.01, PottsTokens(5, 2.5, circulant(1, 0.5, 0, 0, 0.5))),
    "5, two signs": Problem(2.0, 0.1, PottsTokens(5, 2.0, two_signs(5, 2))),
    "6, ring": Problem(2.0, 0.1, PottsTokens(6, 1.5, SIX)),
    "6, few samples": Problem(1.0, 0.01, PottsTokens(6, 1.5, SIX)),
    "6, strong": Problem(3.0, 0.01, PottsTokens(6, 2.2, SIX)),
    "8, ring": Problem(
        2.0, 0.1, PottsTokens(8, 2.0, circulant(1, 0.6, 0.3, 0.15, 0.1, 0.15, 0.3, 0.6))
    ),
    "8, bits": Problem(
        2.0, 0.1, PottsTokens(8, 2.0, of_bits(1, 0.5, 0.4, 0.2, 0.3, 0.1, 0.1, 0.05))
    ),
    "16, ring": Problem(2.0, 0.1, PottsTokens(16, 2.0, SIXTEEN)),
}


def sobol(law: ModeLaw, m: np.ndarray, q: np.ndarray, V: np.ndarray, seed: int) -> Averages:
    """Average over one scramble."""
    seen = np.flatnonzero(q[law.mode])
    sums, loss = np.zeros((3, len(q))), 0.0
    points = 2**LOG2_POINTS
    for y in law.masked:
        engine = qmc.Sobol(len(seen), seed=seed)
        for _ in range(max(points // TOGETHER, 1)):
            uniform = engine.random(min(points, TOGETHER))
            x = np.zeros((len(law.mode), len(uniform)))
            x[seen] = ndtri(np.clip(uniform, 1e-17, 1 - 1e-16)).T
            weights, forces = (
                np.full(len(uniform), 1 / points),
                np.zeros((law.colors, len(uniform))),
            )
            gain, square, slope, mean, _ = mode_averages(
                *law.geometry(m, q, V, y), y, x, weights, forces, np.empty((0, 0, 0))
            )
            sums[0] += law.projectors[:, y] @ gain
            sums[1] += np.einsum("kab,ab->k", law.projectors, square)
            sums[2] += np.einsum("kab,ab->k", law.projectors, slope)
            loss += mean
    return Averages(*(sums / len(law.masked)), loss / len(law.masked))


def deviations(problem: Problem) -> tuple[float, float]:
    """Return the largest deviation of m, q, V and losses, and the standard error of the largest."""
    solution, state = solve_from(problem, None)
    saddle = SaddlePoint(problem)
    order, law = saddle.overlaps(state.x), saddle.channel.law
    found = []
    for seed in range(SCRAMBLES):
        average = sobol(law, order.m, order.q, order.V, seed)
        hats = saddle.couplings.coordinates(conjugates_of(average, saddle.alpha), order)
        moved = saddle.overlaps(state.x - state.inverse @ (hats - state.x))
        test = sobol(law, order.m, order.q, 0.0 * order.V, seed).loss
        found.append(np.concatenate([moved.m, moved.q, moved.V, [test, average.loss]]))
    losses = [solution.test_loss, solution.train_loss]
    ours = np.concatenate([order.m, order.q, order.V, losses])
    some = ours != 0.0
    found = np.array(found)[:, some]
    off = np.abs(ours[some] / found.mean(axis=0) - 1.0)
    errors = found.std(axis=0, ddof=1) / np.sqrt(SCRAMBLES) / np.abs(found.mean(axis=0))
    return float(off.max()), float(errors.max())


def main() -> None:
    """Print what is stated, the share of the error rate in it, the deviation, and times."""
    warnings.simplefilter("ignore")
    print("colours, largest q, evaluations, stated, of which error rate, deviation from points,")
    print("their standard error, warm solution (s)")
    for name, problem in PROBLEMS.items():
        if sys.argv[2:] and name not in sys.argv[2:]:
            continue
        solve_from(problem, None)
        start = time.process_time()
        solution, _ = solve_from(problem.at(alpha=problem.alpha * 1.0001), None)
        taken = time.process_time() - start
        channel = SaddlePoint(problem).channel
        rate = channel.rate_error(*(np.atleast_1d(each) for each in (solution.m, solution.q)))
        off, error = deviations(problem)
        print(
            f"{name}, {np.max(solution.q):.2f}, {solution.evaluations}, "
            f"{solution.quadrature_error:.1e}, {rate:.1e}, {off:.1e}, {error:.1e}, {taken:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
