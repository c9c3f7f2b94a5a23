"""The sample ratio that is asked for is the last at which a curve comes down to a value."""

from __future__ import annotations

import math

import numpy as np
import pytest
from drawn_problems import RING

from replica import (
    CustomTokens,
    GaussianTokens,
    IndependentTokens,
    PottsTokens,
    Problem,
    RowTokens,
    optimal_lam,
    required_alpha,
    solve,
)
from replica.predictions.required_alpha import reached

POTTS = PottsTokens(3, 1.5)


@pytest.mark.parametrize(
    ("data", "loss", "lam", "alpha"),
    [
        (POTTS, "cross-entropy", 0.1, 3.7),
        (POTTS, "squared-error", 0.1, 1.4),
        (PottsTokens(7, 2.0), "squared-error", 0.3, 5.0),
        (PottsTokens(4, 1.0, RING), "squared-error", 0.1, 2.0),
        (IndependentTokens(2, 1.0), "squared-error", 0.3, 2.0),
        (GaussianTokens(3.0), "squared-error", 0.1, 4.0),
        (CustomTokens.from_spectrum([0.2, 0.6], [0.5, 0.5], [1, 2], 2), "cross-entropy", 0.1, 2.0),
    ],
)  # fmt: skip
def test_round_trip(data, loss, lam, alpha):
    problem = Problem(alpha, lam, data, loss)
    solution = solve(problem)
    # Averages of the others cost more.
    quick = data == POTTS or data.name == "gaussian"
    other = "excess_loss" if data.name == "gaussian" else "error_rate"
    for name in ("test_loss", other) if quick else ("test_loss",):
        found = required_alpha(problem, **{name: getattr(solution, name)})
        assert found == pytest.approx(alpha, rel=1e-8)


def test_round_trip_at_the_best_weight_decay():
    _, best = optimal_lam(Problem(2.0, 1.0, POTTS))
    found = required_alpha(Problem(1.0, 0.0, POTTS), test_loss=best.test_loss, best_lam=True)
    assert found == pytest.approx(2.0, rel=1e-8)


def test_both_sides_of_the_peak_of_double_descent():
    """With α C below one the loss of ridge regression falls, rises to its peak, and falls again."""
    problem = Problem(1.0, 1e-6, GaussianTokens(3.0), "squared-error")
    above = solve(problem.at(alpha=2.5)).test_loss
    found = reached(problem, "test_loss", above)
    assert found.alpha == pytest.approx(2.5, rel=1e-8)
    assert found.earlier < 1.0
    assert solve(problem.at(alpha=found.earlier)).test_loss <= above
    # A value that the left side has, too, is reached for good on the right only.
    left = solve(problem.at(alpha=0.5)).test_loss
    last = required_alpha(problem, test_loss=left)
    assert last > 1.0
    assert solve(problem.at(alpha=last)).test_loss == pytest.approx(left, rel=1e-9)


def test_a_peak_narrower_than_every_grid():
    """Its top is higher than the value; to its right the loss is noise/(2 (1 - 1/α)) without λ."""
    problem = Problem(1.0, 1e-12, GaussianTokens(3.0), "squared-error")
    value = 1.0 / 6 / (1 - 1 / 1.001)
    assert required_alpha(problem, test_loss=value) == pytest.approx(1.001, rel=1e-6)


def test_closed_form_without_weight_decay():
    """Ridge regression with α samples per site: excess = noise/(2 (α - 1))."""
    problem = Problem(1.0, 0.0, GaussianTokens(4.0), "squared-error")
    for excess in (1e-5, 1.0, 1e3):
        expected = 1 + 0.125 / excess
        assert required_alpha(problem, excess_loss=excess) == pytest.approx(expected, rel=1e-8)
    # One half for each parameter of a row, for the cross-entropy.
    for excess, digits in ((1e-5, 1e-3), (1e-9, 1e-6)):
        far = required_alpha(Problem(1.0, 0.1, POTTS), excess_loss=excess)
        assert far * 2 * excess == pytest.approx(1.0, rel=digits)


