"""How many tokens to mask at once: losses against the masking rate, and the best rates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from figures.drawing.axes import log_axis
from figures.drawing.legends import has_failures, kinds, legend_above, letter, reference, series
from figures.drawing.panels import ALPHA, family_looks, markers, measured, theory_line
from figures.drawing.style import TWO_COLUMNS, Look
from figures.paper.captions import MEANS, systems
from figures.paper.contents import ANY, SOURCES, described
from figures.paper.curves import Size, check_whole, simulated
from figures.paper.figure import PaperFigure
from replica.problem import Masking, PottsTokens, Problem
from replica.tables import Table
from replica.tables.columns import KNOWN
from replica.validation import positive
from simulations.spread import standard_error

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ALPHAS = (1.0, 2.0, 6.0)

#: Lines of the table, as its column `part` tells them: along the rate, and at the best of rates.
ALONG, BEST = 0, 1

#: Distances from the best rate at which systems are trained to find it.
AROUND = (-0.2, -0.1, 0.0, 0.1, 0.2)

_RANGE = (0.9, 13.0)

#: Where the best weight decay is.
_LAMS = (0.02, 20.0)


@dataclass(frozen=True)
class Amount:
    """How much is computed.

    Parameters
    ----------
    size : Size
        Systems, and rates of markers and lines.
    alphas : tuple of float
        Sample ratios of the best rates.
    seeds : int
        Systems that find the best rates of dynamic masks; for markers there is another number.
    """

    size: Size
    alphas: tuple[float, ...]
    seeds: int

    @property
    def sites(self) -> int:
        """L of the systems."""
        return self.size.sites


@dataclass
class MaskingRate(PaperFigure):
    """Losses against the rate at the first β, and the best rate at every β."""

    lam: float = 0.01
    beta: tuple[float, ...] = (1.0, 1.6)
    colors: int = 2
    sites: int | None = None
    seeds: int | None = None

    NAME = "masking-rate"
    DESCRIPTION = (
        "test loss against the share of tokens that are masked at once, and the best share"
    )

    FULL = Amount(
        Size(160, 8, 20, 1000, (0.1, 0.3, 0.5, 0.7, 0.9), 24),
        (1.0, 1.4, 2.0, 3.0, 4.2, 6.0, 8.5, 12.0),
        24,
    )
    QUICK = Amount(Size(60, 4, 8, 500, (0.2, 0.6), 4), ALPHAS[1:], 8)

    @property
    def data(self) -> PottsTokens:
        """What is learnt along the rate."""
        return PottsTokens(self.colors, self.beta[0])

    @property
    def CONTENTS(self) -> list[dict[str, Any]]:
        """Theory and systems along the rate, and best rates at every β."""
        data = described(self.data)
        return [
            *({"part": ALONG, "source": source, **data, "masking": ANY} for source in SOURCES),
            {"part": BEST, "source": "theory", **data, "beta": ANY, "masking": ANY},
            {"part": BEST, "source": "simulation", **data, "masking": ANY},
        ]

    def check(self) -> None:
        """Refuse lengths without whole numbers of samples, and what cannot be drawn."""
        super().check()
        for beta in self.beta:
            PottsTokens(self.colors, beta)
        positive("lam", self.lam)
        check_whole(self.sites, ALPHAS)

    def amount(self, quick: bool) -> Amount:
        """Return how much is computed."""
        usual = self.QUICK if quick else self.FULL
        size = usual.size.at(self.sites, self.seeds, alphas=False)
        return replace(usual, size=size, seeds=self.seeds or usual.seeds)

    def compute(self, quick: bool, workers: int | None) -> Table:
        """Return theory and trained systems along the rate, and at the best rates."""
        amount = self.amount(quick)
        lines = [line | {"part": ALONG} for line in self._along(amount.size, workers)]
        return Table([*lines, *(x | {"part": BEST} for x in self._best(amount, workers))])

    def _along(self, size: Size, workers: int | None) -> list[dict[str, Any]]:
        """Return lines at the best weight decay of every rate, and at a small one."""
        from replica.saddle_point.solver import solve

        rates = {*np.linspace(0.02, 0.9, size.points).tolist(), *size.marks}
        # With little weight decay the loss has a peak, and is found without a search.
        between = np.delete(np.linspace(0.02, 0.9, 3 * size.points - 2), slice(None, None, 3))
        lines: list[dict[str, Any]] = []
        marked: list[Problem] = []
        every = sorted({*rates, *between.tolist()})
        for kind, alpha, rate in product(Masking.kinds, ALPHAS, every):
            little = Problem(alpha, self.lam, self.data, masking=Masking(rate, kind))
            both = (little, _tuned(little)) if rate in rates else (little,)
            lines += [solve(problem, check=False).line() for problem in both]
            marked += both if rate in size.marks else ()
        return [*lines, *simulated(marked, size, workers, self.NAME).lines()]

    def _best(self, amount: Amount, workers: int | None) -> list[dict[str, Any]]:
        """Return lines at the best rate and weight decay, and systems around dynamic ones."""
        from replica.predictions.optimal_masking import optimal_masking

        lines: list[dict[str, Any]] = []
        around: list[Problem] = []
        for beta, kind, alpha in product(self.beta, Masking.kinds, amount.alphas):
            bare = Problem(alpha, 1.0, PottsTokens(self.colors, beta))
            _, solution = optimal_masking(bare, kind, best_lam=True)
            lines.append(solution.line())
            problem = solution.problem
            if kind == "dynamic" and beta == self.beta[0] and alpha in ALPHAS:
                assert problem.masking is not None
                rates = (problem.masking.rate + step for step in AROUND)
                around += [problem.at(masking=Masking(rate)) for rate in rates]
        size = replace(amount.size, seeds=amount.seeds)
        return [*lines, *simulated(around, size, workers, self.NAME).lines()]

    def draw(self, table: Table) -> Figure:
        """Draw the table that `compute` returned.

        (a) Test loss on full contexts against the rate, at the best weight decay for each rate
        and at a small one. (b) The best rate at the best weight decay, with the minimum of a cubic
        through five rates of systems. (c) What a context with masks costs beside a full one.
        """
        from figures.drawing.sheet import Sheet

        table = Table(
            line | {"p": Masking.from_text(line["masking"]).rate} | _cost(line)
            for line in table.lines()
        )
        along, looks = table.where(part=ALONG), family_looks("$\\alpha={:g}$", ALPHAS)
        figure = Sheet(figsize=(TWO_COLUMNS, 5.6))
        panels = figure.subplots(2, 2)
        (dynamic, static), (best, cost) = panels
        told = "dynamic: an adaptive weight decay", "static: fewer sequences per row"
        for axes, kind, title in zip((dynamic, static), ("dynamic", "static"), told, strict=True):
            for (alpha, look), tuned in product(looks.items(), (True, False)):
                curve = self._curve(along, kind, alpha, tuned)
                _both(axes, curve, "p", "test_loss", look if tuned else look.turned())
            log_axis(axes.yaxis, (0.6, 0.7, 0.8, 1, 1.5, 2, 3))
            axes.set(ylim=(0.6, 3.2), ylabel=KNOWN["test_loss"].axis, title=title)
        for (alpha, look), kind in product(looks.items(), Masking.kinds):
            curve = self._curve(along, kind, alpha, tuned=True)
            _both(cost, curve, "p", "cost", look if kind == "dynamic" else look.turned())
        cost.axhline(0.0, color="#bbbbbb", linewidth=0.7, zorder=0)
        cost.set(ylabel="masked $-$ full test loss (nats)", title="what hidden tokens cost")
        for axes in (dynamic, static, cost):
            axes.set(xlim=(0, 1), xlabel="masking rate $p$")
        drawn = _draw_best(best, table.where(part=BEST), self.beta[0])
        for axes, name in zip(panels.ravel(), ("a", "", "b", "c"), strict=True):
            if name:
                letter(axes, name)
        dynamic.legend(
            handles=[reference("best $\\lambda$", "-"), reference(f"$\\lambda={self.lam:g}$", "--")]
        )
        cost.legend(handles=[reference("dynamic", "-"), reference("static", "--")])
        best.legend(handles=[*map(series, drawn), reference("static", "--")])
        handles = [*map(series, looks.values()), *kinds(has_failures(panels.ravel()))]
        legend_above(figure, handles)
        return figure

    def caption(self, table: Table) -> str:
        """Return what stands under the picture in a paper."""
        return (
            "How many tokens to mask at once. (a) Test loss on full contexts against the masking "
            "rate $p$, for dynamic masks (left) and static ones (right), at the best weight decay "
            f"for every rate (solid) and at $\\lambda={self.lam:g}$ (dashed). (b) The best rate at "
            "the best weight decay against the sample ratio $\\alpha=M/L$, of dynamic masks "
            "(solid) and static ones (dashed). (c) What a context with masks costs beside a full "
            f"one, at the best weight decay. Cross-entropy, $C={self.colors}$, "
            f"$\\beta={self.beta[0]:g}$ in (a) and (c). {MEANS} {systems(table.where(part=ALONG))} "
            "in (a) and (c); in (b) the minimum of a cubic through five rates of "
            f"{systems(table.where(part=BEST))}."
        )

    def _curve(self, table: Table, kind: str, alpha: float, tuned: bool) -> Table:
        """Return the lines of one kind of masks, at the best weight decay or at the small one."""
        return Table(
            line
            for line in table.where(alpha=alpha).lines()
            if line["masking"].startswith(kind) and (line["lam"] != self.lam) == tuned
        )


def _tuned(problem: Problem) -> Problem:
    """Return a problem at its best weight decay, which the test loss hardly tells from others."""
    from scipy.optimize import minimize_scalar

    from replica.saddle_point.solver import solve

    def test_loss(log_lam: float) -> float:
        return float(solve(problem.at(lam=float(np.exp(log_lam)))).test_loss)

    bounds = np.log(_LAMS)
    best = minimize_scalar(test_loss, bounds, bounds=bounds, method="bounded",
                           options={"xatol": 0.05})  # fmt: skip
    return problem.at(lam=float(np.exp(best.x)))


def _cost(line: dict[str, Any]) -> dict[str, float]:
    """Return by how much a masked context is predicted worse, where it is known."""
    masked, full = line.get("masked_test_loss"), line.get("test_loss")
    return {"cost": np.nan if masked is None or full is None else masked - full}


def _both(axes: Axes, table: Table, x: str, y: str, look: Look) -> None:
    """Draw a line of theory and the systems on it."""
    theory_line(axes, table.where(source="theory"), x, y, look)
    measured(axes, Table(_averaged(table.where(source="simulation"), x, y)), x, y, look)


def _averaged(table: Table, x: str, y: str) -> Iterator[dict[str, Any]]:
    """Yield the means over seeds, with their standard errors."""
    from simulations.experiments.once import once

    systems = once(table)
    for place in sorted(set(systems[x].tolist())):
        own = systems.where(**{x: place})
        failed = [status for status in own["status"] if status != "converged"]
        yield {
            x: place,
            y: float(own[y].mean()),
            f"{y}_stderr": float(standard_error(own[y])),
            "seeds": len(own),
            "status": failed[0] if failed else "converged",
        }


def _draw_best(axes: Axes, table: Table, measured_beta: float) -> list[Look]:
    """Draw the best rates along the sample ratio, and those of systems."""
    betas = sorted(set(table["beta"].tolist()))
    looks = family_looks("$\\beta={:g}$", betas)
    theory = table.where(source="theory")
    for (beta, look), kind in product(looks.items(), Masking.kinds):
        chosen = Table(x for x in theory.where(beta=beta).lines() if x["masking"].startswith(kind))
        line = "-" if kind == "dynamic" else "--"
        theory_line(axes, chosen, "alpha", "p", look, linestyle=line)
    found = np.array(list(best_rates(table.where(source="simulation"))))
    markers(axes, found[:, 0], found[:, 1], found[:, 2], looks[measured_beta])
    log_axis(axes.xaxis, (1, 2, 4, 8))
    axes.set(xlim=_RANGE, ylim=(0, 1), xlabel=ALPHA, ylabel="best masking rate")
    axes.set_title("mask less where data are many")
    # Of the others there are no systems.
    return [x if beta == measured_beta else replace(x, marker="") for beta, x in looks.items()]


def best_rates(table: Table) -> Iterator[tuple[float, float, float]]:
    """Yield sample ratio, minimum of a cubic through the mean test losses, and its error.

    Systems of different rates share their sequences, so that the error is that of leaving out one
    seed after the other.
    """
    from simulations.experiments.once import once

    for alpha in sorted(set(table["alpha"].tolist())):
        systems = once(table).where(alpha=alpha)
        rates, seeds = (sorted(set(systems[name].tolist())) for name in ("p", "seed"))
        losses = np.array([systems.where(p=rate)["test_loss"] for rate in rates])
        each = [lowest(rates, np.delete(losses, k, axis=1).mean(axis=1)) for k in range(len(seeds))]
        error = np.sqrt((len(seeds) - 1) * np.var(each))
        yield alpha, lowest(rates, losses.mean(axis=1)), float(error)


def lowest(x: Any, y: Any) -> float:
    """Return where the cubic through points has a minimum, or NaN where it has none.

    A parabola is not enough: losses rise more steeply towards larger rates.
    """
    cubic = np.poly1d(np.polyfit(x, y, 3))
    places = cubic.deriv().roots
    found = [p.real for p in places if abs(p.imag) < 1e-9 and cubic.deriv(2)(p.real) > 0]
    return float(found[0]) if found else float("nan")


FIGURE = MaskingRate()
