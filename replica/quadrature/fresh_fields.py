"""Fields of tilted laws that no training has moved: losses and forces, by one integral, no prox."""

from __future__ import annotations

import numpy as np

from replica.arrays import Vector
from replica.quadrature.kernels.fresh_fields import fresh_averages, fresh_pair
from replica.quadrature.kernels.spacing import spacing
from replica.quadrature.lattice import DIGITS, RADII
from replica.quadrature.rule import Accuracy, Averages

#: Spacing, radius in x and log(1/error) of the one integral that many colours need.
_MANY = {
    Accuracy.COARSE: (0.29, 9.8, 34.0),
    Accuracy.FINE: (0.29, 9.8, 34.0),
    Accuracy.FINER: (0.24, 10.6, 38.0),
}


def fresh(colors: int, m: Vector, q: Vector, accuracy: Accuracy) -> tuple[float, float]:
    """Return E log(1/softmax_1(ω)) and E (1 - softmax_1(ω)) of ω = m K0 e_1 + √q ξ."""
    loss, error, _ = _fresh(colors, m, q, accuracy)
    return loss, error


def fresh_forces(colors: int, m: Vector, q: Vector, accuracy: Accuracy) -> Averages:
    """Return the averages over g = e_1 - softmax(ω): as |g|² = 2 g_1 - tr H, two are enough."""
    loss, overlap, response = _fresh(colors, m, q, accuracy)
    energy = 2.0 * overlap - response
    return Averages(np.array([overlap]), np.array([energy]), np.array([response]), loss)


def _fresh(colors: int, m: Vector, q: Vector, accuracy: Accuracy) -> tuple[float, float, float]:
    if colors == 2:
        pair = fresh_pair(m[0], q[0], spacing(q[0], DIGITS[accuracy]), RADII[accuracy])
    else:
        pair = fresh_averages(colors, m[0], q[0], *_MANY[accuracy])
    return pair[0], pair[1], pair[2]
