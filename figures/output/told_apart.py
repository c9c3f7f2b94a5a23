"""Which lines of two tables are one curve, and which columns tell others apart."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from replica.tables import Table
from replica.tables.columns import EVERY, KNOWN

#: Columns that tell curves apart where they vary.
_KEYS = tuple(column.name for column in EVERY if column.form)

#: In the place of a weight decay that is the best of every sample ratio.
_BEST = "\\mathrm{optimal}"

#: Estimators that find what another one does, and belong to its theory.
_FINDS = {"amp": "minimiser"}

#: Those that the theory does not know: systems that differ in them share its colour.
FINITE = tuple(key for key in _KEYS if KNOWN[key].finite)

Key = tuple[Any, ...]


@dataclass(frozen=True)
class Curves:
    """The curves of theory and simulation.

    Attributes
    ----------
    keys : tuple of str
        The columns that tell them apart.
    constant : dict of str
        What all have in common, without what goes without saying.
    lines, marks : dict
        Tables of one curve each, of the theory and of the simulation, by the values of the keys.
    """

    keys: tuple[str, ...]
    constant: dict[str, Any]
    lines: dict[Key, Table]
    marks: dict[Key, Table]

    def problem(self, key: Key) -> Key:
        """Return what a curve is of, whatever the size of a system: lines belong to their marks."""
        known = zip(self.keys, key, strict=True)
        return tuple(_FINDS.get(value, value) for name, value in known if name not in FINITE)

    def apart(self) -> list[str]:
        """Return the columns by which no line belongs to any mark; nothing if some do."""
        lines, marks = ({self.problem(key) for key in each} for each in (self.lines, self.marks))
        if lines & marks:
            return []
        names = [name for name in self.keys if name not in FINITE]
        each = zip(names, zip(*lines, strict=True), zip(*marks, strict=True), strict=True)
        return [name for name, here, there in each if not set(here) & set(there)] or names


def curves_of(theory: Table, simulation: Table, x: str, best_lam: bool = False) -> Curves:
    """Return the curves along x of two tables, in each of which every point stands once.

    Where the weight decay of the theory is the best of every point, the points of many weight
    decays are one curve, that of the simulation as well if it has the same.
    """
    if best_lam and x != "lam":
        theory, simulation = _at_best_lam(theory, simulation)
    keys, constant = _differing(theory, simulation, x)
    return Curves(tuple(keys), constant, _grouped(theory, keys), _grouped(simulation, keys))


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
    values = (_value(line, key) for key in _KEYS if key not in ("lam", *FINITE))
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
    for key in [key for key in keys if key in FINITE[1:]]:
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
    if key in FINITE:
        return max(len(theory), len(simulation), len((theory | simulation) - {None})) > 1
    return len(theory | simulation) > 1


def _grouped(table: Table, keys: Iterable[str]) -> dict[Key, Table]:
    found: dict[Key, list[dict[str, Any]]] = {}
    for line in table.lines():
        found.setdefault(tuple(_value(line, key) for key in keys), []).append(line)
    return {key: Table(lines) for key, lines in found.items()}
