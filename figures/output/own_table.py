"""Tables that are no figure's own are refused before they are drawn as if they were."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from figures.paper.contents import ANY
from figures.paper.figure import FigureSource, PaperFigure
from replica.errors import BadArgument
from replica.tables import Table
from replica.tables.provenance import read_sidecar
from replica.validation import invalid


def own_table(figure: FigureSource, path: str, command: str) -> Table:
    """Return the table in a file if it is one that `compute` of this figure returned.

    The sidecar tells, where there is one; the lines must be those of the figure all the same,
    which then draws a table that lost its sidecar, too.

    Parameters
    ----------
    figure : FigureSource
        What is to be drawn.
    path : str
        The CSV file.
    command : str
        Name of the command that draws figures.

    Raises
    ------
    ValueError
        If the file cannot be read, or the table is of another figure or command.
    """
    table = Table.from_csv(path, "table")
    maker = _maker(path, command)
    if maker not in (None, figure.NAME):
        raise foreign(figure, path, command, f"it is of {maker}")
    check(figure, table, path, command)
    return table


def check(figure: FigureSource, table: Table, name: str, command: str) -> None:
    """Raise ValueError if the lines of a table, which is called `name`, are not the figure's."""
    for kind in figure.CONTENTS:
        if not any(_is(line, kind) for line in table.lines()):
            raise foreign(figure, name, command, f"it has no line of {_shown(kind)}")
    for number, line in enumerate(table.lines(), start=2):
        if not any(_is(line, kind) for kind in figure.CONTENTS):
            raise foreign(figure, name, command, f"line {number} is none of its")


def as_it_was_made(figure: FigureSource, path: str) -> FigureSource:
    """Return the figure at the parameters that the sidecar of a table names.

    What was given for the figure itself stays; without a sidecar nothing else is known.
    """
    named = read_sidecar(path)[0].get("parameters")
    if not isinstance(figure, PaperFigure) or not isinstance(named, dict):
        return figure
    known = {name: value for name, value in named.items() if name in figure.parameters}
    with suppress(BadArgument):  # a sidecar that was changed by hand: the lines tell
        return figure.at(**known | figure.given)
    return figure


def table_in(figure: FigureSource, place: str) -> str:
    """Return the path of the figure's table, which is this file or in this folder."""
    return str(Path(place) / f"{figure.NAME}.csv") if Path(place).is_dir() else place


def foreign(figure: FigureSource, path: str, command: str, reason: str) -> BadArgument:
    """Return the error that says why a table cannot be drawn as this figure."""
    return invalid("table", path, f"one that `{command} {figure.NAME}` wrote; {reason}")


def _maker(path: str, command: str) -> str | None:
    """Return the figure, or the other command, of which the sidecar says that it made a table."""
    known, _ = read_sidecar(path)
    try:
        words = shlex.split(known["command"])
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    if words[:1] != [command]:
        return f"`{' '.join(words[:1])}`"
    parameters = known.get("parameters")
    # One of many figures is named there.
    named = parameters.get("figure") if isinstance(parameters, dict) else None
    return named or (words[1] if len(words) > 1 and words[1] != "all" else None)


def _is(line: Mapping[str, Any], kind: Mapping[str, Any]) -> bool:
    return all(
        line.get(name) is not None if value is ANY else line.get(name) == value
        for name, value in kind.items()
    )


def _shown(kind: Mapping[str, Any]) -> str:
    return ", ".join(
        name if value is ANY else f"{name} = {value}"
        for name, value in kind.items()
        if value is not None
    )
