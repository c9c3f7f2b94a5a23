"""Spreads of equal and of nearly equal numbers, which rounding must not decide."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from replica.problem import PottsTokens, Problem
from replica.tables import Table
from simulations import FactoredAttention, PottsModel, average_seeds, recover, simulate
from simulations.sequences.mixing import compare
from simulations.spread import correlation, deviation, standard_error


@pytest.mark.parametrize("value", [0.1, 0.3, 1 / 3, -1234.567, 1e16, 0.0])
@pytest.mark.parametrize("count", [2, 3, 10, 1000])
def test_equal_numbers_do_not_deviate(value, count):
    assert standard_error(np.full(count, value)) == 0.0
    assert np.array_equal(standard_error(np.full((count, 3), value)), np.zeros(3))


def test_deviations_in_exact_arithmetic():
    rng = np.random.default_rng(0)
    for shift, unit in ((0.0, 1.0), (1e6, 1e-9), (1 / 3, 1e-16), (-1e300, 1e284)):
        values = shift + unit * rng.standard_normal(11)
        exact = [Fraction(value) for value in values]
        mean = sum(exact) / 11
        # Relative to the unit, which the square of a number near 1e300 would leave.
        square = float(sum(((v - mean) / Fraction(unit)) ** 2 for v in exact) / 10)
        assert deviation(values) / unit == pytest.approx(np.sqrt(square), rel=1e-12)
        assert standard_error(values) / unit == pytest.approx(np.sqrt(square / 11), rel=1e-12)


def test_no_spread_of_one_number_or_of_what_is_not_finite():
    for values in ([], [1.0], [1.0, np.nan], [np.inf, 1.0], [np.inf, np.inf]):
        assert np.isnan(standard_error(values))


def test_correlations_of_what_does_not_vary():
    rising = np.arange(12.0)
    for value in (0.1, 0.3, -1234.567):
        assert np.isnan(correlation(np.full(12, value), rising))
        assert np.isnan(correlation(rising, np.full(12, value)))
    left, right = np.random.default_rng(1).integers(100, size=(2, 3, 4)).astype(float)
    expected = np.corrcoef(left.ravel(), right.ravel())[0, 1]
    assert correlation(left, right) == pytest.approx(expected, rel=1e-12)
    # Integers are as exact far from zero.
    assert correlation(left + 2.0**50, right - 2.0**50) == pytest.approx(expected, rel=1e-12)


def test_couplings_that_are_all_equal_correlate_with_nothing():
    equal = 0.3 * (1 - np.eye(5))
    other = np.triu(np.random.default_rng(2).standard_normal((5, 5)), 1)
    for couplings, attention in ((equal, other + other.T), (other + other.T, equal)):
        model = PottsModel(couplings, 3, 0.7)
        found = recover(FactoredAttention(attention, np.eye(3)), model)
        assert np.isnan(found.coupling_correlation)
        assert found.similarity_correlation == pytest.approx(1)


def test_tables_of_equal_numbers():
    """At β = 0 every conditional entropy is log C, of every row and of every system."""
    problem = Problem(1.0, 0.1, PottsTokens(3, 0.0))
    # There are no couplings for an error to be relative to.
    with np.errstate(divide="ignore", invalid="ignore"):
        lines = [simulate(problem, 12, seed, test_samples=30) for seed in range(3)]
    for line in lines:
        assert line["optimal_loss"] == pytest.approx(np.log(3), rel=1e-12)
        assert line["optimal_loss_stderr"] == 0.0
    lines = [line | {"test_loss": 0.1, "coupling_error": 0.2} for line in lines]
    (averaged,) = average_seeds(Table(lines)).lines()
    assert averaged["optimal_loss_stderr"] == averaged["test_loss_stderr"] == 0.0
    assert averaged["train_loss_stderr"] > 0


def test_chains_that_fell_to_one_energy_have_drifted():
    """Two colours, all couplings 0.3: from random tokens to all equal ones."""
    model = PottsModel(0.3 * (1 - np.eye(6)), 2, 50.0)
    before = np.random.default_rng(3).integers(2, size=(64, 6)).astype(np.uint8)
    after = np.zeros((64, 6), np.uint8)
    assert np.ptp(model.energies(after)) == 0
    fallen = compare(model, before, after)
    assert not fallen.mixed
    assert abs(fallen.drift) > 1
    # Where they have been there before, or one of them alone had not, nothing is seen.
    assert compare(model, after, after).mixed
    late = after.copy()
    late[5, 2] = 1
    assert compare(model, late, after).mixed
    assert replace(fallen, chains=2).mixed
