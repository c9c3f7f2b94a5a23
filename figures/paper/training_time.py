"""The course of training: one pass, gradient descent, and where it had better stop."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
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
from figures.drawing.panels import ALPHA, LOSS_NAMES, family, family_looks, measured, theory_line
from figures.drawing.style import LOOKS, OPTIMUM, TEST, TRAIN, TWO_COLUMNS
from figures.paper.contents import ANY, SOURCES, described
from replica.problem import PottsTokens, Problem
from replica.tables import Table
from replica.tables.columns import KNOWN

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME = "training-time"
DESCRIPTION = "one pass and gradient descent by time, and early stopping beside weight decay"

DATA = PottsTokens(3, 1.5)

#: The panels, as the column `part` of the table numbers them.
ONE_PASS, DESCENT, STOPPED = 0, 1, 2

#: Learning rates of one pass; sample ratio, weight decay and rate of gradient descent.
RATES = (0.2, 0.8, 3.2)
DESCENDED, DESCENT_RATE = Problem(2.0, 0.01, DATA), 0.1

#: At α descents that stop early have the rate `_PACE`/(1 + α) and no more steps than these: their
#: best is the tenth to the thirtieth.
_PACE, _MOST = 0.3, 60

#: The longest pass, and from where on the best weight decay is drawn.
_LONGEST, _LEAST = 16.0, 0.3

_KINDS: list[dict[str, Any]] = [
    *({"part": ONE_PASS, "source": source, "estimator": "one-pass", "rate": rate, "lam": 0.0}
      for source in SOURCES for rate in RATES),
    {"part": ONE_PASS, "source": "theory", "estimator": None, "lam": ANY},
    *({"part": DESCENT, "source": source, "estimator": "descent", "alpha": DESCENDED.alpha,
       "lam": DESCENDED.lam, "step": ANY} for source in SOURCES),
    *({"part": STOPPED, "source": source, "estimator": "descent", "lam": 0.0, "step": ANY}
      for source in SOURCES),
    *({"part": STOPPED, "source": source, "estimator": None, "lam": ANY} for source in SOURCES),
    {"part": STOPPED, "source": "theory", "estimator": None, "lam": DESCENDED.lam},
]  # fmt: skip
CONTENTS = [{"loss": "cross-entropy", **described(DATA), **kind} for kind in _KINDS]


@dataclass(frozen=True)
class Amount:
    """How much is computed.

    Parameters
    ----------
    sites, seeds, rows, test_samples : int
        Of the systems.
    marks : tuple of float
        Sample ratios of markers, in (a) and (c).
    points : int
        Points of a line in (a).
    between : int
        Points of a line between two markers in (c).
    steps : int
        Steps of gradient descent.
    paths : int
        Paths over which its theory is averaged.
    """

    sites: int
    seeds: int
    rows: int
    test_samples: int
    marks: tuple[float, ...]
    points: int
    between: int
    steps: int
    paths: int


FULL = Amount(160, 12, 60, 3000, (0.5, 1.0, 2.0, 4.0, 8.0), 40, 1, 100, 20_000)
QUICK = Amount(80, 8, 40, 1000, (0.5, 2.0, 8.0), 12, 0, 40, 2000)


def compute(quick: bool, workers: int) -> Table:
    """Return courses of theory and of trained systems, and the minimisers beside them."""
    amount = QUICK if quick else FULL
    parts = _one_pass(amount, workers), _descent(amount, workers), _stopped(amount, workers)
    return Table(line | {"part": part} for part, lines in enumerate(parts) for line in lines)


def _one_pass(amount: Amount, workers: int) -> list[dict[str, Any]]:
    """Return one pass at all rates, and the best weight decay of the minimiser."""
    from replica.predictions.one_pass import one_pass

    alphas = sorted({*np.geomspace(0.1, _LONGEST, amount.points).tolist(), *amount.marks})
    problem = Problem(1.0, 0.0, DATA)
    courses = [line for rate in RATES for line in one_pass(problem, rate, alphas).lines()]
    trained = [problem.at(alpha=alpha) for alpha in amount.marks]
    systems = [
        line
        for rate in RATES
        for line in _simulated(trained, amount, workers, estimator="one-pass", rate=rate)
    ]
    return [*courses, *systems, *_at_best_lam([a for a in alphas if a >= _LEAST])]


def _descent(amount: Amount, workers: int) -> list[dict[str, Any]]:
    from replica.predictions.descent import descent

    course = descent(DESCENDED, DESCENT_RATE, amount.steps, paths=amount.paths)
    places = np.unique(np.geomspace(1, amount.steps, 9).round().astype(int)).tolist()
    return [*course.lines()[1:], *_stepped(DESCENDED, DESCENT_RATE, places, amount, workers)]


def _stopped(amount: Amount, workers: int) -> list[dict[str, Any]]:
    """Return the best steps of descents without weight decay, and the best weight decays.

    And what little weight decay reaches in the end.
    """
    from replica.predictions.descent import descent
    from replica.saddle_point.sweep import sweep

    lines, steps = [], min(amount.steps, _MOST)
    alphas = _refined(amount.marks, amount.between)
    for alpha in alphas:
        problem, rate = Problem(alpha, 0.0, DATA), _PACE / (1.0 + alpha)
        best = descent(problem, rate, steps, paths=amount.paths).best
        lines.append(best)
        if alpha in amount.marks:
            lines += _stepped(problem, rate, [best["step"]], amount, workers)
    best_lam = _at_best_lam(alphas)
    marked = [line for line in best_lam if line["alpha"] in amount.marks]
    decayed = [Problem(line["alpha"], line["lam"], DATA) for line in marked]
    little = sweep(DESCENDED, np.geomspace(*_ends(amount), amount.points)).lines()
    return [*lines, *best_lam, *little, *_simulated(decayed, amount, workers)]


def _ends(amount: Amount) -> tuple[float, float]:
    return amount.marks[0], amount.marks[-1]


def _refined(marks: Sequence[float], between: int) -> list[float]:
    """Return places with so many more between each two, at equal ratios."""
    parts = [np.geomspace(a, b, between + 2)[:-1] for a, b in itertools.pairwise(marks)]
    return [*np.concatenate(parts).tolist(), marks[-1]]


def _at_best_lam(alphas: Sequence[float]) -> list[dict[str, Any]]:
    from replica.predictions.optimal_lam import optimal_lam

    return [optimal_lam(Problem(alpha, 1.0, DATA))[1].line() for alpha in alphas]


def _stepped(
    problem: Problem, rate: float, steps: list[int], amount: Amount, workers: int
) -> list[dict[str, Any]]:
    how = {"estimator": "descent", "rate": rate, "steps": steps}
    return _simulated([problem], amount, workers, **how)


def _simulated(
    problems: Sequence[Problem], amount: Amount, workers: int, **how: Any
) -> list[dict[str, Any]]:
    from simulations.experiments.simulate_many import simulate_many

    size = {"rows": amount.rows, "test_samples": amount.test_samples}
    seeds = range(amount.seeds)
    table = simulate_many(problems, [amount.sites], seeds, workers, NAME, **size, **how)
    return list(table.lines())


def draw(table: Table) -> Figure:
    """Draw the table that `compute` returned.

    Left: the test loss above the optimal loss in one pass, and that of the minimiser with the best
    weight decay. Middle: both losses along gradient descent; a star marks the step of least test
    loss in theory. Right: the test loss at that step, without weight decay, that at the best weight
    decay, and where the descent of the middle ends.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(TWO_COLUMNS, 2.9))
    panels = figure.subplots(1, 3)
    looks = family_looks("$\\eta={:g}$", RATES)
    for axes, part, drawn in zip(panels, range(3), (_draw_pass, _draw_descent, _draw_best),
                                 strict=True):  # fmt: skip
        drawn(axes, table.where(part=part))
        letter(axes, "abc"[part])
    settings(
        figure,
        f"{LOSS_NAMES[DESCENDED.loss_name]}, $C={DATA.colors}$, $\\beta={DATA.beta:g}$, "
        f"{lengths(table)}; (b) $\\alpha={DESCENDED.alpha:g}$, $\\lambda={DESCENDED.lam:g}$, "
        f"$\\eta={DESCENT_RATE:g}$",
    )
    handles = [*map(series, looks.values()), *kinds(has_failures(panels))]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return figure


