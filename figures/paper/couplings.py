"""Learning curves of ensembles of couplings whose true rows have the same norm."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from figures.drawing.axes import log_axis
from figures.drawing.legends import has_failures, kinds, legend_above, letter, series
from figures.drawing.panels import ALPHA, measured, theory_line
from figures.drawing.style import LOOKS, TWO_COLUMNS
from figures.paper.captions import MEANS, systems
from figures.paper.contents import SOURCES, described
from figures.paper.curves import Size, curves
from figures.paper.figure import PaperFigure
from replica.problem import PottsTokens, Problem
from replica.tables import Table
from replica.tables.columns import KNOWN

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Ratios γ of the Hopfield couplings.
_RATIOS = (2.0, 0.5)

_RANGE = (0.3, 12.0)


@dataclass
class Couplings(PaperFigure):
    """Test loss and coupling error of several ensembles; β is |w*|, the norm of the true rows."""

    lam: float = 0.1
    beta: float = 1.0
    colors: int = 3
    sites: int | None = None
    seeds: int | None = None

    NAME = "couplings"
    DESCRIPTION = "learning curves of Gaussian, orthogonal and Hopfield couplings of equal norm"

    # Every alpha makes a whole number of samples.
    FULL = Size(160, 16, 40, 1000, (0.4, 0.7, 1.2, 2.0, 3.5, 6.0, 10.0), 60)
    QUICK = Size(80, 8, 30, 1000, (0.5, 1.5, 5.0), 24)

    @property
    def ensembles(self) -> dict[str, PottsTokens]:
        """The data, by what a legend calls them."""
        C, norm = self.colors, self.beta
        hopfield = {
            f"Hopfield, $\\gamma={ratio:g}$": PottsTokens(
                C, norm / sqrt(ratio), couplings=f"hopfield:{ratio:g}"
            )
            for ratio in _RATIOS
        }
        return {
            "Gaussian": PottsTokens(C, norm),
            "orthogonal": PottsTokens(C, norm, couplings="orthogonal"),
            **hopfield,
        }

    @property
    def CONTENTS(self) -> list[dict[str, Any]]:
        """Theory and trained systems of every ensemble."""
        return [
            {"source": source, "loss": "cross-entropy", **described(data), "lam": self.lam}
            for data in self.ensembles.values()
            for source in SOURCES
        ]

    def compute(self, quick: bool, workers: int | None) -> Table:
        """Return theory and trained systems of every ensemble."""
        size = (self.QUICK if quick else self.FULL).at(self.sites, self.seeds)
        families = [Problem(1.0, self.lam, data) for data in self.ensembles.values()]
        line = np.geomspace(*_RANGE, size.points)
        return curves(families, "alpha", line, size, workers, self.NAME)

    def draw(self, table: Table) -> Figure:
        """Draw the table that `compute` returned: test loss and coupling error of each."""
        from figures.drawing.sheet import Sheet

        figure = Sheet(figsize=(TWO_COLUMNS, 3.1))
        panels = figure.subplots(1, 2)
        ensembles = self.ensembles
        looks = [look.named(label) for look, label in zip(LOOKS, ensembles, strict=False)]
        titles = "generalisation", "distance from the true couplings"
        columns = "test_loss", "coupling_error"
        for axes, column, title, name in zip(panels, columns, titles, "ab", strict=True):
            for look, data in zip(looks, ensembles.values(), strict=True):
                chosen = table.where(**described(data))
                theory_line(axes, chosen.where(source="theory"), "alpha", column, look)
                measured(axes, chosen.where(source="simulation"), "alpha", column, look)
            log_axis(axes.xaxis, (0.5, 1, 2, 5, 10))
            axes.set(xlim=_RANGE, xlabel=ALPHA, ylabel=KNOWN[column].axis, title=title)
            letter(axes, name)
        log_axis(panels[1].yaxis, (0.5, 1, 2, 5, 10))
        handles = [*map(series, looks), *kinds(has_failures(panels))]
        legend_above(figure, handles)
        return figure

    def caption(self, table: Table) -> str:
        """Return what stands under the picture in a paper."""
        return (
            "Ensembles of couplings whose true rows have the same norm: what they say of a token "
            "depends on their spectrum. (a) Test loss and (b) coupling error "
            "$|w-w^*|^2/|w^*|^2$ against the sample ratio $\\alpha=M/L$ for Gaussian, orthogonal "
            "and Hopfield couplings with $\\gamma L$ patterns. Cross-entropy, "
            f"$C={self.colors}$, $|w^*|={self.beta:g}$, $\\lambda={self.lam:g}$. {MEANS} "
            f"{systems(table)}."
        )


FIGURE = Couplings()
