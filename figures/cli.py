"""The command `replica-figures`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from figures.output import overlay
from figures.output.make import make, make_all
from figures.output.own_table import table_in
from figures.output.publish import FORMATS, USUAL
from figures.output.read_tables import read_tables
from figures.paper import FIGURES
from figures.paper.figure import FigureSource, PaperFigure, at
from figures.paper.parameters import KINDS, Parameter
from figures.paper.tokens import TokensFigure
from replica.commandline.command import CONVERGED, NOT_CONVERGED, Parser, run
from replica.commandline.options import add_workers_option
from replica.commandline.parsing import number, values
from replica.commandline.sequence_rows import rows_of_file
from replica.commandline.terminal import say
from replica.errors import Unwritable, WorkerDied
from replica.execution.sharing import asked
from replica.tables import Table
from replica.tables.atomic_files import writable_folder
from replica.tables.columns import SPECTRAL
from replica.validation import invalid

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

    everything = commands.add_parser("all", help="every figure, one after the other")
    _add_out(everything, "every figure's NAME.csv, .json, .txt and pictures")
    _add_amount(everything)
    _add_data(everything, "that are in the folder DIR, and no others")
    everything.set_defaults(work=_all)

    own = commands.add_parser(overlay.NAME, help="tables of your own in one picture")
    own.add_argument("tables", metavar="TABLE", nargs="+",
                     help="tables that `replica sweep`, `replica-simulate`, or `replica spectrum "
                     "--density` and the like wrote")  # fmt: skip
    own.add_argument("--y", required=True, metavar="COLUMN", help="one of " + ", ".join(overlay.Y))
    own.add_argument("--x", metavar="COLUMN",
                     help="one of " + ", ".join(overlay.X) + " (alpha; eigenvalue for "
                     + " and ".join(SPECTRAL) + ")")  # fmt: skip
    own.add_argument("--mean-rows", action="store_true",
                     help="the mean over the rows of one model, in place of each")  # fmt: skip
    own.add_argument("--log", action="store_true", help="logarithmic x axis")
    own.add_argument("--log-y", action="store_true", help="logarithmic y axis")
    own.add_argument("--no-residuals", action="store_true",
                     help="no strip of distances between simulation and theory")  # fmt: skip
    _add_out(own, "overlay.csv, .json, .txt and pictures")
    own.set_defaults(work=_overlay)

    tokens = commands.add_parser(TokensFigure.NAME, help=TokensFigure.DESCRIPTION)
    tokens.add_argument("tokens", metavar="FILE",
                        help="aligned sequences, as of `replica sweep --data tokens`")  # fmt: skip
    _add_figure(tokens, TokensFigure())
    tokens.set_defaults(work=_tokens)

    for figure in FIGURES:
        one = commands.add_parser(figure.NAME, help=figure.DESCRIPTION)
        _add_figure(one, figure)
        one.set_defaults(work=_figure, figure=figure)
    return run(parser, argv, _work)


def _work(options: argparse.Namespace, command: str) -> int:
    try:
        return int(options.work(options, command))
    except RuntimeError as error:
        # Heavy, and not needed to list the figures.
        from simulations.experiments.simulate_many import TaskFailed

        if not isinstance(error, Unwritable | WorkerDied | TaskFailed):
            raise
        say(f"{NAME}: {error}")
        return NOT_CONVERGED


def _add_out(parser: argparse.ArgumentParser, files: str) -> None:
    parser.add_argument("--out", required=True, metavar="DIR", help=f"folder for {files}")
    parser.add_argument("--format", default=",".join(USUAL), metavar="LIST",
                        help=f"of the pictures, some of {', '.join(FORMATS)} "
                        f"({','.join(USUAL)})")  # fmt: skip


def _add_amount(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true",
                        help="fewer and smaller systems, within a minute")  # fmt: skip
    add_workers_option(parser)


def _add_data(parser: argparse.ArgumentParser, which: str) -> None:
    parser.add_argument("--data", metavar="DIR", help=f"draw tables of figures again, {which}")


def _add_figure(parser: argparse.ArgumentParser, figure: FigureSource) -> None:
    _add_out(parser, "NAME.csv, .json, .txt and pictures")
    _add_amount(parser)
    parser.add_argument("--table", metavar="CSV",
                        help="draw this table, written by the same command, again")  # fmt: skip
    parser.add_argument("--data", metavar="DIR|FILE",
                        help="the same, or with the table in this folder")  # fmt: skip
    taken = _parameters(figure)
    # The others are parsed all the same, for a refusal to say what there is.
    for name in KINDS:
        told = f"{taken[name].told} ({taken[name].default})" if name in taken else argparse.SUPPRESS
        several = name in taken and taken[name].several
        metavar = "LIST" if several else {"lam": "LAMBDA", "beta": "BETA"}.get(name, "N")
        parser.add_argument(f"--{name}", metavar=metavar, help=told)


def _parameters(figure: FigureSource) -> dict[str, Parameter]:
    return figure.parameters if isinstance(figure, PaperFigure) else {}


def _formats(text: str) -> tuple[str, ...]:
    """Return the formats that --format lists, each once and in the usual order."""
    words = {word.strip() for word in text.split(",")}
    if not words <= set(FORMATS):
        raise invalid("format", text, f"a list of {', '.join(FORMATS)}")
    return tuple(each for each in FORMATS if each in words)


def _list(options: argparse.Namespace, command: str) -> int:
    width = max(len(figure.NAME) for figure in FIGURES)
    for figure in (*FIGURES, TokensFigure()):
        taken = (f"{name} {one.default}" for name, one in _parameters(figure).items())
        told = "; ".join(each.partition(";")[0] for each in taken)
        print(f"{figure.NAME:<{width}}  {figure.DESCRIPTION}" + (f" [{told}]" if told else ""))
    return CONVERGED


def _figure(options: argparse.Namespace, command: str) -> int:
    workers = asked(options.workers)
    figure, formats = _at(options), _formats(options.format)
    if options.table is not None and options.data is not None:
        raise invalid("table", options.table, "left out with --data")
    folder = writable_folder("out", Path(options.out))
    table = options.table if options.data is None else table_in(figure, options.data)
    return make(figure, folder, options.quick, workers, table, command, formats)


def _at(options: argparse.Namespace) -> FigureSource:
    """Return the figure at the parameters that were given."""
    given = {}
    for name in KINDS:
        if getattr(options, name) is not None:
            found = values(name, number(getattr(options, name)))
            given[name] = found if len(found) > 1 else found[0]
    return at(options.figure, given)


def _tokens(options: argparse.Namespace, command: str) -> int:
    options.figure = TokensFigure(partial(rows_of_file, options.tokens))
    return _figure(options, command)


def _all(options: argparse.Namespace, command: str) -> int:
    folder = writable_folder("out", Path(options.out))
    workers = asked(options.workers)
    formats, made = _formats(options.format), list(FIGURES)
    if options.data is not None:
        tables = {one.NAME: Path(options.data) / f"{one.NAME}.csv" for one in made}
        made = [figure for figure in made if tables[figure.NAME].is_file()]
        if not made:
            raise invalid(
                "data", options.data, "a folder with tables of figures, as learning-curve.csv"
            )

    def one(figure: FigureSource) -> int:
        table = None if options.data is None else str(tables[figure.NAME])
        return make(figure, folder, options.quick, workers, table, command, formats)

    return make_all(made, one, NAME)


def _overlay(options: argparse.Namespace, command: str) -> int:
    folder, formats = writable_folder("out", Path(options.out)), _formats(options.format)
    x, y = overlay.axis_of(options.x, options.y), options.y
    own = read_tables(options.tables, (x, y), options.mean_rows)

    from figures.drawing.style import journal, load_matplotlib
    from figures.output.publish import publish

    load_matplotlib()
    label, both = f"{NAME} {overlay.NAME}", (own.theory, own.simulation)
    axes = ("x" if options.log else "") + ("y" if options.log_y else "")
    table = Table([*own.theory.lines(), *own.simulation.lines()])
    with journal():
        residuals = not options.no_residuals
        figure = overlay.draw_overlay(*both, x, y, axes, own.best_lam, residuals)
        parameters = {"tables": options.tables, "x": x, "y": y}
        parameters |= {"mean_rows": True} if options.mean_rows else {}
        seeds = sorted({line["seed"] for line in own.simulation.lines()} - {None})
        told = overlay.caption(*both, x, y, own.best_lam, residuals)
        written = publish(
            figure, table, folder, overlay.NAME, formats, told, command=command,
            parameters=parameters, seeds=seeds,
        )  # fmt: skip
    for name, count in zip(("theory", "simulation"), own.again, strict=True):
        if count:
            say(f"{label}: {count} lines of the {name} stand twice and count once")
    overlay.warn(*both, figure, label, x, y, own.best_lam, residuals)
    for path in written:
        print(path)
    return CONVERGED if all(table["status"] == "converged") else NOT_CONVERGED
