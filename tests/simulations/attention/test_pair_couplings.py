from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from replica.problem import PottsTokens
from simulations import FactoredAttention, PottsModel, sample, train
from simulations.attention.pair_couplings import PairCouplings, fit


def random_attention(rng: np.random.Generator, sites: int, colors: int) -> FactoredAttention:
    attention = rng.standard_normal((sites, sites))
    np.fill_diagonal(attention, 0.0)
    return FactoredAttention(attention, rng.standard_normal((colors, colors)))


def as_pairs(model: FactoredAttention) -> PairCouplings:
    return PairCouplings(np.einsum("ij,ab->ijab", model.attention, model.values))


@pytest.mark.parametrize("seed", range(20))
def test_masked_language_modelling_is_the_pseudo_likelihood(seed):
    rng = np.random.default_rng(seed)
    sites, colors = int(rng.integers(3, 12)), int(rng.integers(2, 8))
    model = random_attention(rng, sites, colors)
    tokens = rng.integers(colors, size=(int(rng.integers(1, 40)), sites))
    full = as_pairs(model)
    assert model.loss(tokens) == pytest.approx(full.negative_log(tokens), rel=1e-12)

    in_couplings = full.gradient(tokens)
    # The chain rule of J_ij(a, b) = A_ij V_ab.
    in_attention = np.einsum("ijab,ab->ij", in_couplings, model.values)
    in_values = np.einsum("ijab,ij->ab", in_couplings, model.attention)
    for slope, expected in zip(model.gradient(tokens), (in_attention, in_values), strict=True):
        scale = np.abs(expected).max()
        np.testing.assert_allclose(slope, expected, rtol=0, atol=1e-12 * scale)


def test_gradient_against_finite_differences():
    rng = np.random.default_rng(1)
    couplings = rng.standard_normal((4, 4, 3, 3))
    couplings[np.arange(4), np.arange(4)] = 0.0
    tokens = rng.integers(3, size=(9, 4))
    slope, step = PairCouplings(couplings).gradient(tokens), 1e-5
    for index in np.ndindex(*couplings.shape):
        if index[0] == index[1]:
            assert slope[index] == 0
            continue
        losses = []
        for sign in (1, -1):
            moved = couplings.copy()
            moved[index] += sign * step
            losses.append(PairCouplings(moved).negative_log(tokens))
        assert slope[index] == pytest.approx((losses[0] - losses[1]) / (2 * step), abs=1e-8)


def test_conditionals_of_an_enumerated_model():
    rng = np.random.default_rng(2)
    couplings = PottsModel.random(PottsTokens(3, 1.5), 5, rng.integers(100)).couplings
    model = PottsModel(couplings, 3, 1.5)
    states, probabilities = model.enumerate()
    joint = probabilities.reshape((3,) * 5)
    logs = sum(np.log(joint / joint.sum(axis=i, keepdims=True)) for i in range(5)).ravel()
    full = PairCouplings(np.einsum("ij,ab->ijab", model.teacher, np.eye(3)))
    for state in (0, 17, 200):
        assert full.negative_log(states[[state]]) == pytest.approx(-logs[state], rel=1e-12)


@pytest.mark.parametrize("colors", [2, 3])
def test_training_on_both_reaches_the_same_couplings(colors):
    """On data that are symmetric in the colours the full model has no freedom to differ.

    The minimum is unique, so it has the symmetry of the data, and the decay makes its columns
    sum to zero: J_ij(a, b) = x_ij (δ_ab - 1/C), whose squared norm is (C - 1) x².
    """
    sites, lam = 8, 0.1
    model = PottsModel.random(PottsTokens(colors, 0.6 * colors), sites, 3)
    tokens = sample(model, 30, 4)
    symmetric = np.concatenate([np.array(p)[tokens] for p in permutations(range(colors))])
    factored = train(symmetric, colors, lam, tolerance=1e-12)
    full, converged = fit(symmetric, colors, lam / (colors - 1))
    assert converged.all()
    pattern = np.eye(colors) - 1 / colors
    expected = np.einsum("ij,ab->ijab", factored.weights, pattern)
    assert np.abs(factored.weights).max() > 0.1
    np.testing.assert_allclose(full, expected, atol=1e-6)


def test_fit_is_a_minimum_of_the_penalised_pseudo_likelihood():
    tokens = np.random.default_rng(5).integers(3, size=(25, 6))
    couplings, converged = fit(tokens, 3, 0.05)
    assert converged.all()
    slope = PairCouplings(couplings).gradient(tokens) * 25 + 6 * 0.05 * couplings
    assert np.abs(slope).max() < 1e-6


def test_refusals():
    with pytest.raises(ValueError, match=r"couplings = .*sites, sites"):
        PairCouplings(np.zeros((3, 4, 2, 2)))
    with pytest.raises(ValueError, match=r"couplings = .*J_ii"):
        PairCouplings(np.ones((3, 3, 2, 2)))
    with pytest.raises(ValueError, match=r"couplings = .*finite numbers"):
        PairCouplings(np.full((3, 3, 2, 2), np.nan))
    with pytest.raises(ValueError, match="lam = -1"):
        fit(np.zeros((4, 5), int), 2, -1)
