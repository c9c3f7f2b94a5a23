"""Smolyak's rule for a Gaussian of several dimensions, of which some matter less than others.

Gauss's rules of Hermite of one dimension, of 1, 2, 3, ... nodes, make products; of these products
differences count whose levels l have a cost a·l up to some total (Smolyak 1963; with costs that
differ: Nobile, Tempone & Webster 2008). Weights are not all positive.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import NDArray

from replica.arrays import Matrix, Vector
from replica.memory import kept

Integers = NDArray[np.signedinteger[Any]]

#: Weights that are rounding, beside others that sum to one.
_NOTHING = 1e-14

#: The most nodes along an axis, from where on their weights would underflow.
_MOST_NODES = 150


def sizes(costs: Sequence[int], most: int) -> Vector:
    """Return about how many points a grid has, for every total cost up to `most`."""
    levels = np.arange(most + 1)
    # Rules of odd numbers of nodes share the one in the middle, and no two others share any.
    new = np.where(levels == 0, 1.0, 2.0 * ((levels + 1) // 2))
    number = np.zeros(most + 1)
    number[0] = 1.0
    for cost in costs:
        several = np.zeros(most + 1)
        for level in range(most // cost + 1):
            several[level * cost :] += new[level] * number[: most + 1 - level * cost]
        number = several
    within: Vector = np.cumsum(number)
    # Products far below the total cancel.
    far = sum(costs)
    if far <= most:
        within[far:] -= within[: most + 1 - far].copy()
    return within


def sparse_grid(costs: Sequence[int], total: int) -> tuple[Matrix, Vector]:
    """Return the points of Smolyak's rule, an array (points, dimensions), and their weights.

    Parameters
    ----------
    costs : sequence of int
        What a level costs along each axis.
    total : int
        The most that the levels of a product may cost together.
    """
    levels, shares = _products(costs, total)
    # Products of the same rules along other axes have the same nodes.
    order = np.argsort(levels == 0, axis=1, kind="stable")
    packed = np.take_along_axis(levels, order, axis=1)
    kinds, kind = np.unique(packed, axis=0, return_inverse=True)
    names = np.random.default_rng(0).integers(1, 2**62, size=len(costs))
    points, weights, keys = [], [], []
    for i, rules in enumerate(kinds):
        rules = rules[rules > 0]
        nodes, labels, gauss = _product(tuple(rules.tolist()))
        mine = np.flatnonzero(kind.ravel() == i)
        axes = order[mine, : len(rules)]
        x = np.zeros((len(mine), len(gauss), len(costs)))
        for j in range(len(rules)):
            x[np.arange(len(mine)), :, axes[:, j]] = nodes[:, j]
        points.append(x.reshape(-1, len(costs)))
        weights.append(np.outer(shares[mine], gauss).ravel())
        # Equal points have equal keys; others have not, but with a chance below 1e-8.
        keys.append((names[axes] @ labels.T).ravel())
    _, first, place = np.unique(np.concatenate(keys), return_index=True, return_inverse=True)
    weight = np.bincount(place.ravel(), np.concatenate(weights)).astype(float)
    seen = np.abs(weight) > _NOTHING
    x = np.concatenate(points)[first]
    return x[seen], weight[seen]


def _products(costs: Sequence[int], total: int) -> tuple[Integers, Vector]:
    """Return the levels of products that do not cancel, and the share that each has."""
    levels, spent = np.zeros((1, 0), dtype=np.int64), np.zeros(1, dtype=np.int64)
    for cost in costs:
        counts = np.minimum((total - spent) // cost + 1, _MOST_NODES)
        line = np.repeat(np.arange(spent.size), counts)
        level = np.arange(line.size) - np.repeat(np.cumsum(counts) - counts, counts)
        levels = np.column_stack([levels[line], level])
        spent = spent[line] + cost * level
    # Σ (-1)^{|z|} over z in {0, 1}^n with a·(l + z) <= total: coefficients of Π (1 - t^a).
    signs = np.zeros(total + 1)
    signs[0] = 1.0
    for cost in costs:
        if cost <= total:
            signs[cost:] -= signs[:-cost].copy()
    shares = np.cumsum(signs)[total - spent]
    return levels[shares != 0.0], shares[shares != 0.0]


@kept()
def _product(rules: tuple[int, ...]) -> tuple[Matrix, Integers, Vector]:
    """Return nodes, their labels and weights of a product; a rule's label of 0 is 0."""
    nodes, labels, weights = np.zeros((1, 0)), np.zeros((1, 0), dtype=np.int64), np.ones(1)
    for level in rules:
        x, gauss = _gauss(level + 1)
        label = np.where(x == 0.0, 0, 1000 * level + np.arange(level + 1))
        line, node = (each.ravel() for each in np.indices((len(weights), len(x))))
        nodes = np.column_stack([nodes[line], x[node]])
        labels = np.column_stack([labels[line], label[node]])
        weights = weights[line] * gauss[node]
        some = weights > _NOTHING
        nodes, labels, weights = nodes[some], labels[some], weights[some]
    return nodes, labels, weights


@kept()
def _gauss(number: int) -> tuple[Vector, Vector]:
    x, weights = hermegauss(number)
    if number % 2:
        x[number // 2] = 0.0
    return x, weights / weights.sum()
