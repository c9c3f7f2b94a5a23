"""The squared error through its interpolation peak, where a row begins to fit its samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from figures.drawing.axes import keep_zeros, log_axis
from figures.drawing.legends import has_failures, kinds, legend_above, letter, reference, series
from figures.drawing.panels import ALPHA, family, family_looks, theory_line
from figures.drawing.style import OPTIMAL_COLOR, TWO_COLUMNS
from figures.paper.captions import MEANS, systems
from figures.paper.contents import SOURCES, described
from figures.paper.curves import Size, curves
from figures.paper.figure import PaperFigure
from replica.problem import PottsTokens, Problem
from replica.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_RANGE = (0.1, 4.0)


@dataclass
class DoubleDescent(PaperFigure):
    """The learning curve of the squared error for several weight decays."""

    lam: tuple[float, ...] = (1e-3, 1e-2, 1e-1, 1.0)
    beta: float = 1.5
    colors: int = 3
    sites: int | None = None
    seeds: int | None = None

    NAME = "double-descent"
    DESCRIPTION = "squared error through the peak at M (C-1) = L, for falling weight decay"

    # Every alpha makes a whole number of samples.
    FULL = Size(160, 24, 80, 2000, (0.15, 0.25, 0.35, 0.45, 0.5, 0.55, 0.7, 1.0, 1.6, 3.0), 120)
    QUICK = Size(80, 8, 40, 1000, (0.25, 0.5, 0.7, 1.5), 60)

    @property
    def data(self) -> PottsTokens:
        """What is learnt."""
        return PottsTokens(self.colors, self.beta)

    @property
    def CONTENTS(self) -> list[dict[str, Any]]:
        """Theory and trained systems at every weight decay."""
        return [
            {"source": source, "loss": "squared-error", **described(self.data), "lam": lam}
            for lam in self.lam
            for source in SOURCES
        ]

    def compute(self, quick: bool, workers: int | None) -> Table:
        """Return theory and trained systems for every weight decay."""
        size = (self.QUICK if quick else self.FULL).at(self.sites, self.seeds)
        families = [Problem(1.0, lam, self.data, "squared-error") for lam in self.lam]
        line = np.geomspace(*_RANGE, size.points)
        return curves(families, "alpha", line, size, workers, self.NAME)

    def draw(self, table: Table) -> Figure:
        """Draw the table that `compute` returned: test and training error on logarithmic axes.

        The dotted line is where the residuals are as many as the weights of a row.
        """
        from figures.drawing.sheet import Sheet

        peak = 1.0 / (self.colors - 1)
        looks = family_looks("$\\lambda={:g}$", self.lam)
        figure = Sheet(figsize=(TWO_COLUMNS, 2.9))
        panels = figure.subplots(1, 2)
        names = ("squared error (test)", "squared error (training)")
        for axes, column, name in zip(panels, ("test_loss", "train_loss"), names, strict=True):
            axes.axvline(peak, color=OPTIMAL_COLOR, linestyle=":", linewidth=0.8)
            family(axes, table, "alpha", column, "lam", looks)
            axes.set_yscale("log")
            keep_zeros(axes)
            log_axis(axes.xaxis, (0.1, 0.2, 0.5, 1, 2, 4))
            axes.set(xlim=_RANGE, xlabel=ALPHA, ylabel=name)
        optimal = table.where(source="theory", lam=self.lam[0])
        theory_line(panels[0], optimal, "alpha", "optimal_loss", linestyle="--", linewidth=0.9)
        log_axis(panels[0].yaxis, (0.3, 0.5, 1, 2, 5, 10))
        panels[0].annotate(
            "$\\alpha(C-1)=1$", (peak, 1.0), (0, 2), xycoords=("data", "axes fraction"),
            textcoords="offset points", ha="center", fontsize="small",
        )  # fmt: skip
        for axes, name in zip(panels, "ab", strict=True):
            letter(axes, name)
        handles = [*map(series, looks.values()), reference("optimal loss")]
        handles += kinds(has_failures(panels))
        legend_above(figure, handles)
        return figure

    def caption(self, table: Table) -> str:
        """Return what stands under the picture in a paper."""
        return (
            "Squared error through its interpolation peak. (a) Test and (b) training error against "
            "the sample ratio $\\alpha=M/L$ for several weight decays $\\lambda$. A row begins to "
            "fit its samples at $\\alpha(C-1)=1$ (dotted), where weight decay matters most; "
            "dashed: error of the true conditional law, which no training can beat. "
            f"$C={self.colors}$, $\\beta={self.beta:g}$. {MEANS} {systems(table)}."
        )


FIGURE = DoubleDescent()
