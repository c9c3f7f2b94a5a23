"""Numbers, grids, matrices and vectors of the text of a command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import numpy as np

from replica.arrays import Matrix
from replica.tables.texts import text_of
from replica.validation import integer, invalid, numeral, positive, real

#: Points of one command.
MOST_POINTS = 10_000_000


def number(text: str) -> int | float | str:
    """Return the number that `text` spells, or `text` itself for a later check to refuse."""
    value = numeral(text)
    return text if value is None else value


def alpha_grid(text: Any, log: bool = False) -> list[float]:
    """Return the sample ratios that `text` stands for, see `values`; `log` is that of --log.

    Raises
    ------
    ValueError
        If the text is none, or a value is not allowed.
    """
    if log and ":" not in str(text):
        raise invalid("alpha", text, "start:stop:count where --log is given")
    return [positive("alpha", value) for value in values("alpha", text, log, positive)]


def values(
    name: str, option: Any, log: bool = False, end: Callable[[str, Any], float] = real
) -> list[Any]:
    """Return the numbers or words that an option stands for; refusing them is for others.

    Parameters
    ----------
    name : str
        The option.
    option : number or str
        One value, a list such as "1,2,4", or "start:stop:count" with both ends, geometric with
        "start:stop:count:log".
    log : bool
        Whether start:stop:count is geometric anyway.
    end : callable
        Checks start and stop, given their names and values.

    Raises
    ------
    ValueError
        If start:stop:count is none.
    """
    if not isinstance(option, str):
        return [option]
    parts = [number(part.strip()) for part in option.split(":")]
    if len(parts) == 1 or isinstance(parts[0], str):
        return [number(part.strip()) for part in option.split(",")]
    geometric = log or parts[3:] == ["log"]
    if len(parts) - (parts[-1] == "log") != 3 or any(isinstance(x, str) for x in parts[:3]):
        allowed = "a list such as 1,2,4, start:stop:count or start:stop:count:log"
        raise invalid(name, option, allowed)
    end = positive if geometric else end
    start, stop = end(f"{name} start", parts[0]), end(f"{name} stop", parts[1])
    count = integer(f"{name} count", parts[2], 1, MOST_POINTS)
    if count == 1 and start != stop:
        raise invalid(f"{name} count", count, "2 or greater where start and stop differ")
    space = np.geomspace if geometric else np.linspace
    found = [float(x) for x in space(start, stop, count)]
    # Both ends exactly as they were given.
    found[0], found[-1] = start, stop
    # Such as numbers of colours.
    whole = all(isinstance(part, int) for part in parts[:2]) and all(x.is_integer() for x in found)
    return [int(x) for x in found] if whole else found


def matrix(name: str, text: str) -> list[list[float]]:
    """Return the matrix that `text` stands for: circulant:FIRST,ROW or the name of a file.

    Raises
    ------
    ValueError
        If the text is neither.
    """
    kind, _, row = text.partition(":")
    if kind == "circulant" and row:
        values = [real(name, number(part.strip())) for part in row.split(",")]
        return [values[-i:] + values[:-i] for i in range(len(values))]
    return rows_of_file(name, text, "circulant:1,0.5,0.5 or ")


def rows_of_file(name: str, text: str, instead: str = "") -> list[list[float]]:
    """Return the rows of numbers in a file; refusals name what is allowed `instead`, too."""
    try:
        lines = text_of(text).split("\n")
        return [
            [_entry(x) for x in line.replace(",", " ").split()] for line in lines if line.strip()
        ]
    except (OSError, ValueError) as error:
        why = error.strerror.lower() if isinstance(error, OSError) and error.strerror else error
        allowed = f"{instead}a file with one row of numbers per line ({why})"
        raise invalid(name, text, allowed) from None


def _entry(text: str) -> float:
    value = numeral(text)
    if value is None:
        raise ValueError(f"{text[:40]!r} is no number")
    return float(value)


def square_matrix(name: str, text: str) -> Matrix:
    """Return the square matrix in a file, .npy or text: a row a line, of commas or blanks between.

    Raises
    ------
    ValueError
        If it is none, with line and column of what is wrong.
    """
    try:
        found = _array(text) if text.endswith(".npy") else _lines_of_numbers(text_of(text))
        if found.ndim != 2 or found.shape[0] != found.shape[1]:
            shape = " x ".join(map(str, found.shape))
            raise ValueError(f"it has {shape}")
        return found
    except (OSError, ValueError) as error:
        why = error.strerror.lower() if isinstance(error, OSError) and error.strerror else error
        raise invalid(name, text, f"a file with a square matrix of numbers ({why})") from None


def _array(path: str) -> Matrix:
    found = np.load(path, allow_pickle=False)
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "iuf":
        raise ValueError("it holds no array of numbers")
    return found.astype(float)


def _lines_of_numbers(text: str) -> Matrix:
    lines = text.rstrip().split("\n")
    rows: list[list[float]] = []
    for number, line in enumerate(lines, start=1):
        cells = line.split(",") if "," in line else line.split()
        values = [numeral(cell.strip()) for cell in cells]
        for column, value in enumerate(values, start=1):
            if value is None:
                cell = cells[column - 1].strip()[:40]
                raise ValueError(f"line {number}, column {column}: {cell!r} is no number")
        if rows and len(values) != len(rows[0]):
            raise ValueError(f"line {number} has {len(values)} numbers, line 1 has {len(rows[0])}")
        rows.append([float(value) for value in values if value is not None])
    return np.array(rows)


def row_numbers(name: str, text: str, sites: int) -> list[int]:
    """Return the rows that `text` stands for, such as 3, 0:20, 0,5,7 or all.

    Parameters
    ----------
    name : str
        The argument, for the refusal.
    text : str
        Numbers and ranges start:stop, without stop, separated by commas; or "all".
    sites : int
        L; rows are numbered from 0 to L - 1.

    Raises
    ------
    ValueError
        If the text is none of these, or a row is not there or comes twice.
    """
    if text == "all":
        return list(range(sites))
    allowed = f"rows from 0 to {sites - 1}, each once, such as 3, 0:{min(20, sites)}, 0,2 or all"
    found: list[int] = []
    for part in text.split(","):
        ends = [numeral(end.strip()) for end in part.split(":")]
        if len(ends) > 2 or not all(isinstance(end, int) for end in ends):
            raise invalid(name, text, allowed)
        first, stop = int(ends[0] or 0), int(ends[-1] or 0) + (len(ends) == 1)
        if not 0 <= first < stop <= sites:
            raise invalid(name, text, allowed)
        found += range(first, stop)
    if len(set(found)) < len(found):
        raise invalid(name, text, allowed)
    return found


def digests(arguments: argparse.Namespace, *names: str) -> dict[str, str]:
    """Return what stands for the numbers of matrices that are too long to be kept."""
    found = {}
    for name in names:
        numbers = repr(rows_of_file(name, getattr(arguments, name)))
        found[name] = "sha256 " + sha256(numbers.encode()).hexdigest()
    return found


def as_it_is(name: str, value: Any) -> Any:
    """Return the value of an option that needs no reading."""
    return value


def vector(name: str, text: str) -> list[float]:
    """Return the numbers of a file, line by line."""
    return [value for row in rows_of_file(name, text) for value in row]
