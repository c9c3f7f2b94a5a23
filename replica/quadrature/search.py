"""The deepest minimum of a function of one variable that has several, and its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.polynomial.chebyshev import Chebyshev
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar


class Minimum(NamedTuple):
    """Where a function is least, its value there, and whether that is inside of the grid."""

    place: float
    value: float
    inside: bool


def deepest_minimum(
    function: Callable[[float], float],
    places: Sequence[float],
    tolerance: float,
    ends: bool = True,
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
    ends : bool
        Whether what lies beyond the grid counts; if not, an end is returned without a minimum only.
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
                *((best,) if ends or best.inside else ()),
                Minimum(places[i], values[i], True),
                Minimum(float(found.x), float(found.fun), True),
                key=lambda minimum: minimum.value,
            )
    return best


def flat_minimum(
    function: Callable[[float], float], centre: float, half_width: float, degree: int
) -> float | None:
    """Return the place of a minimum to nearly all digits of the function, or None.

    A minimum is flat, and differences of values there carry half their digits only. A polynomial
    through values around it, of which the derivative vanishes, keeps nearly all of them.

    Parameters
    ----------
    function : callable
        What to minimise.
    centre : float
        Near the minimum.
    half_width : float
        Of the domain of the polynomial; where the minimum lies outside of its inner half, the
        domain moves on, six times at most.
    degree : int
        Of the polynomial.
    """
    for _ in range(6):
        domain = (centre - half_width, centre + half_width)
        places = centre + half_width * np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1))
        values = [function(place) for place in places]
        fit = Chebyshev.fit(places, values, degree, domain=domain)
        best = _nearest_root(fit, centre, half_width)
        if abs(best - centre) < 0.5 * half_width:
            return best
        centre = min(max(best, domain[0]), domain[1])
    return None


def _nearest_root(fit: Chebyshev, centre: float, half_width: float) -> float:
    """Return the extremum of the fit nearest to a point, or the lower end of its domain."""
    roots: NDArray[np.complex128] = np.asarray(fit.deriv().roots(), dtype=complex)
    real = roots.real[np.abs(roots.imag) < 1e-9]
    inside = real[np.abs(real - centre) < half_width]
    if inside.size:
        return float(inside[np.argmin(np.abs(inside - centre))])
    low, high = fit.domain
    return float(low if fit(low) < fit(high) else high)
