"""Kernel that finds the fixed point of two colours, from that of a neighbour."""

from __future__ import annotations

import numpy as np

from replica.jit import jit
from replica.quadrature.kernels.two_colors import two_color_sums

#: A step that shrinks the gap less than this means that the inverse derivative is out of date.
_GOOD_STEP = 0.3

#: What is evaluated: the search, the finer quadrature, what follows, and where the finer one leads.
_SEARCH, _FINER, _AFTER, _MOVED = 0, 1, 2, 3


@jit
def search_two_colors(
    x, inverse, alpha, lam, G, weights, teacher, spacings, radii, tolerance, most, found
):
    """Search for the fixed point by Newton's steps with Broyden's updates, as `find_fixed_point`.

    Whatever that would answer with a new derivative, or a shorter step, ends the search.

    Parameters
    ----------
    x, inverse : arrays (3,) and (3, 3)
        Where to begin, and the inverse derivative of the gap there; they become those of the end.
    alpha, lam, G, weights, teacher : float, float, arrays (nodes,)
        The sample ratio, and what the coupling equations take.
    spacings, radii : arrays (2,)
        Of the quadrature, and of the finer one that bounds its error.
    tolerance, most : float, int
        Largest gap and step at the end, and the most evaluations.
    found : array (4, 6)
        Receives m, q, V, w*·w and |w|² at x and the training loss; the gap, and last the number of
        evaluations; the first five after one more evaluation; and the first five of the finer
        quadrature with its training loss at x.

    Returns
    -------
    bool
        Whether the search has converged.
    """
    new, new_gap = np.empty(3), np.empty(3)
    step, change = np.zeros(3), np.empty(3)
    for k in range(3):
        new[k] = x[k]
    size, count, stage = np.inf, 0, _SEARCH
    while True:
        V_hat, m_hat, q_hat = np.exp(new[0]), np.exp(new[1]), np.exp(new[2])
        m = q = V = overlap = norm2 = 0.0
        for i in range(G.size):
            D = lam + V_hat * G[i]
            signal = teacher[i] * m_hat * G[i] / D
            square = (signal * m_hat * G[i] + weights[i] * q_hat * G[i] / D) / D
            m += G[i] * signal
            q += G[i] * square
            V += G[i] * weights[i] / D
            overlap += signal
            norm2 += square
        # Where the finer quadrature is evaluated, x is that of the search.
        if stage != _FINER:
            row = found[stage]
            row[0], row[1], row[2], row[3], row[4] = m, q, V, overlap, norm2
        if stage == _MOVED:
            return True
        if stage == _AFTER:
            for k in range(3):
                new[k] = x[k] + step[k]
            stage = _MOVED
            continue
        if not (q > 0.0 and V > 0.0):
            return False
        count += 1
        found[1, 5] = count
        one, two, three, loss = two_color_sums(m, q, V, spacings[stage], radii[stage])
        new_gap[0] = np.log(alpha * three) - new[0]
        new_gap[1] = np.log(alpha * one) - new[1]
        new_gap[2] = np.log(alpha * two) - new[2]
        new_size = 0.0
        for k in range(3):
            new_size = new_size if abs(new_gap[k]) <= new_size else abs(new_gap[k])
        if not new_size < np.inf:
            return False
        if stage == _SEARCH and count > 1:
            along = 0.0
            for k in range(3):
                change[k] = 0.0
                for j in range(3):
                    change[k] += inverse[k, j] * (new_gap[j] - found[1, j])
                along += step[k] * change[k]
            if new_size < _GOOD_STEP * size and along != 0.0:
                for j in range(3):
                    share = 0.0
                    for k in range(3):
                        share += step[k] * inverse[k, j]
                    for k in range(3):
                        inverse[k, j] += (step[k] - change[k]) * (share / along)
            elif new_size >= tolerance:
                return False
        length = 0.0
        for k in range(3):
            step[k] = 0.0
            for j in range(3):
                step[k] -= inverse[k, j] * new_gap[j]
            length = max(length, abs(step[k]))
        if stage == _FINER:
            found[3, 5] = loss
            for k in range(3):
                new[k] = x[k] + found[1, k]
            stage = _AFTER
            continue
        found[0, 5] = loss
        for k in range(3):
            x[k], found[1, k] = new[k], new_gap[k]
        size = new_size
        if size < tolerance and length < tolerance:
            stage = _FINER
            continue
        if count >= most:
            return False
        for k in range(3):
            new[k] = x[k] + step[k]
