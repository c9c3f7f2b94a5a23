"""Starting points along a path of problems."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from replica.jit import jit


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
    x = _newton_form(np.array(list(distinct)), np.stack([s.x for s in distinct.values()]), here)
    return State(x, past[-1][1].inverse)


@jit
def _newton_form(places, values, here):
    last = len(places) - 1
    x = values[last].copy()
    product, bound = 1.0, 1.0
    for order in range(1, len(places)):
        # Divided differences of this order, each at the place of its last point.
        for i in range(last, order - 1, -1):
            values[i] = (values[i] - values[i - 1]) / (places[i] - places[i - order])
        product *= here - places[last - order + 1]
        term = product * values[last]
        size = np.abs(term).max()
        if not size < bound:
            break
        x += term
        bound = min(0.5 * size, 1.0)
    return x
