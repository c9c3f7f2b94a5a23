# ruff: noqa: E402
"""What it costs a sweep to write every point to the disk when it is done.

    python tests/benchmarks/journal_cost.py [--points 10000] [--repeats 5]

The same quick points, two colours, are swept by `replica sweep` in memory and with `--out`, in
turns; the least time of each counts.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path

# One core, before numpy is imported.
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

from replica.cli import main


def seconds(points: int, *out: str) -> tuple[float, float]:
    """Return the time on the clock, and that of the processor, of one sweep."""
    options = f"--colors 2 --beta 1 --lam 0.1 --alpha 0.5:10:{points} --log".split()
    with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        start = time.perf_counter(), time.process_time()
        if main(["sweep", *options, *out]):
            sys.exit("the sweep did not converge")
        return time.perf_counter() - start[0], time.process_time() - start[1]


def measured() -> None:
    """Print the times and their ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    seconds(100)
    memory, journal = [], []
    for number in range(options.repeats):
        memory.append(seconds(options.points))
        with tempfile.TemporaryDirectory() as folder:
            out = str(Path(folder) / f"curve-{number}.csv")
            journal.append(seconds(options.points, "--out", out))
    for label, place in (("clock", 0), ("processor", 1)):
        times = [min(time[place] for time in each) for each in (memory, journal)]
        print(
            f"{label}: {options.points} points in memory {times[0]:.2f} s, through the journal "
            f"{times[1]:.2f} s, ratio {times[1] / times[0]:.3f}"
        )


if __name__ == "__main__":
    measured()
