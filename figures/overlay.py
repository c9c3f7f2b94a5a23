"""Tables of the user's own in one picture: lines of the theory under simulated markers."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from figures.panels import (
    ALPHA,
    has_failures,
    kinds,
    log_axis,
    measured,
    points,
    reference,
    series,
    theory_line,
)
from figures.style import LOOKS, ONE_COLUMN, Look
from replica.arguments import one_of, refusal
from replica.commandline import say
from replica.tables import Table

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

NAME = "overlay"

#: What can be drawn over what, with its label.
Y = {
    "test_loss": "test loss",
    "train_loss": "training loss",
    "optimal_loss": "optimal loss",
    "excess_loss": "test loss − optimal loss",
    "error_rate": "error rate",
    "coupling_error": "coupling error $|w-w^*|^2/|w^*|^2$",
    "m": "$m$",
    "q": "$q$",
}
X = {
    "alpha": ALPHA,
    "lam": "weight decay $\\lambda$",
    "beta": "inverse temperature $\\beta$",
    "colors": "number of colours $C$",
}

#: Columns that tell curves apart where they vary, with their form in the legend.
_KEYS = {
    "data": "{}",
    "loss": "{}",
    "colors": "$C={:g}$",
    "beta": "$\\beta={:g}$",
    "shift": "$\\kappa={:g}$",
    "lam": "$\\lambda={:g}$",
    "alpha": "$\\alpha={:g}$",
    "sites": "$L={:g}$",
}

#: More curves than this cannot be told apart.
_MOST = 10

Key = tuple[Any, ...]


def read(name: str, path: str, source: str, columns: Iterable[str]) -> Table:
    """Return the lines of one source of a table, checked to have values to draw.

    Raises
    ------
    ValueError
        If the file cannot be read, or has no such lines or values.
    """
    table = Table.from_csv(path).where(source=source)
    if len(table) == 0:
        raise refusal(name, path, f"a table with lines of source {source}")
    for column in columns:
        values = table[column]
        if values.ndim != 1:
            raise refusal(name, path, f"a table with one number per line in column {column}")
        # A line that is no answer may lack its value.
        if not np.isfinite(values[table["status"] == "converged"]).any():
            raise refusal(name, path, f"a table with converged values in column {column}")
    return table


def draw_overlay(theory: Table, simulation: Table, x: str, y: str, log: str = "") -> Figure:
    """Draw theory as lines and the simulation's mean over seeds, with standard errors, on them.

    Parameters
    ----------
    theory, simulation : Table
        Lines of one source each.
    x, y : str
        Columns, of `X` and `Y`.
    log : str
        Axes to make logarithmic: "", "x", "y" or "xy".

    Raises
    ------
    ValueError
        If a column is not allowed, or there are too many curves to tell apart.
    """
    from matplotlib.figure import Figure

    from simulations.averages import average_seeds

    one_of("x", x, X)
    one_of("y", y, Y)
    averaged = average_seeds(simulation)
    whole = [*theory.lines(), *averaged.lines()]
    differing = {key for key in _KEYS if len({line.get(key) for line in whole} - {None}) > 1}
    keys = [key for key in _KEYS if key in differing - {x}]
    lines, marks = _grouped(theory, keys), _grouped(averaged, keys)
    looks = _looks([*lines, *marks], keys)
    if len(looks) > _MOST:
        allowed = f"tables of at most {_MOST} curves; they differ in {', '.join(keys)}"
        raise refusal("THEORY, SIM", f"{len(looks)} curves", allowed)

    figure = Figure(figsize=(ONE_COLUMN, 2.7))
    axes = figure.subplots()
    for key, table in lines.items():
        theory_line(axes, table, x, y, looks[key])
    for key, table in marks.items():
        measured(axes, table, x, y, looks[key])
    axes.set(xlabel=X[x], ylabel=Y[y])
    for axis, name in ((axes.xaxis, "x"), (axes.yaxis, "y")):
        if name in log:
            log_axis(axis)
    handles = [
        _handle(look, key in lines, key in marks) for key, look in looks.items() if look.label
    ]
    handles += kinds(has_failures([axes]))
    figure.legend(handles=handles, loc="outside upper center", ncols=2, fontsize=6.5)
    return figure


def warn(theory: Table, simulation: Table, label: str) -> None:
    """Say what the picture does not show as an answer, or without an error bar."""
    from simulations.averages import average_seeds

    for name, table in (("theory", theory), ("simulation", simulation)):
        failed = int(np.sum(table["status"] != "converged"))
        if failed:
            say(f"{label}: {failed} of {len(table)} lines of the {name} did not converge")
    seeds = average_seeds(simulation)["seeds"]
    if np.any(seeds == 1):
        say(f"{label}: {np.sum(seeds == 1)} of {len(seeds)} points have one seed, no error bar")


def _grouped(table: Table, keys: list[str]) -> dict[Key, Table]:
    found: dict[Key, list[dict[str, Any]]] = {}
    for line in table.lines():
        found.setdefault(tuple(line.get(key) for key in keys), []).append(line)
    return {key: Table(lines) for key, lines in found.items()}


def _looks(groups: list[Key], keys: list[str]) -> dict[Key, Look]:
    """Return a look per group; sizes of one problem share the colour of its line."""
    size = keys.index("sites") if "sites" in keys else len(keys)
    problems: dict[Key, list[Key]] = {}
    for group in dict.fromkeys(groups):
        problems.setdefault(group[:size] + group[size + 1 :], []).append(group)
    looks: dict[Key, Look] = {}
    fresh = cycle(LOOKS)
    for members in problems.values():
        color = ""
        for group in members:
            look = next(fresh)
            color = color or look.color
            # A value that is missing here, as L of the theory, goes without saying.
            shown = [
                _KEYS[key].format(value)
                for key, value in zip(keys, group, strict=True)
                if value is not None
            ]
            looks[group] = Look(", ".join(shown), color, look.marker, look.filled)
    return looks


def _handle(look: Look, line: bool, marks: bool) -> Artist:
    if line and marks:
        return series(look)
    return reference(look.label, "-", look.color) if line else points(look)
