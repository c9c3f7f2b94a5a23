"""A table that grows on disk as its points finish, and goes on where it was stopped."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from importlib import metadata
from typing import Any

from replica.errors import BadArgument
from replica.tables.append_only import AppendOnlyFile
from replica.tables.atomic_files import clear_partial_files, flush_folder, unwritable
from replica.tables.columns import COLUMNS, failed
from replica.tables.formats import CSV
from replica.tables.provenance import difference, read_sidecar, sidecar, write_sidecar
from replica.tables.table import Table, replace_table, writable_table
from replica.tables.texts import MARK
from replica.validation import invalid

#: Hint behind every message about a table that was left unfinished.
RESUME_HINT = ": the same command goes on from there"


class Journal:
    """A CSV table under construction, held by one process at a time.

    Lines are appended as they come and have left the process before `append` returns, so
    that a kill loses nothing that was appended; they are forced to the disk, against a loss
    of power, at once, or where they come faster than the disk takes them, now and then. A line
    that a kill or a full disk tore is cut off when the journal is opened again. `finish`
    replaces the file by the whole table in its final order; opened again, it can still grow,
    by lines that had failed and by further points of the same grid.

    Parameters
    ----------
    name : str
        The argument that holds the path, for refusals.
    path : path
        The CSV file.
    command : str
        The command line, for the sidecar.
    parameters, seeds : mapping and sequence
        Whatever determines the content of the table, as JSON can hold it. The sidecar keeps
        them: a table of others, or of another version, is refused with the difference.
    beside : sequence of str
        Columns that the finished table leaves to its sidecar, which lists them line by line.
    points : iterable of mappings
        What tells the points of the table apart, by column. A table with a line that agrees with
        none of them is refused. Without any, none is.
    grid : sequence of str
        Parameters that do nothing but list points: a table of fewer points, of other seeds among
        them, is one that is to grow.

    Raises
    ------
    ValueError
        If the file cannot be written, is no table, is one of other parameters or points, or is
        being written by another process.
    """

    def __init__(
        self,
        name: str,
        path: str | os.PathLike[str],
        command: str,
        parameters: Mapping[str, Any],
        seeds: Sequence[int],
        beside: Sequence[str] = (),
        points: Iterable[Mapping[str, Any]] = (),
        grid: Sequence[str] = (),
    ) -> None:
        self.path = writable_table(name, path, (CSV,))
        self._name, self._beside, self._points = name, tuple(beside), tuple(points)
        self._columns = tuple(dict.fromkeys(column for each in self._points for column in each))
        self._grid = (*grid, "seeds") if self._points and grid else ()
        content = {"parameters": dict(parameters), "seeds": list(seeds)}
        self._provenance = {"command": command, **json.loads(json.dumps(content))}
        self._file = AppendOnlyFile(name, self.path)
        try:
            self._found = self._resume()
        except BaseException as error:
            self._file.discard_if_empty()
            self.close()
            if isinstance(error, OSError):
                raise unwritable(name, path, error) from None
            raise

    @property
    def grown(self) -> bool:
        """Whether the table once had fewer points, so that some stand among others alone."""
        return "grown" in self._provenance

    @property
    def lines(self) -> tuple[dict[str, Any], ...]:
        """The lines that the file held when it was opened, in the order of their completion.

        Those of points that failed are not among them: they are to be tried again.
        """
        return self._found

    def append(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Add lines to the file.

        Raises
        ------
        Unwritable
            If the disk is full or the file can no longer be written. What was there before
            is kept.
        Removed
            If the file was removed or replaced by somebody else.
        """
        lines = list(lines)
        if lines:
            if self._file.lacks(lines):
                self._file.begin_anew_with(Table.from_csv(self.path, self._name).lines())
            self._file.append(lines)

    def finish(self, lines: Iterable[Mapping[str, Any]]) -> Table:
        """Replace the file by the table of these lines, in this order, and return the table.

        It raises what `append` does.
        """
        with self._file.writing():
            rows, lists = split_beside(lines, self._beside)
            table, provenance = Table(rows), {**self._provenance, **lists}
            if lists:
                # Before the table loses these columns, lest a kill between the two lose them.
                self._tell(lists)
            replace_table(self.path, table, provenance)
        return table

    def kept(self) -> Sequence[Mapping[str, Any]]:
        """Return the lines that are on disk, none if the file is gone."""
        # A line may have been written and not been counted yet.
        with suppress(BadArgument):
            return Table.from_csv(self.path, self._name).lines()
        return ()

    def close(self) -> None:
        """Let other processes have the file."""
        self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _resume(self) -> tuple[dict[str, Any], ...]:
        """Return the lines of a table of the same parameters, unfinished or finished."""
        for whole in (self.path, sidecar(self.path)):
            clear_partial_files(whole)
        content = self.path.read_bytes()
        self._check_kind(content)
        # A first line alone is a table without points: whatever made it, nothing is lost.
        points = content.partition(b"\n")[2]
        if not points:
            self._file.drop_all(content)
            self._tell({})
            flush_folder(self.path)
            return ()
        self._check_provenance()
        if self._differences and b"\n" not in points:
            # Whose the torn line is only the sidecar tells, and it tells of another grid.
            raise self._refusal()
        self._file.drop_torn_line(content)
        table = Table.from_csv(self.path, self._name)
        self._check_points(table)
        lists = {name: self._list(name, table) for name in self._beside}
        lines = [
            line | {name: values[number] for name, values in lists.items()}
            for number, line in enumerate(table.lines())
        ]
        known = tuple(line for line in lines if not failed(line))
        complete = set(self._beside) <= set(table.columns)
        self._file.columns = table.columns
        if len(known) < len(lines) or not complete or content.startswith(MARK):
            self._file.begin_anew_with(known)
        self._tell({} if complete else lists)
        return known

    def _check_kind(self, content: bytes) -> None:
        """Refuse what does not begin, as far as it goes, like a table."""
        header = ",".join(COLUMNS).encode()
        bare_returns = content.count(b"\r") - content.count(b"\r\n")
        begin = content[: len(MARK + header)].removeprefix(MARK)[: len(header)]
        if begin != header[: len(begin)] or bare_returns:
            raise invalid(self._name, str(self.path), "a new file or a table")

    def _list(self, name: str, table: Table) -> list[Any]:
        """Return a column of the table, or what the sidecar of a finished one says of it."""
        if name in table.columns:
            return [line[name] for line in table.lines()]
        if not len(table):
            return []
        known = read_sidecar(self.path)[0].get(name)
        if isinstance(known, list) and all(
            value is None or type(value) in (int, float) for value in known
        ):
            if len(known) == len(table):
                return known
            if len(known) == len(self._points):  # of lines that have been lost since
                by_point = dict(zip(map(self._key, self._points), known, strict=True))
                return [by_point[self._key(line)] for line in table.lines()]
        allowed = f"a table of which {sidecar(self.path).name} tells {name} for every line"
        raise invalid(self._name, str(self.path), allowed)

    def _key(self, line: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return what tells the point of a line apart."""
        return tuple(line.get(name) for name in self._columns)

    def _tell(self, lists: Mapping[str, Any]) -> None:
        unfinished = {"process": os.getpid(), "host": socket.gethostname()}
        write_sidecar(self.path, {**self._provenance, **lists, "unfinished": unfinished})

    def _check_provenance(self) -> None:
        """Refuse a table of other parameters, except that it may have fewer points."""
        known, broken = read_sidecar(self.path)
        here, there = _content(self._provenance), _content(known)
        here["version"] = metadata.version("replica-attention")
        told = {
            key: difference(key, there.get(key), here.get(key))
            for key in {**here, **there}
            if here.get(key) != there.get(key)
        }
        self._differences = ", ".join(told.values())
        if not told.keys() <= set(self._grid):
            raise self._refusal(broken)
        if told or "grown" in known:
            self._provenance["grown"] = True

    def _refusal(self, *reasons: str) -> BadArgument:
        allowed = f"a new file, or a table of the same command; it has {self._differences}"
        return invalid(self._name, str(self.path), "; ".join(filter(None, (allowed, *reasons))))

    def _check_points(self, table: Table) -> None:
        """Refuse a line of another point, naming in what it differs."""
        if not self._points:
            return
        known = set(map(self._key, self._points))
        values = {n: {point.get(n) for point in self._points} for n in self._columns}
        for number, line in enumerate(table.lines(), start=2):
            if self._key(line) in known and line.get("status"):
                continue
            if self._differences:
                raise self._refusal()
            wrong = [name for name in self._columns if line.get(name) not in values[name]]
            names = wrong or [*self._columns, "status"]
            told = ", ".join(f"{name} = {line.get(name)}" for name in names)
            allowed = f"a table of this command; line {number} has {told}"
            raise invalid(self._name, str(self.path), allowed)


def split_beside(
    lines: Iterable[Mapping[str, Any]], beside: Sequence[str]
) -> tuple[list[dict[str, Any]], dict[str, list[Any]]]:
    """Return lines without the columns that a sidecar holds, and these columns."""
    rows = [dict(line) for line in lines]
    return rows, {name: [row.pop(name, None) for row in rows] for name in beside}


def _content(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Return what determines the content of a table, by name."""
    named = {key: provenance.get(key) for key in ("seeds", "version")}
    parameters = provenance.get("parameters")
    return {**(parameters if isinstance(parameters, dict) else {}), **named}
