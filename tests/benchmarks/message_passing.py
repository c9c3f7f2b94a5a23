"""Message passing on long sequences against state evolution, iteration by iteration.

    python tests/benchmarks/message_passing.py [sites] [systems] [colors] [beta] [alpha] [seed]

Every number is the mean over independent systems, each itself the mean over 16 rows; the
distance z to the theory is in standard errors over the systems. A row has L - 1 weights, so the
theory is that of M/(L - 1) samples per weight, weight decay λ L/(L - 1) and |w*|² = β² (L - 1)/L:
V hardly fluctuates from system to system, and its error bars would see the difference. With 16
systems |z| > 3 happens by chance once in 110 comparisons, and the iterations of one loss and
quantity are nearly one comparison.
"""

from __future__ import annotations

import sys

import numpy as np

from replica import PottsTokens, Problem, state_evolution
from simulations import PottsModel, approximate_message_passing, sample

ROWS, STEPS, LAM = 16, 10, 0.1
NAMES = ("m", "q", "V", "train_loss")


def measured(data: PottsTokens, alpha: float, sites: int, seed: int) -> dict[str, np.ndarray]:
    """Return the course of every quantity in one system, averaged over its rows, by loss."""
    first, second = np.random.SeedSequence(seed).spawn(2)
    model = PottsModel.random(data, sites, first)
    tokens = sample(model, round(alpha * sites), second)
    found = {}
    for loss in data.losses:
        course = approximate_message_passing(model, tokens, LAM, loss, range(ROWS), STEPS)
        found[loss] = np.array([getattr(course, name).mean(axis=1) for name in NAMES])
    return found


def finite(problem: Problem, sites: int) -> Problem:
    """Return the problem of a row of sites - 1 weights."""
    ratio = sites / (sites - 1)
    data = PottsTokens(problem.data.colors, problem.data.beta / np.sqrt(ratio))
    samples = round(problem.alpha * sites)
    return problem.at(alpha=samples / (sites - 1), lam=problem.lam * ratio, data=data)


def main(sites=2000, systems=16, colors=3, beta=1.5, alpha=1.0, seed=0) -> None:
    """Print measured and predicted courses, and how far they are apart."""
    data = PottsTokens(int(colors), beta)
    courses = []
    for k in range(int(systems)):
        courses.append(measured(data, alpha, int(sites), int(seed) + k))
        print(f"system {k + 1} of {systems:g}", file=sys.stderr, flush=True)
    for loss in data.losses:
        theory = state_evolution(finite(Problem(alpha, LAM, data, loss), int(sites)), STEPS)
        values = np.array([course[loss] for course in courses])
        worst = 0.0
        print(
            f"\n{loss}, L = {sites:g}, C = {colors:g}, beta = {beta}, alpha = {alpha}, lam = {LAM}"
        )
        print("step  " + "".join(f"{name:>10}  theory     z    " for name in NAMES))
        for step in range(1, STEPS + 1):
            line = f"{step:4}  "
            for k, name in enumerate(NAMES):
                points = values[:, k, step]
                exact = getattr(theory, name)[step]
                error = points.std(ddof=1) / np.sqrt(len(points))
                z = (points.mean() - exact) / error
                worst = max(worst, abs(z))
                line += f"{points.mean():10.5f} {exact:8.5f} {z:6.2f}   "
            print(line)
        print(f"largest |z| = {worst:.2f}")


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
