"""The test loss against weight decay, and what the best weight decay reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from figures.drawing.axes import log_axis
from figures.drawing.legends import (
    has_failures,
    kinds,
    lengths,
    letter,
    reference,
    series,
    settings,
)
from figures.drawing.panels import ALPHA, family, family_looks, measured, theory_line
from figures.drawing.style import LOOKS, OPTIMUM, TEST, TWO_COLUMNS
from figures.paper.contents import ANY, SOURCES, described
from figures.paper.curves import Size, curves, simulated
from replica.problem import PottsTokens, Problem
from replica.tables import Table
from replica.tables.columns import KNOWN

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME = "regularisation"
DESCRIPTION = "test loss against weight decay, and the best weight decay beside the Bayes bound"

DATA = PottsTokens(3, 1.5)
ALPHAS = (0.5, 1.0, 2.0, 4.0)

#: The panels, as the column `part` of the table numbers them.
DECAY, BEST = 0, 1

_KINDS: list[dict[str, Any]] = [
    *({"part": part, "source": source, "alpha": alpha, "lam": ANY}
      for part in (DECAY, BEST) for source in SOURCES for alpha in ALPHAS),
    *({"part": BEST, "source": "theory", "lam": lam} for lam in (ANY, None)),
]  # fmt: skip
CONTENTS = [{"loss": "cross-entropy", **described(DATA), **kind} for kind in _KINDS]

_LAMS, _ALPHAS = (5e-3, 10.0), (0.25, 8.0)

FULL = Size(160, 12, 60, 3000, (0.01, 0.03, 0.1, 0.3, 1.0, 4.0), 50)
QUICK = Size(80, 8, 40, 1000, (0.02, 0.3, 4.0), 16)


def compute(quick: bool, workers: int) -> Table:
    """Return theory and trained systems along λ, and at the best λ along α.

    The Bayes bound, which belongs to no weight decay, has an empty cell there.
    """
    from replica.predictions.bayes_bound import bayes_bound
    from replica.predictions.optimal_lam import optimal_lam

    size = QUICK if quick else FULL
    families = [Problem(alpha, 1.0, DATA) for alpha in ALPHAS]
    lams = np.geomspace(*_LAMS, size.points).tolist()
    decay = curves(families, "lam", lams, size, workers, NAME)

    alphas = sorted({*np.geomspace(*_ALPHAS, size.points // 2).tolist(), *ALPHAS})
    best = [optimal_lam(families[0].at(alpha=alpha))[1] for alpha in alphas]
    trained = [solution.problem for solution in best if solution.problem.alpha in ALPHAS]
    lines = [solution.line() for solution in best]
    lines += simulated(trained, size, workers, NAME).lines()
    bounds = [
        bayes_bound(each.problem.alpha, DATA).line(each.problem, each.optimal_loss) for each in best
    ]
    return Table(
        [line | {"part": DECAY} for line in decay.lines()]
        + [line | {"part": BEST} for line in [*lines, *bounds]]
    )


def draw(table: Table) -> Figure:
    """Draw the table that `compute` returned, the test loss above the conditional entropy.

    Left: against λ; stars mark the best λ in theory. Right: at the best λ against α, and the
    bound that no estimator of a row exceeds.
    """
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    looks = family_looks("$\\alpha={:g}$", ALPHAS)
    best = table.where(part=BEST)
    figure = Figure(figsize=(TWO_COLUMNS, 3.1))
    (left, right) = figure.subplots(1, 2, sharey=True)
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
    _draw_best(right, best)
    for axes, name in zip((left, right), "ab", strict=True):
        letter(axes, name)
    settings(figure, f"cross-entropy, $C={DATA.colors}$, $\\beta={DATA.beta:g}$, {lengths(table)}")
    star_handle = Line2D(
        [], [], color="#888888", marker="*", markersize=8, linestyle="none", label="best $\\lambda$"
    )
    handles = [*map(series, looks.values()), star_handle, *kinds(has_failures((left, right)))]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    right.legend(
        handles=[
            series(TEST.named("best $\\lambda$")),
            reference("Bayes bound", "-.", LOOKS[2].color),
        ]
    )
    return figure


def _draw_best(axes: Axes, table: Table) -> None:
    theory = table.where(source="theory")
    bound = theory.where(lam=None)
    best = Table(line for line in theory.lines() if line.get("lam") is not None)
    theory_line(axes, best, "alpha", "excess_loss", TEST)
    theory_line(axes, bound, "alpha", "excess_loss", LOOKS[2], linestyle="-.")
    measured(axes, table.where(source="simulation"), "alpha", "excess_loss", TEST)
    log_axis(axes.xaxis, (0.5, 1, 2, 4, 8))
    axes.set(xlim=_ALPHAS, xlabel=ALPHA)
