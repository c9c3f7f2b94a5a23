"""Kernel that lists the points of a lattice up to permutations of colours, with multiplicities."""

from __future__ import annotations

import numpy as np

from replica.jit import inlined, jit


@inlined
def _square(k, used, others):
    """Return |k - mean|² of the first `used` entries; the others of `others` are zero."""
    s1 = s2 = 0.0
    for i in range(used):
        s1 += k[i]
        s2 += k[i] * k[i]
    return s2 - s1 * s1 / others


@jit
def lattice_orbits(colors, reach, most, points, multiplicities):
    """Visit the k in Z^C, modulo a common shift, with |K0 k|² <= reach, once per orbit.

    Colours other than the first are exchangeable, so that k_2 >= ... >= k_C = 0 stand for all
    points with their number.

    Parameters
    ----------
    colors : int
        C.
    reach : float
        Largest |K0 k|².
    most : int
        Stop once there are more orbits than this.
    points, multiplicities : arrays (orbits, colors) and (orbits,)
        Receive the orbits as far as they have room.

    Returns
    -------
    int
        The number of orbits, or a number above `most`.
    """
    others = colors - 1
    k = np.zeros(colors, dtype=np.int64)
    number = 0
    going = True
    while going:
        s1 = 0.0
        multiplicity = 1.0
        run = 0
        for i in range(others):
            s1 += k[i]
            run = run + 1 if i > 0 and k[i] == k[i - 1] else 1
            multiplicity *= (i + 1.0) / run
        # |K0 k|² is a quadratic in the masked k.
        room = (reach - _square(k, others, others)) * colors / others
        if room >= 0.0:
            middle = s1 / others
            for k1 in range(
                int(np.ceil(middle - np.sqrt(room))), int(np.floor(middle + np.sqrt(room))) + 1
            ):
                if number < len(points):
                    points[number, 0] = k1
                    for i in range(others):
                        points[number, i + 1] = k[i]
                    multiplicities[number] = multiplicity
                number += 1
            if number > most:
                return number
        # The next k: |K0 k| grows with each entry, so the first k too far ends its loop.
        going = False
        for i in range(others - 1):
            k[i] += 1
            for j in range(i):
                k[j] = k[i]
            if _square(k, others - 1, others) <= reach:
                going = True
                break
    return number
