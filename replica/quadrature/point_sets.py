"""Explicit points for averages over the noise of fields: lattices, or Sobol's in many dimensions.

A lattice converges exponentially and is taken while it has few enough points. Points that are as
symmetric as the colours serve one colour mode (`lattice_near`, `sobol_noise`); several modes are
axes of their own (`ball_lattice`, `scrambled_sobol`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri, ndtri

from replica.arrays import Matrix, Vector
from replica.memory import kept
from replica.quadrature.kernels.points import lattice_orbits
from replica.quadrature.kernels.spacing import spacing
from replica.quadrature.rule import Accuracy
from replica.validation import invalid

#: log(1/error) that a lattice aims at for each accuracy, the most points times colours it may
#: take for that, and the digits below which it is given up.
_DIGITS, _MOST, _LEAST = (10.0, 25.0, 30.0), (30_000, 400_000, 1_000_000), (7.0, 9.0, 10.0)

#: Independent scrambles of Sobol points beyond, and log2 of the number of points in each.
SCRAMBLES = 4
_SOBOL = (9, 12, 14)

#: Bytes of points or levels that are kept: with 100 colours, of points of all accuracies.
MOST_BYTES = 256 * 2**20

#: Most colours of such points, which take some hundred megabytes and many seconds there.
MOST_SAMPLED = 300


class Lattice(NamedTuple):
    """Points ξ = step K0 k of a lattice as symmetric as the colours, one of each orbit.

    Attributes
    ----------
    k : int array (points, colors)
        Levels of the colours, the masked one first.
    step : float
        Distance of two levels.
    weights : array (points,)
        Gaussian weight, summed over the orbit.
    digits : float
        log(1/error) that the lattice was made for.
    """

    k: NDArray[np.int64]
    step: float
    weights: Vector
    digits: float

    @property
    def noise(self) -> Vector:
        """ξ, an array (points, colors)."""
        centred: Vector = self.k - self.k.mean(axis=1, keepdims=True)
        return self.step * centred


def lattice_near(colors: int, q: float, accuracy: Accuracy) -> Lattice | None:
    """Return the lattice for fields √q ξ, or None where it has too many points for any digits."""
    # A lattice serves the surroundings of q: one per sixth of a factor e.
    q = math.exp(math.ceil(6 * math.log(q)) / 6)
    digits = _DIGITS[accuracy]
    while digits > _LEAST[accuracy]:
        found = _lattice(colors, spacing(q, digits), digits, _MOST[accuracy] // colors)
        if found is not None:
            return found
        digits -= 2.0
    return None


@kept(MOST_BYTES)
def _lattice(colors: int, plane: float, digits: float, most: int) -> Lattice | None:
    step = math.sqrt(2.0) * plane
    # The averaged functions grow like a few powers of ξ.
    reach = float(chdtri(colors - 1, math.exp(-digits - 4.0))) / step**2
    nothing = np.empty((0, colors), dtype=np.int64), np.empty(0)
    number = lattice_orbits(colors, reach, most, *nothing)
    if number > most:
        return None
    k, multiplicities = np.empty((number, colors), dtype=np.int64), np.empty(number)
    lattice_orbits(colors, reach, most, k, multiplicities)
    square = ((k - k.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    cell = (step / math.sqrt(2.0 * math.pi)) ** (colors - 1) / math.sqrt(colors)
    weights = multiplicities * np.exp(-0.5 * step * step * square) * cell
    for array in (k, weights):
        array.setflags(write=False)
    return Lattice(k, step, weights, digits)


def check_sampled(colors: int) -> None:
    """Raise ValueError where there are too many colours for points with all of them."""
    if colors > MOST_SAMPLED:
        allowed = f"at most {MOST_SAMPLED} where fields of so many colours have to be sampled"
        raise invalid("colors", colors, allowed)


@kept(MOST_BYTES)
def sobol_noise(colors: int, fields: int, accuracy: Accuracy) -> tuple[Vector, ...]:
    """Return scrambled Sobol points ξ ~ N(0, K0), one array (points, colors) per field.

    Each scramble's points come in pairs of opposite sign and are stretched to have the
    covariance K0 exactly: averages of cubic polynomials have no error. The scrambles stand one
    behind the other, so that their spread tells the error of the rest.
    """
    check_sampled(colors)
    n = fields * (colors - 1)
    basis = complement(colors)
    parts = [
        _stretched(_normal_sobol(n, _SOBOL[accuracy], np.random.default_rng((accuracy, scramble))))
        for scramble in range(SCRAMBLES)
    ]
    noise = tuple(part @ basis for part in np.split(np.concatenate(parts), fields, axis=1))
    for array in noise:
        array.setflags(write=False)
    return noise


@kept(MOST_BYTES)
def uniform_scrambles(dimensions: int, log2_points: int) -> Vector:
    """Return scrambles of Sobol points in the unit cube, (scrambles, points, dimensions)."""
    from scipy.stats import qmc

    seeds = [np.random.default_rng((log2_points, scramble)) for scramble in range(SCRAMBLES)]
    points = np.array([qmc.Sobol(dimensions, seed=s).random_base2(log2_points) for s in seeds])
    points.setflags(write=False)
    return points


@kept(MOST_BYTES)
def normal_scrambles(dimensions: int, log2_points: int) -> Vector:
    """Return scrambles of Sobol points, normal and independent, (scrambles, points, dimensions).

    Each has this number of points twice, in pairs of opposite sign, and exactly unit covariance.
    """
    seeds = [np.random.default_rng((log2_points, scramble)) for scramble in range(SCRAMBLES)]
    points = np.array([_stretched(_normal_sobol(dimensions, log2_points, each)) for each in seeds])
    points.setflags(write=False)
    return points


def ball_lattice(
    steps: Sequence[float], radius: float, shift: float = 0.0
) -> tuple[Matrix, Vector]:
    """Return points of a lattice with these steps along its axes in a ball, and exp(-|x|²/2).

    It is shifted by this share of a step along every axis.
    """
    x, square = np.zeros((1, 0)), np.zeros(1)
    for step in steps:
        most = int(radius / step) + (shift != 0.0)
        line = (np.arange(-most, most + 1) + shift) * step
        squares = square[:, None] + line**2
        before, after = np.nonzero(squares <= radius**2)
        x = np.column_stack([x[before], line[after]])
        square = squares[before, after]
    return x, np.exp(-0.5 * square)


@kept(MOST_BYTES)
def scrambled_sobol(dimensions: int, log2_points: int) -> tuple[Matrix, Vector]:
    """Return one scramble of Sobol points, normal and independent, and equal weights.

    The seed is fixed for each number of points. In their order its parts are nets of their own.
    """
    x = _normal_sobol(dimensions, log2_points, log2_points)
    return np.ascontiguousarray(x), np.full(len(x), 1.0 / len(x))


def _stretched(x: Matrix) -> Matrix:
    """Return points and their opposites, stretched to have exactly unit covariance."""
    x = np.concatenate([x, -x])
    return np.asarray(x @ np.linalg.inv(np.linalg.cholesky(x.T @ x / len(x))).T)


def _normal_sobol(dimensions: int, log2_points: int, seed: int | np.random.Generator) -> Matrix:
    # scipy.stats takes longer to import than most curves to solve.
    from scipy.stats import qmc

    uniform = qmc.Sobol(dimensions, seed=seed).random_base2(log2_points)
    return np.asarray(ndtri(np.clip(uniform, 1e-16, 1 - 1e-16)))


def complement(colors: int) -> Matrix:
    """Return an orthonormal basis of the vectors orthogonal to 1, one per row."""
    columns = np.column_stack([np.ones(colors), np.eye(colors)[:, 1:]])
    return np.ascontiguousarray(np.linalg.qr(columns)[0][:, 1:].T)
