"""The grids that `replica-simulate` takes: every combination of lists of values."""

from __future__ import annotations

import argparse
from itertools import product
from typing import Any

from replica.commandline.options import problems, takes
from replica.commandline.parsing import number
from replica.problem import Problem
from replica.validation import integer, invalid

#: Options that take one value or a list of values separated by commas.
LISTS = ("colors", "beta", "coupling_norm", "shift", "loss", "masking", "lam")


def grid(arguments: argparse.Namespace) -> list[Problem]:
    """Return every combination of the listed values with every alpha, each once.

    Raises
    ------
    ValueError
        If a value is not allowed, or a combination of values.
    """
    if not takes(arguments, "rows"):
        # The number of rows that are trained is none of the data's.
        arguments = argparse.Namespace(**vars(arguments) | {"rows": None})
    listed = [values(getattr(arguments, name)) for name in LISTS]
    found: dict[Problem, None] = {}
    for combination in product(*listed):
        one = argparse.Namespace(**vars(arguments) | dict(zip(LISTS, combination, strict=True)))
        found |= dict.fromkeys(problems(one, several=True))
    return list(found)


def lengths(arguments: argparse.Namespace) -> list[int]:
    """Return the numbers of sites, each once; none where the data have their own."""
    if takes(arguments, "rows"):
        if arguments.sites is not None:
            allowed = f"left out with --data {arguments.data}, which have their own"
            raise invalid("sites", arguments.sites, allowed)
        return []
    if arguments.sites is None:
        raise invalid("sites", None, f"given with --data {arguments.data}")
    return list(dict.fromkeys(integer("sites", length, 3) for length in values(arguments.sites)))


def values(option: Any) -> list[Any]:
    """Return the numbers or words of an option such as "0.1,0.2"; refusing them is for others."""
    if not isinstance(option, str):
        return [option]
    return [number(part.strip()) for part in option.split(",")]
