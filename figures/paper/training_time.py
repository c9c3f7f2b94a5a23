"""The course of training: one pass, gradient descent, and where it had better stop."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from figures.drawing.axes import log_axis
from figures.drawing.legends import has_failures, kinds, legend_above, letter, reference, series
from figures.drawing.panels import ALPHA, family, family_looks, measured, theory_line
from figures.drawing.style import LOOKS, OPTIMUM, TEST, TRAIN, TWO_COLUMNS
from figures.paper.captions import MEANS, systems
from figures.paper.contents import ANY, SOURCES, described
from figures.paper.curves import check_whole
from figures.paper.figure import PaperFigure
from replica.problem import DataModel, PottsTokens, Problem
from replica.tables import Table
from replica.tables.columns import KNOWN
from replica.validation import positive

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: The panels, as the column `part` of the table numbers them.
ONE_PASS, DESCENT, STOPPED = 0, 1, 2

#: Learning rates of one pass; sample ratio and rate of gradient descent.
RATES = (0.2, 0.8, 3.2)
DESCENT_ALPHA, DESCENT_RATE = 2.0, 0.1

#: At α descents that stop early have the rate `_PACE`/(1 + α) and no more steps than these: their
#: best is the tenth to the thirtieth.
_PACE, _MOST = 0.3, 60

#: The longest pass, and from where on the best weight decay is drawn.
_LONGEST, _LEAST = 16.0, 0.3


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


@dataclass
class TrainingTime(PaperFigure):
    """One pass, gradient descent with the weight decay λ, and descents that stop early."""

    lam: float = 0.01
    beta: float = 1.5
    colors: int = 3
    sites: int | None = None
    seeds: int | None = None

    NAME = "training-time"
    DESCRIPTION = "one pass and gradient descent by time, and early stopping beside weight decay"

    FULL = Amount(160, 12, 60, 3000, (0.5, 1.0, 2.0, 4.0, 8.0), 40, 1, 100, 20_000)
    QUICK = Amount(80, 8, 40, 1000, (0.5, 2.0, 8.0), 12, 0, 40, 2000)

    @property
    def data(self) -> PottsTokens:
        """What is learnt."""
        return PottsTokens(self.colors, self.beta)

    @property
    def descended(self) -> Problem:
        """The problem of gradient descent."""
        return Problem(DESCENT_ALPHA, self.lam, self.data)

    @property
    def CONTENTS(self) -> list[dict[str, Any]]:
        """Courses and minimisers of every panel."""
        passed = {"part": ONE_PASS, "estimator": "one-pass", "lam": 0.0}
        descended = {"part": DESCENT, "estimator": "descent", "alpha": DESCENT_ALPHA}
        stopped = {"part": STOPPED, "estimator": "descent", "lam": 0.0, "step": ANY}
        solved = {"part": STOPPED, "estimator": None}
        each: list[dict[str, Any]] = [
            *({**passed, "source": source, "rate": rate} for source in SOURCES for rate in RATES),
            {"part": ONE_PASS, "source": "theory", "estimator": None, "lam": ANY},
            *({**descended, "source": source, "lam": self.lam, "step": ANY} for source in SOURCES),
            *({**stopped, "source": source} for source in SOURCES),
            *({**solved, "source": source, "lam": ANY} for source in SOURCES),
            {**solved, "source": "theory", "lam": self.lam},
        ]
        return [{"loss": "cross-entropy", **described(self.data), **kind} for kind in each]

    def check(self) -> None:
        """Refuse lengths without whole numbers of samples, and no weight decay, too."""
        super().check()
        positive("lam", self.lam)
        check_whole(self.sites, [*self.FULL.marks, DESCENT_ALPHA])

    def amount(self, quick: bool) -> Amount:
        """Return how much is computed."""
        usual = self.QUICK if quick else self.FULL
        sites, seeds = self.sites or usual.sites, self.seeds or usual.seeds
        return replace(usual, sites=sites, seeds=seeds, rows=min(usual.rows, sites))

    def compute(self, quick: bool, workers: int | None) -> Table:
        """Return courses of theory and of trained systems, and the minimisers beside them."""
        amount = self.amount(quick)
        parts = (
            self._one_pass(amount, workers),
            self._descent(amount, workers),
            self._stopped(amount, workers),
        )
        return Table(line | {"part": part} for part, lines in enumerate(parts) for line in lines)

    def _one_pass(self, amount: Amount, workers: int | None) -> list[dict[str, Any]]:
        """Return one pass at all rates, and the best weight decay of the minimiser."""
        from replica.predictions.one_pass import one_pass

        alphas = sorted({*np.geomspace(0.1, _LONGEST, amount.points).tolist(), *amount.marks})
        problem = Problem(1.0, 0.0, self.data)
        courses = [line for rate in RATES for line in one_pass(problem, rate, alphas).lines()]
        trained = [problem.at(alpha=alpha) for alpha in amount.marks]
        systems = [
            line
            for rate in RATES
            for line in _simulated(trained, amount, workers, estimator="one-pass", rate=rate)
        ]
        return [*courses, *systems, *_at_best_lam(self.data, [a for a in alphas if a >= _LEAST])]

    def _descent(self, amount: Amount, workers: int | None) -> list[dict[str, Any]]:
        from replica.predictions.descent import descent

        descended = self.descended
        course = descent(descended, DESCENT_RATE, amount.steps, paths=amount.paths)
        places = np.unique(np.geomspace(1, amount.steps, 9).round().astype(int)).tolist()
        return [*course.lines()[1:], *_stepped(descended, DESCENT_RATE, places, amount, workers)]

    def _stopped(self, amount: Amount, workers: int | None) -> list[dict[str, Any]]:
        """Return the best steps of descents without weight decay, and the best weight decays.

        And what little weight decay reaches in the end.
        """
        from replica.predictions.descent import descent
        from replica.saddle_point.sweep import sweep

        lines, steps = [], min(amount.steps, _MOST)
        alphas = _refined(amount.marks, amount.between)
        for alpha in alphas:
            problem, rate = Problem(alpha, 0.0, self.data), _PACE / (1.0 + alpha)
            best = descent(problem, rate, steps, paths=amount.paths).best
            lines.append(best)
            if alpha in amount.marks:
                lines += _stepped(problem, rate, [best["step"]], amount, workers)
        best_lam = _at_best_lam(self.data, alphas)
        marked = [line for line in best_lam if line["alpha"] in amount.marks]
        decayed = [Problem(line["alpha"], line["lam"], self.data) for line in marked]
        little = sweep(self.descended, np.geomspace(*_ends(amount), amount.points)).lines()
        return [*lines, *best_lam, *little, *_simulated(decayed, amount, workers)]

    def draw(self, table: Table) -> Figure:
        """Draw the table that `compute` returned.

        Left: the test loss above the optimal loss in one pass, and that of the minimiser with the
        best weight decay. Middle: both losses along gradient descent; a star marks the step of
        least test loss in theory. Right: the test loss at that step, without weight decay, that at
        the best weight decay, and where the descent of the middle ends.
        """
        from figures.drawing.sheet import Sheet

        figure = Sheet(figsize=(TWO_COLUMNS, 2.9))
        panels = figure.subplots(1, 3)
        looks = family_looks("$\\eta={:g}$", RATES)
        _draw_pass(panels[0], table.where(part=ONE_PASS))
        _draw_descent(panels[1], table.where(part=DESCENT))
        _draw_best(panels[2], table.where(part=STOPPED), self.lam)
        for axes, name in zip(panels, "abc", strict=True):
            letter(axes, name)
        handles = [*map(series, looks.values()), *kinds(has_failures(panels))]
        legend_above(figure, handles)
        return figure

    def caption(self, table: Table) -> str:
        """Return what stands under the picture in a paper."""
        return (
            "The course of training. (a) Test loss above that of the true conditional law in one "
            "pass of stochastic gradient descent with learning rates $\\eta$, against the "
            "sequences seen per site; dashed: the minimiser with the best weight decay. (b) Losses "
            f"along gradient descent at $\\alpha={DESCENT_ALPHA:g}$, $\\lambda={self.lam:g}$, "
            f"$\\eta={DESCENT_RATE:g}$; star: the step of least test loss. (c) Test loss of "
            "gradient descent from $w=0$ without weight decay at its best step, of the minimiser "
            "at the best weight decay, and where the descent of (b) ends. Cross-entropy, "
            f"$C={self.colors}$, $\\beta={self.beta:g}$. {MEANS} {systems(table)}."
        )


def _ends(amount: Amount) -> tuple[float, float]:
    return amount.marks[0], amount.marks[-1]


def _refined(marks: Sequence[float], between: int) -> list[float]:
    """Return places with so many more between each two, at equal ratios."""
    parts = [np.geomspace(a, b, between + 2)[:-1] for a, b in itertools.pairwise(marks)]
    return [*np.concatenate(parts).tolist(), marks[-1]]


def _at_best_lam(data: DataModel, alphas: Sequence[float]) -> list[dict[str, Any]]:
    from replica.predictions.optimal_lam import optimal_lam

    return [optimal_lam(Problem(alpha, 1.0, data))[1].line() for alpha in alphas]


def _stepped(
    problem: Problem, rate: float, steps: list[int], amount: Amount, workers: int | None
) -> list[dict[str, Any]]:
    how = {"estimator": "descent", "rate": rate, "steps": steps}
    return _simulated([problem], amount, workers, **how)


def _simulated(
    problems: Sequence[Problem], amount: Amount, workers: int | None, **how: Any
) -> list[dict[str, Any]]:
    from simulations.experiments.simulate_many import simulate_many

    size = {"rows": amount.rows, "test_samples": amount.test_samples}
    seeds = range(amount.seeds)
    label = TrainingTime.NAME
    table = simulate_many(problems, [amount.sites], seeds, workers, label, **size, **how)
    return list(table.lines())


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


def _draw_best(axes: Axes, table: Table, lam: float) -> None:
    stopped = table.where(estimator="descent")
    solved = [line for line in table.lines() if line.get("estimator") is None]
    decayed, little = (
        Table(line for line in solved if (line["lam"] == lam) is least) for least in (False, True)
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
    end = reference(f"end, $\\lambda={lam:g}$", ":")
    axes.legend(handles=[*(series(look) for _, look in shown), end], loc="lower left")


FIGURE = TrainingTime()
