"""Ten thousand random problems and two thousand command lines: who answers, refuses, is flagged.

    python tests/benchmarks/fuzz.py [--problems N] [--lines N] [--workers N]

Exit status 1 if a converged answer breaks an inequality, or anything ends in a traceback.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
import tempfile
import time
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import strategies
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

#: Shares of the data models among the problems. Several colour modes take a second each, and so
#: do many independent colours.
MODELS = {"potts": 0.58, "independent": 0.08, "gaussian": 0.15, "custom": 0.16, "similar": 0.03}

#: Where the commands live, and their shares.
PROGRAMS = {"replica": 0.6, "replica-simulate": 0.25, "replica-figures": 0.15}
MODULES = {"replica": "replica", "replica-simulate": "simulations", "replica-figures": "figures"}

#: Problems that one process draws in a row. One stretch of five is as Hypothesis likes it.
STRETCH, FIFTH = 200, 5

#: A stated quadrature error from here on flags an answer, most often for the sake of an optimal
#: loss like 1e-56, of tokens that are all but certain.
_FLAGGED = 1e-2

FUZZ = settings(
    deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)


def problems(model: str, start: int, count: int) -> tuple[Counter[str], list[str], float, str]:
    """Return the outcomes, every failure, and the slowest problem."""
    outcomes: Counter[str] = Counter()
    failures: list[str] = []
    slowest = (0.0, "")
    spread = start // STRETCH % FIFTH != 0

    @seed(start)
    @settings(FUZZ, max_examples=count)
    @given(st.data())
    def check(data):
        nonlocal slowest
        began = time.process_time()
        try:
            status, found = strategies.attempt(model, data.draw, spread)
            broken = strategies.violations(found) if status == "converged" else []
            if status == "converged" and model in ("potts", "similar"):
                broken += strategies.beyond_bayes(found)
        except Exception:
            outcomes["traceback"] += 1
            failures.append(traceback.format_exc())
            return
        flagged = status == "converged" and not found.quadrature_error < _FLAGGED
        outcomes["imprecise" if flagged else status] += 1
        if broken:
            outcomes["broken"] += 1
            failures.append(f"{'; '.join(broken)}: {found.problem}")
        slowest = max(slowest, (time.process_time() - began, str(getattr(found, "problem", found))))

    check()
    return outcomes, failures, *slowest


def command_lines(
    program: str, start: int, count: int
) -> tuple[Counter[str], list[str], float, str]:
    """Return the statuses, every failure, and the slowest command line."""
    main = import_module(f"{MODULES[program]}.cli").main
    statuses: Counter[str] = Counter()
    failures: list[str] = []
    slowest = (0.0, "")

    @seed(start)
    @settings(FUZZ, max_examples=count)
    @given(strategies.command_lines(program))
    def check(words):
        nonlocal slowest
        began = time.process_time()
        output = io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            try:
                status = main(words)
            except SystemExit as stopped:
                status = stopped.code
            except Exception:
                failures.append(f"{words}: {traceback.format_exc()}")
                status = "traceback"
        if "Traceback" in output.getvalue() or status not in (0, 1, 2, "traceback"):
            failures.append(f"{words}: {status}: {output.getvalue()}")
        statuses[str(status)] += 1
        slowest = max(slowest, (time.process_time() - began, str(words)))
        strategies.clear(Path())

    # Command lines write files.
    with tempfile.TemporaryDirectory() as folder:
        here = os.getcwd()
        os.chdir(folder)
        for name, (maker, line) in strategies.TABLES.items():
            import_module(f"{MODULES[maker]}.cli").main([*line, "--out", name])
        check()
        os.chdir(here)
    return statuses, failures, *slowest


def report(title, ask, shares, total, workers) -> int:
    """Print a table of outcomes and every failure; return the number of failures."""
    jobs = []
    for name, share in shares.items():
        count = max(1, round(share * total))
        jobs += [(name, i, min(STRETCH, count - i)) for i in range(0, count, STRETCH)]
    outcomes = {name: Counter() for name in shares}
    slowest = dict.fromkeys(shares, (0.0, ""))
    failed = 0
    with ProcessPoolExecutor(workers) as pool:
        running = [pool.submit(ask, *job) for job in jobs]
        for (name, start, _), job in zip(jobs, running, strict=True):
            counted, failures, seconds, what = job.result()
            outcomes[name] += counted
            slowest[name] = max(slowest[name], (seconds, what))
            failed += len(failures)
            for failure in failures:
                print(f"{name}, from {start}: {failure}", file=sys.stderr, flush=True)
    columns = sorted({column for count in outcomes.values() for column in count})
    print(f"| {title} | " + " | ".join(columns) + " | slowest |")
    print("|---|" + "---|" * (len(columns) + 1))
    for name, count in outcomes.items():
        cells = " | ".join(str(count[column]) for column in columns)
        print(f"| {name} | {cells} | {slowest[name][0]:.1f} s |", flush=True)
    for name, (seconds, what) in slowest.items():
        print(f"slowest of {name}: {seconds:.1f} s: {what}", file=sys.stderr)
    return failed


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=int, default=10_000)
    parser.add_argument("--lines", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    failed = report("data", problems, MODELS, options.problems, options.workers)
    failed += report("command", command_lines, PROGRAMS, options.lines, options.workers)
    sys.exit(1 if failed else 0)
