"""Permutations of the colours that leave their similarity as it is."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from replica.arrays import Matrix

#: Images that are tried before a symmetry counts as none: those of most similarities are found or
#: excluded after a few for each colour.
_MOST_TRIED = 4000

Permutation = NDArray[np.int64]


def all_alike(U: Matrix, tolerance: float) -> bool:
    """Tell whether some symmetry takes the first colour to any other."""
    return all(symmetry(U, tolerance, {0: y}) is not None for y in range(1, len(U)))


def mirror(U: Matrix, tolerance: float, fixed: int) -> Permutation | None:
    """Return a symmetry that leaves this colour where it is and is its own inverse, but not 1."""
    first, *others = (a for a in range(len(U)) if a != fixed)
    for image in reversed(others):
        found = symmetry(U, tolerance, {fixed: fixed, first: image, image: first}, True)
        if found is not None:
            return found
    return None


def symmetry(
    U: Matrix, tolerance: float, images: Mapping[int, int], own_inverse: bool = False
) -> Permutation | None:
    """Return a permutation π with U_{π(a)π(b)} = U_ab and some given images, None if none is found.

    One colour after another gets an image that agrees with those before, as long as there is one.
    """
    order = [*images, *(a for a in range(len(U)) if a not in images)]
    chosen: list[int] = []
    open_images = [_images(U, tolerance, order, chosen, images, own_inverse)]
    for _ in range(_MOST_TRIED):
        while open_images and not open_images[-1]:
            open_images.pop()
            del chosen[-1:]
        if not open_images:
            return None
        chosen.append(open_images[-1].pop())
        if len(chosen) == len(U):
            return np.asarray(chosen)[np.argsort(order)]
        open_images.append(_images(U, tolerance, order, chosen, images, own_inverse))
    return None


def _images(
    U: Matrix,
    tolerance: float,
    order: list[int],
    chosen: list[int],
    images: Mapping[int, int],
    own_inverse: bool,
) -> list[int]:
    """Return what the next colour may become, given the images of those before."""
    before, a = order[: len(chosen)], order[len(chosen)]
    alike = np.abs(U[a, before] - U[:, chosen]) <= tolerance
    fits = alike.all(axis=1) & (np.abs(U[a, a] - U.diagonal()) <= tolerance)
    fits[chosen] = False
    found = np.flatnonzero(fits).tolist()
    if a in images:
        return [b for b in found if b == images[a]]
    if own_inverse and a in chosen:
        return [b for b in found if b == before[chosen.index(a)]]
    if own_inverse:
        return [b for b in found if b not in before]
    return found
