"""Tables as those of pandas and xarray, with one column per colour mode."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replica.errors import MissingExtra, not_installed
from replica.tables.columns import FURTHER, INTEGER, POINT
from replica.validation import invalid

#: Of a table, by name.
Columns = dict[str, NDArray[Any]]

#: What may be the dimension of a grid; of two that tell the same, the first.
_DIMENSIONS = ("alpha", *(name for name in POINT if name != "alpha"), *FURTHER, "seed", "step")


def flat(table: Columns) -> Columns:
    """Return the columns by name, NAME_1, NAME_2 where cells of NAME hold one value per mode."""
    found: Columns = {}
    for name, values in table.items():
        modes = [v if isinstance(v, np.ndarray) and v.ndim else None for v in values]
        if not any(mode is not None for mode in modes):
            whole = len(values) and name in INTEGER and np.isfinite(values).all()
            found[name] = values.astype(np.int64) if whole else values
            continue
        alone = [np.nan if mode is not None else v for v, mode in zip(values, modes, strict=True)]
        if not all(map(np.isnan, alone)):
            found[name] = np.array(alone, dtype=float)
        for k in range(max(len(mode) for mode in modes if mode is not None)):
            cells = [m[k] if m is not None and k < len(m) else np.nan for m in modes]
            found[f"{name}_{k + 1}"] = np.array(cells, dtype=float)
    return found


def to_pandas(table: Columns) -> Any:
    """Return the table as `Table.to_pandas` says."""
    return _library("pandas").DataFrame(flat(table))


def to_xarray(table: Columns) -> Any:
    """Return the table as `Table.to_xarray` says."""
    library = _library("xarray")
    columns = flat(table)
    dimensions, shared = _dimensions(columns), _constant(columns)
    axes = {name: list(dict.fromkeys(_labels(columns[name]))) for name in dimensions}
    numbered = {name: {label: k for k, label in enumerate(axis)} for name, axis in axes.items()}
    places = tuple(
        np.array([known[label] for label in _labels(columns[name])], dtype=int)
        for name, known in numbered.items()
    )
    variables = {}
    for name, values in columns.items():
        if name in dimensions or name in shared or not _distinct(values):
            continue
        shape = [len(axis) for axis in axes.values()]
        empty = np.full(shape, "", object) if values.dtype == object else np.full(shape, np.nan)
        empty[places] = values
        variables[name] = (dimensions, empty)
    coordinates = {n: [np.nan if x is None else x for x in axis] for n, axis in axes.items()}
    return library.Dataset(variables, coords=coordinates, attrs=shared)


def arrow_stream(table: Columns, requested_schema: object | None) -> object:
    """Return the capsule of an Arrow stream, which other libraries read tables from.

    Whoever asks for it has one of the libraries that can make it.
    """
    for name, make in (("polars", "DataFrame"), ("pyarrow", "table")):
        with suppress(ImportError):
            known = {k: v.tolist() for k, v in flat(table).items()}
            made = getattr(import_module(name), make)(known)
            return made.__arrow_c_stream__(requested_schema)
    raise MissingExtra("an Arrow stream needs polars or pyarrow, and neither is installed")


def _dimensions(columns: Columns) -> tuple[str, ...]:
    """Return the fewest columns that tell the lines apart, in the order of the table."""
    dimensions = [name for name in _DIMENSIONS if len(_distinct(columns.get(name, ()))) > 1]
    for name in reversed(dimensions):
        others = [other for other in dimensions if other != name]
        if _tells_apart(columns, others):
            dimensions = others
    if not _tells_apart(columns, dimensions):
        told = ", ".join(dimensions) or "no column"
        raise invalid("table", told, "a grid, of which no two lines are of the same point")
    return tuple(name for name in columns if name in dimensions and name != "alpha") + (
        ("alpha",) if "alpha" in dimensions else ()
    )


def _tells_apart(columns: Columns, names: list[str]) -> bool:
    lines = len(next(iter(columns.values())))
    listed = [_labels(columns[name]) for name in names]
    points = set(zip(*listed, strict=True))
    return len(points) == lines if names else lines <= 1


def _constant(columns: Columns) -> dict[str, Any]:
    """Return the parameters that all lines share."""
    shared = {name: set(_labels(columns[name])) for name in _DIMENSIONS if name in columns}
    return {
        name: values.pop()
        for name, values in shared.items()
        if len(values) == 1 and not values & {None, ""}
    }


def _labels(values: NDArray[Any]) -> list[Any]:
    """Return the entries of a column, None for NaN, which is not equal to itself."""
    return [value if value == value else None for value in values.tolist()]


def _distinct(values: Any) -> list[Any]:
    """Return the values that are there, each once."""
    return [v for v in dict.fromkeys(np.asarray(values).tolist()) if v == v and v != ""]


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise MissingExtra(not_installed(name, "frames")) from None
