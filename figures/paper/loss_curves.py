"""Losses against the sample ratio: panels of theory and trained systems over their distance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from figures.drawing.axes import log_axis
from figures.drawing.legends import kinds, lengths, letter, reference, series, settings
from figures.drawing.panels import ALPHA, LOSS_NAMES, markers, measured, theory_line
from figures.drawing.style import BAND_COLOR, OPTIMAL_COLOR, TEST, TRAIN, TWO_COLUMNS
from figures.paper.contents import SOURCES, described
from figures.paper.curves import Size, curves
from figures.paper.own_couplings import beyond, draw_strip, systems
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


@dataclass
class LossCurves:
    """A figure of learning curves, as `figures.paper.figure.FigureSource` says, row by row."""

    NAME: str
    DESCRIPTION: str
    ROWS: Rows
    FULL: Size
    QUICK: Size

    #: Labels of the strips under a panel, and the height of a row of panels in inches.
    STRIPS: ClassVar[Sequence[str]] = ("sim. − theory\n(std. errors)",)
    HEIGHT: ClassVar[float] = 3.0

    @property
    def CONTENTS(self) -> list[dict[str, Any]]:
        """Theory and trained systems of every panel."""
        panels = [panel for row in self.ROWS for panel in row]
        return [{"source": source, **panel.contents} for panel in panels for source in SOURCES]

    def compute(self, quick: bool, workers: int) -> Table:
        """Return the theory's points and the trained systems of all panels, one line per seed."""
        size = self.QUICK if quick else self.FULL
        families = [panel.problem for row in self.ROWS for panel in row]
        line = np.geomspace(*_RANGE, size.points)
        return curves(families, "alpha", line, size, workers, self.NAME)

    def draw(self, table: Table) -> Figure:
        """Draw the table that `compute` returned, one row of panels per row.

        Upper panels: loss per masked token; lines are the replica prediction, markers the mean
        over seeds with its standard error. Lower strips: distance of the markers from the
        theory in standard errors, so that every bar has length one; the band is two of them.
        """
        from matplotlib.figure import Figure

        from simulations.experiments.average_seeds import average_seeds

        figure = Figure(figsize=(TWO_COLUMNS, 0.3 + self.HEIGHT * len(self.ROWS)))
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
                curve.set_title(panel.title, fontsize=7)
                log_axis(strips[-1].xaxis, (0.5, 1, 2, 5))
                strips[-1].set_xlim(*_RANGE)
            loss = row[0].problem.loss_name
            axes[0, 0].set_ylabel(LOSS_NAMES[loss] + _UNITS[loss])
            for strip, label in zip(axes[1:, 0], self.STRIPS, strict=True):
                strip.set_ylabel(label, fontsize=6.5)
            block.align_ylabels(axes[:, 0])
            if block is blocks[0]:
                handles = [series(TEST), series(TRAIN), reference("optimal loss")]
                handles += kinds(any(table["status"] != "converged"))
                block.legend(handles=handles, loc="outside upper center", ncols=len(handles))
            if block is blocks[-1]:
                for strip in axes[-1]:
                    strip.set_xlabel(ALPHA)
                told = f"$\\lambda={row[0].problem.lam:g}$, {lengths(table)}"
                settings(block, told + self._told(table))
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

    def _told(self, table: Table) -> str:
        """Return what else is said under the panels."""
        return ""


class OwnLossCurves(LossCurves):
    """Learning curves of systems that are also compared with the theory of their very couplings.

    Strips: L (simulation / theory - 1) of test and of training loss, at two lengths; where these
    agree what separates the two is of order 1/L.
    """

    STRIPS = tuple(f"$L\\,\\delta$\n{look.label}" for look, _ in _LOSSES)
    HEIGHT = 3.7

    def compute(self, quick: bool, workers: int) -> Table:
        """Return the theory's points, and trained systems of two lengths with their own theory."""
        from replica.saddle_point.sweep import sweep
        from simulations.experiments.simulate_many import collect

        size = self.QUICK if quick else self.FULL
        families = [panel.problem for row in self.ROWS for panel in row]
        alphas = sorted({*np.geomspace(*_RANGE, size.points).tolist(), *size.marks})
        theory = [line for family in families for line in sweep(family, alphas).lines()]
        trained = collect(systems(families, size), workers, self.NAME)
        return Table([*theory, *trained.lines()])

    def _curve(self, table: Table) -> Table:
        return table.where(source="theory", sites=None)

    def _shown(self, table: Table) -> Table:
        trained = table.where(source="simulation")
        return trained.where(sites=max(trained["sites"])) if len(trained) else trained

    def _draw_strips(self, strips: Sequence[Axes], table: Table) -> None:
        for strip, (look, column) in zip(strips, _LOSSES, strict=True):
            draw_strip(strip, table, look, column)

    def _told(self, table: Table) -> str:
        panels = [table.where(**panel.contents) for row in self.ROWS for panel in row]
        counts = [beyond(panel, column) for panel in panels for _, column in _LOSSES]
        far, every, chance = (sum(count) for count in zip(*counts, strict=True))
        return (
            "; strips: $\\delta$ = simulation/theory of the very couplings − 1, longer systems "
            f"filled;\nof {every} pairs {far} are more than two standard errors apart, "
            f"{chance:.1f} by chance"
        )


def _draw_curve(axes: Axes, theory: Table, points: Table) -> None:
    for look, column in _LOSSES:
        theory_line(axes, theory, "alpha", column, look)
        measured(axes, points, "alpha", column, look)
    theory_line(axes, theory, "alpha", "optimal_loss", linestyle="--", linewidth=0.9)


def _draw_strip(axes: Axes, theory: Table, points: Table) -> None:
    axes.axhspan(-2, 2, color=BAND_COLOR, linewidth=0)
    axes.axhline(0, color=OPTIMAL_COLOR, linewidth=0.6)
    largest = 4.0
    theory, points = theory.where(status="converged"), points.where(status="converged")
    for look, column in _LOSSES:
        predicted = dict(zip(theory["alpha"], theory[column], strict=True))
        expected = np.array([predicted.get(alpha, np.nan) for alpha in points["alpha"]])
        # Where all seeds agree there is no unit to measure in.
        errors = points[f"{column}_stderr"]
        unit = np.where(errors > 0, errors, np.nan)
        score = (points[column] - expected) / unit
        markers(axes, points["alpha"], score, np.ones(len(score)), look, markersize=3.4)
        largest = max(largest, 1.3 + float(np.nanmax(np.abs(score), initial=0.0)))
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, -largest), max(high, largest))
