"""The order parameters against the sample ratio."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from figures.panels import (
    ALPHA,
    kinds,
    letter,
    log_axis,
    measured,
    reference,
    series,
    theory_line,
)
from figures.style import LOOKS, TWO_COLUMNS
from figures.systems import Size, curves
from replica.data import PottsTokens
from replica.problem import LOSSES, Problem
from replica.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "order-parameters"
DESCRIPTION = "m, q and V against M/L, both losses"

DATA, LAM = PottsTokens(3, 1.5), 0.1

#: V, the local variance, is no average over sequences that could be measured.
LOOK = {name: look.named(f"${name}$") for name, look in zip("mqV", LOOKS, strict=False)}

_RANGE = (0.2, 10.0)

# Every alpha makes a whole number of samples.
FULL = Size(160, 24, 80, 4000, (0.25, 0.5, 1.0, 2.0, 4.0, 8.0), 60)
QUICK = Size(80, 8, 40, 1000, (0.5, 1.5, 5.0), 24)


def compute(quick: bool, workers: int) -> Table:
    """Return theory and trained systems for both losses.

    Parameters
    ----------
    quick : bool
        Smaller and fewer systems, and fewer points.
    workers : int
        Processes for the simulation.
    """
    size = QUICK if quick else FULL
    families = [Problem(1.0, LAM, DATA, loss) for loss in LOSSES]
    return curves(families, "alpha", np.geomspace(*_RANGE, size.points), size, workers, NAME)


def draw(table: Table) -> Figure:
    """Draw the table that `compute` returned, one panel per loss."""
    from matplotlib.figure import Figure

    from simulations.averages import average_seeds

    figure = Figure(figsize=(TWO_COLUMNS, 2.9))

    panels = figure.subplots(1, 2)
    for axes, loss, name in zip(panels, LOSSES, "ab", strict=True):
        theory = table.where(loss=loss, source="theory")
        for column, look in LOOK.items():
            style = "-." if column == "V" else "-"
            theory_line(axes, theory, "alpha", column, look, linestyle=style)
        points = average_seeds(table.where(loss=loss, source="simulation"))
        for column in ("m", "q"):
            measured(axes, points, "alpha", column, LOOK[column])
        log_axis(axes.xaxis, (0.2, 0.5, 1, 2, 5, 10))
        log_axis(axes.yaxis, (0.05, 0.1, 0.2, 0.5, 1, 2))
        axes.set(xlim=_RANGE, xlabel=ALPHA, title=loss.replace("-", " "))
        letter(axes, name)
    panels[0].set_ylabel("order parameters")
    handles = [
        series(LOOK["m"]),
        series(LOOK["q"]),
        reference("$V$", "-.", LOOK["V"].color),
        *kinds(),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return figure
