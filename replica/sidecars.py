"""The JSON file beside a table, which tells how the table was made."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

from replica.files import replace_file
from replica.texts import text_of


def sidecar(path: str | os.PathLike[str]) -> Path:
    """Return the path of the JSON file that stands beside the table `path`."""
    return Path(path).with_suffix(".json")


def provenance(told: Mapping[str, Any]) -> str:
    """Return what made a table, with the version of the package and the date, as JSON text."""
    stamped = {
        **told,
        "version": metadata.version("replica-attention"),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }
    return json.dumps(stamped, indent=2, default=_plain) + "\n"


def write_sidecar(path: str | os.PathLike[str], told: Mapping[str, Any]) -> None:
    """Write what made the table `path`, with version and date, to the JSON file beside it."""
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


def is_foreign(path: str | os.PathLike[str]) -> bool:
    """Tell whether a file stands in the place of a sidecar that is none."""
    known, _ = read_sidecar(path)
    return os.path.lexists(sidecar(path)) and not {"version", "date"} <= set(known)


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
