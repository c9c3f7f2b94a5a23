"""The points of a lattice as symmetric as the colours, ordered so that each starts from others."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from replica.arrays import Vector
from replica.memory import kept
from replica.quadrature.kernels.lattice import BLOCK, SHARES

Integers = NDArray[np.signedinteger[Any]]

#: Blocks of points are filled up to multiples of this, with copies that have no weight.
_LANES = 8


class LatticePoints(NamedTuple):
    """Points √2 s K0 k of the lattice A*_{C-1}, one for all that permute the other colours.

    Attributes
    ----------
    k : array (colors, points)
        With k_2 >= ... >= k_C = 0, in the order of k_2.
    weights : array (points,)
        Those of the trapezoidal rule, with multiplicities.
    before, many : arrays (4, points) and (points,), without those with k_2 = 0
        The points that a point starts from, and one less than how many of them there are.
    blocks : array
        Where blocks of points begin and end.
    first : int
        How many of them have k_2 = 0.
    """

    k: Integers
    weights: Vector
    before: Integers
    many: Integers
    blocks: Integers
    first: int


@kept()
def lattice_points(colors: int, spacing: float, radius: float) -> LatticePoints:
    """Return the points within a radius, of a lattice whose planes have this distance."""
    step = math.sqrt(2.0) * spacing
    k = _orbits(colors, (radius / step) ** 2)
    level = k[1]
    begins = np.flatnonzero(np.diff(level, prepend=-1))
    ends = np.append(begins[1:], level.size)
    cuts = [range(a, b, BLOCK) for a, b in zip(begins.tolist(), ends.tolist(), strict=True)]
    starts = np.array([start for cut in cuts for start in cut])
    counts = np.diff(starts, append=level.size)
    filled = -(-counts // _LANES) * _LANES
    blocks = np.append(0, np.cumsum(filled))
    # Of a block the points, and its last point again.
    within = np.arange(blocks[-1]) - np.repeat(blocks[:-1], filled)
    real = within < np.repeat(counts, filled)
    chosen = np.repeat(starts, filled) + np.minimum(within, np.repeat(counts, filled) - 1)
    place = np.flatnonzero(real)
    before, many = _before(k)
    none = ends[0]
    later = chosen[blocks[len(cuts[0])] :] - none
    weights = np.where(real, _weights(k, step)[chosen], 0.0)
    return LatticePoints(
        np.ascontiguousarray(k[:, chosen], dtype=np.int32),
        weights,
        np.ascontiguousarray(place[before[:, later]], dtype=np.int32),
        many[later].astype(np.int8),
        blocks,
        len(cuts[0]),
    )


def _orbits(colors: int, reach: float) -> Integers:
    """Return the k with |K0 k|² <= reach and k_2 >= ... >= k_C = 0, in the order of k_2."""
    n = colors - 1
    # Among those with k_2 the others may be all the same: then k_2² (1 - 1/n) counts.
    most = int(math.sqrt(2.0 * reach))
    sides = (most + 1,) * (colors - 2)
    lines = np.indices(sides).reshape(len(sides), math.prod(sides))
    lines = lines[:, (np.diff(lines, axis=0) <= 0).all(axis=0)]
    total, square = lines.sum(axis=0), (lines**2).sum(axis=0)
    # |K0 k|² = square - total²/n + (k_1 - total/n)² n/C.
    room = (reach - square + total**2 / n) * colors / n
    lines, total, room = lines[:, room >= 0.0], total[room >= 0.0], np.sqrt(room[room >= 0.0])
    low = np.ceil(total / n - room).astype(np.int64)
    counts = np.maximum(np.floor(total / n + room).astype(np.int64) - low + 1, 0)
    line = np.repeat(np.arange(low.size), counts)
    masked = np.arange(line.size) - np.repeat(np.cumsum(counts) - counts, counts) + low[line]
    return np.stack([masked, *lines[:, line], np.zeros_like(masked)])


def _weights(k: Integers, step: float) -> Vector:
    """Return the Gaussian weights of the points, times their numbers of permutations."""
    colors, n = len(k), len(k) - 1
    numbers = np.ones(k.shape[1])
    run = np.ones(k.shape[1])
    for i in range(1, n):
        run = np.where(k[i + 1] == k[i], run + 1, 1)
        numbers *= (i + 1) / run
    square = (k**2).sum(axis=0) - k.sum(axis=0) ** 2 / colors
    cell = (step / math.sqrt(2.0 * math.pi)) ** n / math.sqrt(colors)
    return np.asarray(cell * numbers * np.exp(-0.5 * step**2 * square))


def _before(k: Integers) -> tuple[Integers, Integers]:
    """Return up to four points before every point with k_2 > 0, and one less than their number.

    They are k - d, k - 2d, ... along d = (0 or 1, 1, ..., 1, 0, ..., 0), whichever has most of
    them; all have a smaller k_2.
    """
    colors, most = len(k), len(SHARES)
    # A box with room for all that is asked for, as one line of places.
    low = k.min(axis=1) - most
    sides = (k.max(axis=1) + 1 - low).tolist()
    strides = np.array([math.prod(sides[a + 1 :]) for a in range(colors)])
    places = strides @ (k - low[:, None])
    number = np.full(math.prod(sides), -1)
    number[places] = np.arange(places.size)
    later = places[k[1] > 0]
    best = np.zeros(later.size, dtype=np.int64)
    before = np.zeros((most, later.size), dtype=np.int64)
    for masked in (0, 1):
        for others in range(1, colors - 1):
            away = masked * strides[0] + strides[1 : others + 1].sum()
            found = number[later - away * np.arange(1, most + 1)[:, None]]
            length = (np.minimum.accumulate(found, axis=0) >= 0).sum(axis=0)
            better = length > best
            before[:, better], best[better] = found[:, better], length[better]
    # What has no share is taken from where there is something.
    before = np.where(np.arange(most)[:, None] < best, before, before[0])
    assert (best > 0).all()
    return before, best - 1
