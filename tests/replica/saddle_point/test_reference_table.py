from __future__ import annotations

import pytest

from replica import PottsTokens, Problem, solve

COLUMNS = (
    "m", "q", "V", "test_loss", "train_loss", "optimal_loss", "error_rate", "coupling_error",
)  # fmt: skip

#: Dense Gauss-Hermite quadrature, with nine digits behind the point.
CROSS_ENTROPY = {
    (2, 1.0, 1.0): (
        0.324719608, 1.138738664, 2.569760140, 0.774389982,
        0.263777325, 0.581725698, 0.414817436, 2.024158659,
    ),
    (2, 1.0, 4.0): (
        0.508580920, 1.214325654, 0.769491665, 0.708744222,
        0.450838012, 0.581725698, 0.372081525, 1.634222963,
    ),
    (3, 1.5, 2.0): (
        0.620601037, 1.130647743, 0.889397957, 1.043426185,
        0.659040975, 0.877181321, 0.491647094, 0.967574063,
    ),
}  # fmt: skip

LAST_DIGIT = 0.51e-9


@pytest.mark.parametrize(("colors", "beta", "alpha"), CROSS_ENTROPY)
def test_cross_entropy(colors, beta, alpha):
    solution = solve(Problem(alpha, 0.1, PottsTokens(colors, beta)))
    printed = CROSS_ENTROPY[colors, beta, alpha]
    for name, value in zip(COLUMNS, printed, strict=True):
        assert getattr(solution, name) == pytest.approx(value, rel=1e-8, abs=LAST_DIGIT), name
    assert solution.excess_loss == solution.test_loss - solution.optimal_loss


def test_squared_error():
    solution = solve(Problem(2.0, 0.05, PottsTokens(3, 1.5), loss="squared-error"))
    assert solution.test_loss == pytest.approx(0.343044388, rel=1e-8, abs=LAST_DIGIT)
    assert solution.train_loss == pytest.approx(0.200401561, rel=1e-8, abs=LAST_DIGIT)
