"""The learning curve of given sequences: predicted from their moments, and trained on some."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any

import numpy as np

from figures.drawing.axes import log_axis
from figures.drawing.legends import kinds, legend_above, letter, points, series
from figures.drawing.panels import ALPHA, markers, measured, theory_line
from figures.drawing.style import BAND_COLOR, OPTIMAL_COLOR, TEST, TRAIN, TWO_COLUMNS
from figures.paper.captions import joined, numbers
from figures.paper.figure import PaperFigure
from replica.problem import Problem, RowTokens
from replica.tables import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LAMS = (0.1, 0.01)

#: Sample ratios, as far as there are sequences, and their largest share that is trained on.
_MARKS, _SHARE = (0.5, 1.0, 2.0, 4.0, 8.0), 0.5

_LOSSES = ((TEST, "test_loss"), (TRAIN, "train_loss"))


@dataclass(frozen=True)
class Amount:
    """How much is computed: rows, spread evenly over the sites, seeds and sample ratios."""

    rows: int
    seeds: int
    marks: int


_FULL, _QUICK = Amount(12, 8, 5), Amount(3, 4, 2)


@dataclass(init=False)
class TokensFigure(PaperFigure):
    """Losses of rows of given sequences, as `figures.paper.figure.FigureSource` says.

    Parameters
    ----------
    sequences : callable, optional
        Returns the rows that it is about, given how to choose some of their number; a table is
        drawn without.
    full, quick : Amount, optional
        How much is computed.
    """

    NAME = "tokens"
    DESCRIPTION = "learning curve of the sequences of a FILE, predicted and measured"

    lam: tuple[float, ...]
    seeds: int | None

    def __init__(
        self,
        sequences: Callable[[Callable[[int], Sequence[int]]], Sequence[RowTokens]] | None = None,
        full: Amount = _FULL,
        quick: Amount = _QUICK,
    ) -> None:
        self._sequences, self.FULL, self.QUICK = sequences, full, quick
        self.lam, self.seeds = LAMS, None

    @property
    def CONTENTS(self) -> Sequence[Mapping[str, Any]]:
        """Predictions and trained rows at every weight decay."""
        return [
            {"source": source, "data": "tokens", "loss": "cross-entropy", "lam": lam}
            for source in ("theory", "simulation")
            for lam in self.lam
        ]

    def compute(self, quick: bool, workers: int | None) -> Table:
        """Return the predictions for every row with their errors, and the trained rows by seed."""
        from replica.cli.family import Family
        from replica.cli.sweep_chunks import solved
        from simulations.experiments.simulate_many import simulate_many

        amount = self.QUICK if quick else self.FULL
        assert self._sequences is not None, "there is a table"
        rows = self._sequences(lambda sites: range(0, sites, -(-sites // amount.rows)))
        # Beyond half of what there are sequences for little is left to measure.
        most = min(_SHARE * row.context.largest_alpha for row in rows)  # type: ignore[attr-defined]
        marks = [mark for mark in _MARKS if mark <= most][-amount.marks :] or [most]
        every = [Problem(a, lam, row) for lam in self.lam for row in rows for a in marks]
        lines = solved(Family(tuple(every)), None, workers)
        theory = [{k: v for k, v in line.items() if k != "quadrature_error"} for line in lines]
        trained = simulate_many(every, [], range(self.seeds or amount.seeds), workers, self.NAME)
        return Table([*theory, *trained.lines()])

    def draw(self, table: Table) -> Figure:
        """Draw the table that `compute` returned.

        Upper panels: means over rows; lines are predicted, markers measured, with standard errors
        over training sets. Strips: distance of the prediction in per cent of what is measured; the
        band is two standard errors of the measured moments. Right: row by row.
        """
        from figures.drawing.sheet import Sheet

        figure = Sheet(figsize=(TWO_COLUMNS, 3.3))
        last = len(self.lam)
        axes = figure.subplots(2, last + 1, height_ratios=(3.2, 1.2))
        letters = iter(ascii_lowercase)
        for (curve, strip), lam in zip(axes[:, :last].T, self.lam, strict=True):
            here = table.where(lam=lam)
            theory, simulation = _mean_over_rows(here)
            for look, column in _LOSSES:
                theory_line(curve, theory, "alpha", column, look)
                measured(curve, simulation, "alpha", column, look)
            _draw_strip(strip, theory, simulation)
            letter(curve, next(letters))
            curve.set_title(f"$\\lambda={lam:g}$", fontsize="medium")
            strip.set_xlabel(ALPHA)
            strip.sharex(curve)
            log_axis(strip.xaxis, (0.5, 1, 2, 4, 8))
            curve.tick_params(labelbottom=False)
        axes[0, 0].set_ylabel("cross-entropy (nats)")
        axes[1, 0].set_ylabel("theory − sim.\n(%)", fontsize="small")
        for below in axes[:, last]:
            below.remove()
        whole = figure.add_subplot(axes[0, last].get_gridspec()[:, last])
        _draw_rows(whole, table)
        letter(whole, next(letters))
        handles = [series(TEST), series(TRAIN), *kinds(any(table["status"] != "converged"))]
        legend_above(figure, handles)
        return figure

    def caption(self, table: Table) -> str:
        """Return what stands under the picture in a paper."""
        first = table.lines()[0]
        length = table.where(source="simulation").lines()[0]["sites"]
        rows, seeds = (
            len({line.get(k) for line in table.lines()} - {None}) for k in ("row", "seed")
        )
        name = str(first["tokens"]).rpartition(":")[0].replace("_", "\\_")
        panels = joined([f"({each})" for each in ascii_lowercase[: len(self.lam)]])
        return (
            f"Sequences of {name}, nothing fitted. {panels} Losses per masked token against the "
            f"sample ratio $\\alpha=M/L$ at $\\lambda={numbers(self.lam)}$, means over {rows} "
            "rows; lines are predicted from measured moments, markers trained, with standard "
            f"errors over {seeds} training sets. Strips: distance of the prediction in per cent of "
            "what is measured; the band is two standard errors of the moments. "
            f"({ascii_lowercase[len(self.lam)]}) The same row by row. Cross-entropy, "
            f"$C={first['colors']}$, $L={length}$."
        )


def _draw_strip(axes: Axes, theory: Table, simulation: Table) -> None:
    axes.axhline(0, color=OPTIMAL_COLOR, linewidth=0.6)
    alpha, real = theory["alpha"], simulation["test_loss"]
    error = 200 * theory["test_loss_stderr"] / real
    axes.fill_between(alpha, -error, error, color=BAND_COLOR, linewidth=0)
    for look, column in _LOSSES:
        real = simulation[column]
        off, bar = 100 * (theory[column] / real - 1), 100 * simulation[f"{column}_stderr"] / real
        markers(axes, alpha, off, bar, look, markersize=3.4)


def _draw_rows(axes: Axes, table: Table) -> None:
    """Draw what is measured of every row over what is predicted, at all sample ratios."""
    from simulations.experiments.average_seeds import average_seeds

    theory = {_point(line): line for line in table.where(source="theory").lines()}
    simulation = average_seeds(table.where(source="simulation")).lines()
    ends = []
    for look, column in _LOSSES:
        pairs = np.array(
            [
                (theory[_point(line)][column], line[column], line.get(f"{column}_stderr"))
                for line in simulation
                if theory[_point(line)]["status"] == line["status"] == "converged"
            ],
            dtype=float,
        ).reshape(-1, 3)
        predicted, real, errors = pairs.T
        markers(axes, predicted, real, errors, look, markersize=2.6, linewidth=0.6)
        ends += [pairs[:, :2].min(initial=np.inf), pairs[:, :2].max(initial=0.0)]
    axes.plot([min(ends), max(ends)], [min(ends), max(ends)], color=OPTIMAL_COLOR, linewidth=0.6)
    axes.set_title(_places(table), fontsize="medium")
    axes.set_xlabel("predicted (nats)")
    axes.set_ylabel("measured, row by row (nats)")
    axes.legend(handles=[points(TEST), points(TRAIN)], loc="upper left")


def _places(table: Table) -> str:
    """Return at which weight decays and sample ratios every row is."""
    lams = ", ".join(f"{lam:g}" for lam in sorted(set(table["lam"]), reverse=True))
    alphas = sorted(set(table["alpha"]))
    ends = f"{alphas[0]:g}" if len(alphas) == 1 else f"{alphas[0]:g}\\dots{alphas[-1]:g}"
    return f"$\\lambda={lams}$, $\\alpha={ends}$"


def _point(line: Mapping[str, Any]) -> tuple[Any, ...]:
    return line["row"], line["lam"], line["alpha"]


def _mean_over_rows(table: Table) -> tuple[Table, Table]:
    """Return means over rows along alpha, of the theory and of the trained rows.

    Rows of one training set are not independent, nor are the moments of rows: errors of the trained
    rows are those over seeds, and errors of moments are averaged.
    """
    from simulations.experiments.average_seeds import average_seeds

    theory, simulation = table.where(source="theory"), table.where(source="simulation")
    by_seed = [
        _mean(simulation.where(alpha=alpha, seed=seed), ("source", "data", "alpha", "seed"))
        for alpha in np.unique(simulation["alpha"])
        for seed in np.unique(simulation["seed"])
    ]
    predicted = [
        _mean(theory.where(alpha=alpha), ("source", "data", "alpha"))
        for alpha in np.unique(theory["alpha"])
    ]
    return Table(predicted), average_seeds(Table(by_seed))


def _mean(table: Table, same: Sequence[str]) -> dict[str, Any]:
    """Return the means of the losses over lines, and what these have in common."""
    lines = table.lines()
    names = [name for _, column in _LOSSES for name in (column, f"{column}_stderr")]
    means = {
        name: float(np.mean([np.nan if x.get(name) is None else x[name] for x in lines]))
        for name in names
        if name in table.columns
    }
    failures = [line["status"] for line in lines if line["status"] != "converged"]
    return {n: lines[0][n] for n in same} | means | {"status": [*failures, "converged"][0]}
