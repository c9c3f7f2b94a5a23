"""Excess test loss over the plane of sample ratio and reduced coupling."""

from __future__ import annotations

from dataclasses import dataclass
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any

import numpy as np

from figures.drawing.axes import log_axis
from figures.drawing.legends import legend_above, letter, reference
from figures.drawing.panels import ALPHA
from figures.drawing.style import THEORY, TRAIN, TWO_COLUMNS
from figures.paper.captions import numbers
from figures.paper.figure import PaperFigure
from figures.paper.lines import threshold_line
from replica.errors import LeftOutWarning, ParamagnetWarning
from replica.notices import tell, unwanted
from replica.problem import PottsTokens, Problem
from replica.problem.paramagnet import safe_b
from replica.tables import Table
from replica.tables.columns import KNOWN
from replica.validation import invalid, positive

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_RANGE, _LARGEST_B = (0.25, 8.0), 0.95
_LEVELS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


#: Points of the contours to one of the grid.
_FINER = 4


@dataclass(frozen=True)
class Grid:
    """Values of alpha and of b."""

    alphas: int
    couplings: int


@dataclass
class PhaseDiagram(PaperFigure):
    """A map for each number of colours, at hardly any weight decay."""

    lam: float = 1e-3
    colors: tuple[int, ...] = (3, 5)

    NAME = "phase-diagram"
    DESCRIPTION = "excess test loss over the plane of M/L and b, with the existence threshold"

    FULL, QUICK = Grid(40, 24), Grid(16, 10)

    @property
    def CONTENTS(self) -> list[dict[str, Any]]:
        """The plane and the threshold of every number of colours."""
        return [
            {"source": "theory", "data": "potts", "similarity": None, "colors": colors, "lam": lam}
            for colors in self.colors
            for lam in (self.lam, 0.0)
        ]

    def check(self) -> None:
        """Refuse the weight decay of the threshold for the map."""
        positive("lam", self.lam)

    def compute(self, quick: bool, workers: int | None) -> Table:
        """Return the theory on a grid, and α_c, at λ = 0, for every b."""
        from replica.saddle_point.sweep import sweep

        grid = self.QUICK if quick else self.FULL
        alphas = np.geomspace(*_RANGE, grid.alphas)
        lines: list[dict[str, Any]] = []
        for colors in self.colors:
            for b in np.linspace(0.05, _LARGEST_B, grid.couplings):
                with unwanted(ParamagnetWarning):
                    # Where the paramagnet may have ended is drawn in.
                    data = PottsTokens(colors, float(b) * colors)
                lines += sweep(Problem(1.0, self.lam, data), alphas.tolist()).lines()
                lines.append(threshold_line(data))
        return Table(lines)

    def draw(self, table: Table) -> Figure:
        """Draw the table that `compute` returned, one map per number of colours.

        Beyond the dashed line, where there is one, the sequences may not be paramagnetic, and the
        theory may not describe them.
        """
        from matplotlib.colors import LogNorm

        from figures.drawing.sheet import Sheet
        from simulations.experiments.once import once

        table = once(table)
        figure = Sheet(figsize=(TWO_COLUMNS, 3.0))
        panels = figure.subplots(1, len(self.colors), sharey=True, squeeze=False)[0]
        shown = table.where(lam=self.lam, status="converged")["excess_loss"]
        hidden, shown = int(np.sum(~(shown > 0))), shown[shown > 0]
        if not shown.size:
            raise invalid("table", table, "one with losses above the optimal one")
        if hidden:
            told = f"{hidden} losses are not above the optimal one and left out"
            tell(told, LeftOutWarning)
        low, high = float(shown.min()), float(shown.max())
        norm = LogNorm(low, high)
        for axes, colors, name in zip(panels, self.colors, ascii_lowercase, strict=False):
            image = _draw_map(axes, table.where(colors=colors), colors, self.lam, norm)
            axes.set_title(f"$C={colors}$")
            letter(axes, name)
        panels[0].set_ylabel("reduced coupling $b=\\beta/C$")
        bar = figure.colorbar(image, ax=panels, pad=0.015)
        bar.set_label(f"{KNOWN['excess_loss'].axis}, $\\lambda={self.lam:g}$")
        log_axis(bar.ax.yaxis, [level for level in _LEVELS if low < level < high])
        handles = [
            reference("$\\alpha_c$ at $\\lambda\\to0$", "-", TRAIN.color),
            reference("beyond: may not be paramagnetic", "--", "#000000"),
        ]
        legend_above(figure, handles)
        return figure

    def caption(self, table: Table) -> str:
        """Return what stands under the picture in a paper."""
        return (
            "Test loss above that of the true conditional law over the plane of sample ratio "
            "$\\alpha=M/L$ and reduced coupling $b=\\beta/C$, replica theory of the cross-entropy "
            f"for $C={numbers(self.colors)}$ at $\\lambda={self.lam:g}$. With hardly any weight "
            "decay the loss is worst just below the existence threshold $\\alpha_c$ (line), where "
            "the data can still be separated. Beyond the dashed line, where there is one, the "
            "sequences may not be paramagnetic, and the theory may not describe them."
        )


