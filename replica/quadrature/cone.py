"""How far Gaussian fields are from the cone in which the masked colour is the largest.

Fields and the metric of the distance are any: fields of several colour modes, or of colours that
are not alike. A row separates its samples if no field is outside.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import product
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from replica.arrays import Matrix, Vector
from replica.quadrature.kernels.nearest import nearest_points
from replica.quadrature.point_sets import normal_scrambles
from replica.quadrature.radial import mean_powers, radial_moments
from replica.quadrature.rule import Accuracy

#: The most differences of colours whose 2^n faces are integrated one by one.
MOST_FACES = 4

#: Points along each edge of a piece of a face, by the number n of differences and accuracy, and the
#: cosine of the largest angle between two of its edges.
_ORDERS = {1: (1, 1, 1), 2: (10, 18, 26), 3: (8, 13, 18), 4: (5, 8, 10)}
_COSINES = {1: (0.6,) * 3, 2: (0.6,) * 3, 3: (0.6,) * 3, 4: (0.0, 0.0, 0.3)}

#: log2 of the pairs of points in each scramble beyond, with few colours and with many.
_SOBOL, _SOBOL_OF_MANY, _MANY = (9, 11, 15), (9, 11, 13), 10


class Outside(NamedTuple):
    """Averages over the fields ω ~ N(m, Q) of h, the nearest point of the orthant h >= 0.

    In the metric V^{-1} the nearest point is h = ω + V g, with g >= 0 and g·h = 0.

    Attributes
    ----------
    g : array (parts, n)
        E g.
    square : array (parts, n, n)
        E g gᵀ.
    K : array (parts, n, n)
        -E ∂g/∂ω.
    distance : array (parts,)
        E (h - ω)ᵀ V^{-1} (h - ω)/2.

    Parts are independent samples, one where no points are random.
    """

    g: Matrix
    square: Vector
    K: Vector
    distance: Vector


class ConeAverages(Protocol):
    """A way to take the averages."""

    def outside(self, m: Vector, Q: Matrix, V: Matrix, accuracy: Accuracy) -> Outside:
        """Return them at these fields."""


def cone_averages(n: int) -> ConeAverages:
    """Return the averages over fields of n differences, by faces or by points."""
    return Faces(n) if n <= MOST_FACES else FieldPoints(n)


class Faces:
    """Averages face by face (THEORY.md, section 6).

    With the set S of components where g > 0 the fields are ω = Σ_{b not in S} h_b e_b - Σ_{b in S}
    g_b V e_b: a cone with n edges, along each of whose rays the integral is known. The rays are
    those of pieces of the cone, cut until their edges are close.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self._sets = np.array(list(product((False, True), repeat=n)))[1:]

    def outside(self, m: Vector, Q: Matrix, V: Matrix, accuracy: Accuracy) -> Outside:
        """Return the averages at these fields."""
        n = self.n
        # In these coordinates the fields are normal variables around a mean.
        white = np.linalg.inv(np.linalg.cholesky(Q))
        mean = white @ m
        edges, forces, of_set = self._pieces(white, V, _COSINES[n][accuracy])
        t, weights = _simplex(n, _ORDERS[n][accuracy])
        points, g = t @ edges, t @ forces
        length = np.sqrt((points * points).sum(axis=-1))
        s = points @ mean / length
        density = np.exp(-0.5 * (mean @ mean - s * s)) / (2.0 * math.pi) ** (n / 2)
        density *= weights * np.abs(np.linalg.det(edges))[:, None]
        zeroth, first, second = radial_moments(s.ravel(), n - 1).reshape(3, *s.shape)
        square = np.einsum("pk,pki,pkj->ij", second * density / length ** (n + 2), g, g)
        K, shares = np.zeros((n, n)), np.zeros(len(self._sets))
        np.add.at(shares, of_set, (zeroth * density / length**n).sum(axis=1))
        for share, within in zip(shares, self._sets, strict=True):
            block = np.ix_(within, within)
            K[block] += share * np.linalg.inv(V[block])
        pull = np.einsum("pk,pki->i", first * density / length ** (n + 1), g)
        distance = 0.5 * float((square * V).sum())
        return Outside(pull[None], square[None], K[None], np.array([distance]))

    def _pieces(
        self, white: Matrix, V: Matrix, cosine: float
    ) -> tuple[Vector, Vector, NDArray[np.intp]]:
        """Return pieces of all faces: unit vectors along their edges, g there, and their sets."""
        n, sets = self.n, self._sets
        edges = np.where(sets[:, None, :], -white @ V, white).swapaxes(1, 2)
        lengths = np.linalg.norm(edges, axis=2)[..., None]
        edges, forces = edges / lengths, sets[:, :, None] * np.eye(n) / lengths
        of_set, first, second = np.arange(len(sets)), *np.triu_indices(n, 1)
        done = []
        while n > 1 and len(edges):
            # Alike angles are cut in one order, whatever their rounding.
            closeness = (edges @ edges.swapaxes(1, 2))[:, first, second].round(6)
            worst = closeness.argmin(axis=1)
            wide = closeness[np.arange(len(edges)), worst] < cosine
            done.append((edges[~wide], forces[~wide], of_set[~wide]))
            edges, forces, of_set = edges[wide], forces[wide], of_set[wide]
            edges, forces = _halved(edges, forces, first[worst[wide]], second[worst[wide]])
            of_set = np.concatenate([of_set, of_set])
        done.append((edges, forces, of_set))
        edges, forces, of_set = (np.concatenate(each) for each in zip(*done, strict=True))
        return edges, forces, of_set


