"""The grids of problems that options stand for: every combination of their values."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import product
from typing import Any

from replica.commandline.options import data_models, masking_of
from replica.commandline.parsing import MOST_POINTS, alpha_grid, values
from replica.problem import DataModel, Problem
from replica.validation import invalid

#: Options of the data that take one value, a list or a range.
OF_DATA = ("colors", "beta", "coupling_norm", "shift")

#: What help says of them.
LISTED = (
    "--alpha, --lam, --colors, --beta, --coupling-norm and --shift take one value, a list such as "
    "0.1,0.2, or start:stop:count, geometric with start:stop:count:log; --loss and --masking "
    "take lists"
)

#: The others, but alpha.
OF_PROBLEMS = ("loss", "masking", "lam")

#: All that list points and do nothing else.
GRID = (*OF_DATA, *OF_PROBLEMS, "alpha", "log", "rows")


def grid(arguments: argparse.Namespace, lam: Any = None) -> list[Problem]:
    """Return every combination of the values of parsed options, alpha running fastest.

    Of rows of given data each has all its sample ratios before the next.

    Parameters
    ----------
    arguments : Namespace
        Parsed options of `replica.commandline.options.add_problem_options`.
    lam : float, optional
        Takes the place of the weight decay that is given.

    Raises
    ------
    ValueError
        If a value is not allowed, a combination of values, or their number.
    """
    given = vars(arguments) | ({} if lam is None else {"lam": lam})
    alphas = alpha_grid(arguments.alpha, arguments.log)
    described = list(_combinations(given, OF_DATA))
    trained = list(_combinations(given, OF_PROBLEMS))
    if len(described) * len(trained) * len(alphas) > MOST_POINTS:
        allowed = f"so few that there are {MOST_POINTS} points at most"
        raise invalid("alpha", arguments.alpha, allowed)
    return [
        Problem(alpha, other.lam, data, other.loss, arguments.bias, masking_of(other))
        for one in described
        for rows in [data_models(one)]
        for other in trained
        for data in rows
        for alpha in alphas
    ]


def data_grid(arguments: argparse.Namespace) -> list[DataModel]:
    """Return the data at every combination of the values of parsed options, rows last."""
    described = _combinations(vars(arguments), OF_DATA)
    return [data for one in described for data in data_models(one)]


def _combinations(given: dict[str, Any], names: Sequence[str]) -> list[argparse.Namespace]:
    """Return the options with one value each of those that are named."""
    listed = [dict.fromkeys(values(name, given[name])) for name in names]
    return [
        argparse.Namespace(**given | dict(zip(names, point, strict=True)))
        for point in product(*listed)
    ]
