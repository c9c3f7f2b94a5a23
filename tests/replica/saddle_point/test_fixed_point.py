"""The search for a fixed point on maps that are known, and on maps that round."""

from __future__ import annotations

import numpy as np
import pytest

from replica.saddle_point.fixed_point import find_fixed_point

TOLERANCE = 1e-11


def search(function, start, inverse=None, most=200):
    calls = 0

    def counted(x):
        nonlocal calls
        calls += 1
        return function(x)

    start = np.asarray(start, dtype=float)
    found = find_fixed_point(counted, start, inverse, TOLERANCE, lambda: most - calls)
    return found, calls


def test_a_linear_map_takes_a_measured_derivative_and_a_step_or_two():
    matrix = np.array([[0.9, 0.3, 0.0], [0.0, 0.5, 0.2], [0.1, 0.0, -0.4]])
    offset = np.array([0.1, 0.2, -0.1])
    found, calls = search(lambda x: matrix @ x + offset, [0.0, 0.0, 0.0])
    assert found.status == "converged"
    np.testing.assert_allclose(found.x, np.linalg.solve(np.eye(3) - matrix, offset), rtol=1e-9)
    assert calls < 20


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("slope", [1.0, 1e-2, 1e-4])
def test_rounding_ends_the_search(seed, slope):
    """Of a gap that is all noise near the fixed point, steps of 1/slope times it are no help."""
    rng = np.random.default_rng(seed)
    noise = 2e-12

    def function(x):
        return x + slope * np.tanh(1.0 - x) + noise * rng.uniform(-1, 1, 3)

    found, calls = search(function, [0.5, 0.9, 1.4])
    assert found.status == "converged"
    np.testing.assert_allclose(found.x, 1.0, atol=20 * noise / slope)
    assert calls < 40


def test_a_gap_that_does_not_change_at_all():
    """Its derivative vanishes, along any step: no division by zero, and no answer."""
    for inverse in (None, -1e3 * np.eye(2)):
        found, _ = search(lambda x: x + 1e-12, [0.0, 1.0], inverse)
        assert found.status == "not-finite"
