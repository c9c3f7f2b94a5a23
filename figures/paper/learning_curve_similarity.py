"""The learning curve where colours resemble each other: a general similarity U."""

from __future__ import annotations

from dataclasses import dataclass

from figures.drawing.legends import circ
from figures.paper.curves import Size
from figures.paper.loss_curves import LossCurves, Panel, Rows
from replica.problem import LOSSES, PottsTokens, Problem
from replica.problem.data_model import LossName

#: β and first row of a circulant U: colours on a ring, like or unlike their neighbours.
SIMILARITIES = (
    (2.0, (1.0, 0.5, 0.0, 0.5)),
    (1.0, (1.0, -0.5, 0.0, -0.5)),
    (1.8, (1.0, 0.5, 0.0, 0.0, 0.5)),
)


@dataclass
class SimilarityLearningCurve(LossCurves):
    """Both losses, for three similarities of colours on a ring."""

    lam: float = 0.1
    sites: int | None = None
    seeds: int | None = None

    NAME = "learning-curve-similarity"
    DESCRIPTION = "the learning curve of colours that resemble each other, both losses"

    # Every alpha makes a whole number of samples.
    FULL = Size(160, 10, 40, 2000, (0.4, 0.7, 1.2, 2.0, 3.5, 6.0), 60)
    QUICK = Size(80, 8, 20, 1000, (0.5, 1.5, 5.0), 16)

    @property
    def ROWS(self) -> Rows:
        """A row for each loss."""
        return [
            [_panel(self.lam, beta, row, loss) for beta, row in SIMILARITIES] for loss in LOSSES
        ]

    def about(self) -> str:
        """Return what is learnt, and with which parameters."""
        return (
            "Learning curves where colours resemble each other: $C$ colours on a ring with the "
            "similarity $U=\\mathrm{circ}(u_0,\\dots,u_{C-1})$, the circulant matrix "
            "$U_{ab}=u_{(b-a)\\,\\mathrm{mod}\\,C}$ of this first row, which makes neighbours "
            "alike (positive) or unlike (negative). Cross-entropy (above) and squared error "
            f"(below) at weight decay $\\lambda={self.lam:g}$."
        )


def _panel(lam: float, beta: float, row: tuple[float, ...], loss: LossName) -> Panel:
    circulant = [[*row[-i:], *row[:-i]] for i in range(len(row))]
    title = f"$C={len(row)}$, $\\beta={beta:g}$,\n$U=${circ(row)}"
    return Panel(Problem(1.0, lam, PottsTokens(len(row), beta, circulant), loss), title)


FIGURE = SimilarityLearningCurve()
