"""The text form of problems: the options that commands share, and what they stand for."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection
from hashlib import sha256
from inspect import Parameter, signature
from typing import Any

import numpy as np

from replica.arguments import integer, one_of, positive, real, refusal
from replica.data import DATA_MODELS, MOST_COLORS, DataModel
from replica.numerals import numeral
from replica.problem import LOSSES, Problem
from replica.texts import text_of

#: Points of one command.
MOST_POINTS = 10_000_000


def number(text: str) -> int | float | str:
    """Return the number that `text` spells, or `text` itself for a later check to refuse."""
    value = numeral(text)
    return text if value is None else value


def alpha_grid(text: str, log: bool = False) -> list[float]:
    """Return the sample ratios that `text` stands for.

    Parameters
    ----------
    text : str
        A list such as "1,2,4", or "start:stop:count".
    log : bool
        Space the values of start:stop:count geometrically.

    Raises
    ------
    ValueError
        If the text is neither, or a value is not allowed.
    """
    if ":" not in text:
        if log:
            raise refusal("alpha", text, "start:stop:count where --log is given")
        return [positive("alpha", number(part.strip())) for part in text.split(",")]
    parts = [number(part.strip()) for part in text.split(":")]
    if len(parts) != 3 or any(isinstance(part, str) for part in parts):
        raise refusal("alpha", text, "a list such as 1,2,4 or start:stop:count")
    start, stop = positive("alpha start", parts[0]), positive("alpha stop", parts[1])
    count = integer("alpha count", parts[2], 1, MOST_POINTS)
    if count == 1 and start != stop:
        raise refusal("alpha count", count, "2 or greater where start and stop differ")
    space = np.geomspace if log else np.linspace
    values = [float(value) for value in space(start, stop, count)]
    # Both ends exactly as they were given.
    values[0], values[-1] = start, stop
    return values


def matrix(name: str, text: str) -> list[list[float]]:
    """Return the matrix that `text` stands for: circulant:FIRST,ROW or the name of a file.

    Raises
    ------
    ValueError
        If the text is neither.
    """
    kind, _, row = text.partition(":")
    if kind == "circulant" and row:
        values = [real(name, number(part.strip())) for part in row.split(",")]
        return [values[-i:] + values[:-i] for i in range(len(values))]
    return _rows_of_file(name, text, "circulant:1,0.5,0.5 or ")


def _rows_of_file(name: str, text: str, instead: str = "") -> list[list[float]]:
    """Return the rows of numbers in a file; refusals name what is allowed `instead`, too."""
    try:
        lines = text_of(text).split("\n")
        return [
            [_entry(x) for x in line.replace(",", " ").split()] for line in lines if line.strip()
        ]
    except (OSError, ValueError) as error:
        why = error.strerror.lower() if isinstance(error, OSError) and error.strerror else error
        allowed = f"{instead}a file with one row of numbers per line ({why})"
        raise refusal(name, text, allowed) from None


def _entry(text: str) -> float:
    value = numeral(text)
    if value is None:
        raise ValueError(f"{text[:40]!r} is no number")
    return float(value)


def add_data_options(
    parser: argparse.ArgumentParser,
    models: Collection[str] = tuple(DATA_MODELS),
    similarity: bool = True,
    most_colors: int = MOST_COLORS,
) -> None:
    """Add the options that describe the data.

    The help shows those that a command takes. The others are parsed all the same, for a
    refusal to say which data there are.

    Parameters
    ----------
    parser : ArgumentParser
        Where to add them.
    models : collection of str
        Names of the data models that the command takes.
    similarity : bool
        Whether it takes colours that resemble each other.
    most_colors : int
        The most values of a token that it takes.
    """
    parser.set_defaults(models=models)
    shown = {name for model in models for name in signature(DATA_MODELS[model]).parameters}
    if not similarity:
        shown.remove("similarity")

    def add(name: str, told: str, **options: Any) -> None:
        flag = "--" + name.replace("_", "-")
        parser.add_argument(flag, help=told if name in shown else argparse.SUPPRESS, **options)

    parser.add_argument("--data", default="potts", metavar="NAME",
                        help=f"one of {', '.join(models)} (potts)")  # fmt: skip
    components = "; of components of gaussian data, 1 or more" if "gaussian" in models else ""
    add("colors", f"number of token values, 2 to {most_colors}{components}",
        type=number, metavar="C")  # fmt: skip
    add("beta", "inverse temperature of potts data, |beta| < C", type=number)
    add("similarity", "similarity of colours of potts data: circulant:1,0.5,0,0.5 or a file with "
        "one row per line", metavar="U")  # fmt: skip
    add("coupling_norm", "norm of the true row of independent data, 0 or more",
        type=number, metavar="NORM")  # fmt: skip
    add("shift", "kappa of gaussian data, precision kappa I + X", type=number, metavar="KAPPA")
    add("joint", "gaussian data in whole sequences", action="store_const", const=True)
    add("covariance", "cavity covariance of custom data, one row per line", metavar="FILE")
    add("teacher", "true row of custom data, in one or more lines", metavar="FILE")


def add_loss_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the loss."""
    parser.add_argument("--loss", help=f"{' or '.join(LOSSES)} (the first that the data allow)")


