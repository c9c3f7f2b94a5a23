"""The sample ratio below which there is no minimiser without weight decay, and its sharpness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from figures.drawing.axes import log_axis
from figures.drawing.legends import letter, points, reference
from figures.drawing.panels import family_looks, markers, theory_line
from figures.drawing.style import LOOKS, OPTIMAL_COLOR, TWO_COLUMNS, Look
from figures.paper.captions import systems
from figures.paper.contents import SOURCES, described
from figures.paper.curves import Lengths
from figures.paper.figure import PaperFigure
from figures.paper.lines import threshold_line
from replica.errors import ParamagnetWarning
from replica.notices import unwanted
from replica.problem import PottsTokens
from replica.problem.paramagnet import safe_b
from replica.tables import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: The simulation goes up to so many times the threshold.
MOST = 3.0

#: The number of colours of the simulated systems.
_SIMULATED = 3

#: Dashes of neighbouring lines, which may cross.
_DASHES = ((0, (2.2, 1.2)), (0, (6, 2)))

#: Where the separable fraction is drawn, relative to the threshold.
PLACES = np.arange(0.7, 1.45, 0.1)


@dataclass(frozen=True)
class Amount(Lengths):
    """Pairs of L with the number of systems, and values of b per line."""

    points: int


@dataclass
class Threshold(PaperFigure):
    """The threshold along β/C for several C, and how sharp it is for three colours at one β."""

    beta: float = 1.5
    colors: tuple[int, ...] = (2, 3, 5, 10)
    sites: tuple[int, ...] | None = None
    seeds: int | None = None

    NAME = "threshold"
    DESCRIPTION = (
        "the existence threshold against b, and separable fractions of simulated data sets"
    )

    FULL = Amount(((30, 300), (60, 200), (120, 80)), 20)
    QUICK = Amount(((20, 120), (40, 60), (80, 24)), 8)

    @property
    def data(self) -> PottsTokens:
        """What the systems are."""
        return PottsTokens(_SIMULATED, self.beta)

    @property
    def CONTENTS(self) -> list[dict[str, Any]]:
        """The threshold of every number of colours, and of the data of the systems."""
        lines = ({"source": "theory", "data": "potts", "similarity": None, "colors": colors}
                 for colors in self.colors)  # fmt: skip
        simulated = ({"source": source, **described(self.data)} for source in SOURCES)
        return [{**kind, "lam": 0.0} for kind in (*lines, *simulated)]

    def compute(self, quick: bool, workers: int | None) -> Table:
        """Return α_c along b, and α_c of every simulated system as its `alpha`."""
        from replica.saddle_point.existence_threshold import existence_threshold
        from simulations.experiments.separability import SeparabilityExperiment
        from simulations.experiments.simulate_many import collect

        amount = (self.QUICK if quick else self.FULL).at(self.sites, self.seeds)
        lines: list[dict[str, Any]] = []
        for colors in self.colors:
            grid = {*np.linspace(0.0, 0.95, amount.points).tolist(), safe_b(colors), self.data.b}
            for b in sorted(grid):
                with unwanted(ParamagnetWarning):
                    # Lines go on, dashed, where the paramagnet may have ended.
                    data = PottsTokens(colors, b * colors)
                lines.append(threshold_line(data))
        if not any(self._is_own(line) for line in lines):
            lines.append(threshold_line(self.data))
        most = MOST * existence_threshold(self.data)
        tasks = [
            SeparabilityExperiment(self.data, sites, seed, most)
            for sites, systems in amount.systems
            for seed in range(systems)
        ]
        return Table([*lines, *collect(tasks, workers, self.NAME).lines()])

    def draw(self, table: Table) -> Figure:
        """Draw the table that `compute` returned.

        Left: the threshold, dashed where the paramagnet may have ended. Right: the share of data
        sets that are separable, with intervals of one standard deviation by Wilson's formula; the
        points of one size stem from the same systems.
        """
        from figures.drawing.sheet import Sheet
        from simulations.experiments.once import once

        table = once(table)
        theory = table.where(source="theory")
        figure = Sheet(figsize=(TWO_COLUMNS, 3.0))
        left, right = figure.subplots(1, 2)
        log_axis(left.yaxis, (0.5, 1, 2, 3, 5))
        looks = family_looks("$C={:g}$", self.colors).items()
        for (colors, look), dash in zip(looks, cycle(_DASHES), strict=False):
            _draw_threshold(left, theory.where(colors=colors), int(colors), look, dash)
        left.set(xlim=(0, 0.95), xlabel="reduced coupling $b=\\beta/C$")
        left.set_ylabel("existence threshold $\\alpha_c$")
        left.set_title("below: no minimiser without weight decay")
        low, high = left.get_ylim()
        left.set_ylim(low / 1.1, 1.1 * high)
        if any(line.get_linestyle() == "--" for line in left.get_lines()):
            left.legend(handles=[reference("paramagnet may have ended")], loc="upper left")

        exact = next(line["alpha"] for line in theory.lines() if self._is_own(line))
        _draw_fractions(right, table.where(source="simulation"), exact)
        right.set_title(f"how sharp, $C={_SIMULATED}$, $\\beta={self.beta:g}$")
        for axes, name in zip((left, right), "ab", strict=True):
            letter(axes, name)
        return figure

    def caption(self, table: Table) -> str:
        """Return what stands under the picture in a paper."""
        return (
            "Existence threshold $\\alpha_c$. (a) Below the line there is no minimiser of the "
            "cross-entropy without weight decay, against the reduced coupling $b=\\beta/C$; dashed "
            "where the sequences may no longer be paramagnetic. (b) Share of simulated data sets "
            f"that a linear program finds separable, $C={_SIMULATED}$, $\\beta={self.beta:g}$, "
            f"{systems(table)}; intervals of one standard deviation, the points of one $L$ from "
            "the same systems."
        )

    def _is_own(self, line: Mapping[str, Any]) -> bool:
        return (line["colors"], line["beta"]) == (_SIMULATED, self.beta)


def _draw_threshold(axes: Axes, lines: Table, colors: int, look: Look, dash: Any) -> None:
    """Draw the threshold of one number of colours, with its name on the line."""
    points = sorted(lines.lines(), key=lambda line: line["beta"])
    known = Table(line | {"b": line["beta"] / colors} for line in points)
    safe = safe_b(colors) * (1 + 1e-9)
    for style, kept in (("-", known["b"] <= safe), (dash, known["b"] >= safe / (1 + 2e-9))):
        piece = Table(line for line, keep in zip(known.lines(), kept, strict=True) if keep)
        if len(piece) > 1:
            theory_line(axes, piece, "b", "alpha", look, linestyle=style)
    axes.annotate(
        look.label, (0, known["alpha"][0]), (6, 4), textcoords="offset points", color=look.color,
        fontsize="medium",
    )  # fmt: skip


def _draw_fractions(axes: Axes, table: Table, exact: float) -> None:
    from simulations.experiments.once import once

    # The sample ratio of a system, and with it M, is what was found, not what it is.
    found = (
        line | {"alpha": None, "samples": None, "found": line["alpha"]} for line in table.lines()
    )
    systems = once(Table(found), results=["found"])
    axes.plot(
        [PLACES[0], 1, 1, PLACES[-1]], [1, 1, 0, 0], color=OPTIMAL_COLOR, linewidth=0.9, zorder=1
    )
    sizes = sorted(set(systems["sites"].astype(int).tolist()))
    looks = [look.named(f"$L={n}$") for look, n in zip(LOOKS, sizes, strict=False)]
    drawn = []
    for look, sites in zip(looks, sizes, strict=True):
        own = systems.where(sites=sites)["found"]
        share = np.array([np.mean(own >= place * exact) for place in PLACES])
        low, high = wilson(share, len(own))
        # Rounding can leave an end of the interval beyond the share.
        errors = np.maximum([share - low, high - share], 0.0)
        markers(axes, PLACES, share, errors, look)
        drawn.append(look)
    axes.set(xlabel="$\\alpha/\\alpha_c$", ylabel="separable fraction", ylim=(-0.05, 1.05))
    axes.legend(
        handles=[*map(points, drawn), reference("$L\\to\\infty$", "-")],
    )


def wilson(share: NDArray[np.float64], count: int) -> tuple[Any, Any]:
    """Return the ends of Wilson's interval of one standard deviation for a binomial share.

    All probabilities p that lie within √(p (1-p)/count) of the share; unlike the plain standard
    error it does not vanish where all or none were found.
    """
    centre = (share + 0.5 / count) / (1 + 1 / count)
    half = np.sqrt(share * (1 - share) / count + 0.25 / count**2) / (1 + 1 / count)
    return centre - half, centre + half


FIGURE = Threshold()
