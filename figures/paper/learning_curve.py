"""Test and training loss against the sample ratio: theory, finite systems, what L times 1/L is."""

from __future__ import annotations

from figures.paper.curves import Size
from figures.paper.loss_curves import OwnLossCurves, Panel
from replica.problem import LOSSES, PottsTokens, Problem

LAM = 0.1

#: β/C of the data, half way to the edge of the paramagnet.
REDUCED_COUPLING = 0.5

_ROWS = [
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
_FULL = Size(180, 8, 20, 4000, (0.4, 0.7, 1.2, 2.0, 3.5, 6.0), 60)
_QUICK = Size(120, 3, 8, 2000, (0.5, 1.5, 5.0), 24)

FIGURE = OwnLossCurves(
    "learning-curve",
    "test and training loss against M/L for 2, 3 and 5 colours, both losses",
    _ROWS,
    _FULL,
    _QUICK,
)
