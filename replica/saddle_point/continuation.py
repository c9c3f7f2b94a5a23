"""Continuation: a starting point for a problem from the solutions of its neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from replica.arrays import Vector
from replica.jit import jit


class State(NamedTuple):
    """Where a search ended, or should start: a point, and the inverse derivative of its gap.

    The inverse is what the search makes of it, a matrix or a memory, or None.
    """

    x: Vector
    inverse: Any


def extrapolated(past: Sequence[tuple[float, State]], here: float) -> State | None:
    """Return the polynomial through the past states, with the last derivative.

    Newton's form, from the last state back, ends where its terms no longer fall: across a
    wide gap a high order would lead astray.

    Parameters
    ----------
    past : sequence of (float, State)
        Where on the path, and the state there; the last is the nearest.
    here : float
        Where to extrapolate to.
    """
    if not past:
        return None
    # Equal places carry no slope.
    distinct = dict(past)
    x = _newton_form(np.array(list(distinct)), np.array([s.x for s in distinct.values()]), here)
    return State(x, past[-1][1].inverse)


@jit
def _newton_form(places, values, here):
    last, size = len(places) - 1, values.shape[1]
    x = np.empty(size)
    for k in range(size):
        x[k] = values[last, k]
    product, bound = 1.0, 1.0
    for order in range(1, last + 1):
        # Divided differences of this order, each at the place of its last point.
        for i in range(last, order - 1, -1):
            for k in range(size):
                values[i, k] = (values[i, k] - values[i - 1, k]) / (places[i] - places[i - order])
        product *= here - places[last - order + 1]
        largest = 0.0
        for k in range(size):
            term = abs(product * values[last, k])
            # A NaN is kept, and ends the sum.
            largest = largest if term <= largest else term
        if not largest < bound:
            break
        for k in range(size):
            x[k] += product * values[last, k]
        bound = min(0.5 * largest, 1.0)
    return x
