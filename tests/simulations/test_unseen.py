"""What no token sees of U changes nothing, nor does its unit; what precision loses is refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

from replica import PottsTokens, Problem
from simulations import (
    FactoredAttention,
    IndependentRow,
    PairCouplings,
    PottsModel,
    approximate_message_passing,
    conditional_entropy,
    fresh_loss,
    measure,
    recover,
    sample,
    simulate,
    token_precision,
    train,
    train_jointly,
)
from simulations.sequences.mixing import compare

SHIFTS = (0.0, 1e6, 1e8, 1e12)

#: Entries, and differences of them, that a sum with 1e12 does not round.
SIMILARITIES = {
    "I": np.eye(3),
    "ring": np.array([[2.0, 1, 0, 1], [1, 2, 1, 0], [0, 1, 2, 1], [1, 0, 1, 2]]) / 2,
    "unequal rows": np.array([[1, 0.5, 0], [0.5, -1, 0.25], [0, 0.25, 2]]),
}


def small_model(U: np.ndarray, scale: float = 1.0) -> PottsModel:
    couplings = np.triu(np.random.default_rng(0).normal(size=(4, 4)), k=1)
    return PottsModel(couplings + couplings.T, len(U), scale, U)


@pytest.mark.parametrize("U", SIMILARITIES.values(), ids=SIMILARITIES)
@pytest.mark.parametrize("s", SHIFTS)
def test_sequences_of_a_shifted_similarity(U, s):
    """Chi² over all states; false alarms one in a million."""
    _, weights = small_model(U).enumerate()
    count, colors = 5_000, len(U)
    tokens = sample(small_model(U + s), count, 5).astype(int)
    seen = np.bincount(tokens @ colors ** np.arange(3, -1, -1), minlength=colors**4)
    expected = count * weights
    likely = expected > 5
    square = np.sum((seen - expected)[likely] ** 2 / expected[likely])
    assert square < chi2.isf(1e-6, np.count_nonzero(likely))


@pytest.mark.parametrize("U", SIMILARITIES.values(), ids=SIMILARITIES)
@pytest.mark.parametrize("c", [1e-60, 2.0**-40, 1e-12, 1e12, 1e60])
def test_sequences_and_laws_in_any_unit(U, c):
    plain, scaled = small_model(U), small_model(c * U, 1 / c)
    tokens = sample(plain, 300, 3)
    _, weights = plain.enumerate()
    np.testing.assert_allclose(scaled.enumerate()[1], weights, rtol=1e-11)
    np.testing.assert_allclose(scaled.conditionals(tokens), plain.conditionals(tokens), rtol=1e-11)
    np.testing.assert_allclose(scaled.fields(tokens), plain.fields(tokens), rtol=1e-11, atol=1e-13)
    # In single precision one draw in about a million falls on the other side.
    assert np.mean(sample(scaled, 300, 3) != tokens) < 0.02


@pytest.mark.parametrize("U", SIMILARITIES.values(), ids=SIMILARITIES)
@pytest.mark.parametrize("s", SHIFTS[1:])
def test_laws_of_a_shifted_similarity(U, s):
    plain, shifted = small_model(U), small_model(U + s)
    tokens = sample(plain, 100, 3)
    np.testing.assert_allclose(shifted.enumerate()[1], plain.enumerate()[1], rtol=1e-11)
    np.testing.assert_allclose(shifted.conditionals(tokens), plain.conditionals(tokens), rtol=1e-11)
    assert conditional_entropy(shifted, tokens) == pytest.approx(
        conditional_entropy(plain, tokens), rel=1e-12
    )
    # Energies are what they are defined to be, the same for all that is added.
    common = -0.5 * s * plain.couplings.sum()
    assert shifted.energies(tokens) == pytest.approx(plain.energies(tokens) + common, rel=1e-12)
    half, whole = tokens[:50], tokens[50:]
    assert compare(shifted, half, whole).drift == pytest.approx(compare(plain, half, whole).drift)


@pytest.mark.parametrize("loss", ["cross-entropy", "squared-error"])
@pytest.mark.parametrize("U", SIMILARITIES.values(), ids=SIMILARITIES)
def test_training_and_its_test_see_no_shift_and_no_unit(loss, U):
    colors = len(U)
    model = PottsModel.random(PottsTokens(colors, 1.0), 15, 0)
    tokens, fresh = sample(model, 60, 1), sample(model, 40, 2)
    plain = PottsModel(model.couplings, colors, 1.0, U)
    expected = train(tokens, colors, 0.1, loss, U)
    before = measure(plain, expected, tokens, fresh, loss)
    for c, s in ((1.0, 1e7), (1.0, 1e12), (1e-12, 0.0), (1e9, 1e3), (1e-60, 0.0), (1e60, 0.0)):
        V = c * (U + s)
        found = train(tokens, colors, 0.1 * c**2, loss, V)
        assert found.status == "converged"
        gap = np.abs(c * found.weights - expected.weights).max()
        assert gap < 1e-6 * np.abs(expected.weights).max()
        after = measure(PottsModel(model.couplings, colors, 1 / c, V), found, tokens, fresh, loss)
        for name in ("train_loss", "test_loss", "optimal_loss", "error_rate"):
            np.testing.assert_allclose(getattr(after, name), getattr(before, name), rtol=1e-6)


def test_attention_sees_no_common_row():
    model = PottsModel.random(PottsTokens(3, 1.5), 15, 0)
    tokens = sample(model, 50, 1)
    values = np.random.default_rng(0).integers(-8, 8, (3, 3)) / 8
    plain = FactoredAttention(model.couplings, values)
    shifted = FactoredAttention(model.couplings, values + 1e12 * np.array([1.0, 2.0, -4.0]))
    assert shifted.loss(tokens) == pytest.approx(plain.loss(tokens), rel=1e-12)
    assert fresh_loss(model, shifted, tokens) == pytest.approx(
        fresh_loss(model, plain, tokens), rel=1e-12
    )
    for one, other in zip(shifted.gradient(tokens), plain.gradient(tokens), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def test_pair_couplings_see_nothing_common_to_the_colours_of_a_site():
    rng = np.random.default_rng(0)
    couplings = rng.integers(-8, 8, (5, 5, 3, 3)) / 8
    couplings[range(5), range(5)] = 0
    common = 1e12 * rng.integers(-2, 3, (5, 5, 1, 3))
    common[range(5), range(5)] = 0
    tokens = rng.integers(3, size=(40, 5))
    plain, shifted = PairCouplings(couplings), PairCouplings(couplings + common)
    assert shifted.negative_log(tokens) == pytest.approx(plain.negative_log(tokens), rel=1e-12)
    np.testing.assert_allclose(shifted.gradient(tokens), plain.gradient(tokens), atol=1e-12)


def test_equal_couplings_correlate_with_nothing():
    model = PottsModel(0.1 * (1 - np.eye(9)), 3, 1.0)
    attention = FactoredAttention(PottsModel.random(PottsTokens(3, 1.0), 9, 0).couplings, np.eye(3))
    assert np.isnan(recover(attention, model).coupling_correlation)


@pytest.mark.parametrize(("c", "s"), [(1.0, 1e12), (2.0**-40, 0.0), (1e-12, 0.0), (1e12, 0.0)])
def test_joint_training_and_recovery_in_any_unit(c, s):
    model = PottsModel.random(PottsTokens(3, 1.5), 12, 0)
    tokens, U = sample(model, 100, 1), c * (np.eye(3) + s)
    plain, found = train_jointly(tokens, 3, 0.1), train_jointly(tokens, 3, 0.1 * c**2, U)
    assert found.status == "converged"
    np.testing.assert_allclose(c * found.attention.attention, plain.attention.attention, atol=1e-5)
    one = recover(plain.attention, model)
    other = recover(found.attention, PottsModel(model.couplings, 3, 1.5 / c, U))
    for name in ("coupling_error", "similarity_error", "coupling_correlation"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), rel=1e-4), name


@pytest.mark.parametrize("U", [np.full((3, 3), 0.1), np.full((3, 3), 1e12), np.zeros((3, 3))])
def test_nothing_is_recovered_where_no_colour_is_told_apart(U):
    model = PottsModel.random(PottsTokens(3, 1.5), 12, 0)
    tokens = sample(model, 20, 1)
    with pytest.raises(ValueError, match="similarity must be one that tells colors apart"):
        train_jointly(tokens, 3, 0.1, U)
    with pytest.raises(ValueError, match="attention must be values that tell colors apart"):
        recover(FactoredAttention(model.couplings, U), model)
    with pytest.raises(ValueError, match="model must be one that tells colors apart"):
        recover(
            FactoredAttention(model.couplings, np.eye(3)), PottsModel(model.couplings, 3, 1.0, U)
        )


def test_message_passing_of_a_shifted_identity():
    model = PottsModel.random(PottsTokens(3, 1.5), 30, 0)
    shifted = PottsModel(model.couplings, 3, 1.5, np.eye(3) + 1e10)
    tokens = sample(model, 60, 1)
    np.testing.assert_array_equal(token_precision(shifted), token_precision(model))
    one, other = (approximate_message_passing(each, tokens, 0.1) for each in (model, shifted))
    np.testing.assert_array_equal(other.training.weights, one.training.weights)
    problem = Problem(2.0, 0.1, PottsTokens(3, 1.5, np.eye(3) + 1e10))
    assert simulate(problem, 20, estimator="amp")["status"] == "converged"
    with pytest.raises(ValueError, match="similarity = "):
        token_precision(PottsModel(model.couplings, 3, 1.5, 2 * np.eye(3)))


COUPLINGS = small_model(np.eye(3)).couplings


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: sample(PottsModel(COUPLINGS, 3, 1e39), 5), r"beta = 1e\+39 .* below 1e\+13"),
        (lambda: sample(PottsModel(1e300 * COUPLINGS, 3, 1e39), 5), "local fields, .* = inf"),
        (lambda: sample(PottsModel(COUPLINGS, 3, 1e6), 5), r"single precision can carry"),
        (lambda: sample(PottsModel(COUPLINGS, 3, 1.0, 1e6 * np.eye(3)), 5), "single precision"),
        (lambda: PottsModel(COUPLINGS, 3, 1.0, 1e90 * np.eye(3)), r"up to 1e\+70 in size"),
        (lambda: PottsModel(COUPLINGS, 3, 1.0, 1e-90 * np.eye(3)), "differ by 1e-70 or more"),
        (lambda: PottsModel(COUPLINGS, 3, 1.0, 1e6 + 1e-10 * np.eye(3)), "beyond their rounding"),
        (lambda: PottsModel(COUPLINGS, 3, 1.0, 1e12 + np.tri(3)), "asymmetric by 1"),
        (lambda: PottsModel(COUPLINGS, 3, 1.0, 1e-9 * np.tri(3)), "asymmetric by 1e-09"),
        (lambda: IndependentRow([0.0, 1e308, 1e308], 3), r"row = .* sizes up to 1e\+13"),
        (lambda: train([[0, 1, 2]], 3, 0.1, similarity=1e-30 * np.tri(3)), "asymmetric by 1e-30"),
    ],
)
def test_what_precision_cannot_carry_is_refused(make, told):
    with pytest.raises(ValueError, match=told):
        make()


def test_frozen_chains_are_still_sampled():
    """Fields of 1e5 are within single precision: every token stays at its best colour."""
    model = small_model(np.eye(3), 4e4)
    tokens = sample(model, 64, 1)
    best = model.fields(tokens)
    chosen = np.take_along_axis(best, tokens[..., None].astype(int), axis=-1)[..., 0]
    np.testing.assert_array_equal(chosen, best.max(axis=-1))
