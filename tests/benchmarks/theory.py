# ruff: noqa: E402
"""Benchmarks of the theory's solver, as a Markdown report.

    python tests/benchmarks/theory.py [--points N] [--colors C,C] [section ...]

Sections: cost, grid, curves, hard, cold, threshold, separability, limits. By default all of
them, in this order; the grid of 200 points per number of colours takes most of the time.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable

# One core, before numpy is imported.
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import accuracy
import baseline
import numpy as np
import reference
from reference import reference_solver

from replica import ParamagnetWarning, PottsTokens, Problem, existence_threshold, solve, sweep
from replica.channels.potts_cross_entropy import CrossEntropyChannel
from replica.quadrature.rule import Accuracy

COLORS = (2, 3, 4, 5, 8, 20, 50, 100)
ALPHAS = np.geomspace(0.5, 10.0, 100)

#: Seconds allowed for a curve of 100 alphas.
TARGETS = {2: 0.02, 3: 0.1, 4: 0.5, 20: 5.0, 100: 10.0}

#: Two b per number of colours: the middle of the domain, and one where the paramagnet is safe.
COUPLINGS = {2: (0.5,), 3: (0.5,), 4: (0.5,), 20: (0.5, 0.2), 100: (0.5, 0.05)}

#: (m, q, V) of ordinary problems, near a threshold, and near memorisation.
ORDERS = (
    (0.62, 1.13, 0.889),
    (0.3, 0.5, 0.1),
    (2.0, 6.0, 0.5),
    (0.25, 2.7, 13.7),
    (1.0, 9.0, 40.0),
)


def table(header: Iterable[str], lines: Iterable[Iterable[object]]) -> None:
    """Print a Markdown table."""
    names = list(header)
    print("| " + " | ".join(names) + " |")
    print("|" + "---|" * len(names))
    for line in lines:
        print("| " + " | ".join(str(cell) for cell in line) + " |", flush=True)
    print(flush=True)


def timed(function: Callable[[], object], least: float = 0.05) -> float:
    """Return the processor seconds of one call, the best of several."""
    function()
    best, spent = math.inf, 0.0
    while best == math.inf or spent < least:
        start = time.process_time()
        function()
        seconds = time.process_time() - start
        best, spent = min(best, seconds), spent + seconds
    return best


def cost() -> None:
    """Accuracy against cost of one set of averages."""
    print("### Accuracy against cost of one evaluation\n")
    print("Largest relative error of the four averages over five (m, q, V), and processor time.\n")
    lines = []
    for colors in COLORS:
        channel = CrossEntropyChannel(colors)
        exact = [accuracy.averages(colors, *order)[1:] for order in ORDERS]

        def add(
            name: str, rule: Callable[..., Iterable[float]], colors=colors, exact=exact
        ) -> None:
            errors, seconds = [], []
            for order, values in zip(ORDERS, exact, strict=True):
                found = np.array(list(rule(*order)))
                errors.append(np.abs(found / values - 1).max())
                seconds.append(timed(lambda order=order: rule(*order), 0.02))
            lines.append(
                (
                    colors,
                    name,
                    f"{np.median(errors):.0e}",
                    f"{max(errors):.0e}",
                    f"{1e3 * np.median(seconds):.3g}",
                    f"{1e3 * max(seconds):.3g}",
                )
            )

        for level in Accuracy:

            def ours(m, q, V, level=level, channel=channel):
                order = [np.array([value]) for value in (m, q, V)]
                found = channel.rule(*order).averages(*order, level)
                return (found.overlap[0], found.energy[0], found.response[0], found.loss)

            add(f"solver, {level.name.lower()}", ours)
        if colors <= 4:
            for nodes in (20, 44) if colors == 4 else (20, 44, 90):
                add(
                    f"Gauss-Hermite, {nodes} a side",
                    lambda *order, nodes=nodes, colors=colors: reference_solver.dense_channel(
                        colors, *order, nodes
                    ),
                )
        for log2 in (10, 14) if colors <= 20 else (10, 12):
            add(
                f"Sobol, 2^{log2} points",
                lambda *order, log2=log2, colors=colors: reference.sampled(colors, *order, log2, 2)[
                    0
                ][1:],
            )
    table(("C", "rule", "median error", "worst error", "median ms", "worst ms"), lines)


def grid(points: int, numbers: Iterable[int]) -> None:
    """True errors on the random grid."""
    print("### True errors on the random grid\n")
    print(
        f"{points} points per C; α, λ log-uniform in [0.05, 100] and [1e-6, 10], b uniform in "
        "[0.05, 0.9]; each solved cold. `outside`: share of points whose true error exceeds 3 "
        "quadrature_error.\n"
    )
    lines = []
    for colors in numbers:
        checked = accuracy.grid(colors, points)
        errors = np.array([each.errors for each in checked])
        known = np.isfinite(errors).all(axis=1)
        worst = errors[known].max(axis=1)
        stated = np.array([each.solution.quadrature_error for each in checked])
        outside = np.mean([not accuracy.covered(each) for each in checked])
        lines.append(
            (
                colors,
                f"{worst.max():.1e}",
                f"{np.median(worst):.1e}",
                f"{stated.max():.1e}",
                f"{100 * outside:.1f} %",
                max(each.solution.evaluations for each in checked),
                sum(not each.solution.converged for each in checked),
                f"{1e3 * np.median([each.seconds for each in checked]):.1f}",
                f"{max(each.doubt for each in checked if np.isfinite(each.doubt)):.0e}",
            )
        )
        by_name = zip(
            accuracy.OBSERVABLES, errors.max(axis=0), np.median(errors, axis=0), strict=True
        )
        print(
            f"- C = {colors}, worst and median by observable: "
            + ", ".join(f"{name} {high:.0e} {middle:.0e}" for name, high, middle in by_name),
            flush=True,
        )
    print()
    table(
        (
            "C",
            "worst error",
            "median error",
            "largest stated",
            "outside",
            "most evaluations",
            "not converged",
            "median ms",
            "referee's residual",
        ),
        lines,
    )


def curves(numbers: Iterable[int]) -> None:
    """Time per curve, and that of the baseline."""
    print("### Time per curve of 100 alphas\n")
    print(
        "α from 0.5 to 10, warm, processor time, best of several. Baseline: measured on the 53rd "
        "alpha, started from our solution of the 52nd, times 100.\n"
    )
    lines = []
    for colors in numbers:
        for b in COUPLINGS.get(colors, ()):
            for lam in (0.1, 0.01):
                problem = Problem(1.0, lam, PottsTokens(colors, b * colors))
                seconds = timed(lambda problem=problem: sweep(problem, ALPHAS), 0.3)
                solved = sweep(problem, ALPHAS)
                before, ours = solved.solutions[51:53]
                hats = (before.m_hat, before.q_hat, before.V_hat)
                start = time.process_time()
                (naive,) = baseline.curve(colors, b * colors, lam, ALPHAS[52:53], hats)
                slow = (time.process_time() - start) * 100
                gap = abs(naive[3] / ours.test_loss - 1)
                lines.append(
                    (
                        colors,
                        b,
                        lam,
                        f"{1e3 * seconds:.0f}",
                        f"{1e3 * TARGETS[colors]:.0f}",
                        int(solved["evaluations"].sum()),
                        f"{max(s.quadrature_error for s in solved.solutions):.0e}",
                        f"{slow:.1f}",
                        f"{slow / seconds:.0f}",
                        f"{gap:.0e}",
                    )
                )
    table(
        (
            "C",
            "b",
            "λ",
            "ms",
            "target",
            "evaluations",
            "stated error",
            "baseline s",
            "ratio",
            "baseline's error",
        ),
        lines,
    )


def hard() -> None:
    """Evaluations on the hard grid."""
    print("### Hard grid\n")
    print(
        "b in {0.1, 0.5, 0.85}, λ in {1e-6, 1e-4, 1e-2, 1}, α in {0.3, 0.9, 0.99, 1.01, 1.1, 3} "
        "α_c, each solved cold.\n"
    )
    lines = []
    for colors in (2, 3, 5, 20):
        found = []
        for b in (0.1, 0.5, 0.85):
            data = PottsTokens(colors, b * colors)
            for lam in (1e-6, 1e-4, 1e-2, 1.0):
                for factor in (0.3, 0.9, 0.99, 1.01, 1.1, 3.0):
                    alpha = factor * existence_threshold(data)
                    found.append(solve(Problem(alpha, lam, data), check=False))
        counts = [solution.evaluations for solution in found]
        refused = [solution.status for solution in found if not solution.converged]
        lines.append(
            (
                colors,
                len(found),
                max(counts),
                f"{np.median(counts):g}",
                f"{max(s.residual for s in found):.0e}",
                f"{len(refused)} {' '.join(sorted(set(refused)))}",
            )
        )
    table(("C", "points", "most evaluations", "median", "largest residual", "refused"), lines)


def cold() -> None:
    """Import, first sweep with an empty and a warm cache of compiled code, and memory."""
    print("### Cold start\n")
    sweep_command = [
        sys.executable,
        "-m",
        "replica",
        "sweep",
        "--colors",
        "3",
        "--beta",
        "1.5",
        "--lam",
        "0.1",
        "--alpha",
        "0.5:10:30",
        "--log",
    ]
    lines = []
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "NUMBA_CACHE_DIR": cache, "PYTHONWARNINGS": "ignore"}
        for name, command in (
            ("`import replica`", [sys.executable, "-c", "import replica"]),
            ("`replica sweep`, C = 3, 30 points, empty cache", sweep_command),
            ("the same, warm cache", sweep_command),
            (
                "C = 20, 30 points, warm but for one kernel",
                [*sweep_command[:5], "20", "--beta", "4", *sweep_command[8:]],
            ),
            ("the same, warm", [*sweep_command[:5], "20", "--beta", "4", *sweep_command[8:]]),
        ):
            wall, used, peak = [], [], 0.0
            for _ in range(1 if "empty" in name or "but for" in name else 3):
                before = resource.getrusage(resource.RUSAGE_CHILDREN)
                start = time.perf_counter()
                subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
                wall.append(time.perf_counter() - start)
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                used.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
                peak = after.ru_maxrss / 1024
            lines.append((name, f"{min(wall):.2f}", f"{min(used):.2f}", f"{peak:.0f}"))
    table(("what", "wall s", "processor s", "peak MB of any so far"), lines)


def threshold() -> None:
    """Known thresholds."""
    print("### Existence threshold\n")
    known = ((2, 1e-9, 2.0), (2, 1.0, 2.341184372), (3, 1.5, 1.4848232))
    lines = []
    for colors, beta, value in known:
        start = time.process_time()
        found = existence_threshold(PottsTokens(colors, beta))
        lines.append((colors, beta, f"{found:.10f}", value, f"{time.process_time() - start:.3f}"))
    table(("C", "β", "α_c", "known", "s"), lines)


def separability() -> None:
    """Simulated training sets against the threshold."""
    import separability

    print("### Separability of simulated training sets, L = 200\n")
    lines = []
    for colors, beta in ((2, 1.0), (3, 1.5), (5, 2.0)):
        predicted, found, error = separability.crossing(colors, beta)
        lines.append(
            (
                colors,
                beta,
                f"{predicted:.4f}",
                f"{found:.4f} ± {error:.4f}",
                f"{100 * (found / predicted - 1):+.1f} %",
            )
        )
    table(("C", "β", "α_c", "half separable at", "deviation"), lines)


def limits() -> None:
    """Many samples, many colours."""
    print("### Many samples: (test loss - optimal) α at λ = 1e-9\n")
    alphas = (100.0, 1000.0, 10_000.0)
    lines = []
    for colors in (2, 3, 20):
        found = sweep(Problem(1.0, 1e-9, PottsTokens(colors, 0.5 * colors)), alphas)
        lines.append((colors, *(f"{value:.6f}" for value in found["excess_loss"] * alphas)))
    table(("C", *(f"α = {alpha:g}" for alpha in alphas)), lines)
    print("### Many colours: C × (solver - limit) at ρ = 0.5, λC = 0.5, α = 1\n")
    lines = []
    for colors in (10, 30, 100, 300, 1000, 3000):
        found = many_colors(colors, 0.5, 0.5, 1.0)
        lines.append((colors, *(f"{colors * gap:.4f}" for gap in found[0]), f"{found[1]:.0e}"))
    table(("C", "m", "q", "V", "test", "train", "optimal", "coupling error", "stated error"), lines)


def many_colors(colors: int, rho: float, decay: float, alpha: float) -> tuple[list[float], float]:
    """Return solver minus limit for seven observables, and the stated error."""
    data = PottsTokens(colors, math.sqrt(rho * colors))
    s = solve(Problem(alpha, decay / colors, data))
    V = 1 / (decay + alpha)
    m, q = rho * alpha * V, (rho * alpha**2 + alpha) * V**2
    base = math.log(colors)
    found = (
        s.m,
        s.q,
        s.V,
        s.test_loss - base,
        s.train_loss - base,
        s.optimal_loss - base,
        s.coupling_error,
    )
    limit = (m, q, V, q / 2 - m, q / 2 - m - V, -rho / 2, (rho - 2 * m + q) / rho)
    return [a - b for a, b in zip(found, limit, strict=True)], s.quadrature_error


def main() -> None:
    """Print the sections asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=200)
    parser.add_argument(
        "--colors", default=",".join(map(str, COLORS)), help="of the grid and the curves"
    )
    parser.add_argument("sections", nargs="*")
    options = parser.parse_args()
    numbers = [int(text) for text in options.colors.split(",")]
    sections: dict[str, Callable[[], None]] = {
        "cost": cost,
        "grid": lambda: grid(options.points, numbers),
        "curves": lambda: curves(numbers),
        "hard": hard,
        "cold": cold,
        "threshold": threshold,
        "separability": separability,
        "limits": limits,
    }
    print(f"Numbers of {time.strftime('%Y-%m-%d')}.\n")
    with warnings.catch_warnings(), contextlib.suppress(BrokenPipeError):
        warnings.simplefilter("ignore", ParamagnetWarning)
        for name in options.sections or sections:
            sections[name]()


if __name__ == "__main__":
    main()
