"""Whether probabilities can be trusted, and what a temperature mends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from figures.drawing.axes import log_axis
from figures.drawing.legends import has_failures, kinds, legend_above, letter, series
from figures.drawing.panels import ALPHA, family_looks, measured, theory_line
from figures.drawing.style import OPTIMUM, TWO_COLUMNS, Look
from figures.paper.captions import MEANS, systems
from figures.paper.contents import ANY, SOURCES, described
from figures.paper.curves import Size, check_whole, curves
from figures.paper.figure import PaperFigure
from replica.problem import PottsTokens, Problem
from replica.tables import Table
from replica.tables.columns import KNOWN

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Where reliability and the dependence on λ are shown.
AT = 2.0

#: The panels, as the column `part` of the table numbers them.
RELIABILITY, ALONG_ALPHA, ALONG_LAM = 0, 1, 2

_ALPHAS, _DECAYS, _BINS = (0.5, 10.0), (5e-3, 3.0), 12

#: The least share of the predictions that a bin must hold to be shown.
_LEAST = 0.02

#: Marks along λ; those along α are those of the size.
_MARKS = (0.01, 0.05, 0.2, 1.0)


@dataclass
class Calibration(PaperFigure):
    """Reliability, the best temperature and what it mends at several weight decays."""

    lam: tuple[float, ...] = (0.02, 0.1, 0.5)
    beta: float = 1.5
    colors: int = 3
    sites: int | None = None
    seeds: int | None = None

    NAME = "calibration"
    DESCRIPTION = "reliability, temperature, and losses before and after scaling with it"

    FULL = Size(160, 12, 60, 2000, (0.5, 1.0, 2.0, 4.0, 8.0), 40)
    QUICK = Size(80, 8, 40, 1000, (0.5, 2.0, 8.0), 16)

    @property
    def data(self) -> PottsTokens:
        """What is learnt."""
        return PottsTokens(self.colors, self.beta)

    @property
    def CONTENTS(self) -> list[dict[str, Any]]:
        """Bins of every weight decay, and theory and systems along α and along λ."""
        each: list[dict[str, Any]] = [
            *({"part": RELIABILITY, "source": source, "alpha": AT, "lam": lam, "confidence": ANY}
              for source in SOURCES for lam in self.lam),
            *({"part": ALONG_ALPHA, "source": source, "lam": lam, "confidence": None}
              for source in SOURCES for lam in self.lam),
            *({"part": ALONG_LAM, "source": source, "alpha": AT, "lam": ANY, "confidence": None}
              for source in SOURCES),
        ]  # fmt: skip
        return [{"loss": "cross-entropy", **described(self.data), **kind} for kind in each]

    def check(self) -> None:
        """Refuse lengths at which the sample ratio makes no whole number of samples, too."""
        super().check()
        check_whole(self.sites, [AT])

    def compute(self, quick: bool, workers: int | None) -> Table:
        """Return reliability in bins, and theory and trained systems along α and along λ."""
        size = (self.QUICK if quick else self.FULL).at(self.sites, self.seeds)
        families = [Problem(AT, lam, self.data) for lam in self.lam]
        alphas, lams = (np.geomspace(*ends, size.points) for ends in (_ALPHAS, _DECAYS))
        along = curves(families, "alpha", alphas, size, workers, f"{self.NAME}, alpha")
        decays = replace(size, marks=_MARKS)
        across = curves(families[:1], "lam", lams, decays, workers, f"{self.NAME}, lam")
        return Table(
            [line | {"part": RELIABILITY} for line in _reliability(families, size)]
            + [line | {"part": ALONG_ALPHA} for line in along.lines()]
            + [line | {"part": ALONG_LAM} for line in across.lines()]
        )

    def draw(self, table: Table) -> Figure:
        """Draw the table that `compute` returned.

        (a) P(right | confidence), on the diagonal where probabilities can be trusted; (b) the
        best temperature; (c) excess loss before and after scaling with it; (d) both against λ,
        with stars at the best λ of each.
        """
        from matplotlib.lines import Line2D

        from figures.drawing.sheet import Sheet

        looks = family_looks("$\\lambda={:g}$", self.lam)
        figure = Sheet(figsize=(TWO_COLUMNS, 5.6))
        panels = figure.subplots(2, 2).ravel()
        parts = [table.where(part=part) for part in (RELIABILITY, ALONG_ALPHA, ALONG_LAM)]
        chance = 1 / self.colors
        panels[0].axline((chance, chance), slope=1, color="#888888", linewidth=0.7, zorder=0)
        for lam, look in looks.items():
            _draw(panels[0], parts[0].where(lam=lam), "confidence", "right", look)
            along = parts[1].where(lam=lam)
            _draw(panels[1], along, "alpha", "temperature", look)
            _draw_losses(panels[2], along, "alpha", look)
        gray = Look("any", "#444444", "o", True)
        _draw_losses(panels[3], parts[2], "lam", gray)
        _stars(panels[3], parts[2].where(source="theory"), gray)
        panels[0].set(xlabel=KNOWN["confidence"].axis, ylabel=KNOWN["right"].axis)
        for axes in panels[1:3]:
            log_axis(axes.xaxis, (0.5, 1, 2, 5, 10))
            axes.set(xlim=_ALPHAS, xlabel=ALPHA)
        log_axis(panels[1].yaxis, (0.5, 1, 2, 5, 10))
        panels[1].set_ylabel(KNOWN["temperature"].axis)
        log_axis(panels[3].xaxis, (0.01, 0.1, 1))
        panels[3].set(xlim=_DECAYS, xlabel=KNOWN["lam"].axis)
        for axes in panels[2:]:
            log_axis(axes.yaxis, (0.02, 0.05, 0.1, 0.2, 0.5, 1))
            axes.set_ylabel("loss − optimal loss (nats)")
        titles = "reliability", "best temperature", "scaling, by data", "scaling, by weight decay"
        for axes, title, name in zip(panels, titles, "abcd", strict=True):
            axes.set_title(title)
            letter(axes, name)
        scaled = Line2D([], [], color="#444444", linestyle="--", label="after scaling")
        star = Line2D([], [], color="#444444", marker="*", markersize=8, linestyle="none",
                      label="best $\\lambda$")  # fmt: skip
        handles = [*map(series, looks.values()), *kinds(has_failures(panels)), scaled, star]
        legend_above(figure, handles)
        return figure

    def caption(self, table: Table) -> str:
        """Return what stands under the picture in a paper."""
        return (
            "Whether probabilities can be trusted. (a) Share of right predictions among those of a "
            f"confidence, at $\\alpha={AT:g}$; on the diagonal they can. (b) The temperature that "
            "mends most. (c) Test loss above that of the true conditional law against the sample "
            "ratio $\\alpha=M/L$, before (solid) and after scaling (dashed); (d) the "
            f"same against the weight decay $\\lambda$ at $\\alpha={AT:g}$, stars at the best of "
            f"each. Cross-entropy, $C={self.colors}$, $\\beta={self.beta:g}$. {MEANS} "
            f"{systems(table)}."
        )


def _reliability(families: list[Problem], size: Size) -> list[dict[str, Any]]:
    """Return P(right | confidence), a line per bin; measured ones a line per bin and seed."""
    from replica.predictions.reliability import reliability
    from replica.saddle_point.solver import solve
    from simulations import train
    from simulations.experiments.identity import identity
    from simulations.experiments.reliability import reliability as measured_reliability
    from simulations.sequences import systems

    data = families[0].data
    assert isinstance(data, PottsTokens)
    lines, shown = [], {}
    for problem in families:
        found = reliability(solve(problem), bins=_BINS)
        shown[problem] = np.flatnonzero(found.share > _LEAST)
        middle = (found.edges[1:] + found.edges[:-1]) / 2
        known = {"source": "theory", **problem.columns(), "status": "converged"}
        lines += [known | _bin(middle[k], found.right[k]) for k in shown[problem]]
    samples = round(AT * size.sites)
    amount = systems.Size(size.sites, samples, size.test_samples or 2, size.rows, 60)
    for seed in range(size.seeds):
        (system,) = systems.systems(data, amount, (seed, size.sites, samples))
        for problem in families:
            rows = train(system.train_tokens, data.colors, problem.lam, rows=system.rows)
            seen = measured_reliability(system.model, rows, system.test_tokens, _BINS)
            known = identity(problem, size.sites, samples, seed) | {"status": rows.status}
            middle = (seen.edges[1:] + seen.edges[:-1]) / 2
            lines += [known | _bin(middle[k], seen.right[k]) for k in shown[problem]]
    return lines


def _bin(confidence: float, right: float) -> dict[str, Any]:
    return {"confidence": float(confidence), "right": float(right)}


def _draw(axes: Axes, table: Table, x: str, y: str, look: Look) -> None:
    theory_line(axes, table.where(source="theory"), x, y, look)
    measured(axes, table.where(source="simulation"), x, y, look)


def _draw_losses(axes: Axes, table: Table, x: str, look: Look) -> None:
    """Draw excess losses before and after scaling."""
    lines = [
        line | {"calibrated_loss": line["calibrated_loss"] - line["optimal_loss"]}
        for line in table.lines()
    ]
    after = Table(lines)
    _draw(axes, table, x, "excess_loss", look)
    _draw(axes, after, x, "calibrated_loss", look.turned())


def _stars(axes: Axes, theory: Table, look: Look) -> None:
    """Mark the best λ among those of the line, before and after scaling."""
    for losses in (theory["test_loss"], theory["calibrated_loss"]):
        best = [int(np.argmin(losses))]
        axes.plot(
            theory["lam"][best], (losses - theory["optimal_loss"])[best], "*", color=look.color,
            markersize=8, markeredgecolor="white", markeredgewidth=0.5, zorder=5, gid=OPTIMUM,
        )  # fmt: skip


FIGURE = Calibration()
