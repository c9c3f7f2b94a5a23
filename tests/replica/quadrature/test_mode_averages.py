"""Points for fields of several colour modes, and what the cross-entropy makes of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.polynomial.hermite_e import hermegauss
from scipy.optimize import root
from scipy.special import logsumexp, softmax

from replica.ensembles.potts import PottsEnsemble
from replica.problem import PottsTokens
from replica.quadrature.colour_mode_rule import ModeRule
from replica.quadrature.kernels.colour_modes import BLOCK, mode_averages
from replica.quadrature.mode_points import mode_points
from replica.quadrature.rule import Accuracy
from replica.quadrature.sparse_grid import sizes, sparse_grid


def circulant(*row: float) -> list[list[float]]:
    return [np.roll(row, i).tolist() for i in range(len(row))]


@pytest.mark.parametrize("costs", [(1,), (2, 3), (2, 3, 7), (1, 1, 1, 2)])
def test_sparse_grids_are_exact_up_to_their_cost(costs):
    """A rule of l + 1 nodes integrates x^{2l+1}, differences of rules products of them."""
    x, weights = sparse_grid(costs, 12)
    assert weights.sum() == pytest.approx(1.0, abs=1e-12)
    powers = [2 * (12 // (len(costs) * cost)) for cost in costs]
    moments = [math.prod(range(1, power, 2)) for power in powers]
    assert weights @ np.prod(x**powers, axis=1) == pytest.approx(math.prod(moments), rel=1e-11)
    assert len(np.unique(x.round(9), axis=0)) == len(x)
    assert 0.9 * len(x) < sizes(costs, 12)[12] < 1.5 * len(x)


def by_gauss(q, function, nodes=60):
    """Average a function of three normal fields of these variances by a product of rules."""
    x, weights = hermegauss(nodes)
    places = np.stack(np.meshgrid(*([x] * 3), indexing="ij"), axis=-1).reshape(-1, 3)
    shares = np.einsum("i,j,k->ijk", weights, weights, weights).ravel()
    return shares @ function(np.sqrt(q) * places) / shares.sum()


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("q", [(0.3, 0.3, 0.02), (0.5, 0.0, 0.5, 0.1, 0.1), (4.0, 0.5, 0.5)])
def test_points_average_a_log_partition_function(q, positive):
    """Of fields of no more than three dimensions that Gauss's product rules average."""
    q = np.array(q)
    axes = np.random.default_rng(1).standard_normal((q.size, 4)) / 2.0
    x, weights = mode_points(q, (False,) * q.size, 16.0, Accuracy.FINE, positive)
    assert x.shape == (q.size, weights.size)
    assert weights.size % BLOCK == 0
    found = weights @ logsumexp((np.sqrt(q)[:, None] * x).T @ axes, axis=1)
    wide = np.argsort(q)[-3:]
    if q.size > 3:
        # Two of four axes of one variance are turned into one another.
        q, axes = q[wide], axes[wide]
        x, weights = mode_points(q, (False,) * 3, 16.0, Accuracy.FINE, positive)
        found = weights @ logsumexp((np.sqrt(q)[:, None] * x).T @ axes, axis=1)
    expected = by_gauss(q, lambda fields: logsumexp(fields @ axes, axis=1))
    assert found == pytest.approx(expected, rel=3e-9)


def test_every_point_solves_its_prox():
    """h = ω + W (e_y - softmax(h)) by a root finder, K by differences of its solutions."""
    rng = np.random.default_rng(3)
    colors, y = 4, 2
    basis = np.linalg.qr(np.column_stack([np.ones(colors), rng.standard_normal((4, 3))]))[0][
        :, 1:
    ].T
    W = basis.T @ np.diag([0.3, 4.0, 4.0]) @ basis
    centre, spread = 0.5 * basis.T @ basis[:, y], np.array([0.6, 1.8, 1.8])[:, None] * basis
    x, weights = rng.standard_normal((3, BLOCK)), np.zeros(BLOCK)
    weights[:3] = 0.2, 0.3, 0.5
    # As rules have them, for which the kernel is compiled.
    spread = np.ascontiguousarray(spread)
    for each in (x, weights):
        each.setflags(write=False)
    forces, K = np.zeros((colors, BLOCK)), np.empty((colors, colors, BLOCK))
    gain, square, response, loss, solved = mode_averages(
        centre, spread, W, y, x, weights, forces, K
    )

    def force(omega):
        return root(lambda g: np.eye(4)[y] - softmax(omega + W @ g) - g, np.zeros(4), tol=1e-13).x

    assert solved
    expected, losses = [], []
    for point in range(3):
        omega = centre + x[:, point] @ spread
        g = force(omega)
        expected.append(g)
        losses.append(-np.log(1.0 - g[y]))
        slopes = [(force(omega + d) - force(omega - d)) / 2e-5 for d in 1e-5 * np.eye(4)]
        np.testing.assert_allclose(K[:, :, point], -np.array(slopes), atol=1e-9)
    np.testing.assert_allclose(gain, weights[:3] @ expected, atol=1e-12)
    np.testing.assert_allclose(
        square, np.einsum("p,pa,pb->ab", weights[:3], expected, expected), atol=1e-12
    )
    np.testing.assert_allclose(response, K[:, :, :3] @ weights[:3], atol=1e-14)
    assert loss == pytest.approx(weights[:3] @ losses, rel=1e-11)


@pytest.mark.parametrize("V", [0.0, 0.7])
def test_a_mirror_image_counts_for_both(V):
    """All colours masked in turn, no two points taken for alike: the same averages."""
    law = PottsEnsemble(PottsTokens(5, 1.0, circulant(1, 0.5, 0.1, 0.1, 0.5))).law
    assert (law.masked, sum(law.odd)) == ((0,), 2)
    every = type(law)(law.basis, law.mode, tuple(range(5)), (False,) * 4)
    m, q = np.array([0.1, 0.6]), np.array([0.05, 0.8])
    one, all_of_them = (
        ModeRule(each, q).averages(m, q, np.array([V, 3 * V]), Accuracy.FINE)
        for each in (law, every)
    )
    for a, b in zip(one, all_of_them, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7)


def test_steps_that_turn_back_get_shorter():
    """Wide fields and a stiff prox, where steps of a fixed bound go to and fro for ever."""
    law = PottsEnsemble(PottsTokens(4, 0.2, circulant(1, 0, 0.6, 0))).law
    m, q, V = np.array([0.0019, 0.03]), np.array([2.5, 39.7]), np.array([23.2, 371.0])
    found = ModeRule(law, q).averages(m, q, V, Accuracy.COARSE)
    fine = ModeRule(law, q).averages(m, q, V, Accuracy.FINE)
    assert found.loss == pytest.approx(fine.loss, rel=2e-2)
    np.testing.assert_allclose(found.overlap, fine.overlap, rtol=2e-2)
