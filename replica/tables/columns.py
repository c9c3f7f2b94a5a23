"""The columns of every table, and the text of their cells."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from replica.validation import numeral

#: The first columns of every table, in this order.
COLUMNS = (
    "source", "data", "loss", "colors", "beta", "lam", "alpha", "sites", "samples", "seed",
    "test_loss", "train_loss", "optimal_loss", "excess_loss", "error_rate", "coupling_error",
    "m", "q", "V", "status", "residual", "evaluations",
)  # fmt: skip

_COMMON = frozenset(COLUMNS)

TEXT = frozenset({"source", "data", "loss", "status", "estimator", "similarity"})

_INTEGERS = frozenset({"colors", "sites", "samples", "seed", "evaluations"})

#: Those of the common columns whose cells may hold one value per colour mode.
_LISTS = frozenset({"m", "q", "V"})

#: How the status of a point begins that could not be computed; the error follows.
FAILED = "failed"


def columns_of(lines: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the columns of a table of these lines.

    Points that failed, and lack most columns, do not change the order of the others'.
    """
    ordered = sorted(lines, key=failed)
    extra = dict.fromkeys(name for line in ordered for name in line if name not in _COMMON)
    return COLUMNS + tuple(extra)


def failed(line: Mapping[str, Any]) -> bool:
    """Return whether a line is that of a point which could not be computed."""
    return str(line.get("status", "")).startswith(FAILED)


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


def from_cell(column: str, cell: str) -> Any:
    """Return what a cell holds, None if it is empty."""
    if cell == "":
        return None
    if column in TEXT:
        return cell
    if ";" in cell and (column in _LISTS or column not in _COMMON):
        return [float(_number(column, part)) for part in cell.split(";")]
    number = _number(column, cell)
    # A float is written with a point or an exponent, in any column.
    if column in _INTEGERS and isinstance(number, float):
        if not number.is_integer():
            raise ValueError(f"{column} = {cell[:40]!r} is no integer of 300 digits at most")
        return int(number)
    return number


def _number(column: str, cell: str) -> int | float:
    """Return a number, but not NaN, nor one that overflows."""
    number = numeral(cell)
    if (
        number is None
        or number != number
        or (number in (math.inf, -math.inf) and "inf" not in cell)
    ):
        raise ValueError(f"{column} = {cell[:40]!r} is no number")
    return number
