"""Tables of the user's own in one picture: lines of the theory under simulated markers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from figures.drawing.axes import linear_below, log_axis
from figures.drawing.legends import has_failures
from figures.drawing.panels import measured, theory_line
from figures.drawing.style import LOOKS, ONE_COLUMN
from figures.output.looks import legend, looks_of
from figures.output.told_apart import curves_of
from replica.commandline.terminal import say
from replica.tables import Table
from replica.tables.average_rows import average_rows
from replica.tables.columns import EVERY, KNOWN, OBSERVABLES
from replica.tables.provenance import read_sidecar
from replica.validation import invalid, one_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "overlay"

#: What can be drawn over what: observables over parameters, the sample ratio first of them.
Y = OBSERVABLES
X = tuple(column.name for column in reversed(EVERY) if column.parameter and column.label)

#: More curves than this cannot be told apart: each look once as it is, and once turned.
_MOST = 2 * len(LOOKS)


def read(
    name: str, path: str, source: str, columns: Sequence[str], mean_rows: bool = False
) -> tuple[Table, int]:
    """Return the lines of one source of a table, each once, and how many stood there again.

    With `mean_rows` the lines are means over the rows of one model.

    Raises
    ------
    ValueError
        If the file cannot be read, or has no such lines or values to draw, or two results for
        one system.
    """
    from simulations.experiments.once import once

    table = Table.from_csv(path, name).where(source=source)
    if len(table) == 0:
        raise invalid(name, path, f"a table with lines of source {source}")
    for column in columns:
        if any(isinstance(line.get(column), list) for line in table.lines()):
            raise invalid(name, path, f"a table with one number per line in column {column}")
    for column in columns:
        if column not in table.columns:
            raise invalid(name, path, f"a table with converged values in column {column}")
    # A line that is no answer may lack its value.
    good = table["status"] == "converged"
    known = good & np.all([np.isfinite(table[column]) for column in columns], axis=0)
    if not known.any():
        lacking = [column for column in columns if not np.isfinite(table[column][good]).any()]
        where = f"column {lacking[0]}" if lacking else f"columns {' and '.join(columns)} at once"
        raise invalid(name, path, f"a table with converged values in {where}")
    each = once(table, name=name, value=path)
    if mean_rows and "row" not in table.columns:
        raise invalid(name, path, "a table of rows of one model for their mean")
    return average_rows(each) if mean_rows else each, len(table) - len(each)


def is_at_best_lam(path: str) -> bool:
    """Tell whether the sidecar of a table says that every point has its own, best weight decay."""
    parameters = read_sidecar(path)[0].get("parameters")
    return isinstance(parameters, dict) and parameters.get("lam") == "optimal"


def draw_overlay(
    theory: Table, simulation: Table, x: str, y: str, log: str = "", best_lam: bool = False
) -> Figure:
    """Draw theory as lines and the simulation's mean over seeds, with standard errors, on them.

    Parameters
    ----------
    theory, simulation : Table
        Lines of one source each.
    x, y : str
        Columns, of `X` and `Y`.
    log : str
        Axes to make logarithmic: "", "x", "y" or "xy".
    best_lam : bool
        Whether the weight decay of the theory is the best of every point, which makes the points
        of many weight decays one curve, that of the simulation as well if it has the same.

    Raises
    ------
    ValueError
        If a column is not allowed, or there are too many curves to tell apart.
    """
    from matplotlib.figure import Figure

    from simulations.experiments.average_seeds import average_seeds
    from simulations.experiments.once import once

    one_of("x", x, X)
    one_of("y", y, Y)
    for name, column in (("x", x), ("y", y)):
        values = np.concatenate([table[column] for table in (theory, simulation)])
        if name in log and not np.any(values > 0):
            raise invalid(name, column, "a column with positive values for a logarithmic axis")
    averaged = average_seeds(simulation)
    if not np.isfinite(averaged[y]).any():
        raise invalid("y", y, "a column with a value of every seed of some simulated point")
    curves = curves_of(once(theory), averaged, x, best_lam)
    looks = looks_of(curves)
    if len(looks) > _MOST:
        allowed = f"tables of at most {_MOST} curves; they differ in {', '.join(curves.keys)}"
        rows = "row" in curves.keys
        allowed += ", of which --mean-rows draws the mean over rows" if rows else ""
        raise invalid("THEORY, SIM", f"{len(looks)} curves", allowed)

    figure = Figure(figsize=(ONE_COLUMN, 2.7))
    axes = figure.subplots()
    for key, table in curves.lines.items():
        theory_line(axes, table, x, y, looks[key])
    for key, table in curves.marks.items():
        measured(axes, table, x, y, looks[key])
    drawn, in_nats = KNOWN[y], curves.constant.get("loss") == "cross-entropy"
    axes.set(xlabel=KNOWN[x].axis, ylabel=drawn.axis if in_nats else drawn.label)
    for axis, name in ((axes.xaxis, "x"), (axes.yaxis, "y")):
        if name in log:
            log_axis(axis)
    legend(figure, curves, looks, has_failures([axes]))
    return figure


def warn(
    theory: Table, simulation: Table, figure: Figure, label: str, x: str, best_lam: bool = False
) -> None:
    """Say what the picture does not show as an answer, without an error bar or to scale."""
    from simulations.experiments.average_seeds import average_seeds
    from simulations.experiments.once import once

    apart = curves_of(once(theory), average_seeds(simulation), x, best_lam).apart()
    if apart:
        say(f"{label}: no line is the theory of any marker: they differ in {', '.join(apart)}")
    for name, table in (("theory", theory), ("simulation", simulation)):
        failed = int(np.sum(table["status"] != "converged"))
        if failed:
            say(f"{label}: {failed} of {len(table)} lines of the {name} did not converge")
    (axes,) = figure.axes
    for axis in (axes.xaxis, axes.yaxis):
        least = linear_below(axis)
        if least is not None:
            say(f"{label}: the {axis.axis_name} axis is logarithmic above {least:g} only, "
                "as some values are not positive")  # fmt: skip
    seeds = average_seeds(simulation)["seeds"]
    if np.any(seeds == 1):
        say(f"{label}: {np.sum(seeds == 1)} of {len(seeds)} points have one seed, no error bar")
