"""The JSON file beside a table, which tells how the table was made."""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Mapping
from datetime import datetime, timezone
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from replica.tables.atomic_files import replace_file
from replica.tables.formats import CSV, ending_of
from replica.tables.texts import text_of

#: How long a value may be that is quoted, how many of a list are, and how much of a long text
#: stands before the place where it differs.
_SHORT, _MOST, _BEFORE = 60, 6, 16


def sidecar(path: str | os.PathLike[str]) -> Path:
    """Return the path of the JSON file that stands beside the table `path`.

    It is NAME.json of NAME.csv; of other kinds it has the whole name in front, so that tables of
    several kinds have one each.
    """
    table = Path(path)
    if ending_of(table) == CSV:
        return table.with_suffix(".json")
    return table.with_name(f"{table.name}.json")


@cache
def _libraries() -> dict[str, str]:
    """Return the versions of Python and of what numbers come from."""
    versions = {name: metadata.version(name) for name in ("numpy", "scipy", "numba")}
    return {"python": platform.python_version(), **versions}


def provenance(told: Mapping[str, Any]) -> str:
    """Return what made a table, with version, libraries and date, as JSON text."""
    stamped = {
        **told,
        "version": metadata.version("replica-attention"),
        "libraries": _libraries(),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }
    return json.dumps(stamped, indent=2, default=_plain) + "\n"


def write_sidecar(path: str | os.PathLike[str], told: Mapping[str, Any]) -> None:
    """Write what made the table `path`, with versions and date, to the JSON file beside it."""
    replace_file(sidecar(path), provenance(told))


def read_sidecar(path: str | os.PathLike[str]) -> tuple[dict[str, Any], str]:
    """Return what the sidecar of a table tells, or nothing and why."""
    beside = sidecar(path)
    try:
        known = strict_json(text_of(beside))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        return {}, f"{beside.name} cannot be read ({' '.join(why.lower().split())})"
    if not isinstance(known, dict):
        return {}, f"{beside.name} holds no object"
    return known, ""


def made_by(path: str | os.PathLike[str]) -> str | None:
    """Return the command line that made a table, "" if its sidecar has none; None for no table."""
    if not os.path.exists(path) or not os.path.getsize(path):
        return None
    command = read_sidecar(path)[0].get("command")
    return command if isinstance(command, str) else ""


def is_foreign(path: str | os.PathLike[str]) -> bool:
    """Tell whether a file stands in the place of a sidecar that is none."""
    known, _ = read_sidecar(path)
    return os.path.lexists(sidecar(path)) and not {"version", "date"} <= set(known)


def difference(name: str, there: Any, here: Any) -> str:
    """Return in what a parameter of a table differs from what is asked for, in a few words.

    Values are quoted as they stand in JSON, of long lists the ends. Of lists it is said besides
    what only one of them has, of matrices where they differ first; long texts are quoted from a
    little before that.

    Parameters
    ----------
    name : str
        Of the parameter.
    there, here
        Its values, in the table and as asked for.
    """
    was, now = json.dumps(there), json.dumps(here)
    known, wanted = _values(there), _values(here)
    if known is not None and wanted is not None:
        was, now = _ends(was), _ends(now)
        return f"{name} = {was} instead of {now} ({_apart(known, wanted)})"
    if max(len(was), len(now)) > _SHORT:
        pairs = enumerate(zip(was, now, strict=False))
        same = next((i for i, (a, b) in pairs if a != b), min(len(was), len(now)))
        first = max(0, same - _BEFORE)
        was, now = (_cut("..." * bool(first) + text[first:]) for text in (was, now))
    return f"{name} = {was} instead of {now}"


def _values(listed: Any) -> list[Any] | None:
    """Return the values of a list, or of a text that lists them as a command line does."""
    if isinstance(listed, str) and "," in listed:
        return [part.strip() for part in listed.split(",")]
    return listed if isinstance(listed, list) else None


def _apart(there: list[Any], here: list[Any]) -> str:
    """Return how the values of two lists differ."""
    if len(there) == len(here) and all(isinstance(row, list) for row in (*there, *here)):
        row = next(i for i, (was, now) in enumerate(zip(there, here, strict=True)) if was != now)
        pairs = list(zip(there[row], here[row], strict=False))
        column = next((i for i, (was, now) in enumerate(pairs) if was != now), None)
        if column is not None:
            return difference(f"row {row + 1}, column {column + 1}", *pairs[column])
        return difference(f"length of row {row + 1}", len(there[row]), len(here[row]))
    known, wanted = (
        dict.fromkeys(v if isinstance(v, str) else json.dumps(v) for v in one)
        for one in (there, here)
    )
    told = {
        "it lacks": [value for value in wanted if value not in known],
        "it has besides": [value for value in known if value not in wanted],
    }
    listed = [f"{what} {_listed(values)}" for what, values in told.items() if values]
    return ", ".join(listed) or "in another order, or not as often"


def _listed(values: list[str]) -> str:
    """Return values one by one, runs of integers by their ends, and how many more there are."""
    runs: list[list[str]] = []
    for value in values:
        if runs and runs[-1][-1].isdigit() and value == str(int(runs[-1][-1]) + 1):
            runs[-1].append(value)
        else:
            runs.append([value])
    told = [run[0] if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs[:_MOST]]
    left = sum(map(len, runs[_MOST:]))
    return " and ".join([", ".join(map(_cut, told)), *([f"{left} more"] if left else [])])


def _ends(text: str) -> str:
    """Return the text of a list, of a long one its first three values and the last."""
    values = text.split(",")
    if len(text) <= _SHORT or len(values) < 5:
        return _cut(text)
    space = " " * values[1].startswith(" ")
    return _cut(",".join([*values[:3], f"{space}...", values[-1]]))


def _cut(text: str) -> str:
    return text if len(text) <= _SHORT else text[: _SHORT - 3] + "..."


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


def _plain(value: Any) -> Any:
    """Return numbers and arrays of numpy as JSON can hold them."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{value!r} cannot be told in JSON")
