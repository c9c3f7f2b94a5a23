"""Kernel that follows the solution of two colours along the sample ratio."""

from __future__ import annotations

import numpy as np

from replica.jit import jit, part
from replica.quadrature.kernels.fresh_fields import fresh_pair
from replica.quadrature.kernels.spacing import shared_spacing, spacing_of
from replica.saddle_point.kernels.newton_form import continued
from replica.saddle_point.kernels.overlaps import one_mode_overlaps
from replica.saddle_point.kernels.two_colors import search

#: States that a point is continued from.
PAST = 7

#: What is found of a point, see `follow_two_colors`.
ORDER, GAP, AFTER, FINER, FRESH = range(5)

#: Change of log q within which a lattice serves.
_COVERED = 0.2


@part
def _fresh_losses(m, q, digits, radii, losses):
    """Write the loss on fresh sequences, that of the finer quadrature, and that of logits ω m/q.

    The last is that of fields with m = q = m²/q, whose softmax is the true law.
    """
    for k in range(3):
        if k == 2:
            m = q = m * m / q
        losses[k] = np.log(2.0)
        if q > 0.0:
            s = spacing_of(q, digits[k % 2])
            losses[k], _, _ = fresh_pair(m, q, s, radii[k % 2])


@jit
def follow_two_colors(
    alphas, lam, spectrum, lattice, fresh, places, states, inverse, limits, inverses, found
):
    """Follow the fixed point along the sample ratio, from the states before, as far as that leads.

    Parameters
    ----------
    alphas : array (points,)
        Sample ratios.
    lam, spectrum : float, (G, weights, teacher)
        What the coupling equations take; arrays (nodes,).
    lattice, fresh : (digits, radii)
        Of the quadrature and of the finer one that bounds its error, arrays (2,): log(1/error) that
        the spacings aim at, and where the lattices end.
    places, states, inverse : arrays (before + points,), (before + points, 3) and (3, 3)
        log α and the logarithms of V̂, m̂ and q̂ of the states before, with the inverse derivative of
        the gap at the last of them. Those of the points are added.
    limits : (float, int, float, float)
        The largest gap and step at the end of a search, the most evaluations, the largest q, and
        the points of lattices after which no more is followed.
    inverses : array (points, 3, 3)
        Receives the inverse derivatives.
    found : array (points, 5, 6)
        Receives m, q, V, w*·w, |w|² and the training loss; the gap, and last the number of
        evaluations; the first five after one more evaluation; the six of the finer quadrature; and
        the losses on fresh sequences.

    Returns
    -------
    int
        The number of points that were found.
    """
    tolerance, most, largest_q, budget = limits
    before = places.size - alphas.size
    window, values = np.empty(PAST), np.empty((PAST, 3))
    spacings, x, moved = np.empty(2), np.empty(3), np.empty(3)
    for point in range(alphas.size):
        here = found[point]
        order, gap, finer = here[0], here[1], here[3]
        last = before + point
        first = max(0, last - PAST)
        for i in range(first, last):
            window[i - first] = places[i]
            for k in range(3):
                values[i - first, k] = states[i, k]
        continued(window, values, last - first, places[last], x)
        one_mode_overlaps(x, lam, spectrum, order)
        q = order[1]
        if not (budget > 0.0 and 0.0 < q < largest_q):
            return point
        for k in range(2):
            spacings[k] = shared_spacing(spacing_of(q, lattice[0][k]))
        count = search(
            x, inverse, alphas[point], lam, spectrum, spacings, lattice[1], tolerance, most, here
        )
        gap[5] = abs(count)
        if count <= 0 or not abs(np.log(order[1] / q)) < _COVERED:
            return point
        budget -= 2.0 * count * lattice[1][1] / spacings[1]
        # One more evaluation; and the solution of the finer quadrature, one Newton step away.
        for row in range(2, 4):
            for k in range(3):
                newton = 0.0
                for j in range(3):
                    newton -= inverse[k, j] * finer[j]
                moved[k] = x[k] + (gap[k] if row == 2 else newton)
            one_mode_overlaps(moved, lam, spectrum, here[row])
        _fresh_losses(order[0], order[1], fresh[0], fresh[1], here[4])
        for k in range(3):
            states[last, k] = x[k]
            for j in range(3):
                inverses[point, k, j] = inverse[k, j]
    return alphas.size
