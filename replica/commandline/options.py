"""The options that commands share, and the problems they describe."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection
from functools import partial
from inspect import Parameter, signature
from typing import Any

from replica.commandline.parsing import (
    as_it_is,
    matrix,
    number,
    row_numbers,
    rows_of_file,
    square_matrix,
    vector,
)
from replica.commandline.sequence_rows import rows_of_file as rows_of_sequences
from replica.problem import DATA_MODELS, LOSSES, DataModel, Masking
from replica.problem.coupling_laws import NAMES
from replica.problem.data_model import MOST_COLORS
from replica.problem.row_sequences import COVARIANCES, RowSequences
from replica.tables.sequence_records import KINDS
from replica.tables.sequences import GAPS
from replica.validation import invalid, one_of

#: What makes data of options, by the names of the data; sequences are those of a file.
MODELS: dict[str, Callable[..., DataModel | tuple[DataModel, ...]]] = {
    **DATA_MODELS,
    RowSequences.name: rows_of_sequences,
}

#: The value of --lam that stands for the best weight decay at every alpha.
OPTIMAL = "optimal"


class _DataOption:
    """An option that gives one field of the data models.

    Parameters
    ----------
    told : str
        The help; {most_colors} and {components} depend on the command.
    read : callable
        Returns the value of the field, given its name and the value of the option.
    **options
        What else argparse takes.
    """

    def __init__(
        self, told: str, read: Callable[[str, Any], Any] = as_it_is, **options: Any
    ) -> None:
        self.told, self.read, self.options = told, read, options


#: The options by field, in the order of the help.
_DATA_OPTIONS = {
    "colors": _DataOption(
        "number of token values, 2 to {most_colors}{components}", type=number, metavar="C"
    ),
    "beta": _DataOption("inverse temperature of potts data, |beta| < C", type=number),
    "similarity": _DataOption(
        "similarity of colours of potts or tokens data: circulant:1,0.5,0,0.5 or a file with one "
        "row per line",
        matrix,
        metavar="U",
    ),
    "couplings": _DataOption(
        f"ensemble of couplings of potts data: {NAMES} (gaussian)", metavar="NAME"
    ),
    "spike": _DataOption(
        "strength of a pattern in gaussian couplings of potts data, J + THETA/L v v^T (0)",
        type=number,
        metavar="THETA",
    ),
    "coupling_norm": _DataOption(
        "norm of the true row of independent data, 0 or more", type=number, metavar="NORM"
    ),
    "shift": _DataOption(
        "kappa of gaussian data, precision kappa I + X", type=number, metavar="KAPPA"
    ),
    "joint": _DataOption("gaussian data in whole sequences", action="store_const", const=True),
    "covariance": _DataOption(
        "cavity covariance of custom data, one row per line", rows_of_file, metavar="FILE"
    ),
    "teacher": _DataOption("true row of custom data, in one or more lines", vector, metavar="FILE"),
    "matrix": _DataOption(
        "couplings of couplings data: CSV with one row per line, or .npy",
        square_matrix,
        metavar="FILE",
    ),
    "tokens": _DataOption(
        "aligned sequences of tokens data: FASTA, A3M, a sequence per line, or a table of integers",
        metavar="FILE",
    ),
    "format": _DataOption(
        "theirs, if it is not found out: one of " + ", ".join(KINDS), metavar="NAME"
    ),
    "alphabet": _DataOption(
        "their letters, as ACGU- or 0,1,2 (those of the file, sorted)", metavar="LETTERS"
    ),
    "gaps": _DataOption(
        f"what - is: {' or '.join(GAPS)}; a missing token adds nothing to fields, and a row leaves "
        "out the sequences that lack its own (letter)",
        metavar="NAME",
    ),
    "reweight": _DataOption(
        "sequences that are equal at this share of sites, as 0.8, share their weight",
        type=number,
        metavar="SHARE",
    ),
    "covariances": _DataOption(
        f"of their contexts: {' or '.join(COVARIANCES)}, one for each masked token or one for all "
        "(class)",
        metavar="NAME",
    ),
    "rows": _DataOption(
        "{rows}", lambda name, text: partial(row_numbers, name, text), metavar="ROWS"
    ),
}

#: What --rows says where rows of one model are asked for.
ROWS = "rows of couplings or tokens data, numbered from 0: 3, 0:20 (without 20), 0,5,7 or all"


def add_data_options(
    parser: argparse.ArgumentParser,
    models: Collection[str] = tuple(MODELS),
    similarity: bool = True,
    most_colors: int = MOST_COLORS,
    rows: str = ROWS,
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
    rows : str
        What it says of --rows.
    """
    parser.set_defaults(models=models)
    shown = {name for model in models for name in signature(MODELS[model]).parameters}
    if not similarity:
        shown.remove("similarity")

    parser.add_argument("--data", default="potts", metavar="NAME",
                        help=f"one of {', '.join(models)} (potts)")  # fmt: skip
    components = "; of components of gaussian data, 1 or more" if "gaussian" in models else ""
    for name, option in _DATA_OPTIONS.items():
        told = option.told.format(most_colors=most_colors, components=components, rows=rows)
        flag = "--" + name.replace("_", "-")
        parser.add_argument(
            flag, help=told if name in shown else argparse.SUPPRESS, **option.options
        )


