"""Starting points along a path of problems."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from replica.fixed_point import largest


class State(NamedTuple):
    """Where a search ended, or should start: a point, and the inverse derivative of its gap."""

    x: NDArray[np.float64]
    inverse: NDArray[np.float64] | None


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
    places = np.array(list(distinct)[::-1])
    differences = np.array([state.x for state in distinct.values()])[::-1]
    x, last = differences[0], math.inf
    product = 1.0
    for order in range(1, len(places)):
        steps = places[:-order] - places[order:]
        differences = (differences[:-1] - differences[1:]) / steps[:, None]
        product *= here - places[order - 1]
        term = product * differences[0]
        size = largest(term)
        if not size < min(last, 1.0):
            break
        x, last = x + term, 0.5 * size
    return State(x, past[-1][1].inverse)