@pytest.mark.parametrize(
    ("data", "lam", "loss", "wanted", "message"),
    [
        (POTTS, 0.1, None, {"test_loss": 0.87}, "greater than 0.8771813212, the limit"),
        (POTTS, 0.1, "squared-error", {"excess_loss": 0.001}, "greater than 0.00608.*, the limit"),
        (POTTS, 0.1, None, {"test_loss": 2.0}, "less than 1.101.*, as every alpha"),
        (POTTS, 0.1, None, {"error_rate": 0.7}, "less than 0.666.*, as every alpha"),
        (POTTS, 0.0, None, {"error_rate": 0.6}, "at alpha = 1.48.*no minimiser at lam = 0"),
        (GaussianTokens(3.0), 0.1, None, {"error_rate": 0.1}, "left out, as gaussian data"),
        (POTTS, 0.1, None, {"excess_loss": 0.0}, "greater than 0$"),
        (POTTS, 0.1, None, {"excess_loss": 1e-12}, "than 0, the limit.*, by more than 1e-11, w"),
        (POTTS, 0.1, None, {"excess_loss": math.nan}, "a finite number greater than 0"),
        (POTTS, 0.1, None, {}, "one of excess_loss, test_loss, error_rate"),
        (POTTS, 0.1, None, {"excess_loss": 1.0, "test_loss": 1.0}, "one of excess_loss"),
    ],
)  # fmt: skip
def test_refusals_in_one_line(data, lam, loss, wanted, message):
    with pytest.raises(ValueError, match=message) as refused:
        required_alpha(Problem(1.0, lam, data, loss), **wanted)
    assert "\n" not in str(refused.value)


def test_the_limit_of_the_squared_error_is_that_of_the_best_multiple():
    """½ n [(1 - m)²/C + q] at m = q/c = c ρ, c = 1/(C + ρ)."""
    rho, c = POTTS.beta**2 / 3, 1 / (3 + POTTS.beta**2 / 3)
    limit = (1 - c * rho) ** 2 / 3 + c * c * rho
    with pytest.raises(ValueError, match=f"greater than {limit - 5e-7:.6f}"):
        required_alpha(Problem(1.0, 0.5, POTTS, "squared-error"), test_loss=0.9 * limit)
    near = required_alpha(Problem(1.0, 0.5, POTTS, "squared-error"), test_loss=1.0001 * limit)
    assert np.isfinite(near)


def a_row_of_sequences():
    tokens = np.random.default_rng(3).integers(0, 2, (150, 5))
    tokens[:, 2] = np.where(np.arange(150) % 4 > 0, tokens[:, 0], tokens[:, 2])
    return RowTokens.from_tokens(tokens, 2, 2)


def test_given_sequences_are_asked_up_to_what_they_allow():
    row = a_row_of_sequences()
    problem, most = Problem(1.0, 0.1, row, "squared-error"), row.largest_alpha
    known = solve(problem.at(alpha=2.0)).test_loss
    assert required_alpha(problem, test_loss=known) == pytest.approx(2.0, rel=1e-8)
    least = solve(problem.at(alpha=most)).test_loss
    assert required_alpha(problem, test_loss=least) == pytest.approx(most, rel=1e-7)
    with pytest.raises(ValueError, match=rf"must be at least {least:.8g}.*, that at alpha = "):
        required_alpha(problem, test_loss=0.99 * least)
    with pytest.raises(ValueError, match="left out, as tokens data have no excess_loss"):
        required_alpha(problem, excess_loss=0.1)


@pytest.mark.slow
def test_what_every_training_set_of_given_sequences_reaches():
    problem = Problem(1.0, 0.1, a_row_of_sequences(), "squared-error")
    with pytest.raises(ValueError, match=r"must be less than 0\.2.*, as every alpha reaches that"):
        required_alpha(problem, test_loss=0.3)
