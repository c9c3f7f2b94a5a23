"""The sample ratio below which there is no minimiser without weight decay, and its sharpness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from figures.drawing.axes import log_axis
from figures.drawing.legends import letter, points, reference
from figures.drawing.panels import family_looks, markers, theory_line
from figures.drawing.style import LOOKS, OPTIMAL_COLOR, TWO_COLUMNS
from figures.paper.contents import SOURCES, described
from figures.paper.lines import threshold_line
from replica.errors import ParamagnetWarning
from replica.notices import unwanted
from replica.problem import PottsTokens
from replica.problem.paramagnet import safe_b
from replica.tables import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME = "threshold"
DESCRIPTION = "the existence threshold against b, and separable fractions of simulated data sets"

COLORS = (2, 3, 5, 10)

#: Data of the simulation, which goes up to so many times the threshold.
DATA, MOST = PottsTokens(3, 1.5), 3.0

CONTENTS = [
    *({"source": "theory", "data": "potts", "similarity": None, "colors": colors, "lam": 0.0}
      for colors in COLORS),
    *({"source": source, **described(DATA), "lam": 0.0} for source in SOURCES),
]  # fmt: skip

#: Where the separable fraction is drawn, relative to the threshold.
PLACES = np.arange(0.7, 1.45, 0.1)


@dataclass(frozen=True)
class Amount:
    """Values of b per line, and pairs of L with the number of systems."""

    points: int
    systems: tuple[tuple[int, int], ...]


FULL = Amount(20, ((30, 300), (60, 200), (120, 80)))
QUICK = Amount(8, ((20, 120), (40, 60), (80, 24)))


def compute(quick: bool, workers: int) -> Table:
    """Return α_c along b, and α_c of every simulated system as its `alpha`."""
    from replica.saddle_point.existence_threshold import existence_threshold
    from simulations.experiments.separability import SeparabilityExperiment
    from simulations.experiments.simulate_many import collect

    amount = QUICK if quick else FULL
    lines: list[dict[str, Any]] = []
    for colors in COLORS:
        grid = {*np.linspace(0.0, 0.95, amount.points).tolist(), safe_b(colors), DATA.b}
        for b in sorted(grid):
            with unwanted(ParamagnetWarning):
                # Lines go on, dashed, where the paramagnet may have ended.
                data = PottsTokens(colors, b * colors)
            lines.append(threshold_line(data))
    most = MOST * existence_threshold(DATA)
    tasks = [
        SeparabilityExperiment(DATA, sites, seed, most)
        for sites, systems in amount.systems
        for seed in range(systems)
    ]
    return Table([*lines, *collect(tasks, workers, NAME).lines()])


def draw(table: Table) -> Figure:
    """Draw the table that `compute` returned.

    Left: the threshold, dashed where the paramagnet may have ended. Right: the share of data
    sets that are separable, with intervals of one standard deviation by Wilson's formula; the
    points of one size stem from the same systems.
    """
    from matplotlib.figure import Figure

    from simulations.experiments.once import once

    table = once(table)
    theory = table.where(source="theory")
    looks = family_looks("$C={:g}$", COLORS)
    figure = Figure(figsize=(TWO_COLUMNS, 3.0))
    left, right = figure.subplots(1, 2)
    for colors, look in looks.items():
        lines = Table(
            line | {"b": line["beta"] / colors} for line in theory.where(colors=colors).lines()
        )
        safe = safe_b(int(colors)) * (1 + 1e-9)
        for style, kept in (("-", lines["b"] <= safe), ("--", lines["b"] >= safe / (1 + 2e-9))):
            piece = Table(line for line, keep in zip(lines.lines(), kept, strict=True) if keep)
            if len(piece) > 1:
                theory_line(left, piece, "b", "alpha", look, linestyle=style)
    left.set(xlim=(0, 0.95), xlabel="reduced coupling $b=\\beta/C$")
    left.set_ylabel("existence threshold $\\alpha_c$")
    log_axis(left.yaxis, (0.5, 1, 2, 3, 5))
    left.set_ylim(0.4, 8)
    handles = [reference(look.label, "-", look.color) for look in looks.values()]
    left.legend(handles=[*handles, reference("paramagnet may have ended")])

    (exact,) = theory.where(colors=DATA.colors, beta=DATA.beta)["alpha"]
    _draw_fractions(right, table.where(source="simulation"), exact)
    for axes, name in zip((left, right), "ab", strict=True):
        letter(axes, name)
    return figure


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
        title=f"$C={DATA.colors}$, $\\beta={DATA.beta:g}$",
    )


def wilson(share: NDArray[np.float64], count: int) -> tuple[Any, Any]:
    """Return the ends of Wilson's interval of one standard deviation for a binomial share.

    All probabilities p that lie within √(p (1-p)/count) of the share; unlike the plain standard
    error it does not vanish where all or none were found.
    """
    centre = (share + 0.5 / count) / (1 + 1 / count)
    half = np.sqrt(share * (1 - share) / count + 0.25 / count**2) / (1 + 1 / count)
    return centre - half, centre + half
