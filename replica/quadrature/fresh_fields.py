"""Test and optimal loss of tilted fields, which no training has moved: one integral, no prox."""

from __future__ import annotations

from replica.arrays import Vector
from replica.quadrature.kernels.fresh_fields import fresh_averages, fresh_pair
from replica.quadrature.lattice import DIGITS, RADII, spacing
from replica.quadrature.rule import Accuracy

#: Spacing, radius in x and log(1/error) of the one integral that many colours need.
_MANY = {
    Accuracy.COARSE: (0.29, 9.8, 34.0),
    Accuracy.FINE: (0.29, 9.8, 34.0),
    Accuracy.FINER: (0.24, 10.6, 38.0),
}


def fresh(colors: int, m: Vector, q: Vector, accuracy: Accuracy) -> tuple[float, float]:
    """Return E log(1/softmax_1(ω)) and E (1 - softmax_1(ω)) of ω = m K0 e_1 + √q ξ."""
    if colors == 2:
        pair = fresh_pair(m[0], q[0], spacing(q[0], DIGITS[accuracy]), RADII[accuracy])
    else:
        pair = fresh_averages(colors, m[0], q[0], *_MANY[accuracy])
    return pair[0], pair[1]
