"""A table that reaches its place whole, at its end or where its making is stopped."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from replica.errors import Unwritable, reason
from replica.tables.formats import CSV, ending_of
from replica.tables.journal import Journal, split_beside
from replica.tables.table import Table, place_for, replace_table
from replica.validation import invalid

Lines = list[dict[str, Any]]


class Collected:
    """Lines that are kept in memory, with the names of `Journal`, and delivered together.

    Parameters
    ----------
    deliver : callable
        Prints or writes the lines.
    points : iterable of mappings
        What tells the points of the table apart, by column, in its order.
    """

    #: Nothing was there before.
    grown, lines = False, ()

    def __init__(
        self, deliver: Callable[[Lines], None], points: Iterable[Mapping[str, Any]] = ()
    ) -> None:
        known = tuple(points)
        self._deliver, self._done, self._delivered = deliver, Lines(), False
        self._columns = tuple(dict.fromkeys(column for each in known for column in each))
        self._order = {self._key(point): number for number, point in enumerate(known)}

    def append(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Add lines to those that are done."""
        self._done += map(dict, lines)

    def finish(self, lines: Iterable[Mapping[str, Any]]) -> Table:
        """Deliver the table of these lines, in this order, and return it."""
        whole = [dict(line) for line in lines]
        self._delivered = True
        self._deliver(whole)
        return Table(whole)

    def kept(self) -> Sequence[Mapping[str, Any]]:
        """Return the lines that are done."""
        return self._done

    def __enter__(self) -> Collected:
        return self

    def __exit__(self, *_: object) -> None:
        if self._done and not self._delivered:
            last = len(self._order)
            self._done.sort(key=lambda line: self._order.get(self._key(line), last))
            self._deliver(self._done)

    def _key(self, line: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(line.get(name) for name in self._columns)


AnyJournal = Journal | Collected


def journal_at(
    name: str,
    path: str | os.PathLike[str],
    command: str,
    parameters: Mapping[str, Any],
    seeds: Sequence[int],
    beside: Sequence[str] = (),
    points: Iterable[Mapping[str, Any]] = (),
    grid: Sequence[str] = (),
) -> AnyJournal:
    """Return what keeps a table in a file: a `Journal`, or of another kind than CSV all at its end.

    The arguments are those of `Journal`.

    Raises
    ------
    ValueError
        If `Journal` does, or a table that cannot grow is there already.
    """
    target = place_for(name, path)
    if ending_of(target) == CSV:
        return Journal(name, path, command, parameters, seeds, beside, points, grid)
    if os.path.exists(target) and os.path.getsize(target):
        allowed = "a new file: only tables that end in .csv grow, or go on where they were stopped"
        raise invalid(name, str(path), allowed)

    def write(lines: Lines) -> None:
        rows, lists = split_beside(lines, beside)
        told = {"command": command, "parameters": dict(parameters), "seeds": list(seeds)}
        _write(target, Table(rows), told | lists)

    return Collected(write, points)


def _write(target: Path, table: Table, told: Mapping[str, Any]) -> None:
    try:
        replace_table(target, table, told)
    except OSError as error:
        raise Unwritable(f"{target} cannot be written: {reason(error)}") from None
