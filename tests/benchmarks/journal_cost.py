# ruff: noqa: E402
"""What it costs a sweep to write every point to the disk when it is done, and a cluster's help.

    python tests/benchmarks/journal_cost.py [--points 10000] [--repeats 5]

The same quick points, two colours, are swept by `replica sweep` in memory, with `--out`, and, where
the extra `cluster` is installed, with `--out` on a local cluster of two workers, in turns. The
least time of each counts; that of the processor is the command's own, without the cluster's.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator

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
    with tempfile.TemporaryDirectory() as folder, local_cluster() as address:
        ways: dict[str, list[str]] = {"in memory": [], "through the journal": []}
        if address is not None:
            ways["on the cluster"] = ["--scheduler", address]
        times: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
        for words in ways.values():
            seconds(100, *words)
        for number in range(options.repeats):
            for way, words in ways.items():
                out = [] if way == "in memory" else ["--out", f"{folder}/{way}-{number}.csv"]
                times[way].append(seconds(options.points, *words, *out))
    for label, place in (("clock", 0), ("processor", 1)):
        least = {way: min(time[place] for time in each) for way, each in times.items()}
        told = (
            f"{way} {time:.2f} s ({time / least['in memory']:.3f})" for way, time in least.items()
        )
        print(f"{label}: {options.points} points", *told, sep=", ")


@contextlib.contextmanager
def local_cluster() -> Iterator[str | None]:
    """Start two workers, or none where Dask is not installed."""
    try:
        from distributed import LocalCluster
    except ModuleNotFoundError:
        yield None
        return
    with LocalCluster(2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as local:
        yield local.scheduler_address


if __name__ == "__main__":
    measured()
