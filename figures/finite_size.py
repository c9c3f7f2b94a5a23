"""Distance between trained systems and theory, as the sequences grow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from figures.foreign import SOURCES, described
from figures.panels import FIT, kinds, letter, markers, series
from figures.style import OPTIMAL_COLOR, TEST, TRAIN, TWO_COLUMNS, Look
from figures.systems import Size, simulated
from replica.data import PottsTokens
from replica.problem import LOSSES, Problem
from replica.tables import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME = "finite-size"
DESCRIPTION = "distance between simulation and theory against 1/L, with its fit"

FAMILY = [Problem(2.0, 0.1, PottsTokens(3, 1.5), loss) for loss in LOSSES]

CONTENTS = [
    {"source": source, "loss": p.loss_name, "lam": p.lam, "alpha": p.alpha, **described(p.data)}
    for p in FAMILY
    for source in SOURCES
]

#: One size per L, with fewer systems where they are large and fluctuate less.
FULL = tuple(
    Size(sites, seeds, sites, 4000, (), 0)
    for sites, seeds in ((30, 200), (40, 150), (60, 100), (90, 60), (140, 32), (240, 12))
)
QUICK = tuple(
    Size(sites, seeds, sites, 1000, (), 0) for sites, seeds in ((30, 80), (50, 40), (100, 16))
)


def compute(quick: bool, workers: int) -> Table:
    """Return the theory, one line per loss, and trained systems of several lengths."""
    from replica.solver import solve

    lines = [solve(problem).line() for problem in FAMILY]
    for size in QUICK if quick else FULL:
        lines += simulated(FAMILY, size, workers, f"{NAME}, L = {size.sites}").lines()
    return Table(lines)


def draw(table: Table) -> Figure:
    """Draw the table that `compute` returned: simulation minus theory against 1/L.

    The line is the parabola that fits the points; what is left of it at 1/L = 0 is drawn there
    with its standard error, larger than the points.
    """
    from matplotlib.figure import Figure

    from simulations.averages import average_seeds

    figure = Figure(figsize=(TWO_COLUMNS, 2.9))

    panels = figure.subplots(1, 2)
    for axes, loss, name in zip(panels, LOSSES, "ab", strict=True):
        (exact,) = table.where(source="theory", loss=loss).lines()
        points = average_seeds(table.where(source="simulation", loss=loss, status="converged"))
        axes.axhline(0, color=OPTIMAL_COLOR, linewidth=0.6)
        axes.axvline(0, color=OPTIMAL_COLOR, linewidth=0.6)
        for look, column in ((TEST, "test_loss"), (TRAIN, "train_loss")):
            _draw_distance(axes, points, column, exact[column], look)
        axes.set(xlabel="$1/L$", title=loss.replace("-", " "))
        letter(axes, name)
    panels[0].set_ylabel("simulation − theory")
    handles = [series(TEST), series(TRAIN), *kinds(line="line: fit in $1/L$")]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return figure


def _draw_distance(axes: Axes, points: Table, column: str, exact: float, look: Look) -> None:
    from simulations.finite_size import extrapolate

    sites, distance = points["sites"], points[column] - exact
    errors = points[f"{column}_stderr"]
    markers(axes, 1 / sites, distance, errors, look)
    fit = extrapolate(sites, distance, errors, order=2 if len(points) > 3 else 1)
    x = np.linspace(0, 1.05 / sites.min(), 100)
    axes.plot(x, np.polyval(fit.coefficients[::-1], x), color=look.color, gid=FIT)
    # Side by side, where the limits of both losses would hide each other.
    aside = (0.01 if column == "test_loss" else -0.01) / sites.min()
    markers(axes, [aside], [fit.value], [fit.stderr], look, markersize=5.5, capsize=2.5)
