"""Test and training loss against the sample ratio: theory, finite systems, what L times 1/L is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from figures.paper.captions import numbers
from figures.paper.curves import Size
from figures.paper.loss_curves import OwnLossCurves, Panel, Rows
from replica.problem import LOSSES, PottsTokens, Problem
from replica.validation import invalid

#: β/C of the data, half way to the edge of the paramagnet.
REDUCED_COUPLING = 0.5


@dataclass
class LearningCurve(OwnLossCurves):
    """Both losses at several numbers of colours, of the same β/C where no β is given."""

    lam: float = 0.1
    beta: tuple[float, ...] | None = None
    colors: tuple[int, ...] = (2, 3, 5)
    sites: int | None = None
    seeds: int | None = None

    NAME = "learning-curve"
    DESCRIPTION = "test and training loss against M/L for 2, 3 and 5 colours, both losses"
    DEFAULTS: ClassVar = {"beta": "C/2"}

    # Every alpha makes a whole number of samples.
    FULL = Size(180, 8, 20, 4000, (0.4, 0.7, 1.2, 2.0, 3.5, 6.0), 60)
    QUICK = Size(120, 3, 8, 2000, (0.5, 1.5, 5.0), 24)

    @property
    def data(self) -> list[PottsTokens]:
        """What is learnt in the columns of panels."""
        betas = self.beta
        if betas is None:
            betas = tuple(REDUCED_COUPLING * colors for colors in self.colors)
        elif len(betas) == 1:
            betas *= len(self.colors)
        if len(betas) != len(self.colors):
            allowed = f"one number, or one for each of the {len(self.colors)} numbers of colours"
            raise invalid("beta", betas, allowed)
        return [PottsTokens(*each) for each in zip(self.colors, betas, strict=True)]

    @property
    def ROWS(self) -> Rows:
        """A row for each loss."""
        return [
            [
                Panel(
                    Problem(1.0, self.lam, data, loss), f"$C={data.colors}$, $\\beta={data.beta:g}$"
                )
                for data in self.data
            ]
            for loss in LOSSES
        ]

    def about(self) -> str:
        """Return what is learnt, and with which parameters."""
        betas = numbers(tuple(data.beta for data in self.data))
        return (
            "Learning curves of one layer of factored attention on sequences of a Potts model with "
            f"$C={numbers(self.colors)}$ colours at inverse temperatures $\\beta={betas}$, trained "
            f"with the cross-entropy (above) and the squared error (below) at weight decay "
            f"$\\lambda={self.lam:g}$."
        )


FIGURE = LearningCurve()
