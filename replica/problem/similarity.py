"""Similarities of colours: which of them leave a uniform paramagnet, and their names in tables."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import numpy as np

from replica.arrays import Matrix
from replica.validation import invalid, numbers

#: Differences between the entries of a similarity, and entries, whose fourth powers are numbers.
LEAST_U, MOST_U = 1e-70, 1e70

#: How far from symmetric or uniform a similarity may be, relative to its differences.
_EQUAL = 1e-9

#: Share of the largest entry below which what tells colours apart is outweighed by the rest.
_OUTWEIGHED = 0.125


def uniform_similarity(similarity: Any, colors: int) -> tuple[tuple[float, ...], ...] | None:
    """Return U as nested tuples, or None for U = I, or refuse one of no uniform paramagnet."""
    if similarity is None:
        return None
    allowed = f"a symmetric matrix of {colors} x {colors} finite numbers"
    U = numbers("similarity", similarity, allowed)
    if U.shape != (colors, colors):
        raise invalid("similarity", similarity, allowed)
    if np.abs(U).max() > MOST_U:
        raise invalid("similarity", similarity, f"of entries up to {MOST_U:g} in size")
    if np.array_equal(U, np.eye(colors)):
        return None
    apart, rounding = distinctions(U)
    size = float(np.abs(apart).max())
    if np.abs(U - U.T).max() > _EQUAL * size + rounding:
        raise invalid("similarity", similarity, allowed)
    least = max(LEAST_U, rounding)
    if np.ptp(U) > 0.0 and size < least:
        allowed = f"of entries that differ by {least:.3g} or more, beyond their rounding"
        raise invalid("similarity", similarity, allowed)
    several = colors * rounding
    if np.ptp(apart.sum(axis=1)) > _EQUAL * size + several:
        raise invalid("similarity", similarity, "of equal row sums, for a uniform paramagnet")
    centred = apart - apart.mean(axis=0)
    if np.ptp((centred**2).sum(axis=0)) > _EQUAL * size**2 + (2 * size + several) * several:
        allowed = "such that all (U K0 U)_aa are equal, for a uniform paramagnet"
        raise invalid("similarity", similarity, allowed)
    # What rounding has left of an asymmetry is no property of the colours.
    return tuple(tuple(row) for row in ((U + U.T) / 2).tolist())


def distinctions(U: Matrix) -> tuple[Matrix, float]:
    """Return U without what outweighs the rest in all its entries, and how far these are rounded.

    U and U + s describe the same tokens. Where s is large, the entries hold the rest to their own
    rounding error only, and sums of them to less: s goes first. A small one costs nothing.
    """
    largest = float(np.abs(U).max())
    apart = U - U.mean()
    apart -= apart.mean()
    outweighed = np.abs(apart).max() < _OUTWEIGHED * largest
    return (apart if outweighed else U), 4.0 * np.finfo(float).eps * largest


def similarity_text(similarity: tuple[tuple[float, ...], ...]) -> str:
    """Return a circulant U by its first row, as text, and any other by a digest."""
    # A zero has no sign here.
    U = np.array(similarity) + 0.0
    if all(np.array_equal(row, np.roll(U[0], i)) for i, row in enumerate(U)):
        return "circulant:" + ";".join(repr(u).removesuffix(".0") for u in U[0].tolist())
    return "sha256:" + sha256(U.astype("<f8").tobytes()).hexdigest()[:16]
