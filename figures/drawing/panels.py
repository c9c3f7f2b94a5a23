"""What all panels share: a line for the theory, markers with error bars, their legend."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import numpy as np

from figures.style import FAILED_COLOR, LOOKS, OPTIMAL_COLOR, Look
from replica.arguments import refusal, unmasked
from replica.tables import Table

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import FigureBase

#: Label of the axis of sample ratios.
ALPHA = "sample ratio $\\alpha = M/L$"

#: Names of losses in titles and labels.
LOSS_NAMES = {"cross-entropy": "cross-entropy", "squared-error": "squared error"}

#: Names that tell what an artist shows; anything else in a figure is decoration.
THEORY, SIMULATION, FIT, OPTIMUM = "theory", "simulation", "fit", "optimum"
FAILED = "not converged"

#: Decades on an axis with a zero that all have a number.
_MOST_DECADES = 6

#: Logarithmic axes that were given a zero.
_WITH_ZERO: WeakSet[Axis] = WeakSet()

#: Length of the dash that is a line of one point, in points; a marker does not hide it.
_DASH = 12


def theory_line(
    axes: Axes, table: Table, x: str, y: str, look: Look | None = None, **style: Any
) -> None:
    """Draw a column of a theory table over another, with gaps where it did not converge.

    A point between gaps, or alone, is a dash.

    Parameters
    ----------
    axes : Axes
        The panel.
    table : Table
        Lines of one curve, in any order.
    x, y : str
        Columns.
    look : Look, optional
        Colour of the line; by default that of references.
    **style
        Handed on to `Axes.plot`.

    Warns
    -----
    UserWarning
        If points have no value to draw.

    Raises
    ------
    ValueError
        If the table holds simulated lines, x or y is no column of numbers, or an argument is not
        what is said above.
    """
    _check("table", table, Table)
    if "simulation" in table["source"]:
        raise refusal("table", table, "one of theory; `measured` draws simulations")
    if look is not None:
        _check("look", look, Look)
    places, values = _numbers("x", table, x), _numbers("y", table, y)
    failed = table["status"] != "converged"
    shown = np.where(failed, np.nan, values)
    _tell_left_out(places, np.where(failed, 0.0, values), x, y)
    order = _each_once(places, shown)
    drawn = (
        {"color": OPTIMAL_COLOR} if look is None else {"color": look.color, "linestyle": look.line}
    )
    (line,) = axes.plot(places[order], shown[order], gid=THEORY, **{**drawn, **style})
    alone = _alone(shown[order])
    if alone.any():
        line.set(marker="_", markersize=_DASH, markevery=alone.tolist())
    _crosses(axes, places[failed], np.full(failed.sum(), np.nan))
    keep_zeros(axes)


def _each_once(places: Any, values: Any) -> Any:
    """Return the order of points along the first axis, without those that stand twice."""
    order = np.lexsort((values, places))
    pairs = np.column_stack([places, values])[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = ~np.all((pairs[1:] == pairs[:-1]) | (np.isnan(pairs[1:]) & np.isnan(pairs[:-1])), 1)
    return order[new]


def _tell_left_out(places: Any, values: Any, x: str = "x", y: str = "y") -> None:
    """Say how many points have no place on an axis."""
    lost = int(np.sum(~(np.isfinite(places) & np.isfinite(values))))
    if lost:
        told = f"{lost} of {len(places)} points have no finite {y} over {x} and are left out"
        warnings.warn(told, stacklevel=3)


def _alone(values: Any) -> Any:
    """Tell which values have no neighbour to draw a line to."""
    known = np.pad(np.isfinite(values), 1)
    return known[1:-1] & ~known[:-2] & ~known[2:]


def markers(axes: Axes, x: Any, y: Any, errors: Any, look: Look, **style: Any) -> None:
    """Draw measured points with their error bars.

    Parameters
    ----------
    axes : Axes
        The panel.
    x, y : arrays (points,)
        Where they are.
    errors : array (points,) or (2, points)
        Standard errors, or distances to the lower and to the upper end of each bar.
    look : Look
        Colour and marker.
    **style
        Handed on to `Axes.errorbar`.

    Warns
    -----
    UserWarning
        If points have no value to draw.

    Raises
    ------
    ValueError
        If `look` is no Look, errors are missing, infinite, negative or not one for each point, or
        an entry is masked.
    """
    _check("look", look, Look)
    if errors is None:
        raise refusal("errors", errors, "given, NaN where a point has none")
    x, y = (unmasked(name, value, "an array (points,)") for name, value in (("x", x), ("y", y)))
    errors = unmasked("errors", errors, "an array (points,) or (2, points)")
    if x.ndim != 1 or y.shape != x.shape:
        raise refusal("y", f"array {y.shape}", f"an array (points,), as x is with {x.shape}")
    if errors.shape not in (x.shape, (2, *x.shape)):
        allowed = f"an array {x.shape} or {(2, *x.shape)}, one error or two for each point"
        raise refusal("errors", f"array {errors.shape}", allowed)
    if errors.dtype.kind == "f" and np.isinf(errors).any():
        raise refusal("errors", errors, "finite, or NaN where a point has none")
    if x.dtype.kind in "iuf" and y.dtype.kind in "iuf":  # dates and names are finite
        _tell_left_out(x, y)
    drawn = axes.errorbar(
        x, y, errors, fmt=look.marker, color=look.color, markerfacecolor=look.face, **style
    )
    drawn.lines[0].set_gid(SIMULATION)
    keep_zeros(axes)


def measured(axes: Axes, table: Table, x: str, y: str, look: Look, **style: Any) -> None:
    """Draw averages over seeds with their standard errors.

    A point of which a seed did not converge is a grey cross, without an error bar.

    Parameters
    ----------
    axes : Axes
        The panel.
    table : Table
        Simulated lines of one curve, one per seed, or what `simulations.average_seeds` made of
        them.
    x, y : str
        Columns; the standard errors over seeds, as of `average_seeds`, are in the column y_stderr.
    look : Look
        Colour and marker.
    **style
        Handed on to `Axes.errorbar`.

    Warns
    -----
    UserWarning
        If points have no value to draw.

    Raises
    ------
    ValueError
        If the table holds lines of theory, x is no column of numbers, y none with errors over
        seeds, or an argument is not what is said above.
    """
    _check("table", table, Table)
    _check("look", look, Look)
    if len(table) == 0:
        return
    averaged = _averaged(table)
    places, values = _numbers("x", averaged, x), _numbers("y", averaged, y)
    errors = _errors(averaged, y)
    good = averaged["status"] == "converged"
    _tell_left_out(places, np.where(good, values, 0.0), x, y)
    known = good & np.isfinite(places) & np.isfinite(values)
    if known.any():
        markers(axes, places[known], values[known], errors[known], look, **style)
    _crosses(axes, places[~good], values[~good])
    keep_zeros(axes)


def _averaged(table: Table) -> Table:
    """Return the means over seeds, of which the table may consist."""
    from simulations.averages import average_seeds

    if "theory" in table["source"]:
        raise refusal("table", table, "one of simulations; `theory_line` draws theory")
    # A raw line has errors as well, those over the rows of one system.
    raw = "seeds" not in table.columns and "simulation" in table["source"]
    return average_seeds(table) if raw else table


def _errors(table: Table, y: str) -> Any:
    """Return the standard errors over seeds, NaN where there is one seed."""
    from simulations.once import OBSERVABLES

    if f"{y}_stderr" in table.columns:
        return _numbers("y", table, f"{y}_stderr")
    if y not in OBSERVABLES:
        raise refusal("y", y, "a column with errors over seeds, as " + ", ".join(OBSERVABLES))
    return np.full(len(table), np.nan)


def _numbers(name: str, table: Table, column: str) -> Any:
    """Return a column of one number per line, or refuse it by the name of its argument."""
    try:
        values = table[column]
    except (LookupError, TypeError, ValueError):
        values = np.array("")
    if values.ndim != 1 or values.dtype.kind != "f":
        raise refusal(name, column, "a column of the table with one number per line")
    return values


def _check(name: str, value: Any, kind: type) -> None:
    if not isinstance(value, kind):
        raise refusal(name, value, f"a {kind.__name__}")


def family(
    axes: Axes, table: Table, x: str, y: str, column: str, looks: Mapping[float, Look]
) -> None:
    """Draw theory and trained systems for several values of a parameter.

    Parameters
    ----------
    axes : Axes
        The panel.
    table : Table
        Theory and simulation, one line per seed.
    x, y : str
        Columns of the axes.
    column : str
        Column of the parameter.
    looks : mapping from float to Look
        Its values, and how each is drawn.
    """
    for value, look in looks.items():
        chosen = table.where(**{column: value})
        theory_line(axes, chosen.where(source="theory"), x, y, look)
        measured(axes, chosen.where(source="simulation"), x, y, look)


def family_looks(template: str, values: Iterable[float]) -> dict[float, Look]:
    """Return a look for each value, labelled by the template, as in "$C={:g}$"."""
    return {v: look.named(template.format(v)) for v, look in zip(values, LOOKS, strict=False)}


def _crosses(axes: Axes, x: Any, y: Any) -> None:
    """Mark points that are no answers, at the foot of the panel where they have no value."""
    for known, transform in (
        (np.isfinite(y), axes.transData),
        (~np.isfinite(y), axes.get_xaxis_transform()),
    ):
        if known.any():
            axes.plot(
                x[known], np.where(np.isfinite(y[known]), y[known], 0.03), "x", gid=FAILED,
                color=FAILED_COLOR, markersize=3.5, transform=transform, zorder=4,
            )  # fmt: skip


def has_failures(panels: Iterable[Axes]) -> bool:
    """Tell whether a panel marks a point as not converged."""
    return any(line.get_gid() == FAILED for axes in panels for line in axes.get_lines())


def series(look: Look, linestyle: Any = None) -> Artist:
    """Return the handle of a quantity that is drawn as line and as markers."""
    from matplotlib.lines import Line2D

    return Line2D(
        [], [], color=look.color, linestyle=linestyle or look.line, marker=look.marker,
        markerfacecolor=look.face, label=look.label,
    )  # fmt: skip


def points(look: Look, **style: Any) -> Artist:
    """Return the handle of a quantity that is drawn as markers alone, in a style of `Line2D`."""
    from matplotlib.lines import Line2D

    return Line2D(
        [], [], color=look.color, marker=look.marker, markerfacecolor=look.face,
        linestyle="none", label=look.label, **style,
    )  # fmt: skip


def reference(label: str, linestyle: Any = "--", color: str = OPTIMAL_COLOR) -> Artist:
    """Return the handle of a reference line."""
    from matplotlib.lines import Line2D

    return Line2D([], [], color=color, linestyle=linestyle, linewidth=0.9, label=label)


def kinds(failures: bool = False, line: str = "line: theory") -> list[Artist]:
    """Return the handles that say what lines and markers, and crosses, are."""
    from matplotlib.collections import LineCollection
    from matplotlib.container import ErrorbarContainer
    from matplotlib.lines import Line2D

    grey = "#888888"
    line_handle = Line2D([], [], color=grey, label=line)
    point = Line2D([], [], color=grey, marker="o", linestyle="none")
    # Legends draw an error bar for a container.
    lines: Any = (point, (), (LineCollection([], colors=grey),))
    bars: Any = ErrorbarContainer(lines, has_yerr=True, label="marker: simulation")
    cross = Line2D(
        [], [], color=FAILED_COLOR, marker="x", linestyle="none", markersize=3.5, label=FAILED
    )
    return [line_handle, bars, *([cross] if failures else [])]


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
    """
    from matplotlib.axis import Axis
    from matplotlib.ticker import FixedLocator, LogLocator, NullLocator

    if not isinstance(axis, Axis):
        raise refusal("axis", axis, "axes.xaxis or axes.yaxis")
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


def settings(figure: FigureBase, text: str) -> None:
    """Say under the panels, small, what they have in common."""
    figure.supxlabel(text, fontsize=6)


def lengths(table: Table) -> str:
    """Return the lengths of the simulated systems in a table, as in "$L=180$"."""
    sites = sorted({line["sites"] for line in table.lines() if line.get("sites") is not None})
    return f"$L={', '.join(map(str, sites))}$"


def circ(row: Iterable[float]) -> str:
    """Return how figures write a circulant matrix of this first row."""
    return f"circ({', '.join(f'{value:g}' for value in row)})".replace("-", "−")


def letter(axes: Axes, name: str) -> None:
    """Name a panel, as in (a), at its upper left."""
    axes.set_title(f"({name})", loc="left", fontweight="bold")
