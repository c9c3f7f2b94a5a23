"""The table format shared by theory, simulation and figures: CSV with a JSON sidecar."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from replica.arguments import refusal

#: The first columns of every table, in this order.
COLUMNS = (
    "source", "data", "loss", "colors", "beta", "lam", "alpha", "sites", "samples", "seed",
    "test_loss", "train_loss", "optimal_loss", "excess_loss", "error_rate", "coupling_error",
    "m", "q", "V", "status", "residual", "evaluations",
)  # fmt: skip

_COMMON = frozenset(COLUMNS)
_TEXT = frozenset({"source", "data", "loss", "status", "estimator"})
_INTEGERS = frozenset({"colors", "sites", "samples", "seed", "evaluations"})

_INTEGER = re.compile(r"[+-]?[0-9]{1,300}")
_FLOAT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|-?inf")

#: How the status of a point begins that could not be computed; the error follows.
FAILED = "failed"

#: Ending of a file that is not whole yet; a process that was killed may leave one.
PARTIAL = ".partial"


class Table:
    """An immutable table of points, one line per (problem, system size, seed).

    `table["test_loss"]` is a numpy array with one entry per line: text for the columns
    source, data, loss, status and estimator, floats elsewhere, NaN where the cell is empty, and an
    array of rows where a cell holds one value per colour mode.

    Parameters
    ----------
    lines : iterable of mappings
        Each maps column names to values; None or a missing name is an empty cell. Names
        outside `COLUMNS` become further columns behind them, in order of appearance.
    """

    def __init__(self, lines: Iterable[Mapping[str, Any]]) -> None:
        self._lines = tuple(dict(line) for line in lines)
        self.columns = columns_of(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    def __getitem__(self, column: str) -> NDArray[Any]:
        if column not in self.columns:
            raise KeyError(f"no column {column!r}; the columns are {', '.join(self.columns)}")
        values = [line.get(column) for line in self._lines]
        if column in _TEXT:
            return np.array(["" if value is None else value for value in values], dtype=object)
        return np.array([np.nan if v is None else np.asarray(v, dtype=float) for v in values])

    def lines(self) -> tuple[dict[str, Any], ...]:
        """Return a copy of the lines, each a dict from column name to value."""
        return tuple(dict(line) for line in self._lines)

    def where(self, **values: Any) -> Table:
        """Return the lines in which every named column equals the given value."""
        return Table(
            line for line in self._lines if all(line.get(k) == v for k, v in values.items())
        )

    def to_csv(self, path: str | os.PathLike[str], **provenance: Any) -> Path:
        """Write the table to `path` and its provenance to the JSON file beside it.

        Each file appears whole or not at all.

        Parameters
        ----------
        path : path
            The CSV file; the sidecar has the same name with the ending .json.
        **provenance
            What made the table, such as command, parameters and seeds. The version of the
            package and the date are added.

        Returns
        -------
        Path
            The CSV file.

        Raises
        ------
        ValueError
            If the folder does not exist or cannot be written.
        """
        target = writable_file("path", path)
        replace_table(target, self, provenance)
        return target

    def write(self, stream: TextIO) -> None:
        """Write the table as CSV to an open text stream."""
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(self.columns)
        for line in self._lines:
            writer.writerow([as_cell(line.get(column)) for column in self.columns])

    @classmethod
    def from_csv(cls, path: str | os.PathLike[str]) -> Table:
        """Read a table that `to_csv` wrote.

        Raises
        ------
        ValueError
            If the file cannot be read or is not such a table, naming the line.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
            records = list(csv.reader(io.StringIO(text, newline=""), strict=True))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise refusal("path", str(path), f"a readable table ({error})") from None
        if not records or tuple(records[0][: len(COLUMNS)]) != COLUMNS:
            raise refusal("path", str(path), "a table whose first columns are " + ",".join(COLUMNS))
        header = records[0]
        twice = {name for name in header if header.count(name) > 1}
        if twice:
            raise refusal("path", str(path), f"a table with one column {min(twice)}")
        lines = []
        for number, record in enumerate(records[1:], start=2):
            if len(record) != len(header):
                found = f"line {number} has {len(record)}"
                raise refusal("path", str(path), f"a table of {len(header)} columns; {found}")
            try:
                lines.append({n: _value(n, cell) for n, cell in zip(header, record, strict=True)})
            except ValueError as error:
                raise refusal("path", str(path), f"a table; line {number}: {error}") from None
        return cls(lines)


