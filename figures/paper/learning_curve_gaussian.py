"""The learning curve of Gaussian tokens in whole sequences, which is that of ridge regression."""

from __future__ import annotations

from dataclasses import dataclass

from figures.paper.curves import Size
from figures.paper.loss_curves import LossCurves, Panel, Rows
from replica.problem import GaussianTokens, Problem

#: κ and the number of components of the panels.
_DATA = ((2.6, 1), (2.6, 3), (4.0, 1))


@dataclass
class GaussianLearningCurve(LossCurves):
    """The squared error on whole sequences, for two precisions and numbers of components."""

    lam: float = 0.1
    sites: int | None = None
    seeds: int | None = None

    NAME = "learning-curve-gaussian"
    DESCRIPTION = "the learning curve of Gaussian tokens, squared error"

    # Every alpha makes a whole number of samples.
    FULL = Size(200, 24, 60, None, (0.4, 0.7, 1.2, 2.0, 3.5, 6.0), 60)
    QUICK = Size(100, 12, 30, None, (0.5, 1.5, 5.0), 24)

    @property
    def ROWS(self) -> Rows:
        """One row of panels."""
        return [
            [
                Panel(
                    Problem(
                        1.0, self.lam, GaussianTokens(shift, colors, joint=True), "squared-error"
                    ),
                    f"$C={colors}$, $\\kappa={shift:g}$",
                )
                for shift, colors in _DATA
            ]
        ]

    def about(self) -> str:
        """Return what is learnt, and with which parameters."""
        return (
            "Ridge regression of every site on all others, on whole sequences of $C$ independent "
            "Gaussian components with precision matrix $\\kappa I+X$, $X$ from the Gaussian "
            f"orthogonal ensemble, at weight decay $\\lambda={self.lam:g}$."
        )


FIGURE = GaussianLearningCurve()
