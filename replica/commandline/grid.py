"""The grids of problems that options stand for: every combination of their values."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from replica.commandline.options import OPTIMAL, data_models, masking_of
from replica.commandline.parsing import MOST_POINTS, alpha_grid, values
from replica.errors import BadArgument
from replica.problem import DATA_MODELS, DataModel, Problem
from replica.validation import invalid, non_negative, one_of, real

#: Options of the data that take one value, a list or a range.
OF_DATA = ("colors", "beta", "spike", "coupling_norm", "shift")

#: What help says of them.
LISTED = (
    "--alpha, --lam, --colors, --beta, --spike, --coupling-norm and --shift take one value, a list "
    "such as 0.1,0.2, or start:stop:count, geometric with start:stop:count:log; --loss and "
    "--masking take lists"
)

#: The others, but alpha.
OF_PROBLEMS = ("loss", "masking", "lam")

#: All that list points and do nothing else.
GRID = (*OF_DATA, *OF_PROBLEMS, "alpha", "log", "rows")


@dataclass(frozen=True)
class Refused:
    """A point of a grid where there is no such problem, as beta = 2 with two colours.

    Parameters
    ----------
    known : mapping
        Columns of what was asked for.
    error : str
        Why there is none.
    """

    known: Mapping[str, Any]
    error: str

    @property
    def alpha(self) -> float:
        """The sample ratio."""
        found: float = self.known["alpha"]
        return found

    def columns(self, without: str = "") -> dict[str, Any]:
        """Return what tells the point from others, as `Problem.columns` does."""
        return {name: value for name, value in self.known.items() if name != without}


def grid(arguments: argparse.Namespace) -> list[Problem]:
    """Return every combination of the values of parsed options, alpha running fastest.

    Of rows of given data each has all its sample ratios before the next.

    Parameters
    ----------
    arguments : Namespace
        Parsed options of `replica.commandline.options.add_problem_options`.

    Raises
    ------
    ValueError
        If a value is not allowed, a combination of values, or their number.
    """
    found = []
    for point in points(arguments):
        if isinstance(point, Refused):
            raise BadArgument(point.error)
        found.append(point)
    return found


def points(arguments: argparse.Namespace) -> list[Problem | Refused]:
    """Return the same, with what is no problem among them.

    Raises
    ------
    ValueError
        If none is a problem, there are too many, or a value is none that any data allow.
    """
    alphas = alpha_grid(arguments.alpha, arguments.log)
    given = {name: values(name, getattr(arguments, name)) for name in (*OF_DATA, *OF_PROBLEMS)}
    if OPTIMAL in given["lam"] and len(given["lam"]) > 1:
        raise invalid("lam", arguments.lam, "numbers, 0 or greater, or optimal alone")
    if math.prod(map(len, given.values())) * len(alphas) > MOST_POINTS:
        allowed = f"so few that there are {MOST_POINTS} points at most"
        raise invalid("alpha", arguments.alpha, allowed)
    described = _combinations(vars(arguments), OF_DATA)
    trained = _combinations(vars(arguments), OF_PROBLEMS)
    for name in OF_DATA:
        for value in given[name] if len(given[name]) > 1 else ():
            real(name, value)
    for other in trained:
        _check_possible(other)
    found = [point for one in described for point in _points_of(one, trained, alphas)]
    refused = [point.error for point in found if isinstance(point, Refused)]
    if len(refused) == len(found):
        raise BadArgument(refused[0])
    return found


def _check_possible(trained: argparse.Namespace) -> None:
    """Raise ValueError for a value that is wrong whatever the data are, as a misspelt one."""
    if trained.lam == OPTIMAL:
        allowed = "numbers, 0 or greater, here; `replica sweep --lam optimal` finds the best ones"
        raise invalid("lam", OPTIMAL, allowed)
    non_negative("lam", trained.lam)
    masking_of(trained)
    if trained.loss is not None:
        one_of("loss", trained.loss, DataModel.losses)


def _points_of(
    described: argparse.Namespace, trained: Sequence[argparse.Namespace], alphas: Sequence[float]
) -> Iterator[Problem | Refused]:
    """Yield the points of data with one value of each option."""
    data: Sequence[DataModel | BadArgument]
    try:
        data = data_models(described)
    except BadArgument as error:
        data = [error]
    for other in trained:
        for one in data:
            for alpha in alphas:
                try:
                    if isinstance(one, BadArgument):
                        raise one
                    masking = masking_of(other)
                    yield Problem(alpha, other.lam, one, other.loss, other.bias, masking)
                except BadArgument as error:
                    yield Refused(_asked(described, other, alpha), str(error))


def _asked(
    described: argparse.Namespace, trained: argparse.Namespace, alpha: float
) -> dict[str, Any]:
    """Return the columns of what was asked for."""
    usual = getattr(DATA_MODELS.get(described.data), "losses", DataModel.losses)[0]
    told = {"data": described.data, "loss": trained.loss or usual, "masking": trained.masking}
    numbers = {name: getattr(described, name) for name in OF_DATA}
    known = {**told, **numbers, "lam": trained.lam, "alpha": alpha}
    return {name: value for name, value in known.items() if value is not None}


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
