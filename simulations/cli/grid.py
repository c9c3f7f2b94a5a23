"""The grids that `replica-simulate` takes: every combination of lists of values."""

from __future__ import annotations

import argparse

from replica.commandline.grid import OF_DATA, OF_PROBLEMS, grid
from replica.commandline.options import takes
from replica.commandline.parsing import values
from replica.problem import Problem
from replica.validation import integer, invalid
from simulations.cli.given_lam import at_given_lam, is_table

#: Options that take several values, but alpha and sites.
LISTS = (*OF_DATA, *OF_PROBLEMS)


def simulated(arguments: argparse.Namespace) -> list[Problem]:
    """Return the problems of a grid, each once.

    Raises
    ------
    ValueError
        If a value is not allowed, or a combination of values.
    """
    if not takes(arguments, "rows"):
        # The number of rows that are trained is none of the data's.
        arguments = argparse.Namespace(**vars(arguments) | {"rows": None})
    if is_table(arguments.lam):
        return at_given_lam(arguments)
    return list(dict.fromkeys(grid(arguments)))


def lengths(arguments: argparse.Namespace) -> list[int]:
    """Return the numbers of sites, each once; none where the data have their own."""
    if takes(arguments, "rows"):
        if arguments.sites is not None:
            allowed = f"left out with --data {arguments.data}, which have their own"
            raise invalid("sites", arguments.sites, allowed)
        return []
    if arguments.sites is None:
        raise invalid("sites", None, f"given with --data {arguments.data}")
    return list(
        dict.fromkeys(integer("sites", length, 3) for length in values("sites", arguments.sites))
    )
