"""Tables of the user's own in one picture: lines of the theory under simulated markers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from figures.drawing.axes import linear_below, log_axis
from figures.drawing.legends import circ, has_failures, kinds, points, reference, series
from figures.drawing.panels import measured, theory_line
from figures.drawing.style import LOOKS, ONE_COLUMN, Look
from replica.commandline.terminal import say
from replica.tables import Table
from replica.tables.average_rows import average_rows
from replica.tables.columns import EVERY, KNOWN, OBSERVABLES
from replica.tables.provenance import read_sidecar
from replica.validation import invalid, one_of

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

NAME = "overlay"

#: What can be drawn over what: observables over parameters, the sample ratio first of them.
Y = OBSERVABLES
X = tuple(column.name for column in reversed(EVERY) if column.parameter and column.label)

#: Columns that tell curves apart where they vary.
_KEYS = tuple(column.name for column in EVERY if column.form)

#: In the place of a weight decay that is the best of every sample ratio.
_BEST = "\\mathrm{optimal}"

#: Estimators that find what another one does, and belong to its theory.
_FINDS = {"amp": "minimiser"}

#: Those that the theory does not know: systems that differ in them share its colour.
_FINITE = tuple(key for key in _KEYS if KNOWN[key].finite)

#: More curves than this cannot be told apart: each look once as it is, and once turned.
_MOST = 2 * len(LOOKS)

Key = tuple[Any, ...]


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
    theory, averaged = once(theory), average_seeds(simulation)
    if not np.isfinite(averaged[y]).any():
        raise invalid("y", y, "a column with a value of every seed of some simulated point")
    if best_lam and x != "lam":
        theory, averaged = _at_best_lam(theory, averaged)
    keys, constant = _differing(theory, averaged, x)
    lines, marks = _grouped(theory, keys), _grouped(averaged, keys)
    looks = _looks([*lines, *marks], keys)
    if len(looks) > _MOST:
        allowed = f"tables of at most {_MOST} curves; they differ in {', '.join(keys)}"
        allowed += ", of which --mean-rows draws the mean over rows" if "row" in keys else ""
        raise invalid("THEORY, SIM", f"{len(looks)} curves", allowed)

    figure = Figure(figsize=(ONE_COLUMN, 2.7))
    axes = figure.subplots()
    for key, table in lines.items():
        theory_line(axes, table, x, y, looks[key])
    for key, table in marks.items():
        measured(axes, table, x, y, looks[key])
    drawn, in_nats = KNOWN[y], constant.get("loss") == "cross-entropy"
    axes.set(xlabel=KNOWN[x].axis, ylabel=drawn.axis if in_nats else drawn.label)
    for axis, name in ((axes.xaxis, "x"), (axes.yaxis, "y")):
        if name in log:
            log_axis(axis)
    handles = [
        _handle(look, key in lines, key in marks) for key, look in looks.items() if look.label
    ]
    handles += kinds(has_failures([axes]))
    # A matrix that all have in common is told by no digest of it.
    told = [
        _shown(key, value)
        for key, value in constant.items()
        if key not in _FINITE[1:] and not (key == "couplings" and value.startswith("sha256"))
    ]
    figure.legend(
        handles=handles, loc="outside upper center", ncols=2, fontsize=6.5,
        title=", ".join(told), title_fontsize=6.5,
    )  # fmt: skip
    return figure


def warn(theory: Table, simulation: Table, figure: Figure, label: str) -> None:
    """Say what the picture does not show as an answer, without an error bar or to scale."""
    from simulations.experiments.average_seeds import average_seeds

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


def _at_best_lam(theory: Table, simulation: Table) -> tuple[Table, Table]:
    """Return two tables in whose curves the weight decay is the best of every point.

    Systems have it only where all of them do: one that happens to have it at some point belongs
    to a curve of its own weight decay.
    """
    best = {_point(line): line.get("lam") for line in theory.lines()}
    whole = simulation.lines()
    if not all(_agree(line.get("lam"), best.get(_point(line))) for line in whole):
        return _of_best_lam(theory), simulation
    return _of_best_lam(theory), _of_best_lam(simulation)


def _of_best_lam(table: Table) -> Table:
    return Table(line | {"lam": _BEST} for line in table.lines())


def _agree(lam: float | None, best: float | None) -> bool:
    return lam is not None and best is not None and math.isclose(lam, best, rel_tol=1e-6)


def _point(line: Mapping[str, Any]) -> Key:
    """Return what tells a point of the theory from others, up to the weight decay."""
    values = (_value(line, key) for key in _KEYS if key not in ("lam", *_FINITE))
    return tuple(_FINDS.get(value, value) for value in values)


def _value(line: Mapping[str, Any], key: str) -> Any:
    """Return what a line says of a key, also where a table leaves out what goes without saying."""
    value, column = line.get(key), KNOWN[key]
    applies = not column.data or line.get("data") == column.data
    return column.usual if value is None and column.usual and applies else value


def _differing(theory: Table, simulation: Table, x: str) -> tuple[list[str], dict[str, Any]]:
    """Return the keys that tell the curves of two tables apart, and the others with their value."""
    found = {
        key: [{_value(line, key) for line in table.lines()} for table in (theory, simulation)]
        for key in _KEYS
        if key != x
    }
    if not any(set.union(*found["joint"])):
        # It goes without saying where there is no other.
        del found["joint"]
    keys = [key for key, values in found.items() if _tells_apart(key, *values)]
    for key in [key for key in keys if key in _FINITE[1:]]:
        rest = [name for name in keys if name != key]
        # All rows of every system, say, are told by its size.
        if len(_grouped(simulation, [*rest, key, x])) == len(_grouped(simulation, [*rest, x])):
            keys = rest
    usual = {"data": "potts"} | {key: KNOWN[key].usual for key in _KEYS if KNOWN[key].usual}
    return keys, {
        key: value
        for key, values in found.items()
        for value in set.union(*values) - {None}
        if key not in keys and value != usual.get(key)
    }


def _tells_apart(key: str, theory: set[Any], simulation: set[Any]) -> bool:
    """Tell whether the values that a key has in two tables make several curves."""
    # The theory has no L, but whatever else one of the two lacks makes it another problem.
    if key in _FINITE:
        return max(len(theory), len(simulation), len((theory | simulation) - {None})) > 1
    return len(theory | simulation) > 1


def _grouped(table: Table, keys: Iterable[str]) -> dict[Key, Table]:
    found: dict[Key, list[dict[str, Any]]] = {}
    for line in table.lines():
        found.setdefault(tuple(_value(line, key) for key in keys), []).append(line)
    return {key: Table(lines) for key, lines in found.items()}


def _looks(groups: list[Key], keys: list[str]) -> dict[Key, Look]:
    """Return a look per group; systems of one problem share the colour of its line."""
    problems: dict[Key, list[Key]] = {}
    for group in dict.fromkeys(groups):
        problem = tuple(
            _FINDS.get(v, v) for key, v in zip(keys, group, strict=True) if key not in _FINITE
        )
        problems.setdefault(problem, []).append(group)
    labels = [_labels(key, [group[i] for group in groups]) for i, key in enumerate(keys)]
    lacking = [f"no {key}" for key in keys if key not in _FINITE]
    looks: dict[Key, Look] = {}
    fresh = cycle([*LOOKS, *(look.turned() for look in LOOKS)])
    for members in problems.values():
        first: Look | None = None
        for group in members:
            look = next(fresh)
            first = first or look
            # A value that is missing here, as L of the theory, goes without saying.
            shown = [
                told[value] for told, value in zip(labels, group, strict=True) if value is not None
            ]
            label = ", ".join(shown or lacking)
            looks[group] = replace(look.named(label), color=first.color, line=first.line)
    return looks


def _labels(key: str, values: Iterable[Any]) -> dict[Any, str]:
    """Return how each value is shown: with as many digits as tell them apart."""
    known = {value for value in values if value is not None}
    short = {value: _shown(key, value) for value in known}
    if len(set(short.values())) == len(known):
        return short
    return {value: _exact(key).format(value) for value in known}


def _shown(key: str, value: Any) -> str:
    form = _exact(key) if isinstance(value, str) else KNOWN[key].form
    kind, _, row = value.partition(":") if key == "similarity" else ("", "", "")
    return form.format(circ(map(float, row.split(";"))) if kind == "circulant" else value)


def _exact(key: str) -> str:
    return KNOWN[key].form.replace(":g", "")


def _handle(look: Look, line: bool, marks: bool) -> Artist:
    if line and marks:
        return series(look)
    return reference(look.label, look.line, look.color) if line else points(look)