def _draw_map(axes: Axes, table: Table, colors: int, lam: float, norm: Any) -> Any:
    from matplotlib.patheffects import withStroke

    plane = table.where(lam=lam)
    alphas, couplings = (np.unique(plane[name]) for name in ("alpha", "beta"))
    excess = np.full((len(couplings), len(alphas)), np.nan)
    good = plane["status"] == "converged"
    rows, columns = (
        np.searchsorted(values, plane[name][good])
        for values, name in ((couplings, "beta"), (alphas, "alpha"))
    )
    excess[rows, columns] = plane["excess_loss"][good]
    b = couplings / colors
    image = axes.pcolormesh(
        alphas, b, excess, norm=norm, cmap="cividis", shading="gouraud", rasterized=True
    )
    # Each level in the colour that its surroundings do not have.
    inks = ["white" if level < 0.7 else "black" for level in _LEVELS]
    smooth = _smooth(alphas, b, excess)
    lines = axes.contour(*smooth, _LEVELS, colors=inks, linewidths=0.6)
    log_axis(axes.xaxis, (0.5, 1, 2, 4, 8))
    axes.set(xlim=_RANGE, ylim=(b.min(), b.max()), xlabel=ALPHA)
    axes.clabel(lines, fontsize=6, fmt="%g", manual=_places(*smooth))
    threshold = Table(line | {"b": line["beta"] / colors} for line in table.where(lam=0.0).lines())
    # The white rim keeps the line apart from the map in grey; both are thin, as contours cross.
    rim = [withStroke(linewidth=2.4, foreground="white")]
    axes.plot(
        threshold["alpha"], threshold["b"], color=TRAIN.color, linewidth=1.3, gid=THEORY,
        path_effects=rim,
    )  # fmt: skip
    if safe_b(colors) < 0.95:
        axes.axhline(safe_b(colors), color="black", linestyle="--", linewidth=0.9)
    return image


def _smooth(alphas: Any, b: Any, excess: Any) -> tuple[Any, Any, Any]:
    """Return the plane on a finer grid, by splines of log α and b through its logarithm.

    Contours through the grid itself have kinks where the loss has a ridge. A plane with gaps is
    returned as it is.
    """
    from scipy.interpolate import RectBivariateSpline

    if not (excess > 0).all():
        return alphas, b, excess
    degrees = {f"k{axis}": min(3, n - 1) for axis, n in zip("xy", excess.shape, strict=True)}
    spline = RectBivariateSpline(b, np.log(alphas), np.log(excess), **degrees)
    fine_b = np.linspace(b[0], b[-1], _FINER * len(b))
    fine_alphas = np.geomspace(alphas[0], alphas[-1], _FINER * len(alphas))
    return fine_alphas, fine_b, np.exp(spline(fine_b, np.log(fine_alphas)))


def _places(alphas: Any, b: Any, excess: Any) -> list[tuple[float, float]]:
    """Return where contours have their labels: on falls at small b, on rises at large b."""
    found = []
    for height, sign in ((0.15, -1), (0.88, 1)):
        row = int(np.argmin(np.abs(b - height)))
        for level in _LEVELS:
            (crossings,) = np.nonzero(np.diff((excess[row] >= level).astype(int)) == sign)
            found += [(float(alphas[i]), float(b[row])) for i in crossings]
    return found


FIGURE = PhaseDiagram()
