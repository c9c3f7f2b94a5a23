"""The learning curve of Gaussian tokens in whole sequences, which is that of ridge regression."""

from __future__ import annotations

from figures.paper.curves import Size
from figures.paper.loss_curves import LossCurves, Panel
from replica.problem import GaussianTokens, Problem

LAM = 0.1

_ROWS = [
    [
        Panel(
            Problem(1.0, LAM, GaussianTokens(shift, colors, joint=True), "squared-error"),
            f"$C={colors}$, $\\kappa={shift:g}$",
        )
        for shift, colors in ((2.6, 1), (2.6, 3), (4.0, 1))
    ]
]

# Every alpha makes a whole number of samples.
_FULL = Size(200, 24, 60, None, (0.4, 0.7, 1.2, 2.0, 3.5, 6.0), 60)
_QUICK = Size(100, 12, 30, None, (0.5, 1.5, 5.0), 24)

FIGURE = LossCurves(
    "learning-curve-gaussian",
    "the learning curve of Gaussian tokens, squared error",
    _ROWS,
    _FULL,
    _QUICK,
)
