"""Reliability that is measured, by hand and against what is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from replica.problem import PottsTokens
from simulations import PottsModel, reliability, sample, train
from simulations.estimators.minimiser import Training

MODEL = PottsModel.random(PottsTokens(3, 1.5), 10, 0)


@pytest.fixture(scope="module")
def rows():
    return train(sample(MODEL, 30, 1), 3, 0.02, rows=[0, 7])


@pytest.fixture(scope="module")
def fresh():
    return sample(MODEL, 200, 2)


def test_bins_by_hand(rows, fresh):
    found = reliability(MODEL, rows, fresh, bins=5, temperature=2.0)
    shown = np.eye(3)[fresh]
    guess = softmax(np.einsum("rj,mja->mra", rows.weights, shown) / 2, axis=-1)
    truth = softmax(np.einsum("rj,mja->mra", MODEL.teacher[[0, 7]], shown), axis=-1)
    edges = np.linspace(1 / 3, 1, 6)
    gap = 0.0
    for k in range(5):
        inside = (guess.max(axis=-1) >= edges[k]) & (guess.max(axis=-1) < edges[k + 1])
        right = truth[inside][np.arange(inside.sum()), guess[inside].argmax(axis=-1)]
        assert found.share[k] == pytest.approx(inside.mean())
        assert found.right[k] == pytest.approx(right.mean())
        assert found.confidence[k] == pytest.approx(guess[inside].max(axis=-1).mean())
        gap += abs(right.sum() - guess[inside].max(axis=-1).sum()) / inside.size
    assert found.calibration_error == pytest.approx(gap)
    np.testing.assert_allclose(found.edges, edges)


def test_the_true_rows_can_be_trusted(fresh):
    some = np.array([0, 7])
    zeros = np.zeros(2), np.ones(2, dtype=np.int64), np.array(["converged"] * 2, dtype=object)
    found = reliability(MODEL, Training(MODEL.teacher[some], some, *zeros), fresh)
    known = found.share > 0
    np.testing.assert_allclose(found.right[known], found.confidence[known], rtol=1e-12)
    assert found.calibration_error < 1e-14
    assert np.isnan(found.right[~known]).all()
    assert np.isnan(found.right_error[~known]).all()


def test_errors_are_those_of_other_sequences(rows):
    # 40 sets of fresh sequences: the ratio of the standard deviation of `right` to the mean error
    # that is told has a relative error of 11 % for every bin, less for the mean over bins.
    parts = [reliability(MODEL, rows, sample(MODEL, 300, 10 + k), bins=4) for k in range(40)]
    spread = np.std([part.right for part in parts], axis=0, ddof=1)
    told = np.mean([part.right_error for part in parts], axis=0)
    assert np.mean(spread / told) == pytest.approx(1, abs=0.3)


def test_refusals(rows, fresh):
    with pytest.raises(ValueError, match="model"):
        reliability(None, rows, fresh)
    with pytest.raises(ValueError, match="training"):
        reliability(MODEL, None, fresh)
    with pytest.raises(ValueError, match="tokens"):
        reliability(MODEL, rows, fresh[:, :9])
    with pytest.raises(ValueError, match="bins"):
        reliability(MODEL, rows, fresh, bins=0)
    with pytest.raises(ValueError, match="temperature"):
        reliability(MODEL, rows, fresh, temperature=0.0)
