from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

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

    bias = rng.standard_normal((sites, colors))
    biased = FactoredAttention(model.attention, model.values, bias)
    loss = PairCouplings(full.couplings, bias).negative_log(tokens)
    assert biased.loss(tokens) == pytest.approx(loss, rel=1e-12)


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


def test_fit_with_a_bias_is_a_minimum_that_is_proven():
    """The slopes of the pseudo-likelihood, and of the biases their sum over samples, one-hot."""
    rng, sites, lam = np.random.default_rng(5), 6, 0.05
    tokens = rng.choice(3, size=(60, sites), p=[0.6, 0.3, 0.1])
    couplings, converged, bias = fit(tokens, 3, lam, bias=True)
    assert converged.all()
    assert np.abs(bias).max() > 0.5
    slope = PairCouplings(couplings, bias).gradient(tokens) * 60 + sites * lam * couplings
    assert np.abs(slope).max() < 1e-5
    onehot = np.eye(3)[tokens]
    p = np.exp(np.einsum("ijab,njb->nia", couplings, onehot) + bias)
    p /= p.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(p.sum(axis=0), onehot.sum(axis=0), atol=1e-5)
    loss = -np.log((p * onehot).sum(axis=-1)).sum(axis=1).mean()
    assert PairCouplings(couplings, bias).negative_log(tokens) == pytest.approx(loss, rel=1e-12)


def test_a_row_with_a_bias_is_multinomial_regression_with_an_intercept():
    """Within 1e-4 of the row, which is what a proven one promises."""
    rng, sites, lam = np.random.default_rng(6), 6, 0.05
    tokens = rng.choice(3, size=(60, sites), p=[0.6, 0.3, 0.1])
    (found,), converged, (bias,) = fit(tokens, 3, lam, [2], bias=True)
    assert converged.all()
    referee = LogisticRegression(C=1 / (sites * lam), tol=1e-10, max_iter=10_000)
    referee.fit(np.eye(3)[np.delete(tokens, 2, axis=1)].reshape(60, -1), tokens[:, 2])
    couplings = referee.coef_.reshape(3, sites - 1, 3).transpose(1, 0, 2)
    assert not found[2].any()
    intercept = referee.intercept_ - referee.intercept_.mean()
    row, other = (
        np.append(each, b)
        for each, b in ((np.delete(found, 2, axis=0), bias), (couplings, intercept))
    )
    assert np.linalg.norm(row - other) < 1e-4 * np.linalg.norm(other)


def test_a_color_that_is_never_masked_leaves_no_best_bias():
    tokens = np.random.default_rng(5).integers(3, size=(40, 4))
    tokens[:, 1] = np.minimum(tokens[:, 1], 1)
    assert fit(tokens, 3, 0.1, bias=True)[1].tolist() == [True, False, True, True]
    assert fit(tokens, 3, 0.1)[1].all()


def test_refusals():
    with pytest.raises(ValueError, match=r"^bias = .*an array \(3, 2\) of finite numbers"):
        PairCouplings(np.zeros((3, 3, 2, 2)), np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"^lam = 0.0 .*greater than 0 with a bias, which"):
        fit(np.zeros((4, 5), int), 2, 0.0, bias=True)
    with pytest.raises(ValueError, match=r"couplings = .*sites, sites"):
        PairCouplings(np.zeros((3, 4, 2, 2)))
    with pytest.raises(ValueError, match=r"couplings = .*J_ii"):
        PairCouplings(np.ones((3, 3, 2, 2)))
    with pytest.raises(ValueError, match=r"couplings = .*finite numbers"):
        PairCouplings(np.full((3, 3, 2, 2), np.nan))
    with pytest.raises(ValueError, match="lam = -1"):
        fit(np.zeros((4, 5), int), 2, -1)
