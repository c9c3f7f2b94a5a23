"""The lattice of few colours: its points against all of them, its starts against a search."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose

import replica.quadrature.lattice as lattice
from replica.quadrature.lattice import LatticeRule
from replica.quadrature.lattice_points import lattice_points
from replica.quadrature.rule import Accuracy


@pytest.mark.parametrize(("colors", "spacing"), [(3, 0.6), (4, 0.9), (5, 1.2)])
def test_points_stand_for_all_of_the_lattice(colors, spacing):
    """Every k in a box, modulo a common shift, with k_C = 0 after sorting the other colours."""
    radius, step = 4.0, np.sqrt(2.0) * spacing
    points = lattice_points(colors, spacing, radius)
    box = range(-8, 9)
    weights: dict[tuple[int, ...], float] = {}
    for k in itertools.product(box, repeat=colors - 1):
        square = step**2 * (np.sum(np.square(k)) - np.sum(k) ** 2 / colors)
        if square <= radius**2:
            others = np.sort([*k[1:], 0])[::-1]
            shifted = (k[0] - others[-1], *(others - others[-1]).tolist())
            weights[shifted] = weights.get(shifted, 0.0) + np.exp(-0.5 * square)
    cell = (step / np.sqrt(2 * np.pi)) ** (colors - 1) / np.sqrt(colors)
    found = points.weights > 0.0
    listed = dict(zip(map(tuple, points.k.T[found].tolist()), points.weights[found], strict=True))
    assert listed.keys() == weights.keys()
    assert_allclose([listed[k] for k in weights], cell * np.array(list(weights.values())))


@pytest.mark.parametrize("colors", [3, 4, 5])
def test_points_start_from_solved_ones_in_a_line(colors):
    points = lattice_points(colors, 0.5, 6.0)
    start = points.weights.size - points.many.size
    begin = np.repeat(points.blocks[:-1], np.diff(points.blocks))
    for i in range(points.many.size):
        before = points.before[: points.many[i] + 1, i]
        assert (before < begin[start + i]).all()
        chain = points.k[:, [start + i, *before]]
        assert (np.diff(chain, n=2, axis=1) == 0).all()
        assert np.abs(np.diff(chain, axis=1)).max() == 1


@pytest.mark.parametrize(
    ("colors", "order"),
    [
        (3, (0.62, 1.13, 0.889)),
        (3, (0.3, 20.0, 4e4)),
        (3, (-0.01, 0.12, 4e4)),
        (4, (0.25, 2.7, 13.7)),
        (5, (0.4, 0.2, 1e-9)),
    ],
)
def test_all_starts_lead_to_the_same(colors, order, monkeypatch):
    def averages(rule, scale=1.0):
        found = rule.averages(*(np.array([scale * value]) for value in order), Accuracy.FINE)
        return *found.overlap, *found.energy, *found.response, found.loss

    rule = LatticeRule.near(colors, order[1])
    first = averages(rule)
    averages(rule, 1.05)
    again = averages(rule)
    monkeypatch.setattr(lattice, "lattice_averages", lambda *_: False)
    searched = averages(LatticeRule.near(colors, order[1]))
    # V p has rounding errors that p does not know.
    assert_allclose(again, first, rtol=1e-13 + 1e-17 * order[2])
    assert_allclose(searched, first, rtol=2e-12)
