from __future__ import annotations

import numpy as np
import pytest

from replica.problem import PottsTokens
from simulations import (
    FactoredAttention,
    PottsModel,
    conditional_entropy,
    fresh_loss,
    recover,
    sample,
    train,
    train_jointly,
)


@pytest.mark.parametrize("similarity", [None, np.diag([1.0, -0.5, 2.0])])
def test_nothing_falls_at_first_order(similarity):
    """Along random directions that keep the norm of V, the training loss is flat."""
    rng = np.random.default_rng(0)
    sites, lam = 7, 0.2
    tokens = rng.integers(3, size=(30, sites)).astype(np.uint8)
    found = train_jointly(tokens, 3, lam, similarity, tolerance=1e-7)
    assert found.status == "converged"
    values = found.attention.values
    truth = np.eye(3) if similarity is None else similarity
    norm = np.linalg.norm(truth - truth.mean(axis=0))
    assert np.linalg.norm(values) == pytest.approx(norm)
    assert np.abs(values.sum(axis=0)).max() < 1e-12

    def objective(attention, values):
        loss = FactoredAttention(attention, values).loss(tokens)
        return len(tokens) * loss + 0.5 * sites * lam * np.sum(attention**2)

    here, step = objective(found.attention.attention, values), 1e-4
    for _ in range(10):
        moved_a = rng.standard_normal((sites, sites))
        np.fill_diagonal(moved_a, 0.0)
        moved_v = rng.standard_normal((3, 3))
        moved_v -= values * np.vdot(values, moved_v) / norm**2
        ends = []
        for sign in (1, -1):
            other = values + sign * step * moved_v
            other *= norm / np.linalg.norm(other - other.mean(axis=0))
            ends.append(objective(found.attention.attention + sign * step * moved_a, other))
        assert abs(ends[0] - ends[1]) / (2 * step) < 1e-4
        assert sum(ends) / 2 > here


def test_different_starts_end_in_one_point_and_beat_the_true_similarity_in_training():
    model = PottsModel.random(PottsTokens(3, 1.5), 20, 0)
    tokens = sample(model, 60, 1)
    one, two = (train_jointly(tokens, 3, 0.1, seed=seed) for seed in (1, 2))
    assert one.status == two.status == "converged"
    found = [recover(run.attention, model) for run in (one, two)]
    np.testing.assert_allclose(found[0].attention, found[1].attention, atol=1e-4)
    np.testing.assert_allclose(found[0].values, found[1].values, atol=1e-4)

    exact = FactoredAttention(train(tokens, 3, 0.1).weights, np.eye(3))

    def objective(attention):
        return 60 * attention.loss(tokens) + 0.5 * 20 * 0.1 * np.sum(attention.attention**2)

    # A and V have one more freedom than A alone.
    assert objective(one.attention) < objective(exact)


def test_learnt_similarity_costs_less_and_less_for_longer_sequences():
    """The excess of the test loss over that at V = U falls faster than 1/L."""
    excess = []
    for sites in (30, 90):
        model = PottsModel.random(PottsTokens(3, 1.5), sites, 0)
        tokens, fresh = sample(model, 2 * sites, 1), sample(model, 1000, 2)
        learnt = train_jointly(tokens, 3, 0.1, tolerance=1e-5).attention
        exact = FactoredAttention(train(tokens, 3, 0.1).weights, np.eye(3))
        excess.append(fresh_loss(model, learnt, fresh) - fresh_loss(model, exact, fresh))
        assert fresh_loss(model, exact, fresh) > conditional_entropy(model, fresh)
    assert abs(excess[1]) < excess[0] / 3


def test_refusals():
    tokens = np.zeros((4, 5), int)
    with pytest.raises(ValueError, match="lam = -1"):
        train_jointly(tokens, 3, -1)
    with pytest.raises(ValueError, match="similarity = 'a matrix of equal rows'"):
        train_jointly(tokens, 3, 0.1, np.ones((3, 3)))
    with pytest.raises(ValueError, match="tolerance = 0"):
        train_jointly(tokens, 3, 0.1, tolerance=0)
