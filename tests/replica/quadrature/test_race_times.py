"""Times of the exponential race: they cover any stretch, and sums over them are integrals."""

from __future__ import annotations

import numpy as np
import pytest

from replica.quadrature.softmax_race import race_times


@pytest.mark.parametrize("low", [-2.5, -4.0, -30.0, -900.0, -1e5])
def test_nodes_begin_at_the_earliest_time_and_integrate(low):
    u, du = race_times(low, -2.0, 30.0, 0.05)
    np.testing.assert_allclose(u[0], low, rtol=1e-12)
    assert (np.diff(u) > 0).all()
    assert u[-1] > 29.0
    # The time of an event of rate e² has density e^{v - e^v}, v = u + 2, with a long early tail.
    v = u + 2.0
    np.testing.assert_allclose(du @ np.exp(v - np.exp(v)), np.exp(-np.exp(v[0])), rtol=0.03)
    np.testing.assert_allclose(du @ np.exp(-0.5 * (u - 12.0) ** 2), np.sqrt(2 * np.pi), rtol=1e-12)


def test_nodes_begin_no_later_than_typical():
    u, _ = race_times(5.0, -2.0, 10.0, 0.1)
    np.testing.assert_allclose(u[0], -2.0, rtol=1e-12)
