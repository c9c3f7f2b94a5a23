"""Test and training loss against the sample ratio: theory, finite systems, their distance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from figures.style import BAND_COLOR, OPTIMAL_COLOR, TEST, TRAIN
from replica.data import PottsTokens
from replica.problem import LOSSES, Problem
from replica.tables import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME = "learning-curve"
DESCRIPTION = "test and training loss against M/L for 2, 3 and 5 colours, both losses"

LAM = 0.1
COLORS = (2, 3, 5)

#: β/C of the data, half way to the edge of the paramagnet.
REDUCED_COUPLING = 0.5

_UNITS = {"cross-entropy": "cross-entropy (nats)", "squared-error": "squared error"}
_RANGE = (0.3, 8.0)


@dataclass(frozen=True)
class Size:
    """How much is computed: systems of the simulation, points of the theory's lines."""

    sites: int
    seeds: int
    rows: int
    test_samples: int
    alphas: tuple[float, ...]
    points: int


# Every alpha makes a whole number of samples.
FULL = Size(180, 16, 60, 4000, (0.4, 0.7, 1.2, 2.0, 3.5, 6.0), 60)
QUICK = Size(120, 8, 30, 2000, (0.5, 1.5, 5.0), 24)


def compute(quick: bool, workers: int) -> Table:
    """Return the theory's points and the trained systems, one line per seed, in one table.

    Parameters
    ----------
    quick : bool
        Smaller and fewer systems, and fewer points.
    workers : int
        Processes for the simulation.
    """
    from replica.curve import sweep
    from simulations.parallel import simulate_many

    size = QUICK if quick else FULL
    alphas = sorted({*np.geomspace(*_RANGE, size.points).tolist(), *size.alphas})
    families = [
        Problem(1.0, LAM, PottsTokens(colors, REDUCED_COUPLING * colors), loss)
        for colors in COLORS
        for loss in LOSSES
    ]
    simulated = simulate_many(
        [family.at(alpha=alpha) for family in families for alpha in size.alphas],
        [size.sites],
        range(size.seeds),
        workers,
        label=NAME,
        rows=size.rows,
        test_samples=size.test_samples,
    )
    theory = [line for family in families for line in sweep(family, alphas).lines()]
    return Table([*theory, *simulated.lines()])


def draw(table: Table) -> Figure:
    """Draw the table that `compute` returned.

    Upper panels: loss per masked token; lines are the replica prediction, markers the mean
    over seeds with its standard error. Lower strips: distance of the markers from the theory
    in standard errors; the band is two of them.
    """
    from matplotlib import pyplot
    from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

    from simulations.averages import average_seeds

    theory = table.where(source="theory", status="converged")
    measured = average_seeds(table.where(source="simulation"))
    figure = pyplot.figure(figsize=(7.0, 6.4))
    blocks = figure.subfigures(len(LOSSES), 1, hspace=0.03, squeeze=False)[:, 0]
    for block, loss in zip(blocks, LOSSES, strict=True):
        axes = block.subplots(
            2, len(COLORS), sharex=True, sharey="row", height_ratios=(3.2, 1.2), squeeze=False
        )
        for (curve, strip), colors in zip(axes.T, COLORS, strict=True):
            lines = theory.where(loss=loss, colors=colors)
            points = measured.where(loss=loss, colors=colors)
            _draw_curve(curve, lines, points)
            _draw_strip(strip, lines, points)
            curve.set_title(f"$C={colors}$, $\\beta={REDUCED_COUPLING * colors:g}$")
            strip.set_xscale("log")
            strip.set_xlim(*_RANGE)
            strip.xaxis.set_major_locator(FixedLocator([0.5, 1, 2, 5]))
            strip.xaxis.set_minor_locator(NullLocator())
            strip.xaxis.set_major_formatter("{x:g}")
            strip.xaxis.set_minor_formatter(NullFormatter())
        axes[0, 0].set_ylabel(_UNITS[loss])
        axes[1, 0].set_ylabel("sim. − theory\n(std. errors)", fontsize=6.5)
        block.align_ylabels(axes[:, 0])
        if loss == LOSSES[-1]:
            block.supxlabel("sample ratio $\\alpha = M/L$", fontsize=8)
        else:
            block.legend(*_legend(axes[0, 0]), loc="outside upper center", ncols=3)
    return figure


def _legend(axes: Axes) -> tuple[list[Any], list[str]]:
    """Return handles and labels, so that line and marker of a quantity share a column."""
    entries = sorted(
        zip(*axes.get_legend_handles_labels(), strict=True), key=lambda e: _order(e[1])
    )
    return [handle for handle, _ in entries], [label for _, label in entries]


def _order(label: str) -> tuple[int, int]:
    quantities = (TEST.label, TRAIN.label, "optimal loss")
    return quantities.index(label.split(",")[0]), label.endswith("simulation")


def _draw_curve(axes: Axes, theory: Table, measured: Table) -> None:
    alpha = theory["alpha"]
    for look, column in ((TEST, "test_loss"), (TRAIN, "train_loss")):
        axes.plot(alpha, theory[column], color=look.color, label=f"{look.label}, theory")
        axes.errorbar(
            measured["alpha"], measured[column], measured[f"{column}_stderr"],
            fmt=look.marker, color=look.color, markerfacecolor=look.face,
            label=f"{look.label}, simulation",
        )  # fmt: skip
    axes.plot(
        alpha,
        theory["optimal_loss"],
        "--",
        color=OPTIMAL_COLOR,
        linewidth=0.9,
        label="optimal loss",
    )


def _draw_strip(axes: Axes, theory: Table, measured: Table) -> None:
    axes.axhspan(-2, 2, color=BAND_COLOR, linewidth=0)
    axes.axhline(0, color=OPTIMAL_COLOR, linewidth=0.6)
    largest = 4.0
    for look, column in ((TEST, "test_loss"), (TRAIN, "train_loss")):
        predicted = dict(zip(theory["alpha"], theory[column], strict=True))
        expected = np.array([predicted[alpha] for alpha in measured["alpha"]])
        score = (measured[column] - expected) / measured[f"{column}_stderr"]
        axes.plot(
            measured["alpha"], score, look.marker, color=look.color, markerfacecolor=look.face,
            markersize=3.4,
        )  # fmt: skip
        largest = max(largest, 1.15 * float(np.abs(score).max(initial=0.0)))
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, -largest), max(high, largest))
