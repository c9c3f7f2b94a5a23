"""Losses against the sample ratio: panels of theory and trained systems over their distance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from figures.drawing.axes import log_axis
from figures.drawing.legends import kinds, legend_above, letter, reference, series
from figures.drawing.panels import ALPHA, LOSS_NAMES, measured, theory_line
from figures.drawing.residuals import draw_scores, scores
from figures.drawing.style import TEST, TRAIN, TWO_COLUMNS
from figures.paper.captions import MEANS, systems
from figures.paper.contents import SOURCES, described
from figures.paper.curves import Size, curves
from figures.paper.figure import PaperFigure
from figures.paper.own_couplings import beyond, draw_strip, lengths_of, systems_of
from replica.problem import Problem
from replica.tables import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_UNITS = {"cross-entropy": " (nats)", "squared-error": ""}
_RANGE = (0.3, 8.0)
_LOSSES = ((TEST, "test_loss"), (TRAIN, "train_loss"))


@dataclass(frozen=True)
class Panel:
    """One panel: the problem whose learning curve it shows, and its title."""

    problem: Problem
    title: str

    @property
    def contents(self) -> dict[str, Any]:
        """What the lines of this panel have in common; no two share loss and data."""
        problem = self.problem
        return {"loss": problem.loss_name, "lam": problem.lam, **described(problem.data)}


Rows = Sequence[Sequence[Panel]]


class LossCurves(PaperFigure):
    """Base of the figures of learning curves, row by row of panels."""

    FULL: Size
    QUICK: Size

    #: Labels of the strips under a panel, and the height of a row of panels in inches.
    STRIPS: ClassVar[Sequence[str]] = ("sim. − theory\n(std. errors)",)
    HEIGHT: ClassVar[float] = 3.0

    lam: float
    sites: int | None
    seeds: int | None

    @property
    def ROWS(self) -> Rows:
        """The panels."""
        raise NotImplementedError

    @property
    def CONTENTS(self) -> list[dict[str, Any]]:
        """Theory and trained systems of every panel."""
        panels = [panel for row in self.ROWS for panel in row]
        return [{"source": source, **panel.contents} for panel in panels for source in SOURCES]

    def compute(self, quick: bool, workers: int | None) -> Table:
        """Return the theory's points and the trained systems of all panels, one line per seed."""
        size = (self.QUICK if quick else self.FULL).at(self.sites, self.seeds)
        families = [panel.problem for row in self.ROWS for panel in row]
        line = np.geomspace(*_RANGE, size.points)
        return curves(families, "alpha", line, size, workers, self.NAME)

    def draw(self, table: Table) -> Figure:
        """Draw the table that `compute` returned, one row of panels per row.

        Upper panels: loss per masked token; lines are the replica prediction, markers the mean
        over seeds with its standard error. Lower strips: distance of the markers from the
        theory in standard errors, so that every bar has length one; the band is two of them.
        """
        from figures.drawing.sheet import Sheet
        from simulations.experiments.average_seeds import average_seeds

        figure = Sheet(figsize=(TWO_COLUMNS, 0.3 + self.HEIGHT * len(self.ROWS)))
        letters = iter(ascii_lowercase)
        blocks = figure.subfigures(len(self.ROWS), 1, hspace=0.03, squeeze=False)[:, 0]
        for block, row in zip(blocks, self.ROWS, strict=True):
            axes = block.subplots(
                1 + len(self.STRIPS), len(row), sharex=True, sharey="row", squeeze=False,
                height_ratios=(3.2, *(1.2 for _ in self.STRIPS)),
            )  # fmt: skip
            for (curve, *strips), panel in zip(axes.T, row, strict=True):
                chosen = table.where(**panel.contents)
                theory = self._curve(chosen)
                _draw_curve(curve, theory, average_seeds(self._shown(chosen)))
                self._draw_strips(strips, chosen)
                letter(curve, next(letters))
                # The letter needs some of the room.
                curve.set_title(panel.title, fontsize="medium")
                log_axis(strips[-1].xaxis, (0.5, 1, 2, 5))
                strips[-1].set_xlim(*_RANGE)
            loss = row[0].problem.loss_name
            axes[0, 0].set_ylabel(LOSS_NAMES[loss] + _UNITS[loss])
            for strip, label in zip(axes[1:, 0], self.STRIPS, strict=True):
                strip.set_ylabel(label, fontsize="small")
            block.align_ylabels(axes[:, 0])
            if block is blocks[0]:
                handles = [series(TEST), series(TRAIN), reference("optimal loss")]
                handles += kinds(any(table["status"] != "converged"))
                legend_above(block, handles)
            if block is blocks[-1]:
                for strip in axes[-1]:
                    strip.set_xlabel(ALPHA)
        return figure

    def _curve(self, table: Table) -> Table:
        """Return the line of the theory."""
        return table.where(source="theory")

    def _shown(self, table: Table) -> Table:
        """Return the systems that the upper panels show."""
        return table.where(source="simulation")

    def _draw_strips(self, strips: Sequence[Axes], table: Table) -> None:
        """Draw what the strips show of one panel."""
        from simulations.experiments.average_seeds import average_seeds

        _draw_strip(strips[0], self._curve(table), average_seeds(self._shown(table)))

    def caption(self, table: Table) -> str:
        """Return what stands under the picture in a paper."""
        return f"{self.about()} {self._lines()} {self._strips(table)} {MEANS} {systems(table)}."

    def about(self) -> str:
        """Return the first sentences of the caption: what is learnt, and with which parameters."""
        raise NotImplementedError

    def _lines(self) -> str:
        return (
            "Test loss (circles) and training loss (squares) per masked token against the sample "
            "ratio $\\alpha=M/L$; dashed: loss of the true conditional law."
        )

    def _strips(self, table: Table) -> str:
        """Return what the caption says of the strips."""
        return (
            "Strips: distance of simulation and theory in standard errors; the band is two of them."
        )


