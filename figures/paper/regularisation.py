"""The test loss against weight decay, and what the best weight decay reaches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from figures.drawing.axes import log_axis
from figures.drawing.legends import has_failures, kinds, legend_above, letter, series
from figures.drawing.panels import ALPHA, family, family_looks, measured, theory_line
from figures.drawing.style import OPTIMAL_COLOR, OPTIMUM, TEST, TWO_COLUMNS
from figures.paper.captions import MEANS, systems
from figures.paper.contents import ANY, SOURCES, described
from figures.paper.curves import Size, check_whole, curves, simulated
from figures.paper.figure import PaperFigure
from replica.problem import PottsTokens, Problem
from replica.tables import Table
from replica.tables.columns import KNOWN

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ALPHAS = (0.5, 1.0, 2.0, 4.0)

#: The panels, as the column `part` of the table numbers them.
DECAY, BEST = 0, 1

_LAMS, _ALPHAS = (5e-3, 10.0), (0.25, 8.0)


@dataclass
class Regularisation(PaperFigure):
    """The test loss along λ, and how far the best λ stays from the Bayes bound."""

    beta: float = 1.5
    colors: int = 3
    sites: int | None = None
    seeds: int | None = None

    NAME = "regularisation"
    DESCRIPTION = "test loss against weight decay, and the best weight decay beside the Bayes bound"

    FULL = Size(160, 12, 60, 3000, (0.01, 0.03, 0.1, 0.3, 1.0, 4.0), 50)
    QUICK = Size(80, 8, 40, 1000, (0.02, 0.3, 4.0), 16)

    @property
    def data(self) -> PottsTokens:
        """What is learnt."""
        return PottsTokens(self.colors, self.beta)

    @property
    def CONTENTS(self) -> list[dict[str, Any]]:
        """Theory and systems in both panels, and the bound, which has no weight decay."""
        each: list[dict[str, Any]] = [
            *({"part": part, "source": source, "alpha": alpha, "lam": ANY}
              for part in (DECAY, BEST) for source in SOURCES for alpha in ALPHAS),
            *({"part": BEST, "source": "theory", "lam": lam} for lam in (ANY, None)),
        ]  # fmt: skip
        return [{"loss": "cross-entropy", **described(self.data), **kind} for kind in each]

    def check(self) -> None:
        """Refuse lengths at which a sample ratio makes no whole number of samples, too."""
        super().check()
        check_whole(self.sites, ALPHAS)

    def compute(self, quick: bool, workers: int | None) -> Table:
        """Return theory and trained systems along λ, and at the best λ along α.

        The Bayes bound, which belongs to no weight decay, has an empty cell there.
        """
        from replica.predictions.bayes_bound import bayes_bound
        from replica.predictions.optimal_lam import optimal_lam

        size = (self.QUICK if quick else self.FULL).at(self.sites, self.seeds, alphas=False)
        families = [Problem(alpha, 1.0, self.data) for alpha in ALPHAS]
        lams = np.geomspace(*_LAMS, size.points).tolist()
        decay = curves(families, "lam", lams, size, workers, self.NAME)

        alphas = sorted({*np.geomspace(*_ALPHAS, size.points // 2).tolist(), *ALPHAS})
        best = [optimal_lam(families[0].at(alpha=alpha))[1] for alpha in alphas]
        trained = [solution.problem for solution in best if solution.problem.alpha in ALPHAS]
        lines = [solution.line() for solution in best]
        lines += simulated(trained, size, workers, self.NAME).lines()
        bounds = [
            bayes_bound(each.problem.alpha, self.data).line(each.problem, each.optimal_loss)
            for each in best
        ]
        return Table(
            [line | {"part": DECAY} for line in decay.lines()]
            + [line | {"part": BEST} for line in [*lines, *bounds]]
        )

    def draw(self, table: Table) -> Figure:
        """Draw the table that `compute` returned.

        Left: the test loss above the conditional entropy against λ; stars mark the best λ in
        theory. Right: how far above the bound that no estimator of a row exceeds the best λ is.
        """
        from matplotlib.lines import Line2D

        from figures.drawing.sheet import Sheet

        looks = family_looks("$\\alpha={:g}$", ALPHAS)
        best = table.where(part=BEST)
        figure = Sheet(figsize=(TWO_COLUMNS, 3.1))
        (left, right) = figure.subplots(1, 2)
        family(left, table.where(part=DECAY), "lam", "excess_loss", "alpha", looks)
        for alpha, look in looks.items():
            star = best.where(source="theory", alpha=alpha)
            left.plot(
                star["lam"][:1], star["excess_loss"][:1], "*", color=look.color, markersize=8,
                markeredgecolor="white", markeredgewidth=0.5, zorder=5, gid=OPTIMUM,
            )  # fmt: skip
        log_axis(left.xaxis, (0.01, 0.1, 1, 10))
        left.set(xlim=_LAMS, xlabel=KNOWN["lam"].axis, ylabel=KNOWN["excess_loss"].axis)
        log_axis(left.yaxis, (0.05, 0.1, 0.2, 0.5, 1))
        left.set_title("test loss by weight decay")
        _draw_gap(right, best)
        for axes, name in zip((left, right), "ab", strict=True):
            letter(axes, name)
        star_handle = Line2D(
            [], [], color="#888888", marker="*", markersize=8, linestyle="none",
            label="best $\\lambda$",
        )  # fmt: skip
        handles = [*map(series, looks.values()), star_handle, *kinds(has_failures((left, right)))]
        legend_above(figure, handles)
        return figure

    def caption(self, table: Table) -> str:
        """Return what stands under the picture in a paper."""
        return (
            "Weight decay. (a) Test loss above that of the true conditional law against the weight "
            "decay $\\lambda$: the best one (stars) hardly depends on the sample ratio "
            "$\\alpha=M/L$. (b) Test loss at the best weight decay above the Bayes bound, which no "
            f"estimator of a row exceeds. Cross-entropy, $C={self.colors}$, "
            f"$\\beta={self.beta:g}$. {MEANS} {systems(table)}; along $\\lambda$ they share their "
            "sequences."
        )


def _draw_gap(axes: Axes, table: Table) -> None:
    """Draw the test loss at the best λ above the Bayes bound of the same sample ratio."""
    theory = table.where(source="theory")
    bounds = {line["alpha"]: line["excess_loss"] for line in theory.where(lam=None).lines()}
    best = Table(line for line in theory.lines() if line.get("lam") is not None)
    axes.axhline(0, color=OPTIMAL_COLOR, linewidth=0.9, linestyle="--")
    theory_line(axes, _above(best, bounds), "alpha", "excess_loss", TEST)
    measured(axes, _above(table.where(source="simulation"), bounds), "alpha", "excess_loss", TEST)
    log_axis(axes.xaxis, (0.5, 1, 2, 4, 8))
    axes.set(xlim=_ALPHAS, xlabel=ALPHA, ylabel="test loss − Bayes bound (nats)")
    axes.set_title("best weight decay above the Bayes bound")
    axes.annotate(
        "Bayes bound", (_ALPHAS[1], 0), (-2, 2), textcoords="offset points", ha="right",
        va="bottom", fontsize="small",
    )  # fmt: skip


def _above(table: Table, bounds: dict[float, float]) -> Table:
    return Table(
        line | {"excess_loss": line["excess_loss"] - bounds[line["alpha"]]}
        if line.get("excess_loss") is not None
        else line
        for line in table.lines()
    )


FIGURE = Regularisation()
