"""Ten thousand random problems and two thousand command lines: who answers, refuses, is flagged.

    python tests/benchmarks/fuzz.py [--problems N] [--lines N]

Exit status 1 if a converged answer breaks an inequality, or anything ends in a traceback.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
import tempfile
import traceback
from collections import Counter
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).parents[1] / "replica"))

import anything
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from replica.cli import main

#: Shares of the data models among the problems. Several colour modes take seconds each.
SHARES = {"potts": 0.69, "gaussian": 0.15, "custom": 0.15, "similar": 0.01}

FUZZ = settings(
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def problems(total: int) -> int:
    """Print a table of outcomes and every failure; return the number of failures."""
    outcomes = {
        model: _outcomes(model, max(1, round(share * total))) for model, share in SHARES.items()
    }
    names = sorted({name for count in outcomes.values() for name in count})
    print("| data | " + " | ".join(names) + " |")
    print("|---|" + "---|" * len(names))
    for model, count in outcomes.items():
        print(f"| {model} | " + " | ".join(str(count[name]) for name in names) + " |")
    return sum(count["broken"] + count["traceback"] for count in outcomes.values())


def _outcomes(model: str, examples: int) -> Counter[str]:
    count: Counter[str] = Counter()

    @settings(FUZZ, max_examples=examples)
    @given(st.data())
    def check(data):
        try:
            status, found = anything.attempt(model, data.draw)
        except Exception:
            count["traceback"] += 1
            traceback.print_exc()
            return
        count[status] += 1
        if status == "converged" and (broken := anything.violations(found)):
            count["broken"] += 1
            print(f"{model}: {'; '.join(broken)}: {found.problem}", file=sys.stderr)

    check()
    return count


def command_lines(total: int) -> int:
    """Print how many command lines ended with which status; return the number of tracebacks."""
    statuses: Counter[object] = Counter()

    @settings(FUZZ, max_examples=total)
    @given(anything.COMMAND_LINES)
    def check(words):
        nowhere = io.StringIO()
        with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            try:
                statuses[main(words)] += 1
            except SystemExit as stopped:
                statuses[stopped.code] += 1
            except Exception as error:
                statuses[f"{type(error).__name__}: {error} for {words}"] += 1

    check()
    print("\ncommand lines:", dict(statuses))
    return sum(count for status, count in statuses.items() if status not in (0, 1, 2))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=int, default=10_000)
    parser.add_argument("--lines", type=int, default=2000)
    options = parser.parse_args()
    # Command lines may write files.
    os.chdir(tempfile.mkdtemp())
    sys.exit(1 if problems(options.problems) + command_lines(options.lines) else 0)
