"""Averages of the smoothed cross-entropy against quadratures that search for the prox."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import expit, softmax

from replica.channels.potts_cross_entropy import CrossEntropyChannel
from replica.quadrature.rule import Accuracy
from replica.quadrature.smoothed import SmoothedRule


def smoothed(colors, *order, accuracy=Accuracy.FINE):
    rule = SmoothedRule(colors, order)
    return rule.averages(*order, accuracy), rule


@pytest.mark.parametrize(
    ("colors", "order", "within"),
    [
        (2, (0.3, 1.0, 1.0), 1e-9),
        (2, (0.5, 30.0, 40.0), 1e-8),
        (3, (0.6, 1.1, 0.9), 1e-9),
        (5, (0.6, 1.1, 0.9), 1e-8),
        (20, (0.4, 0.3, 0.4), 1e-6),
    ],
)
def test_without_noise_it_is_the_cross_entropy(colors, order, within):
    """By a lattice of ω with a prox at each point, and by exchangeability for many colours."""
    m, q, V = (np.array([each]) for each in order)
    expected = CrossEntropyChannel(colors).rule(m, q, V).averages(m, q, V, Accuracy.FINER)
    found, rule = smoothed(colors, *order, 1e-14)
    for value, known in zip(
        (found.overlap, found.energy, found.response, found.loss), expected, strict=True
    ):
        assert value == pytest.approx(float(np.ravel(known)[0]), rel=within)
    assert rule.common_error < 3 * within


def test_two_colours_by_nested_integrals():
    """h_1 - h_2 = d with d = m + √(2q) x + 2V u(d), u = E σ(-d - √(2Δ) z)."""
    m, q, V, Delta = 0.4, 1.3, 1.7, 0.6

    def noisy(function, d):
        def weighted(z):
            return np.exp(-0.5 * z * z) * function(d + np.sqrt(2 * Delta) * z)

        return quad(weighted, -9, 9, epsabs=1e-12)[0] / np.sqrt(2 * np.pi)

    def averages(x):
        omega = m + np.sqrt(2 * q) * x

        def gap(d):
            return d - omega - 2 * V * noisy(lambda h: expit(-h), d)

        d = brentq(gap, omega, omega + 2 * V, xtol=1e-13)
        u = noisy(lambda h: expit(-h), d)
        bend = 2 * noisy(lambda h: expit(h) * expit(-h), d)
        loss = noisy(lambda h: np.logaddexp(0, -h), d)
        return np.array([u, 2 * u * u, bend / (1 + V * bend), bend, loss])

    x = np.arange(-7.5, 7.51, 0.3)
    weights = np.exp(-0.5 * x * x) * 0.3 / np.sqrt(2 * np.pi)
    expected = weights @ np.array([averages(each) for each in x])
    found, _ = smoothed(2, m, q, V, Delta)
    assert found[:5] == pytest.approx(expected, rel=1e-9)


def test_three_colours_by_grids_and_newton():
    m, q, V, Delta = 0.5, 0.7, 0.8, 0.3
    basis = np.array([[1, -1, 0], [1, 1, -2]]) / np.sqrt([[2], [6]])

    def grid(radius, step):
        axis = np.arange(-radius, radius + step / 2, step)
        x = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
        return x @ basis, np.exp(-0.5 * (x**2).sum(axis=1)) * step**2 / (2 * np.pi)

    zeta, noise = grid(6.6, 0.6)
    xi, weights = grid(6.6, 0.4)
    omega = m * (np.eye(3)[0] - 1 / 3) + np.sqrt(q) * xi
    h = omega.copy()
    for _ in range(7):
        p = softmax(h[:, None] + np.sqrt(Delta) * zeta, axis=-1)
        mean = noise @ p
        H = mean[:, :, None] * np.eye(3) - np.einsum("z,pza,pzb->pab", noise, p, p)
        g = np.eye(3)[0] - mean
        h = h + np.linalg.solve(np.eye(3) + V * H, (omega + V * g - h)[..., None])[..., 0]
    K = H @ np.linalg.inv(np.eye(3) + V * H)
    normaliser = np.log(np.exp(h[:, None] + np.sqrt(Delta) * zeta).sum(axis=-1)) @ noise
    expected = [
        weights @ g[:, 0],
        weights @ (g**2).sum(axis=1),
        weights @ np.trace(K, axis1=1, axis2=2),
        weights @ np.trace(H, axis1=1, axis2=2),
        weights @ (normaliser - h[:, 0]),
        weights @ np.trace(K @ K, axis1=1, axis2=2),
    ]
    found, _ = smoothed(3, m, q, V, Delta)
    assert found == pytest.approx(expected, rel=1e-8)


def test_many_colours_obey_the_derivatives_of_the_envelope():
    """∂E[ℓ + V|g|²/2] is -E g_1, E tr K/2, -E|g|²/2 and E tr H/2 in m, q, V and Δ."""
    order = np.array([0.5, 0.6, 0.7, 0.2])
    found, rule = smoothed(5, *order)
    slopes = [-found.overlap, 0.5 * found.response, -0.5 * found.energy, 0.5 * found.curvature]
    for k, expected in enumerate(slopes):
        values = []
        for sign in (1, -1):
            there = order.copy()
            there[k] += sign * 0.003
            at = rule.averages(*there, Accuracy.FINE)
            values.append(at.loss + 0.5 * there[2] * at.energy)
        assert (values[0] - values[1]) / 0.006 == pytest.approx(expected, rel=2e-5)


def test_narrow_fields_and_wide_ones_have_tables_of_their_own():
    """Of fields nearly 0: E g_1 = (1 - E p_1), a function of h_1 alone."""
    found, _ = smoothed(2, 1e-3, 1e-6, 0.5, 1e-6)
    wrong = brentq(lambda u: u - expit(-1e-3 - 2 * 0.5 * u), 0, 1)
    assert found.overlap == pytest.approx(wrong, rel=1e-5)
    wide, rule = smoothed(2, 0.5, 200.0, 2000.0, 1.0)
    finer, _ = smoothed(2, 0.5, 200.0, 2000.0, 1.0, accuracy=Accuracy.FINER)
    assert wide == pytest.approx(finer, rel=1e-7)
    assert rule.common_error < 1e-8


def test_fields_far_below_the_spacing_of_times_are_expanded_in_their_size():
    """A lattice so fine that one table for all levels would have a hundred million times."""
    m, q, V, Delta = 1.9e-6, 6.4e-10, 4.0e-5, 3.3e-8
    found, rule = smoothed(2, m, q, V, Delta)
    overlap = 0.5 - (m + V) / 4
    assert found.overlap == pytest.approx(overlap, abs=1e-9)
    assert found.energy == pytest.approx(overlap - (m + V) / 4, abs=1e-9)
    loss = np.log(2) - (m + V) / 2 + (q + Delta) / 4
    assert found.loss == pytest.approx(loss, abs=1e-9)
    assert rule.common_error < 1e-9


def test_fields_too_small_for_a_lattice_have_no_averages():
    found, _ = smoothed(2, 1e-9, 1e-17, 1e-6, 1e-12)
    assert np.isnan(found).all()