def _draw_pass(axes: Axes, table: Table) -> None:
    looks = family_looks("$\\eta={:g}$", RATES)
    trained = table.where(estimator="one-pass")
    family(axes, trained, "alpha", "excess_loss", "rate", looks)
    minimum = Table(line for line in table.lines() if line.get("estimator") is None)
    theory_line(axes, minimum, "alpha", "excess_loss", None, linestyle="--")
    log_axis(axes.xaxis, (0.1, 1, 10))
    log_axis(axes.yaxis, (0.02, 0.05, 0.1, 0.2))
    axes.set(xlabel="sequences per site $\\alpha$", ylabel=KNOWN["excess_loss"].axis,
             title="one pass")  # fmt: skip
    axes.legend(handles=[reference("minimiser, best $\\lambda$")], loc="lower left")


def _draw_descent(axes: Axes, table: Table) -> None:
    theory, systems = (table.where(source=source) for source in SOURCES)
    for column, look in (("test_loss", TEST), ("train_loss", TRAIN)):
        theory_line(axes, theory, "step", column, look)
        measured(axes, systems, "step", column, look)
    best = min(theory.lines(), key=lambda line: line.get("test_loss") or np.inf)
    axes.plot(
        [best["step"]], [best["test_loss"]], "*", color=TEST.color, markersize=9,
        markeredgecolor="white", markeredgewidth=0.5, zorder=5, gid=OPTIMUM,
    )  # fmt: skip
    log_axis(axes.xaxis, (1, 3, 10, 30, 100))
    axes.set(xlabel="step", ylabel=f"loss ({KNOWN['test_loss'].unit})", title="gradient descent")
    axes.legend(handles=[series(TEST), series(TRAIN)], loc="lower left")


def _draw_best(axes: Axes, table: Table) -> None:
    stopped = table.where(estimator="descent")
    solved = [line for line in table.lines() if line.get("estimator") is None]
    decayed, little = (
        Table(line for line in solved if (line["lam"] == DESCENDED.lam) is least)
        for least in (False, True)
    )
    shown = ((stopped, LOOKS[3].named("best step")), (decayed, LOOKS[4].named("best $\\lambda$")))
    for chosen, look in shown:
        theory_line(axes, chosen.where(source="theory"), "alpha", "excess_loss", look)
        systems = chosen.where(source="simulation")
        measured(axes, systems, "alpha", "excess_loss", look)
    theory_line(axes, little, "alpha", "excess_loss", None, linestyle=":")
    log_axis(axes.xaxis, (0.5, 1, 2, 4, 8))
    log_axis(axes.yaxis, (0.05, 0.1, 0.2, 0.5, 1))
    axes.set(xlabel=ALPHA, title="when to stop")
    end = reference(f"end, $\\lambda={DESCENDED.lam:g}$", ":")
    axes.legend(handles=[*(series(look) for _, look in shown), end], loc="lower left")
