"""The table format shared by theory, simulation and figures: CSV with a JSON sidecar."""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, SupportsIndex, TextIO, overload

import numpy as np
from numpy.typing import NDArray

from replica.arrays import Vector
from replica.immutable import keep
from replica.tables.atomic_files import (
    check_ending,
    make_folder,
    replace_file,
    writable_file,
)
from replica.tables.columns import TEXT, as_cell, columns_of
from replica.tables.formats import ENDINGS, check_library, encoded, ending_of
from replica.tables.frames import arrow_stream, flat, to_pandas, to_xarray
from replica.tables.html import table_html
from replica.tables.locks import unwritten
from replica.tables.provenance import is_foreign, provenance, sidecar
from replica.tables.reading import lines_of
from replica.validation import invalid


class Table:
    """An immutable table of points, one line per (problem, system size, seed).

    `table["test_loss"]` is a numpy array with one entry per line: text for the columns
    source, data, loss, status, estimator, similarity and couplings, floats elsewhere, NaN where
    the cell is empty, and an array of rows where a cell holds one value per colour mode. If the
    numbers of modes differ, the entries are objects: floats and arrays. `table[0]` is a line,
    `table[:3]` a table of three, and `one + other` a table of both; `pandas.DataFrame(table)` and
    `polars.DataFrame(table)` are data frames.

    Parameters
    ----------
    lines : iterable of mappings
        Each maps column names to values; None or a missing name is an empty cell. Names
        outside `COLUMNS` become further columns behind them, in order of appearance, those of
        points that failed last.

    Raises
    ------
    ValueError
        If a line is no mapping.

    Examples
    --------
    >>> from replica import PottsTokens, Problem, Table, optimal_lam
    >>> problem = Problem(1.0, 0.1, PottsTokens(3, 1.5))
    >>> best = Table(optimal_lam(problem.at(alpha=alpha))[1].line() for alpha in (1.0, 2.0))
    >>> best["lam"].round(3)
    array([0.403, 0.432])
    >>> best.where(alpha=2.0)["test_loss"].round(4)
    array([0.9803])
    """

    _lines: tuple[dict[str, Any], ...]
    _columns: tuple[str, ...]

    def __init__(self, lines: Iterable[Mapping[str, Any]]) -> None:
        if isinstance(lines, (str, Mapping, Table)) or not isinstance(lines, Iterable):
            allowed = "an iterable of mappings from columns to values, as table.lines()"
            raise invalid("lines", lines, allowed)
        keep(self, _lines=tuple(_copied(line) for line in lines))
        kinds = {kind for line in self._lines for kind in map(type, line.values())}
        if any(issubclass(kind, np.ma.MaskedArray) for kind in kinds):
            _refuse_masked(self._lines)
        keep(self, _columns=columns_of(self._lines))

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return self._columns

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"{name} cannot be set: tables are immutable")

    def __len__(self) -> int:
        return len(self._lines)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield the lines as other libraries read them: every column, numbers and text alone."""
        columns = {name: values.tolist() for name, values in flat(self._arrays()).items()}
        lines = zip(*columns.values(), strict=True)
        return (dict(zip(columns, line, strict=True)) for line in lines)

    @overload
    def __getitem__(self, key: str) -> NDArray[Any]: ...
    @overload
    def __getitem__(self, key: slice) -> Table: ...
    @overload
    def __getitem__(self, key: SupportsIndex) -> dict[str, Any]: ...
    def __getitem__(
        self, key: str | slice | SupportsIndex
    ) -> NDArray[Any] | Table | dict[str, Any]:
        """Return a column by its name, a line by its number, or the table of some lines."""
        if isinstance(key, str):
            return self._column(key)
        if isinstance(key, slice):
            return self._of(range(len(self))[key])
        return dict(self._lines[key])

    def __add__(self, other: Table) -> Table:
        """Return the table of the lines of both."""
        if not isinstance(other, Table):
            return NotImplemented
        return Table([*self._lines, *other._lines])

    def _of(self, numbers: Iterable[int]) -> Table:
        """Return the table of the lines of these numbers."""
        return Table(self._lines[number] for number in numbers)

    def _arrays(self) -> dict[str, NDArray[Any]]:
        return {name: self[name] for name in self.columns}

    def _column(self, column: str) -> NDArray[Any]:
        self._known(column)
        values = [line.get(column) for line in self._lines]
        if column in TEXT:
            return np.array(["" if value is None else value for value in values], dtype=object)
        shapes = {np.shape(value) for value in values if value is not None}
        missing = np.full(next(iter(shapes)) if len(shapes) == 1 else (), np.nan)
        cells = [missing if v is None else np.asarray(v, dtype=float) for v in values]
        return np.array(cells) if len(shapes) < 2 else _objects(cells)

    def __repr__(self) -> str:
        counts = Counter(str(line.get("status")) for line in self._lines)
        told = ", ".join(f"{count} {status}" for status, count in counts.items())
        return f"<{type(self).__name__} of {len(self)} lines: {told or 'no line'}>"

    def lines(self) -> tuple[dict[str, Any], ...]:
        """Return a copy of the lines, each a dict from column name to value."""
        return tuple(dict(line) for line in self._lines)

    def where(self, **values: Any) -> Table:
        """Return the lines in which every named column equals the given value, None if empty.

        A cell with one value per colour mode equals a sequence of the same values.
        """
        for column, value in values.items():
            if value is not None:
                self._known(column)
        return self._of(
            number
            for number, line in enumerate(self._lines)
            if all(_equal(line.get(name), value) for name, value in values.items())
        )

    def to_pandas(self) -> Any:
        """Return the table as a data frame of pandas.

        Returns
        -------
        pandas.DataFrame
            A row per line; numbers, also where a line has one per colour mode: these are the
            columns NAME_1, NAME_2. `pandas.DataFrame(table)` has the same columns.

        Raises
        ------
        MissingExtra
            If pandas is not installed.
        """
        return to_pandas(self._arrays())

    def to_xarray(self) -> Any:
        """Return a grid as a dataset of xarray, with named dimensions.

        Returns
        -------
        xarray.Dataset
            Its dimensions are the parameters that tell the lines apart, as alpha and lam; points
            that are not there are NaN. Parameters that all lines share are attributes.

        Raises
        ------
        MissingExtra
            If xarray is not installed.
        ValueError
            If two lines are of the same point.
        """
        return to_xarray(self._arrays())

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return the table as an Arrow stream, for polars.DataFrame(table) and others."""
        return arrow_stream(self._arrays(), requested_schema)

    def _repr_html_(self) -> str:
        return table_html(self.columns, self._lines, repr(self))

    def _ipython_key_completions_(self) -> list[str]:
        return list(self.columns)

    def _known(self, column: str) -> None:
        if column not in self.columns:
            raise KeyError(f"no column {column!r}; the columns are {', '.join(self.columns)}")

    def to_csv(self, path: str | os.PathLike[str], **provenance: Any) -> Path:
        """Write the table to `path` and its provenance to the JSON file beside it.

        Each file appears whole or not at all.

        Parameters
        ----------
        path : path
            The file, whose name ends in .csv, in .csv.gz for one that is compressed, or in
            .parquet. The sidecar of NAME.csv is NAME.json, that of another has .json behind its
            name.
        **provenance
            What made the table, such as command, parameters and seeds. The versions of
            the package and of what it computes with, and the date, are added.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        MissingExtra
            If no library is installed that writes Parquet, polars or pyarrow.
        ValueError
            If the folder does not exist or cannot be written, or the path is that of
            something else, or of a table that another process is writing.
        """
        target = writable_table("path", path)
        with unwritten("path", target):
            replace_table(target, self, provenance)
        return target

    def write(self, stream: TextIO) -> None:
        """Write the table as CSV to an open text stream."""
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(self.columns)
        for line in self._lines:
            writer.writerow([as_cell(line.get(column)) for column in self.columns])

    @classmethod
    def from_csv(cls, path: str | os.PathLike[str], name: str = "path") -> Table:
        """Read a table that `to_csv` wrote; refusals call its place `name`.

        What a spreadsheet or another library leaves on its way is read over: a mark of the
        byte order, lines that end in CR and LF, empty lines at the end, and integers like 3.0.

        Raises
        ------
        ValueError
            If the file cannot be read or is not such a table, naming the line.
        """
        return cls(lines_of(path, name))


