from __future__ import annotations

import numpy as np
import pytest
from quadratic_loss import Quadratic
from scipy.stats import multivariate_normal, norm

from replica import (
    GaussianTokens,
    IndependentTokens,
    Masking,
    PottsTokens,
    Problem,
    RowTokens,
    pair_law,
    pair_precision,
    solve,
)
from replica.predictions.given_pairs import GivenPairs

SQUARED = Problem(2.0, 0.1, PottsTokens(3, 1.5), "squared-error")


@pytest.mark.parametrize("data", [
    PottsTokens(2, 1.2), PottsTokens(3, 0.8, couplings="hopfield:0.5"),
], ids=["gaussian", "hopfield"])  # fmt: skip
def test_linear_forces_share_all_their_noise(data):
    """What is known of a loss by its forces alone is, for linear ones, what symmetry demands."""
    found = pair_law(solve(Problem(2.0, 0.1, data, Quadratic())))
    known = pair_law(solve(Problem(2.0, 0.1, data, "squared-error")))
    assert found.noise_correlation == pytest.approx(1.0, abs=1e-6)
    assert known.noise_correlation == 1.0
    assert found.slope == pytest.approx(known.slope, rel=1e-6)
    assert found.noise == pytest.approx(known.noise, rel=1e-6)


def test_the_law_holds_together():
    solution = solve(SQUARED.at(loss="cross-entropy"))
    law = pair_law(solution)
    error = ((1 - law.slope) ** 2 * law.norm2 + law.noise) / law.norm2
    assert error == pytest.approx(solution.coupling_error)
    gain = 0.5 * (1 - law.noise_correlation) * law.noise / law.norm2
    assert law.symmetrised_error == pytest.approx(solution.coupling_error - gain)
    assert 0.9 < law.noise_correlation < 1.0


@pytest.mark.parametrize("symmetrised", [True, False])
def test_precision_is_that_of_two_normal_variables(symmetrised):
    problem = SQUARED.at(loss="cross-entropy")
    law = pair_law(solve(problem))
    noise = law.noise * (0.5 * (1 + law.noise_correlation) if symmetrised else 1.0)
    R = law.slope * np.sqrt(law.norm2 / (law.slope**2 * law.norm2 + noise))
    found = pair_precision(problem, contacts=0.04, top=[0.01, 0.2], symmetrised=symmetrised)
    for share, precision in zip(found.top, found.precision, strict=True):
        t, s = norm.isf(0.02), norm.isf(share / 2)
        both = sum(
            multivariate_normal([0, 0], [[1, sign * R], [sign * R, 1]]).cdf([-t, -s])
            for sign in (1, -1)
        )
        assert precision == pytest.approx(2 * both / share, abs=1e-5)


def test_nothing_is_found_without_data_and_all_with_many():
    assert pair_precision(SQUARED.at(alpha=1e-6)).precision == pytest.approx(0.05, abs=1e-3)
    assert pair_precision(SQUARED.at(alpha=1e6)).precision > 0.99
    whole = Problem(1e7, 2.5, GaussianTokens(2.5, 1, True), "squared-error")
    assert pair_precision(whole).precision > 0.99


def chain(sites: int = 16) -> np.ndarray:
    J = np.zeros((sites, sites))
    J[np.arange(sites - 1), np.arange(1, sites)] = np.where(np.arange(sites - 1) % 3, 0.4, -0.8)
    return J + J.T


@pytest.mark.parametrize("corrected", [False, True])
def test_pairs_of_a_model_are_counted_where_they_are_drawn(corrected):
    """Draws of all rows give the contacts, and the pairs, that are expected; error below 3e-3."""
    J = chain()
    problem = Problem(4.0, 0.2, RowTokens.from_couplings(J, 3, 2, 1.0), "squared-error")
    pairs = GivenPairs(problem, problem.data.context.model, True, corrected)
    known, share = pairs.coupled(None), 0.2
    level = pairs._level(share)
    rng = np.random.default_rng(0)
    A = pairs._mean + pairs._width * rng.standard_normal((20_000, len(known)))
    drawn = np.abs(A) - pairs._shift > level
    assert drawn.mean() == pytest.approx(share, abs=3e-3)
    found = pair_precision(problem, top=share, corrected=corrected)
    assert found.contacts == pytest.approx(15 / 120)
    assert found.precision == pytest.approx((drawn & known).sum() / drawn.sum(), abs=3e-3)
    if corrected:
        sums = np.zeros((16, 16))
        sums[np.triu_indices(16, k=1)] = np.abs(A).mean(axis=0)
        sums = (sums + sums.T).sum(axis=0)
        expected = (np.outer(sums, sums) / sums.sum())[np.triu_indices(16, k=1)]
        assert pairs._shift == pytest.approx(expected, rel=0.02)


def test_contacts_of_a_model_are_couplings_or_the_strongest():
    J = chain()
    problem = Problem(4.0, 0.2, RowTokens.from_couplings(J, 3, 2, 1.0))
    every, strong = pair_precision(problem), pair_precision(problem, contacts=5 / 120)
    assert every.contacts == pytest.approx(15 / 120)
    assert strong.contacts == pytest.approx(5 / 120)
    assert every.contacts < every.precision < strong.precision <= 1.0


def test_what_is_no_matrix_of_pairs_is_refused():
    for data, loss, name in (
        (IndependentTokens(3, 1.0), "cross-entropy", "data"),
        (GaussianTokens(3.0), "squared-error", "data"),
        (PottsTokens(3, 1.0, 2 * np.eye(3)), "cross-entropy", "data"),
        (PottsTokens(3, 0.0), "cross-entropy", "beta"),
    ):
        with pytest.raises(ValueError, match=name):
            pair_precision(Problem(2.0, 0.1, data, loss))
    with pytest.raises(ValueError, match="masking"):
        pair_precision(SQUARED.at(masking=Masking(0.1)))
    with pytest.raises(ValueError, match="problem"):
        pair_precision(None)
    for name, wrong in (("contacts", 0.0), ("contacts", 1.0), ("top", [0.1, 2.0]), ("top", "x"),
                        ("symmetrised", 1), ("corrected", None)):  # fmt: skip
        with pytest.raises(ValueError, match=name):
            pair_precision(SQUARED, **{name: wrong})
    empty = RowTokens.from_couplings(np.ones((4, 4)) - np.eye(4), 0, 2, 0.1)
    with pytest.raises(ValueError, match="contacts"):
        pair_precision(Problem(2.0, 0.1, empty))
