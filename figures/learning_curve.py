"""Test and training loss against the sample ratio: theory, finite systems, their distance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from figures.loss_curves import Panel, compute_losses, draw_losses
from figures.systems import Size
from replica.data import PottsTokens
from replica.problem import LOSSES, Problem
from replica.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "learning-curve"
DESCRIPTION = "test and training loss against M/L for 2, 3 and 5 colours, both losses"

LAM = 0.1

#: β/C of the data, half way to the edge of the paramagnet.
REDUCED_COUPLING = 0.5

ROWS = [
    [
        Panel(
            Problem(1.0, LAM, PottsTokens(colors, REDUCED_COUPLING * colors), loss),
            f"$C={colors}$, $\\beta={REDUCED_COUPLING * colors:g}$",
        )
        for colors in (2, 3, 5)
    ]
    for loss in LOSSES
]

# Every alpha makes a whole number of samples.
FULL = Size(180, 16, 60, 4000, (0.4, 0.7, 1.2, 2.0, 3.5, 6.0), 60)
QUICK = Size(120, 8, 30, 2000, (0.5, 1.5, 5.0), 24)


def compute(quick: bool, workers: int) -> Table:
    """Return the theory's points and the trained systems, one line per seed, in one table.

    Parameters
    ----------
    quick : bool
        Smaller and fewer systems, and fewer points.
    workers : int
        Processes for the simulation.
    """
    return compute_losses(ROWS, QUICK if quick else FULL, workers, NAME)


def draw(table: Table) -> Figure:
    """Draw the table that `compute` returned, as `draw_losses` says."""
    return draw_losses(table, ROWS)
