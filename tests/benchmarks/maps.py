"""Maps and all rows of a model by the clock, with the memory that they take, as Markdown.

    python tests/benchmarks/maps.py [--workers N] [case ...]

Cases: map-3, map-20, rows-3, rows-20, command-3, of which the last is the map of three colours as
a table of `replica sweep`. Each runs in a process of its own, with compiled code. The machine
should have nothing else to do; `processor s` tells whether it had.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

from replica import (
    Curve,
    ParamagnetWarning,
    PottsTokens,
    Problem,
    RowTokens,
    Table,
    solve,
    sweep,
    sweep_rows,
)
from replica.cli import main as replica_command

#: Seconds allowed on two cores.
CASES = {"map-3": 15.0, "map-20": 25.0, "rows-3": 3.0, "rows-20": 25.0, "command-3": 15.0}

#: Megabytes allowed, and the weight decay of a map.
MEMORY, DECAYS = 500.0, {3: 0.001, 20: 0.1}

ALPHAS, SHARES = np.geomspace(0.5, 10.0, 100), np.linspace(0.05, 0.9, 100)
SITES = 100


def mapped(colors: int, workers: int | None, share: int = 1) -> Curve:
    """Return 100 sample ratios at each of 100 couplings b, or a share of both."""
    problem = Problem(1.0, DECAYS[colors], PottsTokens(colors, 1.0))
    betas = SHARES[::share] * colors
    return sweep(problem, ALPHAS[::share], beta=betas, workers=workers)


def layered(colors: int, workers: int | None, share: int = 1) -> Curve:
    """Return 30 sample ratios at each of all rows of one model, or a share of both."""
    J = np.random.default_rng(0).standard_normal((SITES, SITES)) / SITES**0.5
    J = np.triu(J, 1) + np.triu(J, 1).T
    rows = RowTokens.rows_from_couplings(J, range(0, SITES, share), colors, 0.4 * colors)
    alphas = np.geomspace(0.5, 10.0, 30)[::share]
    return sweep_rows(Problem(1.0, 0.1, rows[0]), rows, alphas, workers=workers)


def commanded(colors: int, workers: int | None, share: int = 1) -> Table:
    """Return the table that the command writes of a map."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "map.csv"
        words = ["--colors", colors, "--lam", DECAYS[colors], "--log", "--out", out]
        count = 100 // share
        words += ["--alpha", f"0.5:10:{count}"]
        words += ["--beta", ",".join(f"{share_ * colors:.17g}" for share_ in SHARES[::share])]
        words += [] if workers is None else ["--workers", workers]
        replica_command(["sweep", *map(str, words)])
        return Table.from_csv(out)


def here(case: str, workers: int | None) -> dict[str, float]:
    """Run a case in this process, and tell what it took."""
    kind, colors = case.split("-")
    made = {"map": mapped, "rows": layered, "command": commanded}[kind]
    made(int(colors), workers, 20)
    before, clock = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    table = made(int(colors), workers)
    seconds = time.perf_counter() - clock
    after = resource.getrusage(resource.RUSAGE_SELF)
    others = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = {
        "points": len(table),
        "seconds": seconds,
        "processor": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "megabytes": max(after.ru_maxrss, others.ru_maxrss) / 1024,
        "evaluations": float(np.mean(table["evaluations"])),
        "lost": int(np.sum(table["status"] != "converged")),
    }
    if isinstance(table, Curve):
        some = np.random.default_rng(1).choice(len(table), 20, replace=False)
        pairs = [(table.solutions[i], solve(table.solutions[i].problem)) for i in some]
        found["stated"] = max(each.quadrature_error for each in table.solutions)
        found["difference"] = max(
            abs(getattr(one, name) / getattr(other, name) - 1)
            for one, other in pairs
            for name in ("m", "q", "V", "test_loss", "train_loss", "error_rate")
        )
    return found


def main() -> None:
    """Print a line for each case that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int)
    parser.add_argument("--here", action="store_true", help="in this process, as JSON")
    parser.add_argument("cases", nargs="*")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ParamagnetWarning)
    if options.here:
        print(json.dumps(here(options.cases[0], options.workers)))
        return
    print(f"{os.cpu_count()} cores, {time.strftime('%Y-%m-%d')}; load {os.getloadavg()[0]:.1f}\n")
    header = (
        "case", "points", "s", "allowed", "processor s", "peak MB", "allowed", "evaluations",
        "not converged", "stated error", "cold solves differ by",
    )  # fmt: skip
    print("| " + " | ".join(header) + " |\n" + "|---" * len(header) + "|")
    how = [] if options.workers is None else ["--workers", str(options.workers)]
    for case in options.cases or CASES:
        child = [sys.executable, __file__, "--here", *how, case]
        told = subprocess.run(child, check=True, stdout=subprocess.PIPE, text=True).stdout
        found = json.loads(told.splitlines()[-1])
        cells = (
            case, found["points"], f"{found['seconds']:.1f}", f"{CASES[case]:g}",
            f"{found['processor']:.1f}", f"{found['megabytes']:.0f}", f"{MEMORY:g}",
            f"{found['evaluations']:.2f}", found["lost"],
            *(f"{found[n]:.0e}" if n in found else "" for n in ("stated", "difference")),
        )  # fmt: skip
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)


if __name__ == "__main__":
    main()
