"""Rows of given models: the test loss of each, predicted and measured on that very model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from figures.drawing.legends import has_failures, kinds, legend_above, letter, points, reference
from figures.drawing.panels import measured
from figures.drawing.style import LOOKS, TWO_COLUMNS, Look
from figures.paper.captions import systems
from figures.paper.contents import ANY, described
from figures.paper.curves import Lengths, check_whole
from figures.paper.figure import PaperFigure
from replica.problem import PottsTokens, Problem, RowTokens
from replica.tables import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Sample ratio.
_ALPHA = 2.0

EACH, ALIKE = LOOKS[0].named("this row of this model"), LOOKS[2].named("any row of the ensemble")

#: Of the line on which predictions are right.
_EXACT = "#888888"


@dataclass(frozen=True)
class Amount(Lengths):
    """Lengths of the models with the seeds of each, rows and test sequences."""

    rows: int
    test_samples: int


@dataclass
class Rows(PaperFigure):
    """The rows of one model of each length."""

    lam: float = 0.1
    beta: float = 1.5
    colors: int = 3
    sites: tuple[int, ...] | None = None
    seeds: int | None = None

    NAME = "rows"
    DESCRIPTION = "predicted against measured test loss of every row of one model, at two lengths"

    FULL = Amount(((30, 60), (100, 24)), 30, 8000)
    QUICK = Amount(((30, 24), (100, 8)), 12, 2000)

    @property
    def family(self) -> Problem:
        """The problem of the ensemble from which the models are drawn."""
        return Problem(_ALPHA, self.lam, PottsTokens(self.colors, self.beta))

    @property
    def CONTENTS(self) -> list[dict[str, Any]]:
        """The point of the ensemble, and predicted and trained rows."""
        common: dict[str, Any] = self.family.columns()
        rows: dict[str, Any] = common | {"data": "couplings", "couplings": ANY, "row": ANY}
        return [
            {"source": "theory", **common, **described(self.family.data), "row": None},
            {"source": "theory", **rows},
            {"source": "simulation", **rows, "sites": ANY, "seed": ANY},
        ]

    def check(self) -> None:
        """Refuse lengths without a whole number of samples, too."""
        super().check()
        for sites in self.sites or ():
            check_whole(sites, [_ALPHA])

    def compute(self, quick: bool, workers: int | None) -> Table:
        """Return the ensemble's point, the predicted rows, and the trained ones, by seed."""
        from replica.saddle_point.solver import solve
        from replica.saddle_point.sweep_rows import sweep_rows
        from simulations import PottsModel
        from simulations.experiments.given_rows import row_experiments
        from simulations.experiments.simulate_many import collect

        amount = (self.QUICK if quick else self.FULL).at(self.sites, self.seeds)
        family, data = self.family, PottsTokens(self.colors, self.beta)
        lines = [solve(family).line()]
        for sites, seeds in amount.systems:
            J = PottsModel.random(data, sites, 0).couplings
            shown = range(min(amount.rows, sites))
            rows = RowTokens.rows_from_couplings(J, shown, data.colors, data.beta)
            lines += sweep_rows(family, rows, [family.alpha]).lines()
            problems = [family.at(data=row) for row in rows]
            tasks = row_experiments(problems, range(seeds), test_samples=amount.test_samples)
            lines += collect(tasks, workers, f"{self.NAME}, L = {sites}").lines()
        return Table(lines)

    def draw(self, table: Table) -> Figure:
        """Draw the table that `compute` returned: one panel per length.

        A point is a row: the mean over seeds of its measured test loss with the standard error,
        over what the theory predicts for this row of this model, and over what it predicts for all
        rows of the ensemble. On the diagonal the two agree.
        """
        from figures.drawing.sheet import Sheet
        from simulations.experiments.average_seeds import average_seeds
        from simulations.experiments.once import once

        table = once(table)
        (alike,) = table.where(source="theory", data=self.family.data.name)["test_loss"]
        systems = average_seeds(table.where(source="simulation"))
        lengths = sorted(set(systems["sites"].astype(int).tolist()))
        figure = Sheet(figsize=(TWO_COLUMNS, 3.3))
        panels = figure.subplots(1, len(lengths), squeeze=False)[0]
        for axes, sites, name in zip(panels, lengths, "abcdefgh", strict=False):
            found = systems.where(sites=sites)
            (couplings,) = set(found["couplings"])
            predicted = table.where(source="theory", couplings=couplings)
            own = dict(zip(predicted["row"], predicted["test_loss"], strict=True))
            _draw_rows(axes, found, dict.fromkeys(own, alike), ALIKE)
            _draw_rows(axes, found, own, EACH)
            axes.axline((alike, alike), slope=1, color=_EXACT, linewidth=0.7, zorder=0)
            axes.set(xlabel="predicted test loss (nats)", title=f"$L={sites}$")
            letter(axes, name)
        panels[0].set_ylabel("measured test loss (nats)")
        handles = [points(EACH), points(ALIKE), reference("predicted = measured", "-", _EXACT)]
        handles += kinds(has_failures(panels))[2:]
        legend_above(figure, handles)
        return figure

    def caption(self, table: Table) -> str:
        """Return what stands under the picture in a paper."""
        return (
            "Rows of one given model, trained on sequences of that very model: measured test loss, "
            "mean and standard error over training sets, over the prediction for this row "
            "(circles) and for any row of the ensemble from which the model was drawn (triangles); "
            f"on the diagonal they agree. Cross-entropy, $C={self.colors}$, "
            f"$\\beta={self.beta:g}$, $\\alpha={_ALPHA:g}$, $\\lambda={self.lam:g}$; training sets "
            f"of each model: {systems(table)}."
        )


def _draw_rows(axes: Axes, systems: Table, predicted: dict[float, float], look: Look) -> None:
    """Draw measured over predicted losses of the rows."""
    shown = Table(
        line | {"predicted": float(predicted.get(line["row"], np.nan))} for line in systems.lines()
    )
    measured(axes, shown, "predicted", "test_loss", look, markersize=3.4, elinewidth=0.7)


FIGURE = Rows()
