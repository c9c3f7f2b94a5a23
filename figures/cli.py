"""The command `replica-figures`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from figures import (
    double_descent,
    finite_size,
    learning_curve,
    learning_curve_similarity,
    order_parameters,
    phase_diagram,
    recovery,
    regularisation,
    threshold,
    transformers,
)
from replica.arguments import integer
from replica.commandline import CONVERGED, NOT_CONVERGED, Parser, cores, number, run
from replica.tables import Table, writable_folder

#: Every figure: a module with NAME, DESCRIPTION, compute(quick, workers) and draw(table). One
#: with RESUMES also gives compute a folder, beside the figure, for what is done.
FIGURES = (
    learning_curve,
    learning_curve_similarity,
    order_parameters,
    regularisation,
    double_descent,
    threshold,
    phase_diagram,
    finite_size,
    recovery,
    transformers,
)

NAME = "replica-figures"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; by default those of the process.
    """
    parser = Parser(prog=NAME, description="Figures: theory as lines, simulation as markers.")
    commands = parser.add_subparsers(dest="name", required=True, metavar="NAME")
    listing = commands.add_parser("list", help="name the figures")
    listing.set_defaults(work=_list)
    for figure in FIGURES:
        one = commands.add_parser(figure.NAME, help=figure.DESCRIPTION)
        one.add_argument("--out", required=True, metavar="DIR",
                         help="existing folder for NAME.pdf, .png, .csv and .json")  # fmt: skip
        one.add_argument("--quick", action="store_true",
                         help="fewer and smaller systems, within a minute")  # fmt: skip
        one.add_argument("--table", metavar="CSV",
                         help="draw this table, written by the same command, again")  # fmt: skip
        one.add_argument("--workers", type=number, default=cores(), metavar="N",
                         help="processes for the simulation (all cores)")  # fmt: skip
        one.set_defaults(work=_figure, figure=figure)
    return run(parser, argv, lambda options, command: int(options.work(options, command)))


def _list(options: argparse.Namespace, command: str) -> int:
    width = max(len(figure.NAME) for figure in FIGURES)
    for figure in FIGURES:
        print(f"{figure.NAME:<{width}}  {figure.DESCRIPTION}")
    return CONVERGED


def _figure(options: argparse.Namespace, command: str) -> int:
    folder = writable_folder("out", Path(options.out))
    workers = integer("workers", options.workers, 1)
    figure = options.figure
    table = Table.from_csv(options.table) if options.table else None

    # Now that the arguments are good, the heavy libraries are worth loading.
    from figures.publish import publish
    from figures.style import journal

    if table is None:
        kept = f"{figure.NAME}-{'quick-' if options.quick else ''}runs"
        place = {"folder": folder / kept} if getattr(figure, "RESUMES", False) else {}
        table = figure.compute(options.quick, workers, **place)
    with journal():
        written = publish(
            figure.draw(table),
            table,
            folder,
            figure.NAME,
            command=command,
            parameters={"quick": options.quick, "table": options.table},
            seeds=sorted({line["seed"] for line in table.lines() if line.get("seed") is not None}),
        )
    for path in written:
        print(path)
    return CONVERGED if all(table["status"] == "converged") else NOT_CONVERGED
