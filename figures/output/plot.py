"""Draw any table, from Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from figures.drawing.axes import log_axis
from figures.drawing.legends import has_failures
from figures.drawing.style import ONE_COLUMN, journal, load_matplotlib
from figures.output.looks import handles_of, legend, told_of
from figures.output.overlay import X, axis_of, checked_looks, curves_between, draw_curves
from replica.tables import Table
from replica.tables.columns import KNOWN, SPECTRAL
from replica.validation import invalid

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Columns along which curves run if several of them vary, the first of these.
_ALONG = ("alpha", "step", "time", *X)

#: The largest over the least of them beyond which an axis is logarithmic.
_GEOMETRIC = 5.0


def plot(
    *tables: Any,
    y: str = "test_loss",
    x: str | None = None,
    axes: Axes | None = None,
) -> Figure:
    """Draw tables, curves and grids: theory as lines, simulations as markers with errors.

    What they differ in is told by a legend, and what they share by its title. The axis of `x` is
    logarithmic where its values are positive and span more than a factor of five.

    Parameters
    ----------
    *tables : Table, Solution or mapping
        What `replica.sweep`, `solve`, `simulate_many`, `simulate` and others return; lines of
        simulations are averaged over their seeds.
    y : str
        The column that is drawn, one of those that `replica-figures overlay --y` takes.
    x : str, optional
        The column along which it is drawn; by default the first that varies, α before others.
    axes : Axes, optional
        Where to draw; by default on a new figure of one column, in the style of `journal`.

    Returns
    -------
    Figure
        The new one, or that of the axes.

    Raises
    ------
    ValueError
        If something is no table, a column is not allowed, or there are too many curves to tell
        apart.

    Examples
    --------
    >>> import figures
    >>> from replica import PottsTokens, Problem, sweep
    >>> problem = Problem(alpha=1.0, lam=0.1, data=PottsTokens(colors=3, beta=1.5))
    >>> figure = figures.plot(sweep(problem, [0.5, 1, 2, 4]), y="error_rate")
    >>> figure.axes[0].get_ylabel()
    'error rate'
    """
    table = Table(line for each in tables for line in _lines(each))
    theory, simulation = (table.where(source=source) for source in ("theory", "simulation"))
    if not len(table) or len(theory) + len(simulation) != len(table):
        raise invalid("tables", tables, "tables of theory or simulations, not empty")
    place = axis_of(_along(table) if x is None and y not in SPECTRAL else x, y)
    for name, column in (("x", place), ("y", y)):
        if column not in table.columns or not np.isfinite(_numbers(table, name, column)).any():
            raise invalid(name, column, "a column with values, one number a line")
    curves = curves_between(theory, simulation, place, _at_best_lam(theory, place))
    looks = checked_looks(curves)
    load_matplotlib()
    if axes is None:
        from figures.drawing.sheet import Sheet

        with journal():
            figure = Sheet(figsize=(ONE_COLUMN, 2.7))
            panel = figure.subplots()
            _draw(panel, curves, looks, place, y, table)
            legend(figure, curves, looks, has_failures([panel]))
        return figure
    from matplotlib.axes import Axes

    if not isinstance(axes, Axes):
        raise invalid("axes", axes, "axes of matplotlib")
    _draw(axes, curves, looks, place, y, table)
    handles = handles_of(curves, looks, has_failures([axes]))
    if handles:
        axes.legend(handles=handles, title=", ".join(told_of(curves)))
    whole = axes.get_figure()
    assert whole is not None
    return whole  # type: ignore[return-value]


def _draw(axes: Axes, curves: Any, looks: Any, x: str, y: str, table: Table) -> None:
    draw_curves(axes, curves, looks, x, y)
    drawn, in_nats = KNOWN[y], curves.constant.get("loss") == "cross-entropy"
    axes.set(xlabel=KNOWN[x].axis, ylabel=drawn.axis if in_nats else drawn.label)
    places = np.unique(table[x][np.isfinite(table[x])])
    if len(places) > 2 and places[0] > 0 and places[-1] > _GEOMETRIC * places[0]:
        log_axis(axes.xaxis)


def _lines(value: Any) -> Iterable[Mapping[str, Any]]:
    """Return the lines of what a function of the package returned."""
    if isinstance(value, Mapping):
        return [value]
    for name in ("lines", "line"):
        method = getattr(value, name, None)
        if callable(method):
            found = method()
            return found if name == "lines" else [found]
    raise invalid("tables", value, "tables, solutions or lines of tables")


def _along(table: Table) -> str:
    """Return the column along which a table runs."""
    for column in _ALONG:
        if column in table.columns and len(np.unique(_numbers(table, "x", column))) > 1:
            return column
    return "alpha"


def _numbers(table: Table, name: str, column: str) -> Any:
    values = table[column]
    if values.ndim != 1 or values.dtype.kind != "f":
        raise invalid(name, column, "a column with one number a line")
    return values[np.isfinite(values)]


def _at_best_lam(theory: Table, x: str) -> bool:
    """Tell whether every point of the theory has a weight decay of its own along another column."""
    if x == "lam" or len(theory) < 3 or "lam" not in theory.columns:
        return False
    return len(np.unique(theory["lam"])) == len(theory) == len(np.unique(theory[x]))
