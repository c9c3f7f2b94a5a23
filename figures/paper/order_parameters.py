"""The order parameters against the sample ratio, and along message passing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from figures.drawing.axes import log_axis
from figures.drawing.legends import has_failures, kinds, lengths, letter, series, settings
from figures.drawing.panels import ALPHA, LOSS_NAMES, markers, measured, theory_line
from figures.drawing.style import LOOKS, TWO_COLUMNS
from figures.paper.contents import SOURCES, described
from figures.paper.curves import Size, curves
from figures.paper.lines import status_of
from replica.problem import LOSSES, PottsTokens, Problem
from replica.tables import Table
from replica.tables.columns import OBSERVABLES
from simulations.spread import standard_error

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME = "order-parameters"
DESCRIPTION = "m, q and V against M/L, both losses, and by iteration of message passing"

DATA, LAM = PottsTokens(3, 1.5), 0.1

#: The problem that message passing solves, and how many of its iterations are drawn.
PASSING, STEPS = Problem(1.0, 0.01, DATA), 16

#: V, the local variance, is known along message passing; trained rows do not tell it.
_MEASURED = {"m": "$m$", "q": "$q$", "V": "$V$, marker in (c) alone"}
LOOK = {n: look.named(label) for (n, label), look in zip(_MEASURED.items(), LOOKS, strict=False)}

_TRAINED: list[dict[str, Any]] = [{"loss": loss, "lam": LAM, "step": None} for loss in LOSSES]
_PASSED: list[dict[str, Any]] = [
    {"loss": PASSING.loss, "lam": PASSING.lam, "alpha": PASSING.alpha, "step": step}
    for step in range(STEPS + 1)
]
CONTENTS = [
    {"source": source, **described(DATA), **kind}
    for kind in (*_TRAINED, *_PASSED)
    for source in SOURCES
]

_RANGE = (0.2, 10.0)

# Every alpha makes a whole number of samples.
FULL = Size(160, 12, 60, 3000, (0.25, 0.5, 1.0, 2.0, 4.0, 8.0), 60)
QUICK = Size(80, 8, 40, 1000, (0.5, 1.5, 5.0), 24)


@dataclass(frozen=True)
class Course:
    """Message passing on one system: the mean over its rows, after every iteration."""

    sites: int
    seed: int
    rows: int

    def run(self) -> list[dict[str, Any]]:
        """Return one line per iteration."""
        from simulations import PottsModel, approximate_message_passing, sample
        from simulations.experiments.identity import identity

        samples = round(PASSING.alpha * self.sites)
        for_couplings, for_tokens = np.random.SeedSequence((self.seed, self.sites)).spawn(2)
        model = PottsModel.random(DATA, self.sites, for_couplings)
        tokens = sample(model, samples, for_tokens)
        # No tolerance is met so early: all courses have the same length.
        course = approximate_message_passing(
            model, tokens, PASSING.lam, rows=range(self.rows), steps=STEPS, tolerance=1e-300
        )
        known = identity(PASSING, self.sites, samples, self.seed)
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


def compute(quick: bool, workers: int) -> Table:
    """Return theory and trained systems for both losses, and the courses of both by `step`."""
    from replica.predictions.state_evolution import state_evolution
    from simulations.experiments.simulate_many import collect

    size = QUICK if quick else FULL
    families = [Problem(1.0, LAM, DATA, loss) for loss in LOSSES]
    trained = curves(families, "alpha", np.geomspace(*_RANGE, size.points), size, workers, NAME)
    theory = state_evolution(PASSING, STEPS)
    # Longer sequences than for training, which takes more work.
    tasks = [Course(2 * size.sites, seed, size.rows // 2) for seed in range(size.seeds)]
    courses = zip(theory.m, theory.q, theory.V, strict=True)
    known = {"source": "theory", **PASSING.columns()}
    return Table(
        [
            *trained.lines(),
            *(_line(known, step, *order) for step, order in enumerate(courses)),
            *collect(tasks, workers, NAME).lines(),
        ]
    )


def draw(table: Table) -> Figure:
    """Draw the table that `compute` returned: one panel per loss, and one by iteration.

    In the last one lines join the steps of state evolution; markers are those of message
    passing, mean over seeds with its standard error.
    """
    from matplotlib.figure import Figure

    from simulations.experiments.once import once

    figure = Figure(figsize=(TWO_COLUMNS, 2.9))

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
        log_axis(axes.yaxis, (0.05, 0.1, 0.2, 0.5, 1, 2))
        axes.set(xlim=_RANGE, xlabel=ALPHA, title=LOSS_NAMES[loss])
    course = Table(line for line in table.lines() if line.get("step") is not None)
    _draw_course(panels[2], once(course, ["step"], [*OBSERVABLES, "V"]))
    for axes, name in zip(panels, "abc", strict=True):
        letter(axes, name)
    panels[0].set_ylabel("order parameters")
    common = f"$C={DATA.colors}$, $\\beta={DATA.beta:g}$"
    settings(
        figure,
        f"{common}; (a), (b) $\\lambda={LAM:g}$, {lengths(solved)}; "
        f"(c) {LOSS_NAMES[PASSING.loss_name]}, $\\alpha={PASSING.alpha:g}$, "
        f"$\\lambda={PASSING.lam:g}$, {lengths(course)}",
    )
    handles = [*map(series, LOOK.values()), *kinds(has_failures(panels))]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return figure


def _draw_course(axes: Axes, table: Table) -> None:
    steps = np.arange(STEPS + 1)
    found = [table.where(source="simulation", step=int(step)) for step in steps]
    for column, look in LOOK.items():
        theory_line(axes, table.where(source="theory"), "step", column, look)
        values = np.array([lines[column] for lines in found])
        markers(axes, steps, values.mean(axis=1), standard_error(values.T), look)
    axes.set_title("message passing")
    axes.set_xlabel("iteration")
    axes.set_ylim(bottom=0)
