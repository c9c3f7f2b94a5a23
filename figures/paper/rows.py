"""Rows of given models: the test loss of each, predicted and measured on that very model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from figures.drawing.legends import has_failures, kinds, letter, points, reference, settings
from figures.drawing.panels import measured
from figures.drawing.style import LOOKS, TWO_COLUMNS, Look
from figures.paper.contents import ANY, described
from replica.problem import PottsTokens, Problem, RowTokens
from replica.tables import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME = "rows"
DESCRIPTION = "predicted against measured test loss of every row of one model, at two lengths"

#: The ensemble from which the models are drawn; every length makes a whole number of samples.
DATA = PottsTokens(3, 1.5)

FAMILY = Problem(2.0, 0.1, DATA)

_COMMON: dict[str, Any] = FAMILY.columns()
_ROWS: dict[str, Any] = _COMMON | {"data": "couplings", "couplings": ANY, "row": ANY}

CONTENTS = [
    {"source": "theory", **_COMMON, **described(DATA), "row": None},
    {"source": "theory", **_ROWS},
    {"source": "simulation", **_ROWS, "sites": ANY, "seed": ANY},
]

EACH, ALIKE = LOOKS[0].named("this row of this model"), LOOKS[2].named("any row of the ensemble")

#: Of the line on which predictions are right.
_EXACT = "#888888"


@dataclass(frozen=True)
class Amount:
    """Lengths of the models with the seeds of each, rows and test sequences."""

    seeds: tuple[tuple[int, int], ...]
    rows: int
    test_samples: int


FULL = Amount(((30, 60), (100, 24)), 30, 8000)
QUICK = Amount(((30, 24), (100, 8)), 12, 2000)


def compute(quick: bool, workers: int) -> Table:
    """Return the ensemble's point, the predicted rows, and the trained ones, a line per seed."""
    from replica.saddle_point.solver import solve
    from replica.saddle_point.sweep_rows import sweep_rows
    from simulations import PottsModel
    from simulations.experiments.given_rows import row_experiments
    from simulations.experiments.simulate_many import collect

    amount = QUICK if quick else FULL
    lines = [solve(FAMILY).line()]
    for sites, seeds in amount.seeds:
        J = PottsModel.random(DATA, sites, 0).couplings
        rows = RowTokens.rows_from_couplings(J, range(amount.rows), DATA.colors, DATA.beta)
        lines += sweep_rows(FAMILY, rows, [FAMILY.alpha]).lines()
        problems = [FAMILY.at(data=row) for row in rows]
        tasks = row_experiments(problems, range(seeds), test_samples=amount.test_samples)
        lines += collect(tasks, workers, f"{NAME}, L = {sites}").lines()
    return Table(lines)


def draw(table: Table) -> Figure:
    """Draw the table that `compute` returned: one panel per length.

    A point is a row: the mean over seeds of its measured test loss with the standard error, over
    what the theory predicts for this row of this model, and over what it predicts for all rows of
    the ensemble. On the diagonal the two agree.
    """
    from matplotlib.figure import Figure

    from simulations.experiments.average_seeds import average_seeds
    from simulations.experiments.once import once

    table = once(table)
    (alike,) = table.where(source="theory", data=DATA.name)["test_loss"]
    systems = average_seeds(table.where(source="simulation"))
    lengths = sorted(set(systems["sites"].astype(int).tolist()))
    figure = Figure(figsize=(TWO_COLUMNS, 3.3))
    panels = figure.subplots(1, len(lengths), squeeze=False)[0]
    for axes, sites, name in zip(panels, lengths, "abcdefgh", strict=False):
        found = systems.where(sites=sites)
        (couplings,) = set(found["couplings"])
        predicted = table.where(source="theory", couplings=couplings)
        own = dict(zip(predicted["row"], predicted["test_loss"], strict=True))
        _draw_rows(axes, found, dict.fromkeys(own, alike), ALIKE)
        _draw_rows(axes, found, own, EACH)
        axes.axline((alike, alike), slope=1, color=_EXACT, linewidth=0.7, zorder=0)
        axes.set(xlabel="predicted test loss (nats)", title=f"$L={sites}$")
        letter(axes, name)
    panels[0].set_ylabel("measured test loss (nats)")
    settings(
        figure,
        f"$C={DATA.colors}$, $\\beta={DATA.beta:g}$, $\\alpha={FAMILY.alpha:g}$, "
        f"$\\lambda={FAMILY.lam:g}$",
    )
    handles = [points(EACH), points(ALIKE), reference("predicted = measured", "-", _EXACT)]
    handles += kinds(has_failures(panels))[2:]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return figure


def _draw_rows(axes: Axes, systems: Table, predicted: dict[float, float], look: Look) -> None:
    """Draw measured over predicted losses of the rows."""
    shown = Table(
        line | {"predicted": float(predicted.get(line["row"], np.nan))} for line in systems.lines()
    )
    measured(axes, shown, "predicted", "test_loss", look, markersize=3.4, elinewidth=0.7)
