"""The learning curve where colours resemble each other: a general similarity U."""

from __future__ import annotations

from figures.drawing.legends import circ
from figures.paper.curves import Size
from figures.paper.loss_curves import LossCurves, Panel
from replica.problem import LOSSES, PottsTokens, Problem
from replica.problem.data_model import LossName

LAM = 0.1

#: β and first row of a circulant U: colours on a ring, like or unlike their neighbours.
SIMILARITIES = (
    (2.0, (1.0, 0.5, 0.0, 0.5)),
    (1.0, (1.0, -0.5, 0.0, -0.5)),
    (1.8, (1.0, 0.5, 0.0, 0.0, 0.5)),
)


def _panel(beta: float, row: tuple[float, ...], loss: LossName) -> Panel:
    circulant = [[*row[-i:], *row[:-i]] for i in range(len(row))]
    title = f"$\\beta={beta:g}$, $U=${circ(row)}"
    return Panel(Problem(1.0, LAM, PottsTokens(len(row), beta, circulant), loss), title)


_ROWS = [[_panel(beta, row, loss) for beta, row in SIMILARITIES] for loss in LOSSES]

# Every alpha makes a whole number of samples.
_FULL = Size(160, 10, 40, 2000, (0.4, 0.7, 1.2, 2.0, 3.5, 6.0), 24)
_QUICK = Size(80, 8, 20, 1000, (0.5, 1.5, 5.0), 9)

FIGURE = LossCurves(
    "learning-curve-similarity",
    "the learning curve of colours that resemble each other, both losses",
    _ROWS,
    _FULL,
    _QUICK,
)
