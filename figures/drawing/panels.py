"""What all panels share: a line for the theory, markers with error bars, their legend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from figures.drawing.axes import keep_zeros
from figures.drawing.style import (
    FAILED,
    FAILED_COLOR,
    LOOKS,
    OPTIMAL_COLOR,
    SIMULATION,
    THEORY,
    Look,
)
from replica.errors import LeftOutWarning
from replica.notices import tell
from replica.tables import Table
from replica.tables.columns import KNOWN, OBSERVABLES
from replica.validation import invalid, unmasked

if TYPE_CHECKING:
    from matplotlib.axes import Axes
#: Label of the axis of sample ratios.
ALPHA = KNOWN["alpha"].axis

#: Names of losses in titles and labels.
LOSS_NAMES = {"cross-entropy": "cross-entropy", "squared-error": "squared error"}

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
    LeftOutWarning
        If points have no value to draw.

    Raises
    ------
    ValueError
        If the table holds simulated lines, x or y is no column of numbers, or an argument is not
        what is said above.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from figures import LOOKS, theory_line
    >>> from replica import PottsTokens, Problem, sweep
    >>> curve = sweep(Problem(2.0, 0.1, PottsTokens(3, 1.5)), [1.0, 2.0, 4.0])
    >>> axes = Figure().subplots()
    >>> theory_line(axes, curve, "alpha", "test_loss", LOOKS[0])
    >>> len(axes.lines[0].get_xdata())
    3
    """
    _check("table", table, Table)
    if "simulation" in table["source"]:
        raise invalid("table", table, "one of theory; `measured` draws simulations")
    if look is not None:
        _check("look", look, Look)
    places, values = _numbers("x", table, x), _numbers("y", table, y)
    failed = table["status"] != "converged"
    shown = np.where(failed, np.nan, values)
    _warn_left_out(places, np.where(failed, 0.0, values), x, y)
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


def _warn_left_out(places: Any, values: Any, x: str = "x", y: str = "y") -> None:
    """Say how many points have no place on an axis."""
    lost = int(np.sum(~(np.isfinite(places) & np.isfinite(values))))
    if lost:
        told = f"{lost} of {len(places)} points have no finite {y} over {x} and are left out"
        tell(told, LeftOutWarning)


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
    LeftOutWarning
        If points have no value to draw.

    Raises
    ------
    ValueError
        If `look` is no Look, errors are missing, infinite, negative or not one for each point, or
        an entry is masked.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from figures import LOOKS, markers
    >>> axes = Figure().subplots()
    >>> markers(axes, [1, 2, 4], [1.0, 0.9, 0.85], errors=[0.02, 0.01, 0.01], look=LOOKS[0])
    >>> len(axes.containers)
    1
    """
    _check("look", look, Look)
    if errors is None:
        raise invalid("errors", errors, "given, NaN where a point has none")
    x, y = (unmasked(name, value, "an array (points,)") for name, value in (("x", x), ("y", y)))
    errors = unmasked("errors", errors, "an array (points,) or (2, points)")
    if x.ndim != 1 or y.shape != x.shape:
        raise invalid("y", f"array {y.shape}", f"an array (points,), as x is with {x.shape}")
    if errors.shape not in (x.shape, (2, *x.shape)):
        allowed = f"an array {x.shape} or {(2, *x.shape)}, one error or two for each point"
        raise invalid("errors", f"array {errors.shape}", allowed)
    if errors.dtype.kind == "f" and np.isinf(errors).any():
        raise invalid("errors", errors, "finite, or NaN where a point has none")
    if x.dtype.kind in "iuf" and y.dtype.kind in "iuf":  # dates and names are finite
        _warn_left_out(x, y)
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
    LeftOutWarning
        If points have no value to draw.

    Raises
    ------
    ValueError
        If the table holds lines of theory, x is no column of numbers, y none with errors over
        seeds, or an argument is not what is said above.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from figures import LOOKS, measured
    >>> from replica import PottsTokens, Problem
    >>> from simulations import simulate_many
    >>> problem = Problem(alpha=2.0, lam=0.1, data=PottsTokens(3, 1.5))
    >>> systems = simulate_many([problem], sites=[20], seeds=range(3), test_samples=200)
    >>> axes = Figure().subplots()
    >>> measured(axes, systems, "alpha", "test_loss", LOOKS[0])
    >>> len(axes.containers)  # one mean with its error bar
    1
    """
    _check("table", table, Table)
    _check("look", look, Look)
    if len(table) == 0:
        return
    averaged = _averaged(table)
    places, values = _numbers("x", averaged, x), _numbers("y", averaged, y)
    errors = _errors(averaged, y)
    good = averaged["status"] == "converged"
    _warn_left_out(places, np.where(good, values, 0.0), x, y)
    known = good & np.isfinite(places) & np.isfinite(values)
    if known.any():
        markers(axes, places[known], values[known], errors[known], look, **style)
    _crosses(axes, places[~good], values[~good])
    keep_zeros(axes)


def _averaged(table: Table) -> Table:
    """Return the means over seeds, of which the table may consist."""
    from simulations.experiments.average_seeds import average_seeds

    if "theory" in table["source"]:
        raise invalid("table", table, "one of simulations; `theory_line` draws theory")
    # A raw line has errors as well, those over the rows of one system.
    raw = "seeds" not in table.columns and "simulation" in table["source"]
    return average_seeds(table) if raw else table


def _errors(table: Table, y: str) -> Any:
    """Return the standard errors over seeds, NaN where there is one seed."""
    if f"{y}_stderr" in table.columns:
        return _numbers("y", table, f"{y}_stderr")
    if y not in OBSERVABLES:
        raise invalid("y", y, "a column with errors over seeds, as " + ", ".join(OBSERVABLES))
    return np.full(len(table), np.nan)


def _numbers(name: str, table: Table, column: str) -> Any:
    """Return a column of one number per line, or refuse it by the name of its argument."""
    try:
        values = table[column]
    except (LookupError, TypeError, ValueError):
        values = np.array("")
    if values.ndim != 1 or values.dtype.kind != "f":
        raise invalid(name, column, "a column of the table with one number per line")
    return values


def _check(name: str, value: Any, kind: type) -> None:
    if not isinstance(value, kind):
        raise invalid(name, value, f"a {kind.__name__}")


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
