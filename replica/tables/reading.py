"""Reading a CSV table: its lines, or the line and the reason for which it is none."""

from __future__ import annotations

import csv
import io
import os
from typing import Any

from replica.errors import reason
from replica.tables.columns import COLUMNS, from_cell
from replica.tables.formats import text_in
from replica.validation import invalid


def lines_of(path: str | os.PathLike[str], name: str) -> list[dict[str, Any]]:
    """Return the lines of a table in a file, as `Table.from_csv` says; raise ValueError if none."""
    try:
        records = list(csv.reader(io.StringIO(text_in(path), newline=""), strict=True))
    except OSError as error:
        raise invalid(name, str(path), f"a readable table ({reason(error)})") from None
    except (ValueError, csv.Error) as error:
        raise invalid(name, str(path), f"a readable table ({error})") from None
    while records and not records[-1]:
        records.pop()
    if not records or tuple(records[0][: len(COLUMNS)]) != COLUMNS:
        raise invalid(name, str(path), "a table whose first columns are " + ",".join(COLUMNS))
    header = records[0]
    twice = {name for name in header if header.count(name) > 1}
    if twice:
        raise invalid(name, str(path), f"a table with one column {min(twice)}")
    lines = []
    for number, record in enumerate(records[1:], start=2):
        if len(record) != len(header):
            found = f"line {number} has {len(record)}"
            raise invalid(name, str(path), f"a table of {len(header)} columns; {found}")
        try:
            lines.append({n: from_cell(n, cell) for n, cell in zip(header, record, strict=True)})
        except ValueError as error:
            raise invalid(name, str(path), f"a table; line {number}: {error}") from None
    return lines
