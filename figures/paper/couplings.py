"""Learning curves of ensembles of couplings whose true rows have the same norm."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from figures.drawing.axes import log_axis
from figures.drawing.legends import has_failures, kinds, lengths, letter, series, settings
from figures.drawing.panels import ALPHA, measured, theory_line
from figures.drawing.style import LOOKS, TWO_COLUMNS
from figures.paper.contents import SOURCES, described
from figures.paper.curves import Size, curves
from replica.problem import PottsTokens, Problem
from replica.tables import Table
from replica.tables.columns import KNOWN

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "couplings"
DESCRIPTION = "learning curves of Gaussian, orthogonal and Hopfield couplings of equal norm"

LAM, COLORS = 0.1, 3

#: |w*|, the norm of the true row, of all ensembles.
NORM = 1.0

_ENSEMBLES = {
    "Gaussian": PottsTokens(COLORS, NORM),
    "orthogonal": PottsTokens(COLORS, NORM, couplings="orthogonal"),
    "Hopfield, $\\gamma=2$": PottsTokens(COLORS, NORM / sqrt(2.0), couplings="hopfield:2"),
    "Hopfield, $\\gamma=0.5$": PottsTokens(COLORS, NORM / sqrt(0.5), couplings="hopfield:0.5"),
}

_RANGE = (0.3, 12.0)

CONTENTS = [
    {"source": source, "loss": "cross-entropy", **described(data), "lam": LAM}
    for data in _ENSEMBLES.values()
    for source in SOURCES
]

# Every alpha makes a whole number of samples.
FULL = Size(160, 16, 40, 1000, (0.4, 0.7, 1.2, 2.0, 3.5, 6.0, 10.0), 60)
QUICK = Size(80, 8, 30, 1000, (0.5, 1.5, 5.0), 24)


def compute(quick: bool, workers: int) -> Table:
    """Return theory and trained systems of every ensemble."""
    size = QUICK if quick else FULL
    families = [Problem(1.0, LAM, data) for data in _ENSEMBLES.values()]
    return curves(families, "alpha", np.geomspace(*_RANGE, size.points), size, workers, NAME)


def draw(table: Table) -> Figure:
    """Draw the table that `compute` returned: test loss and coupling error of every ensemble."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(TWO_COLUMNS, 3.1))
    panels = figure.subplots(1, 2)
    looks = [look.named(label) for look, label in zip(LOOKS, _ENSEMBLES, strict=False)]
    for axes, column, name in zip(panels, ("test_loss", "coupling_error"), "ab", strict=True):
        for look, data in zip(looks, _ENSEMBLES.values(), strict=True):
            chosen = table.where(**described(data))
            theory_line(axes, chosen.where(source="theory"), "alpha", column, look)
            measured(axes, chosen.where(source="simulation"), "alpha", column, look)
        log_axis(axes.xaxis, (0.5, 1, 2, 5, 10))
        axes.set(xlim=_RANGE, xlabel=ALPHA, ylabel=KNOWN[column].axis)
        letter(axes, name)
    log_axis(panels[1].yaxis, (0.5, 1, 2, 5, 10))
    common = f"$C={COLORS}$, $|w^*|={NORM:g}$, $\\lambda={LAM:g}$, {lengths(table)}"
    settings(figure, common)
    handles = [*map(series, looks), *kinds(has_failures(panels))]
    figure.legend(handles=handles, loc="outside upper center", ncols=3)
    return figure
