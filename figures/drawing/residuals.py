"""How far measured points are from a line, in standard errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from figures.drawing.panels import markers
from figures.drawing.style import BAND_COLOR, OPTIMAL_COLOR, Look

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Half the height of a strip at least, in standard errors, and the room above a marker.
_LEAST, _ROOM = 4.0, 1.3

#: Fewer points of a line tell nothing between them.
_FEWEST = 6


def draw_scores(axes: Axes, x: Any, scores: Any, look: Look) -> None:
    """Draw distances in standard errors, each with a bar of length one, on a band of two.

    Parameters
    ----------
    axes : Axes
        A strip, which may have some already.
    x, scores : arrays (points,)
        Where they are.
    look : Look
        Colour and marker.
    """
    if not axes.get_lines():
        axes.axhspan(-2, 2, color=BAND_COLOR, linewidth=0)
        axes.axhline(0, color=OPTIMAL_COLOR, linewidth=0.6)
    markers(axes, x, scores, np.ones(len(scores)), look, markersize=3.4)
    largest = max(_LEAST, _ROOM + float(np.nanmax(np.abs(scores), initial=0.0)))
    # Strips may share their axis with others that need more.
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, -largest), max(high, largest))


def scores(measured: Any, errors: Any, expected: Any) -> Any:
    """Return distances in standard errors, NaN where all seeds agree and there is no unit."""
    return (measured - expected) / np.where(errors > 0, errors, np.nan)


def line_at(x: Any, y: Any, places: Any, errors: Any) -> Any:
    """Return the value of a line at some places, NaN where it is not known well enough.

    Between its points a line is a cubic spline, of log x where all x are positive. It counts
    where leaving out every other point moves it by less than the error of what is compared: the
    error of the whole spline is about a sixteenth of that.

    Parameters
    ----------
    x, y : arrays (points,)
        The line, in any order; NaN where it is not known.
    places, errors : arrays (places,)
        Where it is asked for, and the standard errors of what is measured there.
    """
    from scipy.interpolate import CubicSpline

    x, order = np.unique(x, return_index=True)
    y = y[order]
    found = np.full(len(places), np.nan)
    near = np.clip(np.searchsorted(x, places), 0, len(x) - 1)
    for each in (near, np.maximum(near - 1, 0)):
        same = np.isclose(x[each], places, rtol=1e-9, atol=0.0)
        found[same] = y[each[same]]
    known = np.isfinite(y)
    if known.sum() < _FEWEST:
        return found
    # No spline across a gap.
    between = (near > 0) & (x[near] >= places) & known[near] & known[np.maximum(near - 1, 0)]
    scale = np.log if np.all(x > 0) else np.positive
    knots, values = scale(x[known]), y[known]
    fewer = np.unique([*range(0, len(knots), 2), len(knots) - 1])
    whole, half = CubicSpline(knots, values), CubicSpline(knots[fewer], values[fewer])
    asked = np.flatnonzero(between & np.isnan(found))
    at = scale(places[asked])
    good = np.abs(whole(at) - half(at)) < errors[asked]
    found[asked[good]] = whole(at[good])
    return found
