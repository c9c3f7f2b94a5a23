"""Sequences that resemble each other count less: weights as direct-coupling analysis takes them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from replica.validation import invalid, real

#: Comparisons of tokens that are held in memory at one time.
_LARGEST = 50_000_000


def similarity_weights(tokens: NDArray[np.uint8], identity: Any) -> NDArray[np.float64]:
    """Return 1 over the number of sequences, itself included, that resemble each sequence.

    Those do that have the same token at a share of `identity` of all sites or more, gaps like
    letters (Morcos et al., PNAS 108, E1293 (2011), with 0.8).

    Parameters
    ----------
    tokens : uint8 array (sequences, sites)
        The sequences.
    identity : float
        The share, greater than 0, up to 1, with which equal sequences count once.

    Returns
    -------
    array (sequences,)

    Raises
    ------
    ValueError
        If the share is not allowed.

    Examples
    --------
    >>> import numpy as np
    >>> from replica import similarity_weights
    >>> tokens = np.array([[0, 1, 2, 0, 1], [0, 1, 2, 0, 0], [2, 2, 0, 1, 1]], dtype=np.uint8)
    >>> similarity_weights(tokens, 0.8)
    array([0.5, 0.5, 1. ])
    """
    allowed = "a number greater than 0, up to 1"
    share = real("reweight", identity, allowed)
    if not 0.0 < share <= 1.0:
        raise invalid("reweight", identity, allowed)
    count, sites = tokens.shape
    # Without the rounding of share * sites, which may be an integer.
    least = int(np.ceil(share * sites * (1.0 - 1e-12)))
    relatives = np.zeros(count, dtype=np.int64)
    block = max(1, _LARGEST // max(count, 1))
    letters = [(tokens == letter).astype(np.float32) for letter in np.unique(tokens)]
    for first in range(0, count, block):
        part = slice(first, first + block)
        equal = sum(each[part] @ each.T for each in letters)
        relatives[part] = np.count_nonzero(equal >= least, axis=1)
    weights: NDArray[np.float64] = 1.0 / relatives
    return weights


def distinct(tokens: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the different ones of these sequences, in the order of their first appearance."""
    _, first = np.unique(tokens, axis=0, return_index=True)
    return tokens[np.sort(first)]
