"""Trained rows with masks: as the theory says, extrapolated to long sequences."""

from __future__ import annotations

import numpy as np
import pytest

from replica import Masking, PottsTokens, Problem, solve
from simulations import simulate_many

OBSERVABLES = ("train_loss", "masked_test_loss", "test_loss", "masked_error_rate")


@pytest.mark.parametrize(
    "problem",
    [
        pytest.param(
            Problem(3.0, 0.1, PottsTokens(2, 1.0), masking=Masking(0.4, "static")),
            marks=pytest.mark.slow,
        ),
        Problem(2.0, 0.1, PottsTokens(3, 1.5), masking=Masking(0.4)),
        Problem(2.0, 0.1, PottsTokens(2, 1.0), "squared-error", masking=Masking(0.3, "static", 2)),
    ],
    ids=lambda problem: str(problem.masking),
)
def test_losses(problem):
    """Each of twelve distances exceeds five standard errors by chance for one of 1800 seeds."""
    table = simulate_many([problem], [30, 60], range(24), rows=8, test_samples=200)
    assert set(table["status"]) == {"converged"}
    theory = solve(problem)
    for name in OBSERVABLES:
        short, long = (table.where(sites=sites)[name] for sites in (30, 60))
        value = 2 * long.mean() - short.mean()
        error = np.sqrt(4 * long.var(ddof=1) + short.var(ddof=1)) / np.sqrt(24)
        assert abs(value - getattr(theory, name)) < 5 * error
        assert error < 0.08 * value
