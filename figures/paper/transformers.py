"""An ordinary transformer beside one factored layer: loss by epoch, depth and sample size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from figures.drawing.axes import keep_zeros
from figures.drawing.legends import legend_above, letter, reference, series
from figures.drawing.panels import markers
from figures.drawing.style import LOOKS, OPTIMAL_COLOR, OPTIMUM, SIMULATION, TWO_COLUMNS
from figures.paper.contents import ANY
from figures.paper.figure import PaperFigure
from figures.paper.transformer_courses import (
    BATCH,
    BETA,
    DECAY,
    HEADS,
    HIDDEN,
    RATE,
    SITES,
    WIDTH,
    Size,
    courses,
)
from replica.commandline.progress import progress
from replica.commandline.terminal import cores, say
from replica.errors import Unwritable
from replica.tables import Table
from replica.tables.columns import KNOWN, OBSERVABLES
from replica.tables.journal import Journal
from simulations.spread import standard_error

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Lines = list[dict[str, Any]]

#: By number of layers; the factored layer goes by 0.
_LABELS = {0: "factored layer", 1: "transformer of 1 layer", 2: "of 2 layers", 3: "of 3 layers"}
_LOOKS = {n: look.named(_LABELS[n]) for n, look in zip(_LABELS, LOOKS, strict=False)}
_DASHES: dict[int, Any] = {0: "-", 1: (0, (5, 1.2)), 2: (0, (2.2, 1)), 3: (0, (5, 1, 1, 1))}


@dataclass
class Transformers(PaperFigure):
    """Courses of training of several depths, and what they reach."""

    seeds: int | None = None

    NAME = "transformers"
    DESCRIPTION = (
        "transformers of 1 to 3 layers beside one factored layer, by epoch and sample size"
    )

    #: The work goes on where it was stopped: `compute` takes a folder for that.
    RESUMES = True

    FULL = Size(
        ((3000, 100), (100_000, 20), (10_000, 60), (30_000, 40), (1000, 200)), (0, 1, 2, 3), 3,
        500, 10_000,
    )  # fmt: skip
    QUICK = Size(((1000, 60), (10_000, 12)), (0, 1, 2), 2, 100, 1000)

    @property
    def CONTENTS(self) -> list[dict[str, Any]]:
        """Lines of epochs."""
        names = ("samples", "seed", "layers", "epoch", "epochs", "optimal_loss")
        return [{"source": "simulation"} | dict.fromkeys(names, ANY)]

    def compute(self, quick: bool, workers: int | None, folder: Path | None = None) -> Table:
        """Return one line per sample size, number of layers, seed and epoch.

        Parameters
        ----------
        quick : bool
            Two sample sizes instead of five, fewer epochs, no third layer, two seeds, a smaller
            test.
        workers : int, optional
            Processes; by default all cores, unless the run is short.
        folder : path, optional
            Keeps what is done: after an interruption the work goes on from there, with the same
            digits.

        Raises
        ------
        simulations.MissingExtra
            If JAX or optax is not installed.
        """
        from simulations.encoder.optional_jax import loaded
        from simulations.experiments.simulate_many import run_all

        # Told now, not by a worker after the factored layers.
        loaded("jax")
        loaded("optax")
        size = self.QUICK if quick else self.FULL
        size = size if self.seeds is None else replace(size, seeds=self.seeds)
        if quick:
            most = " and ".join(
                f"M = {samples} for {epochs} epochs" for samples, epochs in size.samples
            )
            say(f"{self.NAME}: --quick trains {size.layers[-1]} layers at most, on {most}, with "
                f"{size.seeds} seeds, and tests on {size.test_samples} sequences")  # fmt: skip
        tasks = courses(size, folder)
        with _journal(folder, size) as journal:
            done: dict[tuple[int, ...], Lines] = {}
            for line in journal.lines if journal else ():
                done.setdefault((line["layers"], line["samples"], line["seed"]), []).append(line)
            missing = [task for task in tasks if len(done.get(task.key, ())) != task.epochs]
            for number, lines in progress(
                run_all(missing, workers or cores()), len(missing), self.NAME
            ):
                if journal:
                    journal.append(lines)
                done[missing[number].key] = lines
            whole = [line for task in tasks for line in done[task.key]]
            return journal.finish(whole) if journal else Table(whole)

    def draw(self, table: Table) -> Figure:
        """Draw the table that `compute` returned, or as much of it as there is.

        (a), (b): loss of the held-out sequences at the end of every epoch, mean over the seeds
        with its standard error as band. The loss of the true conditional on the same sequences
        is subtracted and the exact entropy added, which takes away most of their noise and adds
        no bias. (c): excess of the test loss of the chosen epoch over that entropy.
        """
        from figures.drawing.sheet import Sheet
        from simulations.experiments.once import once

        table = once(table, ("layers", "epoch", "epochs"), (*OBSERVABLES, "held_out_loss"))
        shown = list(dict.fromkeys(table["samples"].astype(int).tolist()))[:2]
        figure = Sheet(figsize=(TWO_COLUMNS, 2.9))
        axes = figure.subplots(1, 3, squeeze=False)[0]
        for panel, samples in zip(axes[:2], sorted(shown), strict=False):
            _draw_epochs(panel, table.where(samples=samples))
        axes[0].set_ylabel(KNOWN["held_out_loss"].axis)
        _draw_excess(axes[2], table)
        for panel, name in zip(axes, "abc", strict=True):
            letter(panel, name)
        axes[1].set_visible(len(shown) > 1)
        drawn = [n for n in _LOOKS if len(table.where(layers=n))]
        handles = [series(_LOOKS[n], linestyle=_DASHES[n]) for n in drawn]
        handles.append(reference("exact conditional entropy", ":"))
        legend_above(figure, handles)
        return figure

    def caption(self, table: Table) -> str:
        """Return what stands under the picture in a paper."""
        return (
            "Ordinary transformers beside one factored layer. (a), (b) Loss of held-out sequences "
            "at the end of every epoch, for a small and a large number $M$ of training sequences; "
            "dotted: the exact conditional entropy. (c) Test loss of the best epoch above that "
            f"entropy against $M$. $L=C={SITES}$, $\\beta={BETA:g}$; transformers of width {WIDTH} "
            f"with {HEADS} heads and multilayer perceptrons of {HIDDEN}; AdamW, one cycle up to "
            f"{RATE:g}, batches of {BATCH}; mean and standard error over up to "
            f"{len(set(table['seed']))} seeds."
        )


def _draw_epochs(axes: Axes, table: Table) -> None:
    entropy = float(table["optimal_loss"].mean())
    last, seeds = [entropy], []
    for layers, look in _LOOKS.items():
        lines = table.where(layers=layers)
        if not len(lines):
            continue
        epochs, mean, error = _by(lines, "epoch", _steadied(lines))
        band = (mean - error, mean + error)
        axes.fill_between(epochs, *band, color=look.color, alpha=0.25, linewidth=0)
        axes.plot(
            epochs, mean, color=look.color, linestyle=_DASHES[layers], gid=SIMULATION
        )  # fmt: skip
        last.append(mean[-1])
        seeds.append(len(set(lines["seed"])))
    axes.axhline(entropy, color=OPTIMAL_COLOR, linewidth=0.9, linestyle=":", gid=OPTIMUM)
    axes.set_ylim(entropy - 0.04, max(max(last) + 0.08, entropy + 0.6))
    axes.set_xlim(0, table["epochs"].max())
    axes.set_xlabel("epoch")
    few, many = min(seeds), max(seeds)
    counted = f"{few}–{many}" if few < many else str(few)
    training = f"{table['epochs'].max():.0f} epochs, {counted} seed{'s' if many > 1 else ''}"
    axes.set_title(f"$M={table['samples'][0]:.0f}$, {training}", loc="right", fontsize="small")


def _draw_excess(axes: Axes, table: Table) -> None:
    from matplotlib.ticker import NullFormatter

    for layers, look in _LOOKS.items():
        lines = Table(
            line for line in table.where(layers=layers).lines() if line["test_loss"] is not None
        )
        if len(lines):
            samples, mean, error = _by(lines, "samples", lines["excess_loss"])
            markers(axes, samples, mean, error, look, linestyle=_DASHES[layers], linewidth=0.8)
    axes.set_xscale("log")
    axes.set_yscale("log")
    keep_zeros(axes)
    axes.xaxis.set_minor_formatter(NullFormatter())
    low, high = axes.get_ylim()
    axes.set_ylim(low, 1.7 * high)
    for samples in set(table["samples"]):
        axes.annotate(
            f"{table.where(samples=samples)['epochs'].max():.0f} ep.", (samples, 0.98),
            xycoords=axes.get_xaxis_transform(), ha="center", va="top", fontsize=5,
        )  # fmt: skip
    axes.set_xlabel("training sequences $M$")
    axes.set_ylabel("test loss − entropy (nats)")
    # Room for what stands above the first and the last of them.
    axes.margins(x=0.15)
    axes.set_title("best epoch", loc="right", fontsize="small")


def _by(table: Table, column: str, values: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """Return the distinct entries of a column, and mean and standard error over their lines.

    A single seed has no error of its own and gets none.
    """
    entries = np.unique(table[column])
    groups = [values[table[column] == entry] for entry in entries]
    errors = [standard_error(group) if len(group) > 1 else 0.0 for group in groups]
    return entries, np.array([group.mean() for group in groups]), np.array(errors)


def _steadied(table: Table) -> NDArray[Any]:
    steadied: NDArray[Any] = (
        table["held_out_loss"] - table["held_out_optimal"] + table["optimal_loss"]
    )
    return steadied


@contextmanager
def _journal(folder: Path | None, size: Size) -> Iterator[Journal | None]:
    if folder is None:
        yield None
        return
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise Unwritable(f"{folder} cannot be made: {reason}") from None
    settings = {"width": WIDTH, "heads": HEADS, "hidden": HIDDEN, "batch": BATCH, "rate": RATE,
                "decay": DECAY, "beta": BETA}  # fmt: skip
    parameters = {**asdict(size), **settings}
    path = folder / "runs.csv"
    with Journal(
        "out", path, f"replica-figures {Transformers.NAME}", parameters, range(size.seeds)
    ) as journal:
        yield journal


FIGURE = Transformers()
