"""Random problems of one pass: finite answers with their state, or a refusal in a line.

    python tests/benchmarks/fuzz_courses.py [--count N] [--seed N]

draws data, losses, rates, schedules, weight decays and sample ratios over many decades and prints
how the courses ended. What is neither an answer nor a refusal is printed with its problem, and the
exit status is 1.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections import Counter
from typing import Any

import numpy as np

from replica import (
    CustomTokens,
    GaussianTokens,
    IndependentTokens,
    PottsTokens,
    Problem,
    RowTokens,
    Schedule,
    one_pass,
)
from replica.ensembles.few_couplings import field_error
from replica.errors import BadArgument

#: Evaluations of a course; more are a status, and take longer than they tell.
_MOST = 300


def drawn(rng: np.random.Generator) -> tuple[Problem, Any, list[float]]:
    """Return a random problem, its rate and the sample ratios, which may not be allowed."""
    colors = int(rng.choice([2, 3, 4, 5, 8, 20]))
    beta = float(colors * rng.uniform(-1.05, 1.05) * 10 ** -rng.choice([0.0, 0.0, 3.0, 12.0]))
    kind = rng.choice(["potts", "ensemble", "ring", "independent", "gaussian", "custom", "row"])
    data: Any
    if kind == "potts":
        data = PottsTokens(colors, beta)
    elif kind == "ensemble":
        name = str(rng.choice(["orthogonal", "hopfield:0.5", "hopfield:2"]))
        data = PottsTokens(colors, 0.4 * beta, couplings=name)
    elif kind == "ring":
        ring = [[1.0, 0.5, 0.5], [0.5, 1.0, 0.5], [0.5, 0.5, 1.0]]
        data = PottsTokens(3, beta / colors, ring)
    elif kind == "independent":
        data = IndependentTokens(min(colors, 5), abs(beta))
    elif kind == "gaussian":
        data = GaussianTokens(2.0 + 10 ** rng.uniform(-3, 2), colors)
    elif kind == "custom":
        sizes = 10 ** rng.uniform(-4, 3, 4)
        data = CustomTokens.from_spectrum(sizes, rng.random(4), rng.random(4), colors)
    else:
        J = np.triu(rng.standard_normal((9, 9)), 1) / 3
        data = RowTokens.from_couplings(J + J.T, 4, colors, beta / 3)
    loss = None if rng.random() < 0.6 else "squared-error"
    lam = float(rng.choice([0.0, 10 ** rng.uniform(-6, 3)]))
    rate = 10 ** rng.uniform(-5, 3)
    schedule = str(rng.choice(["constant", "cosine", "1/t", "1/t:0.01", "warm-up", "warm-up:5"]))
    last = 10 ** rng.uniform(-4, 2)
    return (
        Problem(1.0, lam, data, loss),
        Schedule.from_text(float(rate), schedule),
        [0.0, last / 3, last],
    )


def _missed(data: Any) -> float:
    """Return by what share a row may be predicted below the optimal loss.

    The fields of few strong couplings of a given model are not Gaussian, of which warnings tell.
    """
    if not isinstance(data, RowTokens):
        return 0.0
    model, row = data.context.model, data.context.row
    return 2.0 * field_error(model.teacher[row], model.colors, model.strongest)


def ended(rng: np.random.Generator) -> str:
    """Return how a random course ended, "wrong: ..." where it should not have."""
    try:
        problem, rate, alphas = drawn(rng)
        course = one_pass(problem, rate, alphas, max_steps=_MOST)
    except BadArgument as error:
        return "refused" if "\n" not in str(error) else f"wrong: {error}"
    except Exception as error:
        return f"wrong: {type(error).__name__}: {error}"
    told = f"{problem}, {rate} of {getattr(rate, 'rate', '')}, {alphas}"
    for line, error in zip(course.lines(), course.error, strict=True):
        if line["status"] != "converged":
            continue
        known = [
            line["test_loss"],
            line["optimal_loss"],
            *np.ravel(line["m"]),
            *np.ravel(line["q"]),
        ]
        least = line["optimal_loss"] * (1.0 - _missed(problem.data)) - 1e-9
        if not np.isfinite(known).all() or line["test_loss"] < least:
            return f"wrong: {told}: {line}"
        if not error < 1e-3:
            return f"wrong: {told}: error {error}: {line}"
    return str(course["status"][-1])


def main() -> int:
    """Draw problems and count their ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)
    counts: Counter[str] = Counter()
    worst = 0.0
    for number in range(options.count):
        start = time.process_time()
        found = ended(np.random.default_rng((options.seed, number)))
        worst = max(worst, time.process_time() - start)
        if found.startswith("wrong"):
            print(number, found, flush=True)
        counts[found.partition(":")[0]] += 1
    print(dict(counts), f"longest {worst:.1f} s")
    return 1 if counts["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
