"""Points for fields of several colour modes, by their number of dimensions and how wide they are.

Smolyak's rule where fields are narrow, a lattice where they are wide and few, Sobol's points where
they are wide and many.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from replica.arrays import Matrix, Vector
from replica.memory import kept
from replica.quadrature.kernels.colour_modes import BLOCK
from replica.quadrature.kernels.spacing import shared, spacing
from replica.quadrature.lattice import RADII
from replica.quadrature.point_sets import MOST_BYTES, ball_lattice, scrambled_sobol
from replica.quadrature.rule import Accuracy
from replica.quadrature.sparse_grid import sizes, sparse_grid

#: log(1/error) that a rule aims at in up to three dimensions, and in more.
_DIGITS = ((13.0, 27.0, 33.0), (11.0, 18.0, 21.0))

#: The digits that a lattice loses of those of its spacing, and those of Smolyak's rule without
#: cost and for each unit of it: what they had at least for modes of many kinds, but for the widest.
_LOST, _BASE, _SLOPE = 2.0, 1.5, 1.2

#: Dimensions up to which a lattice that has the digits costs little.
_FEW = 3

#: The digits below which Sobol's points do as well, and in more than so many dimensions; log2 of
#: the most of them.
_LEAST, _LEAST_OF_MANY, _MANY = 9.5, 8.0, 8
_SOBOL = (12, 16, 18)

#: Points times colours² times masked colours that a rule may have.
_WORK = (4e5, 6e6, 1.5e7)

#: Costs of Smolyak's rule are multiples of this.
_UNIT = 0.1


class ModePoints(NamedTuple):
    """Normal points, an array (n, points), a multiple of `BLOCK` of them, and their weights."""

    x: Matrix
    weights: Vector


def mode_points(
    q: Vector, odd: Sequence[bool], work: float, accuracy: Accuracy, positive: bool = False
) -> ModePoints:
    """Return points for fields of these variances.

    Parameters
    ----------
    q : array (n,)
        The variance along every axis.
    odd : sequence of bool
        The axes whose signs a symmetry of what is averaged changes together: of two points that
        it makes alike there is one.
    work : float
        What a point costs.
    accuracy : Accuracy
        How good they are to be.
    positive : bool
        Whether all weights have to be.
    """
    seen = np.flatnonzero(q)
    if not seen.size:
        return _every(np.zeros((1, 0)), np.ones(1), q.size, (), ())
    mirrored = tuple(odd[i] for i in seen.tolist())
    most = _WORK[accuracy] / work * (2.0 if any(mirrored) else 1.0)
    axes, wanted = tuple(seen.tolist()), _DIGITS[seen.size > _FEW][accuracy]
    narrow = q[seen]
    grid = _NO_GRID if positive else _grid(narrow, wanted, most)
    lattice = _lattice(narrow, wanted, most, accuracy)
    best = max(grid.digits, lattice.digits)
    if best < (_LEAST if seen.size <= _MANY else _LEAST_OF_MANY):
        return _sobol(q.size, axes, min(_SOBOL[accuracy], int(math.log2(most))))
    if seen.size <= _FEW and lattice.digits >= wanted:
        grid = _NO_GRID
    # The smaller of two that are good enough, else the better one.
    both = min(grid.digits, lattice.digits) >= wanted
    if grid.number < lattice.number if both else grid.digits == best:
        return _smolyak(q.size, axes, mirrored, grid.costs, grid.total)
    return _body_centred(q.size, axes, mirrored, lattice.steps, lattice.radius)


class _Grid(NamedTuple):
    """Costs and total of Smolyak's rule, its points and the digits that it should have."""

    costs: tuple[int, ...]
    total: int
    number: float
    digits: float


class _Lattice(NamedTuple):
    """Steps and radius of a lattice, its points and the digits that it should have."""

    steps: tuple[float, ...]
    radius: float
    number: float
    digits: float


_NO_GRID = _Grid((), 0, math.inf, -math.inf)


def _grid(q: Vector, wanted: float, most: float) -> _Grid:
    costs = np.maximum(np.round(0.5 * np.log1p(6.0 / q) / _UNIT), 1.0).astype(np.int64).tolist()
    enough = math.ceil((wanted - _BASE) / (_SLOPE * _UNIT))
    number = sizes(costs, enough)
    total = int(np.flatnonzero(number <= most)[-1])
    return _Grid(tuple(costs), total, float(number[total]), _BASE + _SLOPE * _UNIT * total)


def _lattice(q: Vector, wanted: float, most: float, accuracy: Accuracy) -> _Lattice:
    """Return two cubic lattices, each in the middle of the other: as close planes as one has."""
    n, digits = q.size, wanted + (_LOST if q.size > _FEW else 0.0)
    wider, many = (math.sqrt(2.0), 2.0) if n > 1 else (1.0, 1.0)
    while True:
        steps = tuple(wider * shared(spacing(each, digits)) for each in q.tolist())
        radius = min(RADII[accuracy], math.sqrt(2.0 * digits) + 0.8)
        ball = math.pi ** (n / 2) / math.gamma(n / 2 + 1) * radius**n
        number = many * ball / math.prod(steps)
        left = digits - (_LOST if n > _FEW else 0.0)
        if number <= most or left < _LEAST_OF_MANY:
            return _Lattice(steps, radius, number, left if number <= most else -math.inf)
        digits -= 0.5


@kept(MOST_BYTES)
def _smolyak(
    n: int, axes: tuple[int, ...], odd: tuple[bool, ...], costs: tuple[int, ...], total: int
) -> ModePoints:
    return _every(*sparse_grid(costs, total), n, axes, odd)


@kept(MOST_BYTES)
def _body_centred(
    n: int, axes: tuple[int, ...], odd: tuple[bool, ...], steps: tuple[float, ...], radius: float
) -> ModePoints:
    shifts = (0.0, 0.5) if len(steps) > 1 else (0.0,)
    parts = [ball_lattice(steps, radius, shift) for shift in shifts]
    x, weights = (np.concatenate(each) for each in zip(*parts, strict=True))
    return _every(x, weights / weights.sum(), n, axes, odd)


@kept(MOST_BYTES)
def _sobol(n: int, axes: tuple[int, ...], log2_points: int) -> ModePoints:
    return _every(*scrambled_sobol(len(axes), log2_points), n, axes, ())


def _every(
    x: Matrix, weights: Vector, n: int, axes: Sequence[int], odd: Sequence[bool]
) -> ModePoints:
    """Return the points along all axes, one of two that are alike, and some without weight."""
    if any(odd):
        signs = np.where(np.asarray(odd), np.sign(x), 0.0)
        first = np.take_along_axis(signs, (signs != 0.0).argmax(axis=1)[:, None], axis=1)[:, 0]
        x, weights = x[first >= 0.0], (np.where(first > 0.0, 2.0, 1.0) * weights)[first >= 0.0]
    many = -(-len(weights) // BLOCK) * BLOCK
    points, shares = np.zeros((n, many)), np.zeros(many)
    points[list(axes), : len(weights)] = x.T
    points[:, len(weights) :] = points[:, len(weights) - 1 :][:, :1]
    shares[: len(weights)] = weights
    for array in (points, shares):
        array.setflags(write=False)
    return ModePoints(points, shares)