def add_loss_option(parser: argparse.ArgumentParser, default: str | None = None) -> None:
    """Add the option that names the loss."""
    told = default or "the first that the data allow"
    parser.add_argument("--loss", default=default, help=f"{' or '.join(LOSSES)} ({told})")


def add_masking_option(parser: argparse.ArgumentParser, optimal: str = "") -> None:
    """Add the option that says how many tokens are masked at once."""
    parser.add_argument("--masking", metavar="KIND:RATE",
                        help="tokens masked at once in training: static:0.15, dynamic:0.15, or "
                        f"static:0.15:8 for eight draws{optimal} (one at a time)")  # fmt: skip


def add_ensemble_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that averages layers."""
    parser.add_argument("--ensemble", type=number, metavar="K",
                        help="average K layers, each trained on sequences of its own of one model; "
                        "inf for infinitely many (one layer)")  # fmt: skip


def add_bias_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that gives rows a bias."""
    parser.add_argument("--bias", action="store_true",
                        help="rows have a bias, which does not decay")  # fmt: skip


def add_alpha_options(parser: argparse.ArgumentParser, alone: bool = False) -> None:
    """Add the options that list sample ratios, or of a command that takes but one, `alone`."""
    several = "" if alone else ": a list 1,2,4 or start:stop:count"
    parser.add_argument("--alpha", required=True, help=f"sample ratio M/L{several}")
    spaced = argparse.SUPPRESS if alone else "space start:stop:count geometrically"
    parser.add_argument("--log", action="store_true", help=spaced)


def add_problem_options(
    parser: argparse.ArgumentParser,
    lam: str = "0 or greater",
    loss: str | None = None,
    best_masks: bool = False,
    alone: bool = False,
    **data: Any,
) -> None:
    """Add the options that describe a family of problems along alpha.

    `lam` says what its weight decay can be, `loss` is the one that is taken unless another is
    named, `best_masks` whether the best rate of masks is found, `alone` whether there can be but
    one problem, and `data` are options of `add_data_options`.
    """
    add_data_options(parser, **data)
    add_loss_option(parser, loss)
    best = "; optimal:dynamic or optimal:static for the best rate" if best_masks else ""
    add_masking_option(parser, best)
    add_bias_option(parser)
    parser.add_argument("--lam", type=number, required=True,
                        help=f"weight decay, {lam}")  # fmt: skip
    add_alpha_options(parser, alone)


def takes(arguments: argparse.Namespace, field: str) -> bool:
    """Tell whether the data that were named have a field, as `rows`."""
    return field in signature(MODELS[one_of("data", arguments.data, arguments.models)]).parameters


def read_as(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the options that say how given sequences are read, of which a table has a digest."""
    names = ("similarity", "format", "alphabet", "gaps", "reweight")
    if not takes(arguments, "tokens"):
        return {}
    given = {name: getattr(arguments, name) for name in names}
    return {
        name: _DATA_OPTIONS[name].read(name, value)
        for name, value in given.items()
        if value is not None
    }


def data_models(arguments: argparse.Namespace) -> tuple[DataModel, ...]:
    """Return the data that parsed options describe, one for each row that --rows lists.

    Options of other data are refused.
    """
    model = MODELS[one_of("data", arguments.data, arguments.models)]
    takes = signature(model).parameters
    given: dict[str, Any] = {}
    # What stands on the command line itself is refused before files are read.
    for name, option in sorted(_DATA_OPTIONS.items(), key=lambda each: each[1].read != as_it_is):
        value = getattr(arguments, name)
        if value is not None:
            if name not in takes:
                raise invalid(name, value, f"left out with --data {arguments.data}")
            given[name] = option.read(name, value)
        elif name in takes and takes[name].default is Parameter.empty:
            raise invalid(name, value, f"given with --data {arguments.data}")
    made = model(**given)
    return made if isinstance(made, tuple) else (made,)


def data_model(arguments: argparse.Namespace) -> DataModel:
    """Return the data that parsed options describe, of one row if they are of rows."""
    made = data_models(arguments)
    if len(made) != 1:
        raise invalid("rows", arguments.rows, "one row; `replica sweep` takes several")
    return made[0]


def masking_of(arguments: argparse.Namespace) -> Masking | None:
    """Return the masking that parsed options describe, if any."""
    return None if arguments.masking is None else Masking.from_text(arguments.masking)


def add_workers_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that says how many processes share the tasks."""
    parser.add_argument("--workers", type=number, metavar="N",
                        help="processes, which do not change the table (all cores, unless the run "
                        "is short)")  # fmt: skip


def add_executor_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where tasks run."""
    add_workers_option(parser)
    parser.add_argument("--scheduler", metavar="ADDRESS",
                        help="scheduler of a Dask cluster, tcp://HOST:PORT or tls://HOST:PORT, "
                        "whose workers take the place of processes here")  # fmt: skip
