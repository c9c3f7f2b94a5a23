"""Tables of the user's own in one picture: lines of the theory under simulated markers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from figures.drawing.axes import linear_below, log_axis
from figures.drawing.legends import has_failures
from figures.drawing.panels import measured, theory_line
from figures.drawing.residuals import draw_scores, line_at, scores
from figures.drawing.style import LOOKS, ONE_COLUMN, Look
from figures.output.looks import legend, looks_of, told_of
from figures.output.told_apart import Curves, Key, curves_of
from replica.commandline.terminal import say
from replica.tables import Table
from replica.tables.columns import EVERY, KNOWN, OBSERVABLES, SPECTRAL
from replica.validation import invalid, one_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME = "overlay"

#: What can be drawn over what: observables over parameters, the sample ratio first of them, and
#: what a spectrum says over its eigenvalues.
Y = (*OBSERVABLES, *SPECTRAL)
X = tuple(column.name for column in reversed(EVERY) if column.parameter and column.label)

#: More curves than this cannot be told apart: each look once as it is, and once turned.
_MOST = 2 * len(LOOKS)


def axis_of(x: str | None, y: str) -> str:
    """Return the column along which another is drawn, by default the sample ratio."""
    one_of("y", y, Y)
    if y in SPECTRAL:
        return one_of("x", x or "eigenvalue", ["eigenvalue"])
    return one_of("x", x or "alpha", X)


def draw_overlay(
    theory: Table,
    simulation: Table,
    x: str,
    y: str,
    log: str = "",
    best_lam: bool = False,
    residuals: bool = False,
) -> Figure:
    """Draw theory as lines and the simulation's mean over seeds, with standard errors, on them.

    Parameters
    ----------
    theory, simulation : Table
        Lines of one source each; one of them may be empty.
    x, y : str
        Columns, of `X` and `Y`.
    log : str
        Axes to make logarithmic: "", "x", "y" or "xy".
    best_lam : bool
        Whether the weight decay of the theory is the best of every point, which makes the points
        of many weight decays one curve, that of the simulation as well if it has the same.
    residuals : bool
        Whether a strip shows the distance of markers from the line of their own problem in
        standard errors, where the line is known well enough.

    Raises
    ------
    ValueError
        If a column is not allowed, or there are too many curves to tell apart.
    """
    from figures.drawing.sheet import Sheet

    axis_of(x, y)
    for name, column in (("x", x), ("y", y)):
        tables = [table for table in (theory, simulation) if len(table)]
        values = np.concatenate([table[column] for table in tables])
        if name in log and not np.any(values > 0):
            raise invalid(name, column, "a column with positive values for a logarithmic axis")
    curves = curves_between(theory, simulation, x, best_lam)
    if len(simulation) and not any(np.isfinite(each[y]).any() for each in curves.marks.values()):
        raise invalid("y", y, "a column with a value of every seed of some simulated point")
    looks = checked_looks(curves)
    found = distances(curves, x, y) if residuals else {}

    figure = Sheet(figsize=(ONE_COLUMN, 2.7 + 0.7 * bool(found)))
    if found:
        axes, strip = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1.2))
    else:
        axes = strip = figure.subplots()
    draw_curves(axes, curves, looks, x, y)
    for key, (places, values) in found.items():
        draw_scores(strip, places, values, looks[key])
    drawn, in_nats = KNOWN[y], curves.constant.get("loss") == "cross-entropy"
    axes.set(ylabel=drawn.axis if in_nats else drawn.label)
    strip.set(xlabel=KNOWN[x].axis)
    if found:
        strip.set_ylabel("sim. − theory\n(std. errors)", fontsize="small")
        figure.align_ylabels([axes, strip])
    for axis, name in ((axes.xaxis, "x"), (axes.yaxis, "y")):
        if name in log:
            log_axis(axis)
    legend(figure, curves, looks, has_failures([axes]))
    return figure


def curves_between(theory: Table, simulation: Table, x: str, best_lam: bool = False) -> Curves:
    """Return the curves of two tables, of the simulation the means over seeds."""
    from simulations.experiments.average_seeds import average_seeds
    from simulations.experiments.once import once

    averaged = average_seeds(simulation) if len(simulation) else simulation
    return curves_of(once(theory) if len(theory) else theory, averaged, x, best_lam)


def checked_looks(curves: Curves) -> dict[Key, Look]:
    """Return the looks of curves, or refuse as many as cannot be told apart."""
    looks = looks_of(curves)
    if len(looks) > _MOST:
        allowed = f"tables of at most {_MOST} curves; they differ in {', '.join(curves.keys)}"
        rows = "row" in curves.keys
        allowed += ", of which --mean-rows draws the mean over rows" if rows else ""
        raise invalid("TABLE", f"{len(looks)} curves", allowed)
    return looks


def draw_curves(axes: Axes, curves: Curves, looks: dict[Key, Look], x: str, y: str) -> None:
    """Draw the lines of the theory, and the means over seeds with their standard errors."""
    for key, table in curves.lines.items():
        theory_line(axes, table, x, y, looks[key])
    for key, table in curves.marks.items():
        measured(axes, table, x, y, looks[key])


def distances(curves: Curves, x: str, y: str) -> dict[Key, tuple[np.ndarray, np.ndarray]]:
    """Return by curve of markers where these meet the line of their problem, and how far off."""
    met = {
        key: (places[np.isfinite(off)], off[np.isfinite(off)])
        for key, (places, off) in _compared(curves, x, y).items()
    }
    return {key: found for key, found in met.items() if len(found[0])}


def left_out(curves: Curves, x: str, y: str) -> tuple[int, int]:
    """Return how many markers no line tells the distance of, and how many there are.

    They have an error bar and a line of their problem, which has too few points beside them.
    """
    every = [off for _, off in _compared(curves, x, y).values()]
    missed = sum(int(np.isnan(off).sum()) for off in every)
    return missed, sum(map(len, every))


def _compared(curves: Curves, x: str, y: str) -> dict[Key, tuple[np.ndarray, np.ndarray]]:
    """Return where markers with an error have a line, and how far off, NaN if it is too coarse."""
    lines = {curves.problem(key): table for key, table in curves.lines.items()}
    found = {}
    for key, table in curves.marks.items():
        line = lines.get(curves.problem(key))
        if line is None or f"{y}_stderr" not in table.columns:
            continue
        good = table.where(status="converged")
        values = np.where(line["status"] == "converged", line[y], np.nan)
        some = np.nan_to_num(good[f"{y}_stderr"]) > 0 if len(good) else np.zeros(0, bool)
        if some.any():
            places, errors = good[x][some], good[f"{y}_stderr"][some]
            off = scores(good[y][some], errors, line_at(line[x], values, places, errors))
            found[key] = places, off
    return found


def caption(
    theory: Table,
    simulation: Table,
    x: str,
    y: str,
    best_lam: bool = False,
    residuals: bool = False,
) -> str:
    """Return what stands under the picture in a paper: what is drawn, and what all share."""
    from figures.paper.captions import MEANS, systems

    curves = curves_between(theory, simulation, x, best_lam)
    axes = f"{KNOWN[y].label or y} against the {KNOWN[x].label or x}"
    drawn = f"{MEANS} {systems(simulation)}." if len(simulation) else "Replica theory."
    # Names of files may hold what LaTeX takes for mathematics.
    told = [
        each if "$" in each else each.replace("_", "\\_")
        for each in told_of(curves)
        if not each.startswith("$L=")
    ]
    missed, count = left_out(curves, x, y) if residuals else (0, 0)
    if 0 < missed < count:
        drawn += f" The strip has {count - missed} of {count} markers; beside the others the line"
        drawn += " has too few points."
    return f"{axes[0].upper()}{axes[1:]}: {', '.join(told)}. {drawn}".replace("−", "$-$")


def warn(
    theory: Table,
    simulation: Table,
    figure: Figure,
    label: str,
    x: str,
    y: str,
    best_lam: bool = False,
    residuals: bool = False,
) -> None:
    """Say what the picture does not show as an answer, without an error bar or to scale."""
    curves = curves_between(theory, simulation, x, best_lam)
    apart = curves.apart() if curves.lines and curves.marks else []
    if apart:
        say(f"{label}: no line is the theory of any marker: they differ in {', '.join(apart)}")
    for name, table in (("theory", theory), ("simulation", simulation)):
        failed = int(np.sum(table["status"] != "converged")) if len(table) else 0
        if failed:
            say(f"{label}: {failed} of {len(table)} lines of the {name} did not converge")
    missed, count = left_out(curves, x, y) if residuals else (0, 0)
    if missed:
        told = f"leaves out {missed} of" if missed < count else "is not drawn: that is all"
        say(f"{label}: the strip of distances {told} {count} markers between points of the theory "
            f"that are too far apart in {x}")  # fmt: skip
    axes = figure.axes[0]
    for axis in (axes.xaxis, axes.yaxis):
        least = linear_below(axis)
        if least is not None:
            say(f"{label}: the {axis.axis_name} axis is logarithmic above {least:g} only, "
                "as some values are not positive")  # fmt: skip
    seeds = np.concatenate([np.empty(0), *(table["seeds"] for table in curves.marks.values())])
    if np.any(seeds == 1):
        say(f"{label}: {np.sum(seeds == 1)} of {len(seeds)} points have one seed, no error bar")
