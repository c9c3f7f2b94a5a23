"""The masks of sequences: which of their tokens are hidden at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from replica.problem import Masking
from simulations.tokens import Tokens

#: Whether tokens are hidden, an array like the sequences.
Hidden = NDArray[np.bool_]

#: Seeds of masks are these words and those of a system, whose sequences have others.
_MASKS = (0x6D61736B,)


def mask_seeds(system: tuple[int, ...], number: int = 0) -> list[np.random.SeedSequence]:
    """Return the seeds of the masks of training and of the test of one system.

    They depend on neither the data nor the rate, so that problems which differ in these are
    compared on the same masks, as far as they can be.

    Parameters
    ----------
    system : tuple of int
        Names the system.
    number : int
        Tells apart several that share a name.
    """
    return np.random.SeedSequence((*_MASKS, *system, number)).spawn(2)


def masks(samples: int, sites: int, masking: Masking, seed: int | np.random.SeedSequence) -> Hidden:
    """Return masks, an array (draws, samples, sites): true with the probability p, independently.

    The first draws are the same however many there are, and what a smaller rate hides, a larger one
    hides as well.

    Parameters
    ----------
    samples, sites : int
        M and L.
    masking : Masking
        Rate and draws.
    seed : int or SeedSequence
        Source of the masks.
    """
    rng = np.random.default_rng(seed)
    hidden = np.empty((masking.draws, samples, sites), dtype=bool)
    for draw in hidden:
        draw[:] = rng.random((samples, sites)) < masking.rate
    return hidden


def hide(tokens: Tokens, hidden: Hidden, colors: int) -> Tokens:
    """Return sequences in which C stands for hidden tokens, as for missing ones."""
    return np.where(hidden, np.uint8(colors), tokens)
