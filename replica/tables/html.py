"""How notebooks show tables and solutions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

#: Lines of a table that are shown.
_HEAD = 10


def table_html(names: Iterable[str], lines: Sequence[Mapping[str, Any]], title: str) -> str:
    """Return the first lines of a table, without columns that are empty in all of them."""
    head = lines[:_HEAD]
    there = [name for name in names if any(line.get(name) is not None for line in head)]
    rows = [[_shown(line.get(name)) for name in there] for line in head]
    more = len(lines) - len(head)
    rest = f" and {more} more" if more else ""
    return f"{_grid(there, rows)}<p>{escape(title)}: {len(head)} shown{rest}</p>"


def values_html(values: Mapping[str, Any], title: str) -> str:
    """Return named values one below the other."""
    rows = [[name, _shown(value)] for name, value in values.items() if value is not None]
    return f"<p>{escape(title)}</p>{_grid((), rows)}"


def _grid(names: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (list, tuple, np.ndarray)):
        return ", ".join(map(_shown, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)