def _copied(line: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(line, Mapping):
        raise invalid("lines", line, "mappings from columns to values, as table.lines()")
    return dict(line)


def _refuse_masked(lines: Iterable[Mapping[str, Any]]) -> None:
    for column, value in (cell for line in lines for cell in line.items()):
        if np.ma.is_masked(value):
            raise invalid(column, value, "without masked entries; None is an empty cell")


def _objects(cells: Sequence[Vector]) -> NDArray[Any]:
    """Return arrays of different shapes as the entries of one, those of one number as floats."""
    array = np.empty(len(cells), dtype=object)
    for number, cell in enumerate(cells):
        array[number] = cell if cell.ndim else float(cell)
    return array


def _equal(cell: Any, value: Any) -> bool:
    """Tell whether a cell holds a value: if either has several, all of them alike."""
    if any(isinstance(one, (list, tuple, np.ndarray)) for one in (cell, value)):
        return np.array_equal(cell, value)
    return bool(cell == value)


def replace_table(path: Path, table: Table, told: Mapping[str, Any]) -> None:
    """Write a table and its sidecar, in the place of what is there; OSError says why not."""
    stream = io.StringIO(newline="")
    table.write(stream)
    beside = provenance(told)
    replace_file(path, encoded(ending_of(path), stream.getvalue(), table._arrays))
    replace_file(sidecar(path), beside)


def place_for(name: str, path: str | os.PathLike[str]) -> Path:
    """Return what `writable_table` does, with its folder made if need be."""
    check_ending(name, path, ENDINGS)
    make_folder(name, path, Path(path).parent)
    return writable_table(name, path)


def writable_table(
    name: str, path: str | os.PathLike[str], endings: Sequence[str] = ENDINGS
) -> Path:
    """Return where `path` leads if a table can be written there, or raise ValueError.

    A JSON file that stands where the sidecar would, and is none, is not overwritten.

    Raises
    ------
    MissingExtra
        If no library is installed that writes tables of this kind.
    """
    target = writable_file(name, path, endings)
    if ending_of(target) != ending_of(path):
        allowed = f"a link to a file that ends in {ending_of(path)}, too"
        raise invalid(name, str(path), allowed)
    check_library(ending_of(target))
    new = not os.path.exists(target) or not os.path.getsize(target)
    if new and is_foreign(target):
        allowed = f"a name beside which {sidecar(target).name} is free or tells of a table"
        raise invalid(name, str(path), allowed)
    return target
