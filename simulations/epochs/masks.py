"""Which tokens an epoch hides: one of every sequence, or a share of all at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from replica.problem import Masking
from replica.validation import invalid, unmasked

#: Keeps the seeds of masks apart from those of chains, which are numbered.
_APART = 2**31

#: Whether a token is hidden, an array (samples, sites).
Hidden = NDArray[np.bool_]


def hidden_at(sites: NDArray[np.int64], length: int) -> Hidden:
    """Return the masks that hide one site of every sequence, of this many."""
    hidden: Hidden = np.arange(length) == sites[:, None]
    return hidden


def hidden_shares(
    masking: Masking, shape: tuple[int, int], seed: int | np.random.SeedSequence, epoch: int
) -> Hidden:
    """Return the masks of an epoch, each token's drawn by itself.

    Dynamic masks are new in every epoch. K draws of static ones take turns, as where a set of
    sequences is masked K times before training (RoBERTa, arXiv:1907.11692); one is always the same.

    Parameters
    ----------
    masking : Masking
        Share and kind.
    shape : (int, int)
        Sequences and their sites.
    seed : int or numpy.random.SeedSequence
        Source of all masks of a training.
    epoch : int
        Number of the epoch, from 0.
    """
    draw = epoch if masking.dynamic else epoch % masking.draws
    if not isinstance(seed, np.random.SeedSequence):
        seed = np.random.SeedSequence(seed)
    source = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, _APART, draw))
    return np.random.default_rng(source).random(shape) < masking.rate


def check_any(masking: Masking, shape: tuple[int, int], seed: int, epochs: int) -> None:
    """Raise ValueError where none of the epochs masks any token."""
    if not any(hidden_shares(masking, shape, seed, epoch).any() for epoch in range(epochs)):
        allowed = "of a rate that masks some token of these sequences"
        raise invalid("masking", str(masking), allowed)


def checked_hidden(hidden: Any, shape: tuple[int, ...]) -> Hidden:
    """Return masks of sequences of this shape, or raise ValueError."""
    allowed = f"an array {shape} of truth values"
    array = unmasked("hidden", hidden, allowed)
    if array.shape != shape or array.dtype != bool:
        raise invalid("hidden", f"array {array.shape} of {array.dtype}", allowed)
    return array