def _halved(
    edges: Vector, forces: Vector, first: NDArray[np.intp], second: NDArray[np.intp]
) -> tuple[Vector, Vector]:
    """Return the two halves of every piece, cut between two of its edges."""
    every = np.arange(len(edges))
    between = edges[every, first] + edges[every, second]
    length = np.linalg.norm(between, axis=1, keepdims=True)
    halves = []
    for values, middle in (
        (edges, between / length),
        (forces, (forces[every, first] + forces[every, second]) / length),
    ):
        one, other = values.copy(), values.copy()
        one[every, first] = middle
        other[every, second] = middle
        halves.append(np.concatenate([one, other]))
    return halves[0], halves[1]


@lru_cache
def _simplex(n: int, order: int) -> tuple[Matrix, Vector]:
    """Return points of the simplex Σ t = 1, and weights of the integral over n - 1 of them.

    Gauss's rule along n - 1 lines: the last coordinate is cut in two again and again (Duffy).
    """
    x, gauss = np.polynomial.legendre.leggauss(order)
    x, gauss = 0.5 * (x + 1.0), 0.5 * gauss
    t, weights = np.ones((1, 1)), np.ones(1)
    for _ in range(1, n):
        last = t[:, -1:]
        before = np.repeat(t[:, :-1], order, axis=0)
        pairs = np.stack([last * (1.0 - x), last * x], axis=-1).reshape(-1, 2)
        weights = np.outer(weights * last[:, 0], gauss).ravel()
        t = np.concatenate([before, pairs], axis=1)
    return t, weights


class FieldPoints:
    """Averages over Sobol's points of the fields, of which only the direction counts.

    Given the direction of the field, in units in which its noise is normal, its length has the
    density of `mean_powers`.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self._touching: dict[Accuracy, NDArray[np.bool_]] = {}

    def outside(self, m: Vector, Q: Matrix, V: Matrix, accuracy: Accuracy) -> Outside:
        """Return the averages at these fields, by scrambles of the points."""
        n = self.n
        noise = normal_scrambles(n, (_SOBOL if n < _MANY else _SOBOL_OF_MANY)[accuracy])
        root = np.linalg.cholesky(Q)
        mean = np.linalg.solve(root, m)
        points = (noise + mean).reshape(-1, n)
        length = np.sqrt((points * points).sum(axis=1))
        first, second = mean_powers(points @ mean / length, n - 1)
        fields = points @ root.T
        touching = self._touching.setdefault(accuracy, fields < 0.0)
        g, K = np.zeros_like(fields), np.zeros((len(noise), n, n))
        if nearest_points(fields, np.ascontiguousarray(V), touching, g, K):
            K[:] = np.nan
        g, per_part = g.reshape(noise.shape), noise.shape[1]
        pull, weight = (
            (each / length**power).reshape(*noise.shape[:2], 1)
            for power, each in ((1, first), (2, second))
        )
        square = (g * weight).swapaxes(1, 2) @ g / per_part
        distance = 0.5 * (square * V).sum(axis=(1, 2))
        return Outside((pull * g).mean(axis=1), square, K / per_part, distance)
