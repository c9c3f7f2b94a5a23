"""Training sets that are drawn from given sequences, and averages over the rest."""

from __future__ import annotations

import numpy as np
import pytest

from replica.problem.row_sequences import GivenSequences
from simulations.sequences.given import largest_sample, parted

TOKENS = np.random.default_rng(0).integers(3, size=(40, 5)).astype(np.uint8)
TOKENS[:, 0] = np.arange(40) % 3
GIVEN = GivenSequences(TOKENS, 3)
COUNTS = np.random.default_rng(1).uniform(0.5, 2.0, 40)


@pytest.mark.parametrize("counts", [np.ones(40), COUNTS, np.where(np.arange(40) % 5, COUNTS, 0.0)])
def test_averages_over_training_set_and_test_are_those_over_all(counts):
    """Over 4000 draws, within 4.5 standard errors: by chance once in 1500 such tests."""
    numbered = GivenSequences(np.column_stack([np.arange(40)] * 3), 40)
    values, seen, means = np.sin(np.arange(40.0)), np.zeros(40), []
    for seed in range(4000):
        part = parted(numbered, counts, 12, seed)
        drawn, rest = part.train_tokens[:, 0], part.test_tokens[:, 0]
        assert len(set(drawn)) == 12
        assert sorted([*drawn, *rest]) == np.flatnonzero(counts).tolist()
        seen[drawn] += 1
        means.append((values[drawn].mean(), part.test_weights @ values[rest]))
    chance = 12 * counts / counts.sum()
    error = np.sqrt(np.maximum(chance * (1 - chance), 1e-12) / 4000)
    assert np.all(np.abs(seen / 4000 - chance) < 4.5 * error)
    expected = values @ counts / counts.sum()
    off = np.mean(means, axis=0) - expected
    # The rest is normalised, a bias of second order in its own error.
    assert np.all(np.abs(off) < 4.5 * np.std(means, axis=0) / np.sqrt(4000) + 0.002)


def test_training_sets_that_leave_no_test_are_refused():
    assert largest_sample(np.ones(40)) == 30
    assert largest_sample(np.append(np.ones(40), 5.0)) == 8
    assert largest_sample(np.zeros(4)) == 0
    assert len(parted(GIVEN, np.ones(40), 30, 0).test_tokens) == 10
    with pytest.raises(ValueError, match="alpha must be such that 30 sequences or fewer"):
        parted(GIVEN, np.ones(40), 31, 0)


def test_a_seed_names_a_training_set():
    first, again, other = (parted(GIVEN, np.ones(40), 9, seed).train_tokens for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
