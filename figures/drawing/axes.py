"""Scales of axes: logarithmic with plain numbers, linear near zero where values reach it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import numpy as np

from figures.drawing.style import FAILED
from replica.validation import invalid

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
#: Decades on an axis with a zero that all have a number.
_MOST_DECADES = 6

#: Logarithmic axes that were given a zero.
_WITH_ZERO: WeakSet[Axis] = WeakSet()


def log_axis(axis: Axis, ticks: Sequence[float] = ()) -> None:
    """Make an axis logarithmic, with plain numbers that have room.

    An axis on which some value is not positive becomes linear around a zero, below the decade of
    the least positive one, whether the value is drawn before or, by a function of this package,
    after.

    Parameters
    ----------
    axis : Axis
        `axes.xaxis` or `axes.yaxis`.
    ticks : sequence of float, optional
        Where the numbers are; by default at 1, 2, 5, 10, ...

    Raises
    ------
    ValueError
        If `axis` is none.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from figures import log_axis
    >>> axes = Figure().subplots()
    >>> _ = axes.plot([0.5, 1, 2, 4], [1.1, 1.0, 0.9, 0.85])
    >>> log_axis(axes.xaxis)
    >>> axes.get_xscale()
    'log'
    """
    from matplotlib.axis import Axis
    from matplotlib.ticker import FixedLocator, LogLocator, NullLocator

    if not isinstance(axis, Axis):
        raise invalid("axis", axis, "axes.xaxis or axes.yaxis")
    values = _drawn(axis)
    if np.any(values <= 0):
        _make_linear_at_zero(axis, values)
        return
    _set_scale(axis, "log")
    axis.set_major_locator(FixedLocator(list(ticks)) if ticks else LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_locator(NullLocator())


def linear_below(axis: Axis) -> float | None:
    """Return up to where a logarithmic axis is linear around a zero that it needed, or None."""
    return getattr(axis.get_transform(), "linthresh", None)


def keep_zeros(axes: Axes) -> None:
    """Give logarithmic axes a zero where something drawn would vanish or plunge without one."""
    for axis in (axes.xaxis, axes.yaxis):
        if axis.get_scale() == "log" or (axis.get_scale() == "symlog" and axis in _WITH_ZERO):
            values = _drawn(axis)
            if np.any(values <= 0):
                _make_linear_at_zero(axis, values)


def _make_linear_at_zero(axis: Axis, values: Any) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator

    sizes = values[values > 0]
    sizes = sizes if sizes.size else np.abs(values[values < 0])
    first = math.floor(np.log10(sizes.min())) if sizes.size else 0
    decades = [
        range(first, math.floor(np.log10(size)) + 1) if size > 0 else range(0)
        for size in (values.max(), -values.min())
    ]
    count = sum(map(len, decades))
    step, within = 1 + (count - 1) // _MOST_DECADES, (1, 2, 5) if count < 3 else (1,)
    # The place of zero and its number takes the room that others have.
    _set_scale(axis, "symlog", linthresh=10.0**first, linscale=0.5 * step)
    _WITH_ZERO.add(axis)
    up, down = ([n * 10.0**d for d in each[::step] for n in within] for each in decades)
    low, high = values.min(), values.max()
    ticks = sorted([0.0, *up, *(-size for size in down)])
    axis.set_major_locator(
        FixedLocator([tick for tick in ticks if low <= tick <= high or not tick])
    )
    axis.set_major_formatter("{x:g}")
    axis.set_minor_locator(NullLocator())


def _set_scale(axis: Axis, scale: str, **options: Any) -> None:
    getattr(axis.axes, f"set_{axis.axis_name}scale")(scale, **options)  # type: ignore[attr-defined]


def _sharing(axis: Axis) -> list[Axes]:
    """Return the panels that share an axis."""
    axes = axis.axes
    shared = axes.get_shared_x_axes() if axis is axes.xaxis else axes.get_shared_y_axes()
    return list(shared.get_siblings(axes))


def _drawn(axis: Axis) -> Any:
    """Return the finite values of points and lines that have a place on an axis."""
    from matplotlib.collections import PathCollection

    number = 0 if axis is axis.axes.xaxis else 1
    found = [np.empty(0)]
    for axes in _sharing(axis):
        for line in axes.get_lines():
            places = line.get_transform().contains_branch_seperately(axes.transData)
            # A reference line across the panel has no place on the axis along it.
            if places[number] and (all(places) or line.get_gid() == FAILED):
                found.append(np.asarray(line.get_xydata(), dtype=float)[:, number])
        for scattered in axes.collections:
            if isinstance(scattered, PathCollection):
                found.append(np.ma.filled(scattered.get_offsets(), np.nan)[:, number])
    values = np.concatenate(found)
    return values[np.isfinite(values)]
