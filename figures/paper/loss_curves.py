"""Losses against the sample ratio: panels of theory and trained systems over their distance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any

import numpy as np

from figures.drawing.axes import log_axis
from figures.drawing.legends import kinds, lengths, letter, reference, series, settings
from figures.drawing.panels import ALPHA, LOSS_NAMES, markers, measured, theory_line
from figures.drawing.style import BAND_COLOR, OPTIMAL_COLOR, TEST, TRAIN, TWO_COLUMNS
from figures.paper.contents import SOURCES, described
from figures.paper.curves import Size, curves
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

        figure = Figure(figsize=(TWO_COLUMNS, 0.3 + 3.0 * len(self.ROWS)))
        letters = iter(ascii_lowercase)
        blocks = figure.subfigures(len(self.ROWS), 1, hspace=0.03, squeeze=False)[:, 0]
        for block, row in zip(blocks, self.ROWS, strict=True):
            axes = block.subplots(
                2, len(row), sharex=True, sharey="row", height_ratios=(3.2, 1.2), squeeze=False
            )
            for (curve, strip), panel in zip(axes.T, row, strict=True):
                chosen = table.where(**panel.contents)
                theory = chosen.where(source="theory")
                points = average_seeds(chosen.where(source="simulation"))
                _draw_curve(curve, theory, points)
                _draw_strip(strip, theory, points)
                letter(curve, next(letters))
                # The letter needs some of the room.
                curve.set_title(panel.title, fontsize=7)
                log_axis(strip.xaxis, (0.5, 1, 2, 5))
                strip.set_xlim(*_RANGE)
            loss = row[0].problem.loss_name
            axes[0, 0].set_ylabel(LOSS_NAMES[loss] + _UNITS[loss])
            axes[1, 0].set_ylabel("sim. − theory\n(std. errors)", fontsize=6.5)
            block.align_ylabels(axes[:, 0])
            if block is blocks[0]:
                handles = [series(TEST), series(TRAIN), reference("optimal loss")]
                handles += kinds(any(table["status"] != "converged"))
                block.legend(handles=handles, loc="outside upper center", ncols=len(handles))
            if block is blocks[-1]:
                for strip in axes[1]:
                    strip.set_xlabel(ALPHA)
                settings(block, f"$\\lambda={row[0].problem.lam:g}$, {lengths(table)}")
        return figure


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
