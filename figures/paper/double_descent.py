"""The squared error through its interpolation peak, where a row begins to fit its samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from figures.drawing.axes import keep_zeros, log_axis
from figures.drawing.legends import has_failures, kinds, lengths, letter, series, settings
from figures.drawing.panels import ALPHA, family, family_looks
from figures.drawing.style import OPTIMAL_COLOR, TWO_COLUMNS
from figures.paper.contents import SOURCES, described
from figures.paper.curves import Size, curves
from replica.problem import PottsTokens, Problem
from replica.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "double-descent"
DESCRIPTION = "squared error through the peak at M (C-1) = L, for falling weight decay"

DATA = PottsTokens(3, 1.5)
LAMS = (1e-3, 1e-2, 1e-1, 1.0)

#: Where the residuals are as many as the weights of a row.
PEAK = 1.0 / (DATA.colors - 1)

_RANGE = (0.1, 4.0)

CONTENTS = [
    {"source": source, "loss": "squared-error", **described(DATA), "lam": lam}
    for lam in LAMS
    for source in SOURCES
]

# Every alpha makes a whole number of samples.
FULL = Size(160, 24, 80, 2000, (0.15, 0.25, 0.35, 0.45, 0.5, 0.55, 0.7, 1.0, 1.6, 3.0), 120)
QUICK = Size(80, 8, 40, 1000, (0.25, 0.5, 0.7, 1.5), 60)


def compute(quick: bool, workers: int) -> Table:
    """Return theory and trained systems for every weight decay."""
    size = QUICK if quick else FULL
    families = [Problem(1.0, lam, DATA, "squared-error") for lam in LAMS]
    return curves(families, "alpha", np.geomspace(*_RANGE, size.points), size, workers, NAME)


def draw(table: Table) -> Figure:
    """Draw the table that `compute` returned: test and training error on logarithmic axes."""
    from matplotlib.figure import Figure

    looks = family_looks("$\\lambda={:g}$", LAMS)
    figure = Figure(figsize=(TWO_COLUMNS, 2.9))
    panels = figure.subplots(1, 2)
    names = ("squared error (test)", "squared error (training)")
    for axes, column, name in zip(panels, ("test_loss", "train_loss"), names, strict=True):
        axes.axvline(PEAK, color=OPTIMAL_COLOR, linestyle=":", linewidth=0.8)
        family(axes, table, "alpha", column, "lam", looks)
        axes.set_yscale("log")
        keep_zeros(axes)
        log_axis(axes.xaxis, (0.1, 0.2, 0.5, 1, 2, 4))
        axes.set(xlim=_RANGE, xlabel=ALPHA, ylabel=name)
    log_axis(panels[0].yaxis, (0.3, 0.5, 1, 2, 5, 10))
    panels[0].annotate(
        "$\\alpha(C-1)=1$", (PEAK, 1.0), (0, 2), xycoords=("data", "axes fraction"),
        textcoords="offset points", ha="center", fontsize=7,
    )  # fmt: skip
    for axes, name in zip(panels, "ab", strict=True):
        letter(axes, name)
    settings(figure, f"$C={DATA.colors}$, $\\beta={DATA.beta:g}$, {lengths(table)}")
    handles = [*map(series, looks.values()), *kinds(has_failures(panels))]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return figure
