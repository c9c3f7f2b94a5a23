"""Weight decays from a table of the theory, as the best ones: `--lam best.csv`."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from typing import Any

from replica.commandline.grid import grid
from replica.problem import Problem
from replica.tables import Table
from replica.tables.columns import FURTHER, KNOWN, POINT
from replica.validation import invalid

#: What --lam takes besides numbers.
TABLE_OF_LAM = (
    "0 or greater, or best.csv, a table of `replica sweep --lam optimal` with those of all points"
)

#: What tells the points of the theory apart, up to the weight decay.
_APART = [n for n in (*POINT, *FURTHER) if n not in ("source", "lam") and not KNOWN[n].finite]


def is_table(lam: Any) -> bool:
    """Tell whether weight decays are asked for by the name of a table."""
    return isinstance(lam, str) and lam.endswith((".csv", ".csv.gz"))


def at_given_lam(arguments: argparse.Namespace) -> list[Problem]:
    """Return the problems of a grid, each at the weight decay that a table has for it.

    Raises
    ------
    ValueError
        If the table does not have one, and one only, for every problem.
    """
    path = arguments.lam
    lines = [
        line
        for line in Table.from_csv(path, "lam").where(source="theory").lines()
        if line.get("status") == "converged"
    ]
    asked = grid(argparse.Namespace(**vars(arguments) | {"lam": 1.0}))
    problems = []
    for problem in dict.fromkeys(asked):
        told = problem.columns(without="lam")
        found = {line["lam"] for line in lines if all(_same(told, line, n) for n in _APART)}
        if len(found) != 1:
            point = ", ".join(f"{name} = {value}" for name, value in told.items())
            allowed = f"a table with one weight decay for {point}, not {len(found)}"
            raise invalid("lam", path, allowed)
        lam = found.pop()
        if lam is None or not 0.0 <= lam < math.inf:
            allowed = f"a table of weight decays that are 0 or greater, not {lam}"
            raise invalid("lam", path, allowed)
        problems.append(problem.at(lam=lam))
    return problems


def _same(told: Mapping[str, Any], line: Mapping[str, Any], name: str) -> bool:
    """Tell whether a problem and a line agree in a column, which may leave out what is usual."""
    one, other = (
        KNOWN[name].usual if (value := each.get(name)) is None else value for each in (told, line)
    )
    try:
        return math.isclose(float(one), float(other), rel_tol=1e-12)
    except (TypeError, ValueError):
        return bool((one or None) == (other or None))