class OwnLossCurves(LossCurves):
    """Learning curves of systems that are also compared with the theory of their very couplings.

    Strips: L (simulation / theory - 1) of test and of training loss, at two lengths; where these
    agree what separates the two is of order 1/L.
    """

    STRIPS = tuple(f"$L\\,\\delta$\n{look.label}" for look, _ in _LOSSES)
    HEIGHT = 3.7

    def compute(self, quick: bool, workers: int | None) -> Table:
        """Return the theory's points, and trained systems of two lengths with their own theory."""
        from replica.saddle_point.sweep import sweep
        from simulations.experiments.simulate_many import collect

        longer, shorter = lengths_of(self.QUICK if quick else self.FULL, self.sites, self.seeds)
        families = [panel.problem for row in self.ROWS for panel in row]
        alphas = sorted({*np.geomspace(*_RANGE, longer.points).tolist(), *longer.marks})
        theory = [line for family in families for line in sweep(family, alphas).lines()]
        trained = collect(systems_of(families, (longer, shorter)), workers, self.NAME)
        return Table([*theory, *trained.lines()])

    def _curve(self, table: Table) -> Table:
        return table.where(source="theory", sites=None)

    def _shown(self, table: Table) -> Table:
        trained = table.where(source="simulation")
        return trained.where(sites=max(trained["sites"])) if len(trained) else trained

    def _draw_strips(self, strips: Sequence[Axes], table: Table) -> None:
        for strip, (look, column) in zip(strips, _LOSSES, strict=True):
            draw_strip(strip, table, look, column)

    def _strips(self, table: Table) -> str:
        panels = [table.where(**panel.contents) for row in self.ROWS for panel in row]
        counts = [beyond(panel, column) for panel in panels for _, column in _LOSSES]
        far, every, chance = (sum(count) for count in zip(*counts, strict=True))
        return (
            "Strips: $L\\delta$ with $\\delta=\\text{simulation}/\\text{theory}-1$, the theory of "
            "the very couplings, at two lengths, of which the longer is filled and shown above; "
            f"what is of order $1/L$ is the same at both. Of {every} pairs {far} are more than two "
            f"standard errors apart, {chance:.1f} by chance."
        )


def _draw_curve(axes: Axes, theory: Table, points: Table) -> None:
    for look, column in _LOSSES:
        theory_line(axes, theory, "alpha", column, look)
        measured(axes, points, "alpha", column, look)
    theory_line(axes, theory, "alpha", "optimal_loss", linestyle="--", linewidth=0.9)


def _draw_strip(axes: Axes, theory: Table, points: Table) -> None:
    theory, points = theory.where(status="converged"), points.where(status="converged")
    for look, column in _LOSSES:
        predicted = dict(zip(theory["alpha"], theory[column], strict=True))
        expected = np.array([predicted.get(alpha, np.nan) for alpha in points["alpha"]])
        distances = scores(points[column], points[f"{column}_stderr"], expected)
        draw_scores(axes, points["alpha"], distances, look)
