"""Distance between trained systems and theory, as the sequences grow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import erf

from figures.drawing.legends import has_failures, kinds, legend_above, letter, points, series
from figures.drawing.panels import LOSS_NAMES, markers, measured
from figures.drawing.style import FIT, OPTIMAL_COLOR, TEST, TRAIN, TWO_COLUMNS, Look
from figures.paper.captions import systems
from figures.paper.contents import SOURCES, described
from figures.paper.curves import Lengths, Size, check_whole, simulated
from figures.paper.figure import PaperFigure
from replica.problem import LOSSES, PottsTokens, Problem
from replica.tables import Table
from replica.validation import invalid

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from simulations.experiments.finite_size import Extrapolation

#: Size of the symbols of the limit L → ∞.
_LARGER = 5.8

#: Sample ratio.
_ALPHA = 2.0

_LOSSES = ((TEST, "test_loss"), (TRAIN, "train_loss"))


@dataclass
class FiniteSize(PaperFigure):
    """Simulation minus theory at several lengths, for both losses."""

    lam: float = 0.1
    beta: float = 1.5
    colors: int = 3
    sites: tuple[int, ...] | None = None
    seeds: int | None = None

    NAME = "finite-size"
    DESCRIPTION = "distance between simulation and theory against 1/L, with its fit"

    #: One size per L, with fewer systems where they are large and fluctuate less.
    FULL = tuple(
        Size(sites, seeds, sites, 4000, (), 0)
        for sites, seeds in ((30, 200), (40, 150), (60, 100), (90, 60), (140, 32), (240, 12))
    )
    QUICK = tuple(
        Size(sites, seeds, sites, 1000, (), 0) for sites, seeds in ((30, 80), (50, 40), (100, 16))
    )

    @property
    def family(self) -> list[Problem]:
        """The problem, once for each loss."""
        data = PottsTokens(self.colors, self.beta)
        return [Problem(_ALPHA, self.lam, data, loss) for loss in LOSSES]

    @property
    def CONTENTS(self) -> list[dict[str, Any]]:
        """Theory and systems of both losses."""
        return [
            {"source": source, "loss": p.loss_name, "lam": p.lam, "alpha": p.alpha}
            | described(p.data)
            for p in self.family
            for source in SOURCES
        ]

    def check(self) -> None:
        """Refuse a single length, and those without a whole number of samples."""
        super().check()
        for sites in self.sites or ():
            check_whole(sites, [_ALPHA])
        if self.sites is not None and len(self.sites) < 2:
            raise invalid("sites", self.sites, "two lengths or more, for a fit in 1/L")

    def sizes(self, quick: bool) -> list[Size]:
        """Return how much is computed at each length."""
        usual = self.QUICK if quick else self.FULL
        lengths = Lengths(tuple((size.sites, size.seeds) for size in usual))
        known = {size.sites: size for size in usual}
        return [
            replace(known.get(sites, replace(usual[0], sites=sites, rows=sites)), seeds=seeds)
            for sites, seeds in lengths.at(self.sites, self.seeds).systems
        ]

    def compute(self, quick: bool, workers: int | None) -> Table:
        """Return the theory, one line per loss, and trained systems of several lengths."""
        from replica.saddle_point.solver import solve

        family = self.family
        lines = [solve(problem).line() for problem in family]
        for size in self.sizes(quick):
            lines += simulated(family, size, workers, f"{self.NAME}, L = {size.sites}").lines()
        return Table(lines)

    def draw(self, table: Table) -> Figure:
        """Draw the table that `compute` returned: simulation minus theory against 1/L.

        The line is the parabola that fits the points; what is left of it at 1/L = 0 is drawn there
        with its standard error, larger than the points.
        A length of which a seed did not converge is marked and left out of the fit.
        """
        from matplotlib.ticker import MultipleLocator

        from figures.drawing.sheet import Sheet

        figure = Sheet(figsize=(TWO_COLUMNS, 2.9))
        panels = figure.subplots(1, 2)
        for axes, loss, name in zip(panels, LOSSES, "ab", strict=True):
            axes.axhline(0, color=OPTIMAL_COLOR, linewidth=0.6)
            axes.axvline(0, color=OPTIMAL_COLOR, linewidth=0.6)
            told = []
            for look, column in _LOSSES:
                distances = distances_of(table, loss, column)
                fit = fitted(distances)
                _draw_distance(axes, distances, fit, look)
                if fit is not None:
                    told.append(
                        f"{look.label}: order {len(fit.coefficients) - 1}, "
                        f"$\\chi^2/\\nu={fit.chi2:.1f}/{fit.degrees}$"
                    )
            axes.xaxis.set_major_locator(MultipleLocator(0.01))
            axes.set(xlabel="$1/L$", title=LOSS_NAMES[loss])
            axes.text(0.1, 0.98, "\n".join(told), transform=axes.transAxes, va="top",
                      fontsize="small")  # fmt: skip
            letter(axes, name)
        panels[0].set_ylabel("simulation − theory (nats)")
        panels[1].set_ylabel("simulation − theory")
        limit = Look("larger: $L\\to\\infty$", "#888888", TEST.marker, TEST.filled)
        handles = [
            series(TEST),
            series(TRAIN),
            *kinds(has_failures(panels), "line: fit in $1/L$"),
            points(limit, markersize=_LARGER),
        ]
        legend_above(figure, handles)
        return figure

    def caption(self, table: Table) -> str:
        """Return what stands under the picture in a paper, with how good the fits are."""
        told, residuals = [], []
        for loss in LOSSES:
            for look, column in _LOSSES:
                distances = distances_of(table, loss, column)
                fit = fitted(distances)
                if fit is None:
                    continue
                name = f"{look.label}, {LOSS_NAMES[loss]}"
                told.append(
                    f"{name}: order {len(fit.coefficients) - 1}, $\\chi^2={fit.chi2:.1f}$ for "
                    f"{fit.degrees} degrees of freedom ($p={fit.p_value:.2f}$), limit "
                    f"${fit.value:.5f}\\pm{fit.stderr:.5f}$"
                )
                good = distances.where(status="converged")
                off = (good["distance"] - _fit_at(fit, good["1/L"])) / good["distance_stderr"]
                residuals += [
                    (float(z), f"{name}, $L={1 / x:.0f}$")
                    for z, x in zip(off, good["1/L"], strict=True)
                ]
        return (
            "Distance between simulation and theory of (a) the cross-entropy and (b) the squared "
            "error against $1/L$, with the polynomials in $1/L$ that fit it; larger symbols: what "
            "they leave for infinitely long sequences, with its standard error. Fits: "
            f"{'; '.join(told)}. {_worst(residuals)}$C={self.colors}$, $\\beta={self.beta:g}$, "
            f"$\\alpha={_ALPHA:g}$, $\\lambda={self.lam:g}$; {systems(table)}."
        )


def distances_of(table: Table, loss: str, column: str) -> Table:
    """Return mean and standard error of simulation minus theory by 1/L, a line per length."""
    from simulations.experiments.average_seeds import average_seeds
    from simulations.experiments.once import once

    table = once(table).where(loss=loss)
    (exact,) = table.where(source="theory").lines()
    return Table(
        {"status": line["status"], "1/L": 1 / line["sites"]}
        | {"distance_stderr": line[f"{column}_stderr"]}
        | {"distance": None if line[column] is None else line[column] - exact[column]}
        for line in average_seeds(table.where(source="simulation")).lines()
    )


def fitted(distances: Table) -> Extrapolation | None:
    """Return the polynomial in 1/L through the lengths of which all seeds converged, if it is one.

    A size of which a seed did not converge does not bend it.
    """
    from simulations.experiments.finite_size import extrapolate

    good = distances.where(status="converged")
    if len(good) < 2:
        return None
    order = 2 if len(good) > 3 else 1
    return extrapolate(1 / good["1/L"], good["distance"], good["distance_stderr"], order)


def _fit_at(fit: Extrapolation, x: Any) -> Any:
    return np.polyval(fit.coefficients[::-1], x)


def _worst(residuals: list[tuple[float, str]]) -> str:
    """Return a sentence on the largest residual: how often chance alone makes one like it."""
    if not residuals:
        return ""
    largest, where = max(residuals, key=lambda each: abs(each[0]))
    chance = 1 - float(erf(abs(largest) / np.sqrt(2))) ** len(residuals)
    return (
        f"The largest of {len(residuals)} residuals is ${largest:.1f}$ standard errors ({where}); "
        f"as many independent normal deviates have one as large in {100 * chance:.0f}\\,\\% of all "
        "cases. Both losses are of the same systems. "
    )


def _draw_distance(axes: Axes, distances: Table, fit: Extrapolation | None, look: Look) -> None:
    measured(axes, distances, "1/L", "distance", look)
    if fit is None:
        return
    largest = distances.where(status="converged")["1/L"].max()
    x = np.linspace(0, 1.05 * largest, 100)
    axes.plot(x, _fit_at(fit, x), color=look.color, gid=FIT)
    # Side by side, where the limits of both losses would hide each other.
    aside = (0.01 if look is TEST else -0.01) * largest
    markers(axes, [aside], [fit.value], [fit.stderr], look, markersize=_LARGER, capsize=2.5)


FIGURE = FiniteSize()
