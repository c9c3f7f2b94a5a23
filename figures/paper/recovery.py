"""What masked language modelling learns: A beside J and V beside U, at growing sample size."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from figures.drawing.legends import letter, points, reference
from figures.drawing.panels import markers
from figures.drawing.style import HISTOGRAM, LOOKS, TWO_COLUMNS, Look
from figures.paper.contents import ANY, described
from figures.paper.figure import PaperFigure
from figures.paper.lines import status_of_training
from replica.problem import PottsTokens, Problem
from replica.tables import Table
from simulations.spread import correlation, standard_error

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

#: Colours of either block.
_BLOCK = 10


def _blocks_and_ring() -> NDArray[np.float64]:
    """Return U of two blocks, in each of which the colours are a ring that its neighbours avoid."""
    turn = np.roll(np.eye(_BLOCK), 1, axis=0)
    ring, blocks = (
        np.kron(np.eye(2), turn + turn.T),
        np.kron([[1, -1], [-1, 1]], np.ones_like(turn)),
    )
    similarity: NDArray[np.float64] = 0.5 * np.eye(2 * _BLOCK) - 0.5 * ring + 0.1 * blocks
    return similarity


#: What is true, what is learnt and what numbers its rows, as the column `part` of the table
#: numbers them.
PARTS = (("$\\beta J$", "$A$", "site"), ("$K_0 U K_0$", "$V$", "colour"))

#: Of the line on which learnt entries are the true ones; no sample size has it.
_EXACT = "#888888"

#: Of matrices, from the least entry through white to the greatest, and darker below zero.
_MAP = ("#004c7f", "#ffffff", "#d55e00")

#: Bins of a histogram.
_BINS = 80

#: Sequences that choose the epoch, and those of the test.
_HELD_OUT, _TEST = 2000, 10_000


@dataclass(frozen=True)
class Amount:
    """Training sequences with the epochs that each takes to converge, and independent runs."""

    sizes: tuple[tuple[int, int], ...]
    seeds: int


@dataclass(frozen=True)
class Run:
    """One run over all sample sizes: its own sequences and initial values, of the same model."""

    data: PottsTokens
    sites: int
    sizes: tuple[tuple[int, int], ...]
    seed: int

    def run(self) -> list[dict[str, Any]]:
        """Return one line per entry of A and J and of V and U, for every sample size."""
        from simulations import (
            PottsModel,
            Settings,
            conditional_entropy,
            fresh_loss,
            learn,
            recover,
            sample,
        )
        from simulations.experiments.identity import identity

        data = self.data
        model = PottsModel.random(data, self.sites, 0)
        most = max(samples for samples, _ in self.sizes)
        tokens, held_out, fresh = (
            sample(model, count, np.random.SeedSequence((self.seed, purpose)))
            for purpose, count in enumerate((most, _HELD_OUT, _TEST))
        )
        lines: list[dict[str, Any]] = []
        for samples, epochs in self.sizes:
            settings = Settings(epochs=epochs, seed=self.seed)
            run = learn(tokens[:samples], held_out, data.colors, settings)
            found = recover(run.attention, model)
            common = {
                **identity(
                    Problem(samples / self.sites, 0.0, data), self.sites, samples, self.seed
                ),
                "test_loss": fresh_loss(model, run.attention, fresh),
                "optimal_loss": conditional_entropy(model, fresh),
                "status": status_of_training(run.status),
            }
            pairs = ((found.attention, found.couplings), (found.values, found.similarity))
            for part, (learnt, true) in enumerate(pairs):
                lines += [
                    common
                    | {"part": part, "row": i, "column": j, "learnt": learnt[i, j], "true": t}
                    for (i, j), t in np.ndenumerate(true)
                ]
        return lines


@dataclass
class Recovery(PaperFigure):
    """What is learnt of couplings and of a similarity of twenty colours."""

    beta: float = 3.0
    sites: int = 20
    seeds: int | None = None

    NAME = "recovery"
    DESCRIPTION = "A beside J and V beside U, learnt from random values, at growing sample size"

    FULL = Amount(((1000, 100), (3000, 100), (10_000, 60), (30_000, 30)), 4)
    QUICK = Amount(((1000, 60), (5000, 40)), 3)

    @property
    def data(self) -> PottsTokens:
        """What is learnt."""
        return PottsTokens(2 * _BLOCK, self.beta, _blocks_and_ring())

    @property
    def CONTENTS(self) -> list[dict[str, Any]]:
        """The entries of both matrices."""
        return [
            {"source": "simulation", **described(self.data), "sites": self.sites, "part": part}
            | {"samples": ANY, "seed": ANY, "row": ANY, "column": ANY}
            for part in range(len(PARTS))
        ]

    def compute(self, quick: bool, workers: int | None) -> Table:
        """Return the learnt and the true entries of all runs."""
        from simulations.experiments.simulate_many import collect

        amount = self.QUICK if quick else self.FULL
        seeds = range(amount.seeds if self.seeds is None else self.seeds)
        runs = [Run(self.data, self.sites, amount.sizes, seed) for seed in seeds]
        return collect(runs, workers, self.NAME)

    def draw(self, table: Table) -> Figure:
        """Draw the table that `compute` returned.

        Left: truth and the mean estimate of the largest sample, J and A above, U and V below.
        Right: learnt against true entries of A for every sample size, mean and standard error over
        the runs; the distribution of the entries of V, of which few are different in truth; and
        their correlations with what is true, mean and standard error over the runs as well.
        """
        from figures.drawing.sheet import Sheet
        from simulations.experiments.once import once

        table = once(table, ("part", "row", "column"), ("learnt", "true"))
        figure = Sheet(figsize=(TWO_COLUMNS, 4.2))
        grid = figure.subplots(2, 3)
        for part, (row, (*names, indices)) in enumerate(zip(grid, PARTS, strict=True)):
            entries = _entries(table.where(part=part))
            most = max(entries)
            true, learnt = entries[most]
            size = round(np.sqrt(len(true)))
            top = float(np.abs(true).max())
            for axes, values, name in (
                (row[0], true, names[0]),
                (row[1], learnt.mean(axis=0), f"{names[1]}, $M={most}$"),
            ):
                image = axes.imshow(
                    values.reshape(size, size), cmap=_map(), vmin=-top, vmax=top,
                    interpolation="nearest",
                )  # fmt: skip
                axes.set(title=name, xticks=[], yticks=[], xlabel=f"{indices} $j$")
                axes.spines[:].set_visible(True)
            row[0].set_ylabel(f"{indices} $i$")
            figure.colorbar(image, ax=row[:2], shrink=0.8)
            # A is symmetric and its diagonal is none.
            shown = np.triu_indices(size, k=1 if part == 0 else 0)
            draw_entries = _scatter if part == 0 else _histogram
            draw_entries(row[2], entries, np.ravel_multi_index(shown, (size, size)), names)
            row[2].set_box_aspect(1)
        for axes, name in zip(grid.flat, "abcdef", strict=True):
            letter(axes, name)
        return figure

    def caption(self, table: Table) -> str:
        """Return what stands under the picture in a paper."""
        return (
            "What masked language modelling learns from random values of $A$ and $V$. (a), (b) "
            "Couplings and learnt attention of the largest sample, (d), (e) similarity and learnt "
            "values, mean over the runs; scale and shifts that the loss does not see are removed. "
            "(c) Learnt against true entries of $A$ and (f) distribution of the entries of $V$ by "
            "sample size $M$, grey: the true values; beside them the correlation with the truth. "
            "$U$ has two blocks, and in each a ring whose neighbours avoid each other. "
            f"$L={self.sites}$, $C={2 * _BLOCK}$, $\\beta={self.beta:g}$; mean and standard error "
            f"over {len(set(table['seed']))} runs."
        )


def _map() -> Colormap:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("signed", _MAP)


def _entries(table: Table) -> dict[int, tuple[NDArray[Any], NDArray[Any]]]:
    """Return by sample size the true entries, and the learnt ones as an array (runs, entries)."""
    found = {}
    for samples in sorted(set(table["samples"].astype(int).tolist())):
        lines = table.where(samples=samples)
        seeds = lines["seed"]
        runs = [seeds == seed for seed in np.unique(seeds)]
        found[samples] = (
            lines["true"][runs[0]],
            np.array([lines["learnt"][run] for run in runs]),
        )
    return found


def _scatter(
    axes: Axes,
    entries: dict[int, tuple[NDArray[Any], NDArray[Any]]],
    shown: NDArray[np.intp],
    names: Sequence[str],
) -> None:
    handles = []
    for look, true, learnt in _measured_sizes(entries, shown):
        markers(
            axes, true, learnt.mean(axis=0), standard_error(learnt), look,
            markersize=2.2, elinewidth=0.5, markeredgewidth=0.5,
        )  # fmt: skip
        handles.append(points(look))
    axes.axline((0, 0), slope=1, color=_EXACT, linewidth=0.7, zorder=5)
    axes.set_xlabel(f"true, {names[0]}")
    axes.set_ylabel(f"learnt, {names[1]}")
    _legend(axes, handles)


def _histogram(
    axes: Axes,
    entries: dict[int, tuple[NDArray[Any], NDArray[Any]]],
    shown: NDArray[np.intp],
    names: Sequence[str],
) -> None:
    handles = []
    sizes = list(_measured_sizes(entries, shown))
    # One scale for all sizes.
    every = np.concatenate([learnt.ravel() for _, _, learnt in sizes])
    edges = np.linspace(every.min(), every.max(), _BINS + 1)
    for value in np.unique(sizes[0][1].round(12)):
        axes.axvline(value, color=_EXACT, linewidth=0.7, zorder=0)
    for look, _, learnt in sizes:
        share = np.histogram(learnt, edges)[0] / learnt.size
        axes.plot(
            np.repeat(edges, 2)[1:-1], np.repeat(share, 2), color=look.color, linestyle=look.line,
            linewidth=0.9, gid=HISTOGRAM,
        )  # fmt: skip
        handles.append(reference(look.label, look.line, look.color))
    axes.set_ylim(0)
    axes.set_xlabel(f"learnt, {names[1]}")
    axes.set_ylabel(f"share of entries\nper bin of {edges[1] - edges[0]:.2g}")
    _legend(axes, handles)


def _measured_sizes(
    entries: dict[int, tuple[NDArray[Any], NDArray[Any]]], shown: NDArray[np.intp]
) -> Iterator[tuple[Look, NDArray[Any], NDArray[Any]]]:
    """Yield by sample size a look with the correlation in its label, true and learnt entries."""
    for look, (samples, (true, learnt)) in zip(LOOKS, entries.items(), strict=False):
        true, learnt = true[shown], learnt[:, shown]
        correlations = [correlation(true, run) for run in learnt]
        yield look.named(f"$M={samples}$:\n{_measured(correlations)}"), true, learnt


def _legend(axes: Axes, handles: list[Any]) -> None:
    axes.legend(
        handles=[*handles, reference("exact", "-", _EXACT)], title="correlation",
        loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=6.0, title_fontsize=6.0,
        labelspacing=0.5, handlelength=1.2,
    )  # fmt: skip


def _measured(values: list[float]) -> str:
    """Return mean and standard error, with one digit of the latter."""
    error = float(standard_error(values))
    digits = max(3, -math.floor(math.log10(error))) if error > 0 else 3
    return f"{np.mean(values):.{digits}f} ± {error:.{digits}f}"


FIGURE = Recovery()
