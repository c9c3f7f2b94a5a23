"""The learning curve of Gaussian tokens in whole sequences, which is that of ridge regression."""

from __future__ import annotations

from typing import TYPE_CHECKING

from figures.loss_curves import Panel, compute_losses, draw_losses
from figures.systems import Size
from replica.data import GaussianTokens
from replica.problem import Problem
from replica.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "learning-curve-gaussian"
DESCRIPTION = "the learning curve of Gaussian tokens, squared error"

LAM = 0.1

ROWS = [
    [
        Panel(
            Problem(1.0, LAM, GaussianTokens(shift, colors, joint=True), "squared-error"),
            f"$C={colors}$, $\\kappa={shift:g}$",
        )
        for shift, colors in ((2.6, 1), (2.6, 3), (4.0, 1))
    ]
]

# Every alpha makes a whole number of samples.
FULL = Size(200, 24, 60, None, (0.4, 0.7, 1.2, 2.0, 3.5, 6.0), 60)
QUICK = Size(100, 12, 30, None, (0.5, 1.5, 5.0), 24)


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
