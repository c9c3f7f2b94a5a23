"""Masks: trained systems, extrapolated to long sequences, beside the theory; what draws approach.

    python tests/benchmarks/masks.py [--part rows|draws|identities|speed] [--seeds N]
                                     [--colors C] [--sites L L] [--table CSV]

rows: static and dynamic masks, C = 2, 3, 5, both losses, p = 0.15, 0.4 and 0.7. Systems of two
lengths tell x + c/L; prints a line per case, every observable as measured, its standard error over
seeds, the theory, and their distance in standard errors; and the root of the mean square distance.
draws: K = 1, 2, 8, 64 masks per sequence beside dynamic ones, on the same sequences.
identities: limits and identities of systems, to all digits.
speed: seconds per point of the theory.
The best rates are those of the figure masking-rate.

With --table the systems are kept in a table, and are taken from there where it has them.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from math import hypot
from pathlib import Path

import numpy as np

from replica import Masking, PottsTokens, Problem, Solution, Table, solve
from simulations import simulate_many, train
from simulations.estimators.masked import train_masked

LOSSES = ("cross-entropy", "squared-error")

RATES = (0.15, 0.4, 0.7)

#: Rows of the shorter and of the longer sequences.
ROWS = (40, 20)

OBSERVABLES = ("train_loss", "masked_test_loss", "test_loss", "coupling_error")


def systems(problems: Sequence[Problem], sites: int, rows: int, options) -> Table:
    """Return lines of every seed, from the table where it has them."""
    path = Path(options.table) if options.table else None
    lines = list(Table.from_csv(path).lines()) if path and path.exists() else []

    def key(line, seed):
        told = ("loss", "colors", "beta", "lam", "alpha", "masking", "sites", "rows")
        return (*(line.get(name) for name in told), seed)

    wanted = [{**p.columns(), "sites": sites, "rows": rows} for p in problems]
    done = {key(line, line["seed"]): line for line in lines}
    lacking = [s for s in range(options.seeds) if not all(key(one, s) in done for one in wanted)]
    for first in range(0, len(lacking), 8):
        some = lacking[first : first + 8]
        more = simulate_many(problems, [sites], some, rows=rows, test_samples=1000).lines()
        done |= {key(line, line["seed"]): line for line in more}
        if path:
            Table(done.values()).to_csv(path)
    return Table(done[key(one, seed)] for one in wanted for seed in range(options.seeds))


def extrapolated(lines: dict[int, Table], name: str) -> tuple[float, float]:
    """Return an observable of infinite length and its standard error, from two lengths."""
    (short, few), (long, many) = lines.items()
    x, y = few[name], many[name]
    share = long / (long - short)
    value = share * y.mean() - (share - 1) * x.mean()
    errors = [z.std(ddof=1) / np.sqrt(len(z)) for z in (x, y)]
    return float(value), hypot(share * errors[1], (share - 1) * errors[0])


def rows(options) -> list[float]:
    """Theory against systems."""
    every: list[float] = []
    each = list(zip(sorted(options.sites), ROWS, strict=True))
    for colors in options.colors:
        bare = Problem(2.0, 0.1, PottsTokens(colors, 0.5 * colors))
        cases = [
            bare.at(loss=loss, masking=Masking(rate, kind))
            for loss in LOSSES
            for kind in Masking.kinds
            for rate in RATES
        ]
        start = time.process_time()
        lines = {sites: systems(cases, sites, number, options) for sites, number in each}
        print(f"C = {colors}, {options.seeds} seeds, {time.process_time() - start:.0f} s")
        for case in cases:
            here = {
                sites: table.where(loss=case.loss, masking=str(case.masking))
                for sites, table in lines.items()
            }
            assert all(status == "converged" for t in here.values() for status in t["status"])
            every += told(f"C = {colors} {case.loss} {case.masking}", here, solve(case))
    return every


def told(case: str, lines: dict[int, Table], theory: Solution) -> list[float]:
    """Print one case, and return its distances."""
    cells, distances = [], []
    for name in OBSERVABLES:
        value, error = extrapolated(lines, name)
        expected = getattr(theory, name)
        distances.append((value - expected) / error)
        share = 100 * error / abs(expected)
        beside = f"{share:.2f} %; {expected:.4f}, {distances[-1]:+.1f}"
        cells.append(f"{name} {value:.4f} ± {error:.4f} ({beside})")
    print(f"{case}:", *cells, sep="  ", flush=True)
    return distances


def draws(options) -> list[float]:
    """K draws beside dynamic masks, on the same sequences."""
    for colors in options.colors:
        bare = Problem(2.0, 0.05, PottsTokens(colors, 0.5 * colors))
        maskings = [*(Masking(0.3, "static", K) for K in (1, 2, 8, 64)), Masking(0.3)]
        table = systems([bare.at(masking=m) for m in maskings], 100, 20, options)
        dynamic = table.where(masking="dynamic:0.3")
        for masking in maskings[:-1]:
            cells = []
            for name in OBSERVABLES:
                gaps = table.where(masking=str(masking))[name] - dynamic[name]
                error = gaps.std(ddof=1) / np.sqrt(len(gaps))
                cells.append(f"{name} {gaps.mean():+.4f} ± {error:.4f}")
            print(f"C = {colors} {masking} - dynamic:", *cells, sep="  ", flush=True)
    return []


def identities(options) -> list[float]:
    """Dynamic masks and the squared error are ridge regression; hardly any masks are none."""
    for colors in options.colors:
        tokens = np.random.default_rng(1).integers(colors, size=(200, 100)).astype(np.uint8)
        p, lam = 0.35, 0.03
        found, _ = train_masked(tokens, colors, lam, Masking(p), "squared-error")
        lam_eff = (lam + 2 * p * (1 - p) * (colors - 1) / colors) / (1 - p) ** 2
        ridge = train(tokens, colors, lam_eff, "squared-error").weights / (1 - p)
        gap = np.abs(found.weights - ridge).max() / np.abs(ridge).max()
        print(f"C = {colors}: ridge at lam_eff/(1-p)^2, largest relative difference {gap:.1e}")
        for loss in LOSSES:
            few, _ = train_masked(tokens, colors, lam, Masking(1e-12), loss, rows=[0, 1])
            bare = train(tokens, colors, lam, loss, rows=[0, 1])
            gap = np.abs(few.weights - bare.weights).max() / np.abs(bare.weights).max()
            print(f"C = {colors} {loss}: p = 1e-12 beside none, {gap:.1e}")
    return []


def speed(options) -> list[float]:
    """Seconds of a point of the theory and of a row of systems, after the first."""
    for colors, alpha, lam in ((2, 1.5, 0.02), (3, 2.0, 0.05), (20, 4.0, 0.1)):
        bare = Problem(alpha, lam, PottsTokens(colors, colors * (0.5 if colors < 20 else 0.2)))
        for kind in Masking.kinds:
            problem = bare.at(masking=Masking(0.3, kind))
            solve(problem.at(lam=1.1 * lam))
            start = time.process_time()
            solution = solve(problem)
            spent = time.process_time() - start
            told = f"quadrature error {solution.quadrature_error:.0e}"
            print(f"C = {colors} {kind}: {1000 * spent:.0f} ms, {told}, {solution.test_loss:.7f}")
    return []


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--part", choices=list(PARTS), default="rows")
    parser.add_argument("--seeds", type=int, default=64)
    parser.add_argument("--colors", type=int, nargs="+", default=[2, 3, 5])
    parser.add_argument("--sites", type=int, nargs=2, default=[40, 160])
    parser.add_argument("--table")
    options = parser.parse_args(argv)
    distances = np.array(PARTS[options.part](options))
    if not len(distances):
        return 0
    beyond, largest = int(np.sum(np.abs(distances) > 3)), np.abs(distances).max()
    root = np.sqrt(np.mean(distances**2))
    print(f"root of the mean square distance {root:.2f}, largest {largest:.1f}, "
          f"{beyond} of {len(distances)} beyond 3")  # fmt: skip
    return int(largest > 4)


PARTS = {"rows": rows, "draws": draws, "identities": identities, "speed": speed}

if __name__ == "__main__":
    sys.exit(main())
