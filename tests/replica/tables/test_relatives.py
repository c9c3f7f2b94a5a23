"""Weights of sequences that resemble each other, against a count pair by pair."""

from __future__ import annotations

import numpy as np
import pytest

from replica.tables.relatives import distinct, similarity_weights


def drawn(count=60, sites=10, letters=3):
    """Sequences in families: some are copies with a few changes."""
    rng = np.random.default_rng(3)
    tokens = rng.integers(letters, size=(count, sites)).astype(np.uint8)
    for i in range(1, count, 2):
        tokens[i] = tokens[i - 1]
        changed = rng.integers(sites, size=rng.integers(4))
        tokens[i, changed] = rng.integers(letters, size=len(changed))
    return tokens


@pytest.mark.parametrize("identity", [0.3, 0.7, 0.8, 0.85, 1.0, 0.05])
def test_weights_count_relatives(identity):
    tokens = drawn()
    counted = [sum(np.mean(a == b) >= identity - 1e-9 for b in tokens) for a in tokens]
    assert np.allclose(1 / similarity_weights(tokens, identity), counted, rtol=1e-12)


def test_equal_sequences_weigh_as_much_as_one():
    tokens = drawn()
    different = {sequence.tobytes() for sequence in tokens}
    assert np.isclose(similarity_weights(tokens, 1).sum(), len(different))
    assert [sequence.tobytes() for sequence in distinct(tokens)] == list(
        dict.fromkeys(sequence.tobytes() for sequence in tokens)
    )


@pytest.mark.parametrize("identity", [0, -0.1, 1.01, np.nan, "0.8", None, True])
def test_other_shares_are_refused(identity):
    with pytest.raises(ValueError, match="reweight must be a number greater than 0, up to 1"):
        similarity_weights(drawn(), identity)
