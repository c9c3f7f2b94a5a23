"""The order parameters against the sample ratio, and along message passing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from figures.drawing.axes import log_axis
from figures.drawing.legends import has_failures, kinds, legend_above, letter, series
from figures.drawing.panels import ALPHA, LOSS_NAMES, markers, measured, theory_line
from figures.drawing.style import LOOKS, TWO_COLUMNS
from figures.paper.captions import MEANS, systems
from figures.paper.contents import SOURCES, described
from figures.paper.curves import Size, curves
from figures.paper.figure import PaperFigure
from figures.paper.lines import status_of
from replica.problem import LOSSES, PottsTokens, Problem
from replica.tables import Table
from replica.tables.columns import OBSERVABLES
from simulations.spread import standard_error

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Sample ratio and weight decay where rows pass messages, and how many iterations are drawn.
_PASSING, STEPS = (1.0, 0.01), 16

#: V, the local variance, is known along message passing; trained rows do not tell it.
_MEASURED = {"m": "$m$", "q": "$q$", "V": "$V$, marker in (c) alone"}
LOOK = {n: look.named(label) for (n, label), look in zip(_MEASURED.items(), LOOKS, strict=False)}

_RANGE = (0.2, 10.0)


@dataclass(frozen=True)
class Course:
    """Message passing on one system: the mean over its rows, after every iteration."""

    data: PottsTokens
    sites: int
    seed: int
    rows: int

    def run(self) -> list[dict[str, Any]]:
        """Return one line per iteration."""
        from simulations import PottsModel, approximate_message_passing, sample
        from simulations.experiments.identity import identity

        problem = Problem(*_PASSING, self.data)
        samples = round(problem.alpha * self.sites)
        for_couplings, for_tokens = np.random.SeedSequence((self.seed, self.sites)).spawn(2)
        model = PottsModel.random(self.data, self.sites, for_couplings)
        tokens = sample(model, samples, for_tokens)
        # No tolerance is met so early: all courses have the same length.
        course = approximate_message_passing(
            model, tokens, problem.lam, rows=range(self.rows), steps=STEPS, tolerance=1e-300
        )
        known = identity(problem, self.sites, samples, self.seed)
        return [
            _line(known, step, m.mean(), q.mean(), V.mean())
            for step, (m, q, V) in enumerate(zip(course.m, course.q, course.V, strict=True))
        ]


def _line(known: dict[str, Any], step: int, m: float, q: float, V: float) -> dict[str, Any]:
    return {
        **known,
        "m": float(m),
        "q": float(q),
        "V": float(V),
        "status": status_of(m, q, V),
        "step": step,
    }


@dataclass
class OrderParameters(PaperFigure):
    """m, q and V of both losses, and by iteration."""

    lam: float = 0.1
    beta: float = 1.5
    colors: int = 3
    sites: int | None = None
    seeds: int | None = None

    NAME = "order-parameters"
    DESCRIPTION = "m, q and V against M/L, both losses, and by iteration of message passing"

    # Every alpha makes a whole number of samples.
    FULL = Size(160, 12, 60, 3000, (0.25, 0.5, 1.0, 2.0, 4.0, 8.0), 60)
    QUICK = Size(80, 8, 40, 1000, (0.5, 1.5, 5.0), 24)

    @property
    def data(self) -> PottsTokens:
        """What is learnt."""
        return PottsTokens(self.colors, self.beta)

    @property
    def passing(self) -> Problem:
        """The problem that message passing solves."""
        return Problem(*_PASSING, self.data)

    @property
    def CONTENTS(self) -> list[dict[str, Any]]:
        """Solutions and trained systems of both losses, and courses step by step."""
        trained: list[dict[str, Any]] = [
            {"loss": loss, "lam": self.lam, "step": None} for loss in LOSSES
        ]
        alpha, lam = _PASSING
        passed: list[dict[str, Any]] = [
            {"loss": LOSSES[0], "lam": lam, "alpha": alpha, "step": step}
            for step in range(STEPS + 1)
        ]
        return [
            {"source": source, **described(self.data), **kind}
            for kind in (*trained, *passed)
            for source in SOURCES
        ]

    def compute(self, quick: bool, workers: int | None) -> Table:
        """Return theory and trained systems for both losses, and the courses of both by `step`."""
        from replica.predictions.state_evolution import state_evolution
        from simulations.experiments.simulate_many import collect

        size = (self.QUICK if quick else self.FULL).at(self.sites, self.seeds)
        families = [Problem(1.0, self.lam, self.data, loss) for loss in LOSSES]
        line = np.geomspace(*_RANGE, size.points)
        trained = curves(families, "alpha", line, size, workers, self.NAME)
        theory = state_evolution(self.passing, STEPS)
        # Longer sequences than for training, which takes more work.
        length, rows = 2 * size.sites, size.rows // 2
        tasks = [Course(self.data, length, seed, rows) for seed in range(size.seeds)]
        courses = zip(theory.m, theory.q, theory.V, strict=True)
        known = {"source": "theory", **self.passing.columns()}
        return Table(
            [
                *trained.lines(),
                *(_line(known, step, *order) for step, order in enumerate(courses)),
                *collect(tasks, workers, self.NAME).lines(),
            ]
        )

    def draw(self, table: Table) -> Figure:
        """Draw the table that `compute` returned: one panel per loss, and one by iteration.

        In the last one lines join the steps of state evolution; markers are those of message
        passing, mean over seeds with its standard error. All axes are logarithmic.
        """
        from figures.drawing.sheet import Sheet
        from simulations.experiments.once import once

        figure = Sheet(figsize=(TWO_COLUMNS, 2.9))

        panels = figure.subplots(1, 3)
        solved = table.where(step=None)
        for axes, loss in zip(panels, LOSSES, strict=False):
            theory = solved.where(loss=loss, source="theory")
            for column, look in LOOK.items():
                theory_line(axes, theory, "alpha", column, look)
            points = solved.where(loss=loss, source="simulation")
            for column in ("m", "q"):
                measured(axes, points, "alpha", column, LOOK[column])
            log_axis(axes.xaxis, (0.2, 0.5, 1, 2, 5, 10))
            axes.set(xlim=_RANGE, xlabel=ALPHA, title=LOSS_NAMES[loss])
        # At the start all order parameters are zero, which has no place on a logarithmic axis.
        course = Table(line for line in table.lines() if line.get("step"))
        _draw_course(panels[2], once(course, ["step"], [*OBSERVABLES, "V"]))
        for axes, name in zip(panels, "abc", strict=True):
            log_axis(axes.yaxis, (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10))
            letter(axes, name)
        panels[0].set_ylabel("order parameters")
        handles = [*map(series, LOOK.values()), *kinds(has_failures(panels))]
        legend_above(figure, handles)
        return figure

    def caption(self, table: Table) -> str:
        """Return what stands under the picture in a paper."""
        solved = table.where(step=None)
        course = Table(line for line in table.lines() if line.get("step") is not None)
        alpha, lam = _PASSING
        return (
            "Order parameters: overlap $m$ with the true row, own overlap $q$ and local variance "
            "$V$, which training does not tell. (a), (b) Against the sample ratio $\\alpha=M/L$ at "
            f"$\\lambda={self.lam:g}$, {systems(solved)}. (c) By iteration of message passing for "
            f"the cross-entropy at $\\alpha={alpha:g}$, $\\lambda={lam:g}$, markers, over state "
            f"evolution, lines, {systems(course)}. $C={self.colors}$, $\\beta={self.beta:g}$. "
            f"{MEANS} systems."
        )


def _draw_course(axes: Axes, table: Table) -> None:
    steps = np.arange(1, STEPS + 1)
    found = [table.where(source="simulation", step=int(step)) for step in steps]
    for column, look in LOOK.items():
        theory_line(axes, table.where(source="theory"), "step", column, look)
        values = np.array([lines[column] for lines in found])
        markers(axes, steps, values.mean(axis=1), standard_error(values.T), look)
    axes.set_title("message passing")
    axes.set_xlabel("iteration")
    log_axis(axes.xaxis, (1, 2, 5, 10))


FIGURE = OrderParameters()
