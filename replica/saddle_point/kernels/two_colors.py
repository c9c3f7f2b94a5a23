"""Parts of kernels that search for the fixed point of two colours, from near it."""

from __future__ import annotations

import numpy as np

from replica.jit import inlined, part
from replica.quadrature.kernels.two_colors import two_color_averages
from replica.saddle_point.kernels.overlaps import one_mode_overlaps

#: A step that shrinks the gap less than this means that the inverse derivative is out of date.
_GOOD_STEP = 0.3

#: The two accuracies: of what is found, and of what bounds its error.
_FINE, _FINER = 0, 1


@part
def _gap(x, alpha, overlap, energy, response, gap):
    """Write by how much the logarithms of V̂, m̂ and q̂ that follow exceed x; return the most."""
    gap[0] = np.log(alpha * response) - x[0]
    gap[1] = np.log(alpha * overlap) - x[1]
    gap[2] = np.log(alpha * energy) - x[2]
    most = 0.0
    for k in range(3):
        # A NaN is kept.
        most = most if abs(gap[k]) <= most else abs(gap[k])
    return most


@part
def _newton(inverse, gap, step):
    """Write Newton's step; return its largest component."""
    longest = 0.0
    for k in range(3):
        step[k] = 0.0
        for j in range(3):
            step[k] -= inverse[k, j] * gap[j]
        longest = max(longest, abs(step[k]))
    return longest


@part
def _broyden(inverse, step, before, after, change):
    """Update the inverse of a derivative after a step along which the gap changed so."""
    along = 0.0
    for k in range(3):
        change[k] = 0.0
        for j in range(3):
            change[k] += inverse[k, j] * (after[j] - before[j])
        along += step[k] * change[k]
    if along != 0.0:
        for j in range(3):
            share = 0.0
            for k in range(3):
                share += step[k] * inverse[k, j]
            for k in range(3):
                inverse[k, j] += (step[k] - change[k]) * (share / along)
    return along != 0.0


@inlined
def search(x, inverse, alpha, lam, spectrum, spacings, radii, tolerance, most, found):
    """Search for the fixed point by Newton's steps with Broyden's updates, as `find_fixed_point`.

    Whatever that would answer with a new derivative, or a shorter step, ends the search.
    `x` and `inverse` become those of the end. Rows of `found` receive what is there: m, q, V, w*·w,
    |w|² and the training loss; the gap; and, in the last but one, gap and loss of the finer
    quadrature.

    Returns
    -------
    int
        The number of evaluations, as a negative number if the search has failed.
    """
    order, gap, finer = found[0], found[1], found[3]
    new, new_gap, step, change = np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    for k in range(3):
        new[k] = x[k]
    size, count, accuracy = np.inf, 0, _FINE
    while True:
        one_mode_overlaps(new, lam, spectrum, order)
        m, q, V = order[0], order[1], order[2]
        if not (q > 0.0 and V > 0.0):
            return -count
        count += 1
        overlap, energy, response, loss = two_color_averages(
            m, q, V, spacings[accuracy], radii[accuracy]
        )
        new_size = _gap(new, alpha, overlap, energy, response, new_gap)
        if not new_size < np.inf:
            return -count
        if accuracy == _FINER:
            for k in range(3):
                finer[k] = new_gap[k]
            finer[5] = loss
            return count
        if count > 1:
            shrunk = new_size < _GOOD_STEP * size
            shrunk = shrunk and _broyden(inverse, step, gap, new_gap, change)
            if not shrunk and new_size >= tolerance:
                return -count
        size, order[5] = new_size, loss
        length = _newton(inverse, new_gap, step)
        for k in range(3):
            x[k], gap[k] = new[k], new_gap[k]
        if size < tolerance and length < tolerance:
            # The finer quadrature at the same x.
            accuracy = _FINER
        elif count >= most:
            return -count
        else:
            for k in range(3):
                new[k] = x[k] + step[k]
