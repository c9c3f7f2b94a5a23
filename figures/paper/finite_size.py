"""Distance between trained systems and theory, as the sequences grow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from figures.drawing.legends import has_failures, kinds, letter, points, series, settings
from figures.drawing.panels import LOSS_NAMES, markers, measured
from figures.drawing.style import FIT, OPTIMAL_COLOR, TEST, TRAIN, TWO_COLUMNS, Look
from figures.paper.contents import SOURCES, described
from figures.paper.curves import Size, simulated
from replica.problem import LOSSES, PottsTokens, Problem
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

#: Size of the symbols of the limit L → ∞.
_LARGER = 5.8

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
    from replica.saddle_point.solver import solve

    lines = [solve(problem).line() for problem in FAMILY]
    for size in QUICK if quick else FULL:
        lines += simulated(FAMILY, size, workers, f"{NAME}, L = {size.sites}").lines()
    return Table(lines)


def draw(table: Table) -> Figure:
    """Draw the table that `compute` returned: simulation minus theory against 1/L.

    The line is the parabola that fits the points; what is left of it at 1/L = 0 is drawn there
    with its standard error, larger than the points.
    A length of which a seed did not converge is marked and left out of the fit.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MultipleLocator

    from simulations.experiments.average_seeds import average_seeds
    from simulations.experiments.once import once

    table = once(table)
    figure = Figure(figsize=(TWO_COLUMNS, 2.9))

    panels = figure.subplots(1, 2)
    for axes, loss, name in zip(panels, LOSSES, "ab", strict=True):
        (exact,) = table.where(source="theory", loss=loss).lines()
        systems = average_seeds(table.where(source="simulation", loss=loss))
        axes.axhline(0, color=OPTIMAL_COLOR, linewidth=0.6)
        axes.axvline(0, color=OPTIMAL_COLOR, linewidth=0.6)
        for look, column in ((TEST, "test_loss"), (TRAIN, "train_loss")):
            _draw_distance(axes, systems, column, exact[column], look)
        axes.xaxis.set_major_locator(MultipleLocator(0.01))
        axes.set(xlabel="$1/L$", title=LOSS_NAMES[loss])
        letter(axes, name)
    panels[0].set_ylabel("simulation − theory")
    problem = FAMILY[0]
    settings(
        figure,
        f"$C={problem.data.colors}$, $\\beta={problem.data.columns()['beta']:g}$, "
        f"$\\alpha={problem.alpha:g}$, $\\lambda={problem.lam:g}$",
    )
    limit = Look("larger: $L\\to\\infty$", "#888888", TEST.marker, TEST.filled)
    handles = [
        series(TEST),
        series(TRAIN),
        *kinds(has_failures(panels), "line: fit in $1/L$"),
        points(limit, markersize=_LARGER),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return figure


def _draw_distance(axes: Axes, systems: Table, column: str, exact: float, look: Look) -> None:
    from simulations.experiments.finite_size import extrapolate

    value, error = "distance", "distance_stderr"
    distances = Table(
        {"status": line["status"], "1/L": 1 / line["sites"], error: line[f"{column}_stderr"]}
        | {value: None if line[column] is None else line[column] - exact}
        for line in systems.lines()
    )
    measured(axes, distances, "1/L", value, look)
    # A size of which a seed did not converge is a cross, and does not bend the fit.
    fitted = distances.where(status="converged")
    sites = 1 / fitted["1/L"]
    if len(fitted) < 2:
        return
    order = 2 if len(fitted) > 3 else 1
    fit = extrapolate(sites, fitted[value], fitted[error], order)
    x = np.linspace(0, 1.05 / sites.min(), 100)
    axes.plot(x, np.polyval(fit.coefficients[::-1], x), color=look.color, gid=FIT)
    # Side by side, where the limits of both losses would hide each other.
    aside = (0.01 if column == "test_loss" else -0.01) / sites.min()
    markers(axes, [aside], [fit.value], [fit.stderr], look, markersize=_LARGER, capsize=2.5)
