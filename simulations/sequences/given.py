"""Given sequences, parted into those to train on and those to test on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from replica.problem.row_sequences import GivenSequences
from replica.validation import invalid
from simulations.tokens import Floats, Tokens

#: The least sequences to test on.
LEAST_TEST = 10


class Parted(NamedTuple):
    """A training set without replacement, and the rest.

    Parameters
    ----------
    train_tokens, test_tokens : uint8 arrays (samples, sites)
        The sequences.
    test_weights : array (samples,)
        The share of each sequence in averages over the test, which is right in expectation.
    """

    train_tokens: Tokens
    test_tokens: Tokens
    test_weights: Floats


def parted(given: GivenSequences, counts: Floats, samples: int, seed: object) -> Parted:
    """Draw training sequences, each as often as its weight says but never twice.

    With probabilities M counts/Σ counts of being drawn, exactly, by systematic sampling in random
    order; the rest is weighted with counts/(1 - probability), so that the averages over the
    training set and over the rest are both those over all sequences, in expectation.

    Parameters
    ----------
    given : GivenSequences
        The sequences.
    counts : array (sequences,)
        How much each counts, 0 or greater.
    samples : int
        M.
    seed : SeedSequence or int
        Source of randomness.

    Raises
    ------
    ValueError
        If there are too few sequences to leave some for the test.
    """
    most = largest_sample(counts)
    if samples > most:
        allowed = f"such that {most} sequences or fewer are trained on, to leave some for the test"
        raise invalid("alpha", f"{samples / given.sites:.4g}, {samples} sequences", allowed)
    rng = np.random.default_rng(seed)  # type: ignore[arg-type]
    order = rng.permutation(np.flatnonzero(counts))
    chance = samples * counts[order] / counts.sum()
    steps = np.cumsum(chance)
    steps[-1] = samples
    drawn = np.diff(np.floor(steps + rng.random()), prepend=0.0) > 0
    rest = order[~drawn]
    shares = counts[rest] / (1.0 - chance[~drawn])
    return Parted(given.tokens[order[drawn]], given.tokens[rest], shares / shares.sum())


def largest_sample(counts: Floats) -> int:
    """Return the most sequences that can be trained on, of sequences that count so much.

    None is drawn with certainty, and some are left for the test.
    """
    known = int(np.count_nonzero(counts))
    if not known:
        return 0
    never_certain = np.ceil(0.95 * counts.sum() / counts.max()) - 1
    return max(0, min(known - LEAST_TEST, int(never_certain)))
