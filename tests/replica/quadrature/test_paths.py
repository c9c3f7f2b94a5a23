"""Kernels of sampled paths, against derivatives by differences and numpy's factorisations."""

from __future__ import annotations

import numpy as np
import pytest

from replica.quadrature.kernels.paths import LANES, add_row, response
from replica.quadrature.path_noise import path_noise


def forces(noise: np.ndarray, memory: np.ndarray, mode: np.ndarray) -> np.ndarray:
    """Return g_t = tanh of the fields h_t = ξ_t + Σ_s R(t, s) g_s, mixed, for every step."""
    mix = np.array([[1.0, 0.4], [0.4, 0.8]])[: noise.shape[1], : noise.shape[1]]
    found = np.zeros_like(noise)
    for t in range(len(noise)):
        h = noise[t] + np.einsum("as,sa->a", memory[mode, t, :t], found[:t])
        found[t] = -mix @ np.tanh(mix @ h)
    return found


def curvatures(noise: np.ndarray, memory: np.ndarray, mode: np.ndarray) -> np.ndarray:
    mix = np.array([[1.0, 0.4], [0.4, 0.8]])[: noise.shape[1], : noise.shape[1]]
    g = forces(noise, memory, mode)
    bends = []
    for t in range(len(noise)):
        h = noise[t] + np.einsum("as,sa->a", memory[mode, t, :t], g[:t])
        bends.append(mix @ np.diag(1 - np.tanh(mix @ h) ** 2) @ mix)
    return np.array(bends)


@pytest.mark.parametrize("mode", [[0], [0, 0], [0, 1]], ids=str)
def test_response_is_a_derivative(mode):
    """Five steps and 32 paths: derivatives of the last force by central differences."""
    rng, steps, paths = np.random.default_rng(0), 5, 2 * LANES
    mode = np.array(mode)
    axes, modes = len(mode), max(mode) + 1
    memory = np.tril(rng.uniform(0.1, 0.5, (modes, steps, steps)), -1)
    noise, weights = rng.standard_normal((paths, steps, axes)), rng.dirichlet(np.ones(paths))
    bends = np.array([curvatures(each, memory, mode) for each in noise])
    shaped = bends.reshape(-1, LANES, steps, axes**2).transpose(2, 0, 3, 1)
    unit = np.broadcast_to(np.eye(axes).reshape(1, -1, 1), (paths // LANES, axes**2, LANES))
    found = np.zeros((modes, steps))
    backwards = np.ascontiguousarray(memory.transpose(0, 2, 1))
    response(backwards, mode, np.ascontiguousarray(unit), np.ascontiguousarray(shaped),
             weights.reshape(-1, LANES), found)  # fmt: skip
    expected, step = np.zeros((modes, steps)), 1e-5
    for s in range(steps):
        for a in range(axes):
            move = np.zeros((steps, axes))
            move[s, a] = step
            for weight, each in zip(weights, noise, strict=True):
                up, down = (forces(each + x * move, memory, mode)[-1, a] for x in (1, -1))
                expected[mode[a], s] -= weight * (up - down) / (2 * step)
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)


def test_probes_have_the_response_in_the_mean():
    """All sixteen signs of four axes, one a lane: their mean is the sum over axes, exactly."""
    rng, steps, axes = np.random.default_rng(1), 4, 4
    memory = np.triu(rng.uniform(0.1, 0.5, (1, steps, steps)), 1)
    bend = rng.standard_normal((steps, axes, axes))
    bends = np.repeat((bend @ bend.transpose(0, 2, 1)).reshape(steps, 1, -1, 1), LANES, axis=3)
    mode, weights = np.zeros(axes, dtype=np.int64), np.full((1, LANES), 1 / LANES)
    signs = 2.0 * (np.arange(LANES) >> np.arange(axes)[:, None] & 1) - 1
    unit = np.repeat(np.eye(axes).reshape(1, -1, 1), LANES, axis=2)
    by_signs, by_axes = np.zeros((1, steps)), np.zeros((1, steps))
    response(memory, mode, signs[None], bends, weights, by_signs)
    response(memory, mode, unit, bends, weights, by_axes)
    np.testing.assert_allclose(by_signs, by_axes, rtol=1e-12)


def test_triangular_root_row_by_row():
    rng = np.random.default_rng(2)
    factor = rng.standard_normal((8, 8))
    covariance = factor @ factor.T
    root = np.zeros((8, 8))
    for t in range(8):
        add_row(covariance[t, : t + 1].copy(), root, 1e-13)
    np.testing.assert_allclose(root, np.linalg.cholesky(covariance), rtol=1e-9, atol=1e-12)
    # A step that earlier ones determine has no noise of its own, and neither has w = 0.
    singular = np.zeros((3, 3))
    singular[1:, 1:] = 2.0
    root = np.zeros((3, 3))
    for t in range(3):
        add_row(singular[t, : t + 1].copy(), root, 1e-13)
    np.testing.assert_allclose(root @ root.T, singular, atol=1e-12)
    assert root[2, 2] == root[0, 0] == 0.0


@pytest.mark.parametrize(("paths", "dimensions"), [(64, 5), (256, 700)])
def test_noise_of_paths(paths, dimensions):
    x = path_noise(paths, dimensions, (3,))
    assert x.shape == (paths, dimensions)
    np.testing.assert_array_equal(x[: paths // 2], -x[paths // 2 :])
    exact = min(dimensions, paths // 8)
    np.testing.assert_allclose(x[:, :exact].T @ x[:, :exact] / paths, np.eye(exact), atol=1e-10)
    # Mean squares of the rest: 5 standard errors of 700 x 128 normal numbers, fixed seed.
    assert abs((x**2).mean() - 1) < 5 * np.sqrt(2 / (x.size / 2)) + 1e-12
    other = path_noise(paths, dimensions, (4,))
    assert np.abs(x - other).max() > 0.1
