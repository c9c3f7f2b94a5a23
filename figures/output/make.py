"""Make one figure, or all of them, as far as that is possible."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from figures.output.own_table import as_it_was_made, foreign, own_table
from figures.output.publish import USUAL
from figures.paper.figure import FigureSource, PaperFigure
from replica.commandline.command import CONVERGED, NOT_CONVERGED
from replica.commandline.terminal import say
from replica.errors import MissingExtra
from replica.execution.task import described
from replica.tables.locks import unwritten


def make(
    figure: FigureSource,
    folder: Path,
    quick: bool,
    workers: int | None,
    table: str | None,
    command: str,
    formats: Sequence[str] = USUAL,
) -> int:
    """Compute or read the table of a figure, draw it, write all and return the exit status.

    Parameters
    ----------
    figure : FigureSource
        What is made.
    folder : path
        Where the files go.
    quick : bool
        Compute fewer and smaller systems.
    workers : int, optional
        Processes; by default all cores, unless the run is short.
    table : str or None
        A CSV file to draw instead of computing.
    command : str
        The command line, for the record; its first word is the command.
    formats : sequence of str
        Of the pictures.

    Raises
    ------
    ValueError
        If the table is not one of this figure, or another process is writing the one that would
        be replaced.
    replica.errors.Unwritable
        If the disk is full or the folder can no longer be written.
    """
    prog = command.split()[0]
    known = None
    if table is not None:
        figure = as_it_was_made(figure, table)
        known = own_table(figure, table, prog)
    with unwritten("out", folder / f"{figure.NAME}.csv"):  # asked before the work, and again after
        pass

    # Now that the arguments are good, the heavy libraries are worth loading.
    from figures.drawing.style import journal, load_matplotlib
    from figures.output.publish import publish

    load_matplotlib()
    if known is None:
        kept = f"{figure.NAME}-{'quick-' if quick else ''}runs"
        place = {"folder": folder / kept} if getattr(figure, "RESUMES", False) else {}
        known = figure.compute(quick, workers, **place)
    with journal():
        try:
            drawn = figure.draw(known)
            caption = figure.caption(known) if isinstance(figure, PaperFigure) else ""
        except (LookupError, TypeError, ValueError) as error:
            if table is None:
                raise
            # A table that was shortened by hand, say.
            raise foreign(figure, table, prog, f"it cannot be drawn: {described(error)}") from None
        given = figure.given if isinstance(figure, PaperFigure) else {}
        written = publish(
            drawn,
            known,
            folder,
            figure.NAME,
            formats,
            caption,
            command=command,
            parameters={"figure": figure.NAME, "quick": quick, "table": table, **given},
            seeds=sorted({line["seed"] for line in known.lines() if line.get("seed") is not None}),
        )
    for path in written:
        print(path, flush=True)
    return CONVERGED if all(known["status"] == "converged") else NOT_CONVERGED


def make_all(
    figures: Sequence[FigureSource], one: Callable[[FigureSource], int], label: str
) -> int:
    """Make every figure that can be made, and say how long each took.

    A figure whose extra is not installed is left out, with a sentence that says so; one that
    fails does not keep the others from being made.

    Parameters
    ----------
    figures : sequence of FigureSource
        What to make, in this order.
    one : callable
        Makes one figure and returns its exit status.
    label : str
        Name of the command, before every message.

    Returns
    -------
    int
        0 if everything that could be made converged, else 1.
    """
    worst, times = CONVERGED, []
    for number, figure in enumerate(figures, start=1):
        if sys.stderr.isatty():
            say(f"{label}: {figure.NAME}, {number} of {len(figures)}")
        start = time.monotonic()
        try:
            status = one(figure)
            told = "" if status == CONVERGED else ", not converged everywhere"
        except MissingExtra as missing:
            say(f"{label}: {figure.NAME} is left out: {missing}")
            continue
        except Exception as error:
            # Whatever it was, the other figures do not depend on it.
            reason = " ".join(str(error).split()) or "no reason given"
            say(f"{label}: {figure.NAME} failed: {type(error).__name__}: {reason}")
            status, told = NOT_CONVERGED, ", failed"
        worst = max(worst, status)
        times.append(f"{figure.NAME} {time.monotonic() - start:.0f} s{told}")
    for line in times:
        say(f"{label}: {line}")
    return worst
