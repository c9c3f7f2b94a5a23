"""Where lines of a command go: to stdout as CSV or JSON as they come, or to a table in a file."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, NamedTuple

from replica.commandline.output import print_json
from replica.saddle_point.status import Status
from replica.tables import Table
from replica.tables.columns import as_cell
from replica.tables.provenance import made_by
from replica.tables.table import place_for
from replica.validation import invalid


class Row(NamedTuple):
    """One line.

    Parameters
    ----------
    point : mapping
        What is asked for, as in every table.
    told : mapping
        What of it is printed: what tells lines of this command apart.
    values : mapping
        What was found.
    """

    point: Mapping[str, Any]
    told: Mapping[str, Any]
    values: Mapping[str, Any]

    @property
    def whole(self) -> dict[str, Any]:
        """The line of a table, which has a status in any case."""
        known = math.isfinite(self.values.get("test_loss", 0.0))
        status = str(Status.CONVERGED if known else Status.NOT_FINITE)
        return {**self.point, **self.told, "status": status, **self.values}


def values_of(found: Any) -> dict[str, Any]:
    """Return the fields of a dataclass of numbers."""
    return {field.name: getattr(found, field.name) for field in fields(found)}


def check_output(options: argparse.Namespace, command: str) -> None:
    """Raise ValueError if no table can be written where it is to go, or one of others is there."""
    if options.out is None:
        return
    known, asked = made_by(place_for("out", options.out)), _kind(command)
    if known is not None and _kind(known) != asked:
        other = f"; this one is of `{_kind(known)}`" if known else ""
        raise invalid("out", options.out, f"a new file, or a table of `{asked}`{other}")


def _kind(command: str) -> str:
    """Return the words before the options, two at most, which say what a command line computes."""
    return " ".join(word for word in command.split()[:2] if not word.startswith("-"))


def deliver(rows: Iterable[Row], options: argparse.Namespace, command: str) -> None:
    """Print rows as they come, or write them to a file as a table.

    Raises
    ------
    ValueError
        If the file cannot be written, before anything is computed.
    """
    check_output(options, command)
    if options.out is None and not options.json:
        _print(rows)
        return
    whole = [row.whole for row in rows]
    if options.out is not None:
        Table(whole).to_csv(options.out, command=command, seeds=[])
    if options.json:
        print_json(whole)


def _print(rows: Iterable[Row]) -> None:
    for index, row in enumerate(rows):
        line = {**row.told, **row.values}
        if not index:
            print(*line, sep=",")
        print(*(as_cell(value) for value in line.values()), sep=",", flush=True)
