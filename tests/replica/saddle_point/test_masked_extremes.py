"""Dynamic masks where fields are beyond all lattices: an answer or a status, and soon."""

from __future__ import annotations

import math

import pytest

from replica import Masking, PottsTokens, Problem, solve


@pytest.mark.parametrize(
    ("alpha", "lam", "data", "rate"),
    [
        (1e-300, 0.0, PottsTokens(2, 1.5), 1e-12),
        (3.0, 1e150, PottsTokens(3, 1.5), 0.3),
        (1e8, 1e150, PottsTokens(3, 1.5), 1 - 1e-9),
        (0.5, 1e300, PottsTokens(3, 0.0), 0.3),
    ],
)
def test_what_no_lattice_carries_has_a_status(alpha, lam, data, rate):
    solution = solve(Problem(alpha, lam, data, masking=Masking(rate)), check=False, max_steps=60)
    if solution.converged:
        # So much weight decay leaves nothing of the row, and every guess.
        assert solution.test_loss == pytest.approx(math.log(data.colors), rel=1e-12)
    else:
        assert solution.status in ("not-finite", "below-threshold", "diverged", "max-steps")
        assert math.isnan(solution.test_loss)
