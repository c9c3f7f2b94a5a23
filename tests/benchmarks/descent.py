"""Gradient descent: trained systems, extrapolated to long sequences, beside the theory.

    python tests/benchmarks/descent.py course [--seeds N]
    python tests/benchmarks/descent.py best [--seeds N]
    python tests/benchmarks/descent.py end
    python tests/benchmarks/descent.py regularise

`course` trains systems of two lengths and prints, for every observable after some steps, that of
infinite length, 2 x(2L) - x(L), its standard error over seeds, the theory with its own, and their
distance in standard errors. `best` compares the step of least test loss with that of systems.
`end` compares the last step with the saddle point. `regularise` compares the least test loss of
early stopping, at no weight decay, with that of the best weight decay.
"""

from __future__ import annotations

import argparse
import sys
import time
from math import sqrt

import numpy as np

from replica import PottsTokens, Problem, descent, optimal_lam, solve
from simulations import PottsModel, sample
from simulations.estimators.descent import descend
from simulations.experiments.measure import measure

LENGTHS = (60, 120)

#: Problem, rate; steps that are looked at.
CASES = [
    (Problem(2.0, 0.1, PottsTokens(2, 1.0)), 0.3),
    (Problem(2.0, 0.1, PottsTokens(3, 1.5)), 0.3),
]
STEPS = [1, 3, 10, 30, 100]

OBSERVABLES = ("test_loss", "train_loss", "error_rate", "coupling_error", "m", "q")

#: Problem, rate and steps of courses with a best step.
STOPPED = [
    (Problem(1.0, 0.01, PottsTokens(2, 1.0)), 0.1, 40),
    (Problem(2.0, 0.01, PottsTokens(3, 1.5)), 0.1, 50),
    (Problem(6.0, 0.01, PottsTokens(3, 1.2)), 0.1, 50),
]

#: Sample ratios and data for which two ways to regularise are compared.
REGULARISED = [(1.0, PottsTokens(2, 1.0)), (2.0, PottsTokens(3, 1.5)), (6.0, PottsTokens(3, 1.2))]


def told_of(problem: Problem, rate: float) -> str:
    data = problem.data
    return f"C = {data.colors}, beta = {data.beta}, alpha = {problem.alpha}, rate = {rate}"


def observed(
    problem: Problem, rate: float, steps: list[int], sites: int, seed: int, rows: int
) -> list[dict[str, float]]:
    """Return means over the rows of one system, after these steps."""
    data = problem.data
    model = PottsModel.random(data, sites, np.random.SeedSequence((sites, seed, 0)))
    tokens = sample(model, round(problem.alpha * sites), np.random.SeedSequence((sites, seed, 1)))
    fresh = sample(model, 1000, np.random.SeedSequence((sites, seed, 2)))
    found = []
    trained = descend(
        tokens, data.colors, problem.lam, rate, steps, problem.loss, rows=list(range(rows))
    )
    for _, training in trained:
        assert training.status == "converged"
        x = measure(model, training, tokens, fresh, problem.loss)
        distance = np.mean(x.distance2) / np.mean(x.teacher2)
        means = [x.test_loss, x.train_loss, x.error_rate, distance, x.m, x.q]
        found.append(dict(zip(OBSERVABLES, map(float, map(np.mean, means)), strict=True)))
    return found


def course(seeds: int) -> None:
    """Compare courses at five steps."""
    for problem, rate in CASES:
        start = time.process_time()
        theory = descent(problem, rate, STEPS[-1])
        systems = {
            sites: [observed(problem, rate, STEPS, sites, seed, sites) for seed in range(count)]
            for sites, count in zip(LENGTHS, (2 * seeds, seeds), strict=True)
        }
        counts = f"L = {LENGTHS}, {2 * seeds} and {seeds} seeds"
        print(f"{told_of(problem, rate)}, lam = {problem.lam}, {counts}")
        distances = []
        for number, step in enumerate(STEPS):
            for name in OBSERVABLES:
                x, y = (np.array([s[number][name] for s in systems[n]]) for n in LENGTHS)
                value = 2 * y.mean() - x.mean()
                error = sqrt(4 * y.var(ddof=1) / len(y) + x.var(ddof=1) / len(x))
                expected, own = theory[name][step], theory.standard_error(name)[step]
                distances.append((value - expected) / sqrt(error**2 + own**2))
                print(f"  step {step:3}  {name:14} {value:.4f} ± {error:.4f}  theory {expected:.5f}"
                      f" ± {own:.5f}  {distances[-1]:+.1f}")  # fmt: skip
        print(f"  root of the mean square distance {np.sqrt(np.mean(np.square(distances))):.2f}, "
              f"largest {np.abs(distances).max():.1f}, {time.process_time() - start:.0f} s",
              flush=True)  # fmt: skip


def best(seeds: int) -> None:
    """Compare the step of least test loss."""
    for problem, rate, steps in STOPPED:
        theory = descent(problem, rate, steps, paths=10_000)
        found = []
        for seed in range(seeds):
            every = list(range(steps + 1))
            losses = [x["test_loss"] for x in observed(problem, rate, every, 120, seed, 40)]
            found.append((int(np.argmin(losses)), min(losses)))
        places, least = np.array(found).T
        told = theory.best
        print(
            f"{told_of(problem, rate)}: best step {told['step']}, systems {places.mean():.1f} ± "
            f"{places.std(ddof=1):.1f} each, from {places.min():.0f} to {places.max():.0f}; "
            f"least test loss {told['test_loss']:.4f}, systems {least.mean():.4f} ± "
            f"{least.std(ddof=1) / sqrt(seeds):.4f}",
            flush=True,
        )


def end() -> None:
    """Compare the last step with the saddle point."""
    for problem, rate in CASES:
        start = time.process_time()
        theory, solution = descent(problem, rate, 200), solve(problem)
        for name in OBSERVABLES:
            value, own = theory[name][-1], theory.standard_error(name)[-1]
            gap = value - getattr(solution, name)
            print(f"C = {problem.data.colors}  {name:14} {value:.6f} ± {own:.6f}, off the saddle "
                  f"point by {gap:+.6f}, {gap / own:+.1f} standard errors")  # fmt: skip
        print(
            f"  200 steps, 16,384 paths and ten times 1024: {time.process_time() - start:.0f} s",
            flush=True,
        )


def regularise() -> None:
    """Compare early stopping with weight decay."""
    for alpha, data in REGULARISED:
        lam, decayed = optimal_lam(Problem(alpha, 0.1, data))
        for rate, steps in ((0.2, 20), (0.02, 200)):
            stopped = descent(Problem(alpha, 0.0, data), rate, steps, paths=10_000).best
            print(f"C = {data.colors}, beta = {data.beta}, alpha = {alpha}: stopped at step "
                  f"{stopped['step']} of rate {rate} {stopped['test_loss']:.5f} ± "
                  f"{stopped['test_loss_stderr']:.5f}, best weight decay {lam:.3f} "
                  f"{decayed.test_loss:.5f}", flush=True)  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("course", "best", "end", "regularise"))
    parser.add_argument("--seeds", type=int, default=32)
    options = parser.parse_args(argv)
    if options.what in ("course", "best"):
        {"course": course, "best": best}[options.what](options.seeds)
    else:
        {"end": end, "regularise": regularise}[options.what]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
