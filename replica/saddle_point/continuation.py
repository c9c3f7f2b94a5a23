"""Continuation: a starting point for a problem from the solutions of its neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from replica.arrays import Vector
from replica.saddle_point.kernels.newton_form import continued


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
    places, values = np.array(list(distinct)), np.array([s.x for s in distinct.values()])
    x = np.empty(values.shape[1])
    continued(places, values, len(places), here, x)
    return State(x, past[-1][1].inverse)
