"""Tables of the user's own, from files: what can be drawn of them, each point once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from replica.tables import Table
from replica.tables.average_rows import average_rows
from replica.tables.provenance import read_sidecar
from replica.validation import invalid

SOURCES = ("theory", "simulation")


@dataclass(frozen=True)
class Own:
    """The lines of one or more tables.

    Attributes
    ----------
    theory, simulation : Table
        Each point once; one of them may be empty.
    again : tuple of int
        How many lines of each stood there again.
    best_lam : bool
        Whether every point of the theory is at its own, best weight decay.
    """

    theory: Table
    simulation: Table
    again: tuple[int, int]
    best_lam: bool


def read_tables(paths: Sequence[str], columns: Sequence[str], mean_rows: bool = False) -> Own:
    """Return the lines of tables that `replica sweep` and `replica-simulate` wrote, by source.

    With `mean_rows` the lines are means over the rows of one model.

    Raises
    ------
    ValueError
        If a file cannot be read, or has no lines or values to draw, or there are two results for
        one system.
    """
    found: dict[str, list[str]] = {source: [] for source in SOURCES}
    lines: dict[str, list[dict[str, object]]] = {source: [] for source in SOURCES}
    for path in paths:
        table = Table.from_csv(path, "TABLE")
        of_source = {source: table.where(source=source) for source in SOURCES}
        if not any(len(each) for each in of_source.values()):
            raise invalid("TABLE", path, "a table with lines of source theory or simulation")
        for source, each in of_source.items():
            if len(each):
                _check(each, path, columns, mean_rows)
                found[source].append(path)
                lines[source] += each.lines()
    tables, again = [], []
    for source in SOURCES:
        table, count = _once(lines[source], ", ".join(found[source]))
        tables.append(average_rows(table) if mean_rows and len(table) else table)
        again.append(count)
    best = bool(found["theory"]) and all(map(is_at_best_lam, found["theory"]))
    return Own(tables[0], tables[1], (again[0], again[1]), best)


def is_at_best_lam(path: str) -> bool:
    """Tell whether the sidecar of a table says that every point has its own, best weight decay."""
    parameters = read_sidecar(path)[0].get("parameters")
    return isinstance(parameters, dict) and parameters.get("lam") == "optimal"


def _once(lines: Sequence[dict[str, object]], path: str) -> tuple[Table, int]:
    from simulations.experiments.once import once

    table = Table(lines)
    if not len(table):
        return table, 0
    each = once(table, name="TABLE", value=path)
    return each, len(table) - len(each)


def _check(table: Table, path: str, columns: Sequence[str], mean_rows: bool) -> None:
    """Refuse lines of one source of which nothing could be drawn."""
    for column in columns:
        if any(isinstance(line.get(column), list) for line in table.lines()):
            raise invalid("TABLE", path, f"a table with one number per line in column {column}")
    for column in columns:
        if column not in table.columns:
            raise invalid("TABLE", path, f"a table with converged values in column {column}")
    # A line that is no answer may lack its value.
    good = table["status"] == "converged"
    known = good & np.all([np.isfinite(table[column]) for column in columns], axis=0)
    if not known.any():
        lacking = [column for column in columns if not np.isfinite(table[column][good]).any()]
        where = f"column {lacking[0]}" if lacking else f"columns {' and '.join(columns)} at once"
        raise invalid("TABLE", path, f"a table with converged values in {where}")
    if mean_rows and "row" not in table.columns:
        raise invalid("TABLE", path, "a table of rows of one model for their mean")