def add_alpha_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that list sample ratios."""
    parser.add_argument("--alpha", required=True,
                        help="sample ratio M/L: a list 1,2,4 or start:stop:count")  # fmt: skip
    parser.add_argument("--log", action="store_true",
                        help="space start:stop:count geometrically")  # fmt: skip


def add_problem_options(
    parser: argparse.ArgumentParser, lam: str = "0 or greater", **data: Any
) -> None:
    """Add the options that describe a family of problems along alpha.

    `lam` says what its weight decay can be, and `data` are options of `add_data_options`.
    """
    add_data_options(parser, **data)
    add_loss_option(parser)
    parser.add_argument("--lam", type=number, required=True,
                        help=f"weight decay, {lam}")  # fmt: skip
    add_alpha_options(parser)


def data_model(arguments: argparse.Namespace) -> DataModel:
    """Return the data that parsed options describe, and refuse options of other data."""
    model = DATA_MODELS[one_of("data", arguments.data, arguments.models)]
    takes = signature(model).parameters
    given: dict[str, Any] = {}
    for name, read in _DATA_OPTIONS.items():
        value = getattr(arguments, name)
        if value is not None:
            if name not in takes:
                raise refusal(name, value, f"left out with --data {arguments.data}")
            given[name] = read(name, value)
        elif name in takes and takes[name].default is Parameter.empty:
            raise refusal(name, value, f"given with --data {arguments.data}")
    return model(**given)


def digests(arguments: argparse.Namespace, *names: str) -> dict[str, str]:
    """Return what stands for the numbers of matrices that are too long to be kept."""
    found = {}
    for name in names:
        numbers = repr(_rows_of_file(name, getattr(arguments, name)))
        found[name] = "sha256 " + sha256(numbers.encode()).hexdigest()
    return found


def _as_it_is(name: str, value: Any) -> Any:
    return value


def _vector(name: str, text: str) -> list[float]:
    return [value for row in _rows_of_file(name, text) for value in row]


#: Options that describe data, and how their values are read.
_DATA_OPTIONS: dict[str, Callable[[str, Any], Any]] = {
    **dict.fromkeys(("colors", "beta", "coupling_norm", "shift", "joint"), _as_it_is),
    "similarity": matrix,
    "covariance": _rows_of_file,
    "teacher": _vector,
}


def problems(arguments: argparse.Namespace) -> list[Problem]:
    """Return the problems that parsed options describe, one per alpha, in the order given."""
    data = data_model(arguments)
    return [
        Problem(alpha, arguments.lam, data, arguments.loss)
        for alpha in alpha_grid(arguments.alpha, arguments.log)
    ]


def at_best_or_given_lam(options: argparse.Namespace) -> tuple[list[Problem], bool]:
    """Return the problems along alpha, and whether their weight decay is to be the best."""
    optimal = options.lam == "optimal"
    return problems(
        argparse.Namespace(**{**vars(options), "lam": 1.0 if optimal else options.lam})
    ), optimal
