"""The deepest minimum of a function of one variable that has several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from scipy.optimize import minimize_scalar


class Minimum(NamedTuple):
    """Where a function is least, its value there, and whether that is inside of the grid."""

    place: float
    value: float
    inside: bool


def deepest_minimum(
    function: Callable[[float], float], places: Sequence[float], tolerance: float
) -> Minimum:
    """Return the deepest minimum that a grid brackets.

    The function is asked for at every place, in their order, so that it may go from each to its
    neighbour; every place that is below its neighbours is then refined between them. Of the ends
    of the grid, the lower stands for what lies beyond: if it is below all minima, it is returned.

    Parameters
    ----------
    function : callable
        What to minimise.
    places : sequence of float
        Three or more, ascending or descending, no two minima between neighbours.
    tolerance : float
        To which a place is refined.
    """
    values = [function(place) for place in places]
    lowest = min((0, len(values) - 1), key=values.__getitem__)
    best = Minimum(places[lowest], values[lowest], False)
    for i in range(1, len(values) - 1):
        if values[i] <= min(values[i - 1], values[i + 1]):
            bounds = sorted((places[i - 1], places[i + 1]))
            options = {"xatol": tolerance}
            found = minimize_scalar(function, bounds=bounds, method="bounded", options=options)
            best = min(
                best,
                Minimum(places[i], values[i], True),
                Minimum(float(found.x), float(found.fun), True),
                key=lambda minimum: minimum.value,
            )
    return best
