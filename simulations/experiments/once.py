"""Every system counts once, however often a table holds it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from replica.tables import Table
from replica.tables.columns import FURTHER, KNOWN, OBSERVABLES, POINT, failed
from replica.validation import invalid

#: Parameters that a refusal does not name, as the others tell them.
_UNSAID = ("source", "data", "samples")

#: How far the same number may differ between machines, relative to its size.
_AGREE = 1e-6


def point(line: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what tells the point of a line apart: all parameters but the seed."""
    further = (KNOWN[name].usual if (v := line.get(name)) is None else v for name in FURTHER)
    return (*(line.get(name) for name in POINT), *further)


def once(
    table: Table,
    apart: Iterable[str] = (),
    results: Iterable[str] = OBSERVABLES,
    name: str = "table",
    value: object = None,
) -> Table:
    """Return the table with every line that stands twice once, the first of them.

    A line is known by the parameters of its point and its seed. One that could not be computed
    gives way to one that was. Systems without a seed are the same if all their numbers are.

    Parameters
    ----------
    table : Table
        Lines of theory or of simulations, one per seed.
    apart : iterable of str
        Further columns that tell lines apart.
    results : iterable of str
        Columns with what was computed. Where two lines that are the same system differ in one
        of them by more than rounding, or in their status, one of the two is wrong.
    name, value
        The argument that holds the table, and what it is, for a refusal.

    Raises
    ------
    ValueError
        If a system stands in the table with different results, naming it.
    """
    apart, results = tuple(apart), ("status", *results)
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for line in table.lines():
        key = (*point(line), line.get("seed"), *(line.get(column) for column in apart))
        if line.get("seed") is None and line.get("source") != "theory":
            key += tuple(str(line.get(column)) for column in results)
        known = found.get(key)
        if known is None or (failed(known) and not failed(line)):
            found[key] = line
        elif not failed(line):
            for column in results:
                if not _agree(known.get(column), line.get(column)):
                    told = f"{column} = {known.get(column)} and {line.get(column)}"
                    allowed = f"one result for every system; {_named(line, apart)} has {told}"
                    raise invalid(name, table if value is None else value, allowed)
    return table if len(found) == len(table) else Table(found.values())


def _agree(one: Any, other: Any) -> bool:
    """Tell whether two cells are the same result, up to the rounding of different machines."""
    if _missing(one) or _missing(other):
        return _missing(one) and _missing(other)
    if isinstance(one, str) or isinstance(other, str):
        return bool(one == other)
    if np.ndim(one) == np.ndim(other) == 0:
        return math.isclose(one, other, rel_tol=_AGREE)
    return len(one) == len(other) and all(map(_agree, one, other))


def _missing(cell: Any) -> bool:
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def _named(line: Mapping[str, Any], apart: Iterable[str]) -> str:
    """Return the parameters that a line has, of which the seed tells most."""
    names = (*POINT, *FURTHER, *apart, "seed")
    known = (name for name in names if name not in _UNSAID and line.get(name) is not None)
    return ", ".join(f"{name} = {line[name]}" for name in known)