def columns_of(lines: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the columns of a table of these lines."""
    extra = dict.fromkeys(name for line in lines for name in line if name not in _COMMON)
    return COLUMNS + tuple(extra)


def failed(line: Mapping[str, Any]) -> bool:
    """Return whether a line is that of a point which could not be computed."""
    return str(line.get("status", "")).startswith(FAILED)


def sidecar(path: str | os.PathLike[str]) -> Path:
    """Return the path of the JSON file that stands beside the table `path`."""
    return Path(path).with_suffix(".json")


def replace_table(path: Path, table: Table, provenance: Mapping[str, Any]) -> None:
    """Write a table and its sidecar, in the place of what is there; OSError says why not."""
    stream = io.StringIO(newline="")
    table.write(stream)
    _replace(path, stream.getvalue())
    write_sidecar(path, provenance)


def write_sidecar(path: str | os.PathLike[str], provenance: Mapping[str, Any]) -> None:
    """Write what made the table `path`, with version and date, to the JSON file beside it."""
    stamped = {
        **provenance,
        "version": metadata.version("replica-attention"),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }
    _replace(sidecar(path), json.dumps(stamped, indent=2) + "\n")


def writable_file(name: str, path: str | os.PathLike[str]) -> Path:
    """Return `path` if a file can be written there, or raise ValueError for argument `name`."""
    target = Path(path)
    if target.is_dir() or target.suffix == ".json":
        raise refusal(name, str(path), "a file name such as table.csv")
    _try_writing(name, path, target.parent)
    return target


def writable_folder(name: str, path: str | os.PathLike[str]) -> Path:
    """Return `path` if it is a folder that can be written, or raise ValueError."""
    folder = Path(path)
    _try_writing(name, path, folder)
    return folder


def _try_writing(name: str, path: str | os.PathLike[str], folder: Path) -> None:
    try:
        # Permission bits do not tell what root, quotas and read-only mounts allow.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise refusal(name, str(path), f"in a folder that can be written ({reason})") from None


def as_cell(value: Any) -> str:
    """Return a value as it stands in a table: numbers to full precision, NaN as nothing."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    # Nearly all are floats, and long sweeps write many.
    if type(value) is float:
        return repr(value) if value == value else ""
    if isinstance(value, (Sequence, np.ndarray)) and np.ndim(value) == 1:
        return ";".join(as_cell(v) for v in value)
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    number = float(value)
    return "" if math.isnan(number) else repr(number)


def _value(column: str, cell: str) -> Any:
    if cell == "":
        return None
    if column in _TEXT:
        return cell
    # A float is written with a point or an exponent, in any column.
    if column in _INTEGERS or _INTEGER.fullmatch(cell):
        if not _INTEGER.fullmatch(cell):
            raise ValueError(f"{column} = {cell[:40]!r} is no integer of 300 digits at most")
        return int(cell)
    if ";" in cell:
        return [_float(column, part) for part in cell.split(";")]
    return _float(column, cell)


def _float(column: str, cell: str) -> float:
    """Return a number; float() would also take blanks, underscores, NaN and what overflows."""
    number = float(cell) if _FLOAT.fullmatch(cell) else math.nan
    if math.isnan(number) or (math.isinf(number) and "inf" not in cell):
        raise ValueError(f"{column} = {cell[:40]!r} is no number")
    return number


def strict_json(text: str) -> Any:
    """Return what JSON text stands for.

    Raises
    ------
    ValueError
        If it is no JSON: with a key twice, NaN, a number that overflows, or nested without end.
    """
    try:
        return json.loads(
            text, object_pairs_hook=_once, parse_constant=_no_number, parse_float=_finite
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    known = dict(pairs)
    if len(known) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"key {next(n for n in names if names.count(n) > 1)[:40]!r} twice")
    return known


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _no_number(text[:40])


def _replace(target: Path, text: str) -> None:
    handle, temporary = tempfile.mkstemp(
        dir=target.parent, prefix=f".{target.name}.", suffix=PARTIAL
    )
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, default_mode())
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def default_mode() -> int:
    """Return the permissions of a new file, which temporary files do not have."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
