"""The command `replica-figures`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from figures.output import overlay
from figures.output.make import make, make_all
from figures.paper import FIGURES
from figures.paper.tokens import TokensFigure
from replica.commandline.command import CONVERGED, NOT_CONVERGED, Parser, run
from replica.commandline.parsing import number
from replica.commandline.sequence_rows import rows_of_file
from replica.commandline.terminal import cores, say
from replica.errors import Unwritable, WorkerDied
from replica.tables import Table
from replica.tables.atomic_files import writable_folder
from replica.validation import integer, one_of

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
    _add_out(everything, "every figure's NAME.pdf, .png, .csv and .json")
    _add_amount(everything)
    everything.set_defaults(work=_all)

    own = commands.add_parser(overlay.NAME, help="two tables of your own in one picture")
    own.add_argument("theory", metavar="THEORY", help="table that `replica sweep` wrote")
    own.add_argument("simulation", metavar="SIM", help="table that `replica-simulate` wrote")
    own.add_argument("--y", required=True, metavar="COLUMN", help="one of " + ", ".join(overlay.Y))
    own.add_argument("--x", default="alpha", metavar="COLUMN",
                     help="one of " + ", ".join(overlay.X) + " (alpha)")  # fmt: skip
    own.add_argument("--mean-rows", action="store_true",
                     help="the mean over the rows of one model, in place of each")  # fmt: skip
    own.add_argument("--log", action="store_true", help="logarithmic x axis")
    own.add_argument("--log-y", action="store_true", help="logarithmic y axis")
    _add_out(own, "overlay.pdf, .png, .csv and .json")
    own.set_defaults(work=_overlay)

    tokens = commands.add_parser(TokensFigure.NAME, help=TokensFigure.DESCRIPTION)
    tokens.add_argument("tokens", metavar="FILE",
                        help="aligned sequences, as of `replica sweep --data tokens`")  # fmt: skip
    _add_out(tokens, "tokens.pdf, .png, .csv and .json")
    _add_amount(tokens)
    tokens.add_argument("--table", metavar="CSV",
                        help="draw this table, written by the same command, again")  # fmt: skip
    tokens.set_defaults(work=_tokens)

    for figure in FIGURES:
        one = commands.add_parser(figure.NAME, help=figure.DESCRIPTION)
        _add_out(one, "NAME.pdf, .png, .csv and .json")
        _add_amount(one)
        one.add_argument("--table", metavar="CSV",
                         help="draw this table, written by the same command, again")  # fmt: skip
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
    parser.add_argument("--out", required=True, metavar="DIR", help=f"existing folder for {files}")


def _add_amount(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true",
                        help="fewer and smaller systems, within a minute")  # fmt: skip
    parser.add_argument("--workers", type=number, default=cores(), metavar="N",
                        help="processes for the simulation (all cores)")  # fmt: skip


def _list(options: argparse.Namespace, command: str) -> int:
    width = max(len(figure.NAME) for figure in FIGURES)
    for figure in (*FIGURES, TokensFigure()):
        print(f"{figure.NAME:<{width}}  {figure.DESCRIPTION}")
    return CONVERGED


def _figure(options: argparse.Namespace, command: str) -> int:
    folder = writable_folder("out", Path(options.out))
    workers = integer("workers", options.workers, 1)
    return make(options.figure, folder, options.quick, workers, options.table, command)


def _tokens(options: argparse.Namespace, command: str) -> int:
    options.figure = TokensFigure(partial(rows_of_file, options.tokens))
    return _figure(options, command)


def _all(options: argparse.Namespace, command: str) -> int:
    folder = writable_folder("out", Path(options.out))
    workers = integer("workers", options.workers, 1)
    return make_all(
        FIGURES,
        lambda figure: make(figure, folder, options.quick, workers, None, command),
        NAME,
    )


def _overlay(options: argparse.Namespace, command: str) -> int:
    folder = writable_folder("out", Path(options.out))
    columns = one_of("x", options.x, overlay.X), one_of("y", options.y, overlay.Y)
    rows = options.mean_rows
    theory, theory_again = overlay.read("THEORY", options.theory, "theory", columns, rows)
    simulation, again = overlay.read("SIM", options.simulation, "simulation", columns, rows)

    from figures.drawing.style import journal, load_matplotlib
    from figures.output.publish import publish

    load_matplotlib()
    axes = ("x" if options.log else "") + ("y" if options.log_y else "")
    table = Table([*theory.lines(), *simulation.lines()])
    with journal():
        best = overlay.is_at_best_lam(options.theory)
        figure = overlay.draw_overlay(theory, simulation, *columns, axes, best)
        parameters = {name: getattr(options, name) for name in ("theory", "simulation", "x", "y")}
        parameters |= {"mean_rows": True} if rows else {}
        seeds = sorted({line["seed"] for line in simulation.lines()} - {None})
        written = publish(
            figure, table, folder, overlay.NAME, command=command, parameters=parameters, seeds=seeds
        )
    for name, count in (("theory", theory_again), ("simulation", again)):
        if count:
            say(f"{NAME} {overlay.NAME}: {count} lines of the {name} stand twice and count once")
    overlay.warn(theory, simulation, figure, f"{NAME} {overlay.NAME}", columns[0], best)
    for path in written:
        print(path)
    return CONVERGED if all(table["status"] == "converged") else NOT_CONVERGED
