"""Points of a Gaussian of any covariance: rules that converge exponentially, else Sobol's."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.polynomial.hermite_e import hermegauss

from replica.arrays import Matrix, Vector
from replica.quadrature.kernels.spacing import spacing
from replica.quadrature.lattice import RADII
from replica.quadrature.point_sets import ball_lattice, normal_scrambles
from replica.quadrature.rule import Accuracy

#: log(1/error) that a rule aims at by dimension, for each accuracy.
DIGITS: Mapping[int, tuple[float, float, float]] = MappingProxyType({
    1: (13.0, 27.0, 33.0),
    2: (13.0, 27.0, 33.0),
    3: (9.0, 16.0, 19.0),
    4: (7.5, 11.0, 13.0),
    5: (7.0, 9.5, 11.0),
})  # fmt: skip

#: The digits below which a rule is given up.
_LEAST = (5.5, 9.5, 10.5)

#: Dimensions from which on the operations of a point, their cube, count.
_MANY = 10

#: The most nodes along an axis, from where on a lattice has fewer points, and of a product that is
#: tried.
_MOST_NODES, _LARGEST = 24, 200_000


class Budget(NamedTuple):
    """How many points there may be, for each accuracy.

    Attributes
    ----------
    most : tuple of int
        The most of a rule.
    sobol, sobol_of_many : tuple of int
        log2 of the pairs of Sobol's points in a scramble, in few and in many dimensions.
    digits : mapping
        log(1/error) that a rule aims at by dimension; in others it is not tried.
    """

    most: tuple[int, int, int]
    sobol: tuple[int, int, int]
    sobol_of_many: tuple[int, int, int]
    digits: Mapping[int, tuple[float, float, float]] = DIGITS


#: Points and weights of a rule for a Gaussian of these variances, along axes of which functions are
#: analytic as far as for fields of so much variance, by log(1/error).
_Axes = Callable[[Vector, float, Accuracy, int], tuple[Matrix, Vector] | None]


def gaussian_points(
    basis: Matrix, q: Matrix, sharpness: float, accuracy: Accuracy, budget: Budget
) -> tuple[Vector, Matrix]:
    """Return normal points x for fields √q x, and their weights.

    A lattice along the eigenvectors of q, in steps that follow its eigenvalues, while it has
    few enough points; else independent scrambles of Sobol's points.

    Parameters
    ----------
    basis : array (n, colors)
        The orthonormal colour differences in which fields are given.
    q : array (n, n)
        The covariance of the fields, in the basis.
    sharpness : float
        How much more sharply than the cross-entropy a loss bends.
    accuracy : Accuracy
        How good the points are to be.
    budget : Budget
        How many they may be.

    Returns
    -------
    tuple
        Arrays (parts, points, n) and (parts, points).
    """
    return _points(_lattice, basis, q, sharpness, accuracy, budget)


def noise_points(
    basis: Matrix, q: Matrix, accuracy: Accuracy, budget: Budget
) -> tuple[Vector, Matrix]:
    """Return the same, of Gauss and Hermite instead of a lattice where the Gaussian is narrow."""
    return _points(_product, basis, q, 1.0, accuracy, budget)


def _points(
    rule: _Axes, basis: Matrix, q: Matrix, sharpness: float, accuracy: Accuracy, budget: Budget
) -> tuple[Vector, Matrix]:
    n = len(q)
    if n in budget.digits:
        values, vectors = np.linalg.eigh(q)
        # The functions are analytic while no two components of a field differ by iπ.
        reach = np.ptp(basis.T @ vectors, axis=0) ** 2 * np.maximum(sharpness * values, 1e-30)
        digits = budget.digits[n][accuracy]
        while digits >= _LEAST[accuracy]:
            found = rule(0.5 * reach, digits, accuracy, budget.most[accuracy])
            if found is not None:
                x, weights = found
                return (x @ vectors.T)[None], (weights / weights.sum())[None]
            digits -= 0.5
    x = normal_scrambles(n, (budget.sobol if n < _MANY else budget.sobol_of_many)[accuracy])
    return x, np.full(x.shape[:2], 1.0 / x.shape[1])


def _lattice(
    reach: Vector, digits: float, accuracy: Accuracy, most: int
) -> tuple[Matrix, Vector] | None:
    n, steps = len(reach), [spacing(each, digits) for each in reach.tolist()]
    radius = min(RADII[accuracy], math.sqrt(2.0 * digits) + 0.8)
    ball = math.pi ** (n / 2) / math.gamma(n / 2 + 1) * radius**n
    return ball_lattice(steps, radius) if ball / math.prod(steps) <= most else None


def _product(
    reach: Vector, digits: float, accuracy: Accuracy, most: int
) -> tuple[Matrix, Vector] | None:
    """Return the product of rules of Gauss and Hermite, less what all together weighs nothing."""
    numbers = [_nodes(each, digits) for each in reach.tolist()]
    if max(numbers) > _MOST_NODES:
        return _lattice(reach, digits, accuracy, most)
    if math.prod(numbers) > _LARGEST:
        return None
    rules = [hermegauss(number) for number in numbers]
    places, shares = (np.meshgrid(*each, indexing="ij") for each in zip(*rules, strict=True))
    weights = np.prod(shares, axis=0).ravel()
    weights /= weights.sum()
    order = np.argsort(weights)
    kept = order[np.cumsum(weights[order]) > 0.1 * math.exp(-digits)]
    if len(kept) > most:
        return None
    return np.stack(places, axis=-1).reshape(-1, len(reach))[kept], weights[kept]


def _nodes(reach: float, digits: float) -> int:
    """Return how many nodes of Gauss and Hermite leave an error of e^{-digits}, if not too many.

    With n of them a function that is analytic at distances below d keeps about
    exp(-d √(4n + 2) + d²/2), but no more than at d = √(4n + 2).
    """
    distance = math.pi / math.sqrt(2.0 * reach)
    for number in range(2, _MOST_NODES + 1):
        edge = math.sqrt(4.0 * number + 2.0)
        d = min(distance, edge)
        if d * edge - 0.5 * d * d - 1.0 >= digits:
            return number
    return _MOST_NODES + 1
