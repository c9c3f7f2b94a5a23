"""What a user writes, as `mypy --strict` sees it: `.ci/run` checks it, and a test runs it.

Whatever the checker is to refuse has a comment that it would miss if it did not.
"""

from __future__ import annotations

import math

import numpy as np

from replica import (
    DataModel,
    GaussianTokens,
    IndependentTokens,
    Masking,
    PottsTokens,
    Problem,
    Solution,
    existence_threshold,
    mean_field_baseline,
    optimal_lam,
    optimal_masking,
    solve,
    sweep,
)
from simulations import PottsModel, sample, simulate, train


def excess(problem: Problem) -> float:
    """Observables of one colour mode are numbers."""
    solution = solve(problem)
    overlap: float = solution.m
    shifted: float = solution.m + 1.0
    scale = math.sqrt(solution.q) / overlap
    return solution.excess_loss + 0.0 * (shifted + scale + round(solution.V, 4))


def modes(solution: Solution) -> int:
    """Those of several are arrays."""
    return len(solution.q) if isinstance(solution.q, np.ndarray) else 1


def told(solution: Solution) -> str:
    """A status is a text, and compares with one."""
    return solution.status.sentence if solution.status == "below-threshold" else solution.status


def course() -> list[float]:
    """Losses, masks, estimators and parameters have names that the checker knows."""
    data = PottsTokens(colors=3, beta=1.5)
    problem = Problem(alpha=2.0, lam=0.1, data=data)
    family = [problem.at(loss=loss) for loss in ("cross-entropy", "squared-error")]
    other: list[DataModel] = [data.at(beta=1.0, spike=1.2), GaussianTokens(3.0).at(shift=4.0)]
    found = [excess(one) for one in family]
    found += [solve(problem.at(beta=0.5, masking=Masking(0.15, "static"))).test_loss]
    found += [solve(problem.at(data=one, loss="squared-error")).test_loss for one in other]
    found += list(sweep(problem, alpha=[1.0, 2.0])["test_loss"])
    found += [optimal_lam(problem)[0], optimal_masking(problem, "dynamic")[1].test_loss]
    found += [existence_threshold(data, "cross-entropy")]
    found += [mean_field_baseline("quadratic", 2.0, data).test_loss]
    found += [simulate(problem, sites=12, estimator="minimiser", test_samples=50).test_loss]
    rows = train(sample(PottsModel.random(data, 12), 24), 3, 0.1, "squared-error")
    return [*found, float(rows.weights.mean()), float(rows.status == "converged")]


def refused() -> None:
    """The checker finds names and values that are wrong before they are run."""
    data = PottsTokens(3, 1.5)
    problem = Problem(2.0, 0.1, data)
    problem.at(alhpa=1.0)  # type: ignore[call-arg]
    problem.at(loss="hinge")  # type: ignore[arg-type]
    problem.at(lam="small")  # type: ignore[arg-type]
    data.at(shift=3.0)  # type: ignore[call-arg]
    IndependentTokens(3, 1.0).at(beta=1.0)  # type: ignore[call-arg]
    Masking(0.15, "frozen")  # type: ignore[arg-type]
    optimal_masking(problem, "every")  # type: ignore[arg-type]
    mean_field_baseline("plm", 2.0, data)  # type: ignore[arg-type]
    simulate(problem, 12, estimator="lasso")  # type: ignore[arg-type]
