"""Starting points along a path of problems."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
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
    places = list(distinct)[::-1]
    differences = [distinct[place].x for place in places]
    x, last = differences[0].copy(), math.inf
    product = 1.0
    for order in range(1, len(places)):
        differences = [
            (nearer - farther) / (places[i] - places[i + order])
            for i, (nearer, farther) in enumerate(pairwise(differences))
        ]
        product *= here - places[order - 1]
        term = product * differences[0]
        if not largest(term) < min(last, 1.0):
            break
        x, last = x + term, 0.5 * largest(term)
    return State(x, past[-1][1].inverse)
