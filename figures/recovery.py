"""What masked language modelling learns: A beside J and V beside U, at growing sample size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from replica.data import PottsTokens
from replica.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "recovery"
DESCRIPTION = "A beside J and V beside U, learnt from random values, at growing sample size"

SITES, COLORS, BETA = 20, 20, 4.5

#: Training sequences, with the epochs that each takes to converge.
FULL = ((1000, 100), (3000, 100), (10_000, 60), (30_000, 30))
QUICK = ((1000, 60), (5000, 40))

#: Sequences that choose the epoch, and those of the test.
_HELD_OUT, _TEST = 2000, 10_000


def compute(quick: bool, workers: int) -> Table:
    """Return one line per entry of A and J and of V and U, for every sample size.

    Parameters
    ----------
    quick : bool
        Fewer and smaller training sets.
    workers : int
        Threads of the sampler.
    """
    from simulations import (
        PottsModel,
        Settings,
        conditional_entropy,
        fresh_loss,
        learn,
        recover,
        sample,
    )

    model = PottsModel.random(PottsTokens(COLORS, BETA), SITES, 0)
    sizes = QUICK if quick else FULL
    most = max(samples for samples, _ in sizes)
    tokens = sample(model, most, 1, threads=workers)
    held_out = sample(model, _HELD_OUT, 2, threads=workers)
    fresh = sample(model, _TEST, 3, threads=workers)
    lines: list[dict[str, Any]] = []
    for samples, epochs in sizes:
        run = learn(tokens[:samples], held_out, COLORS, Settings(epochs=epochs), label=NAME)
        found = recover(run.attention, model)
        common = {
            "source": "simulation",
            "data": "potts",
            "loss": "cross-entropy",
            "colors": COLORS,
            "beta": BETA,
            "lam": 0.0,
            "alpha": samples / SITES,
            "sites": SITES,
            "samples": samples,
            "seed": 0,
            "test_loss": fresh_loss(model, run.attention, fresh),
            "optimal_loss": conditional_entropy(model, fresh),
            "status": "converged" if run.status == "epochs" else run.status,
        }
        pairs = ((found.attention, found.couplings), (found.values, found.similarity))
        for part, (learnt, true) in enumerate(pairs):
            lines += [
                common | {"part": part, "row": i, "column": j, "learnt": learnt[i, j], "true": t}
                for (i, j), t in np.ndenumerate(true)
            ]
    return Table(lines)


def draw(table: Table) -> Figure:
    """Draw the table that `compute` returned.

    Left: truth and the estimate of the largest sample, J and A above, U and V below. Right:
    learnt against true entries for every sample size, with their correlations.
    """
    from matplotlib.figure import Figure

    sizes = sorted(set(table["samples"].astype(int).tolist()))
    figure = Figure(figsize=(7.0, 4.4))
    grid = figure.subplots(2, 3, gridspec_kw={"width_ratios": (1, 1, 1.25)})
    names = (("$\\beta J$", "$A$"), ("$K_0 U K_0$", "$V$"))
    for part, row in enumerate(grid):
        largest = table.where(part=part, samples=sizes[-1])
        shape = (SITES, SITES) if part == 0 else (COLORS, COLORS)
        top = float(np.abs(largest["true"]).max())
        for axes, column, name in zip(row[:2], ("true", "learnt"), names[part], strict=True):
            image = axes.imshow(
                largest[column].reshape(shape), cmap="RdBu_r", vmin=-top, vmax=top,
                interpolation="nearest",
            )  # fmt: skip
            axes.set_title(name if column == "true" else f"{name}, $M={sizes[-1]}$")
            axes.set_xticks([])
            axes.set_yticks([])
        figure.colorbar(image, ax=row[:2], shrink=0.8)
        _scatter(row[2], table.where(part=part), sizes, names[part])
    return figure


def _scatter(axes: Any, table: Table, sizes: list[int], names: tuple[str, str]) -> None:
    shades = np.linspace(0.75, 0.0, len(sizes))
    for marker, shade, samples in zip("^sDovP", shades, sizes, strict=False):
        entries = table.where(samples=samples)
        kept = entries["row"] < entries["column"] if names[1] == "$A$" else entries["row"] >= 0
        true, learnt = entries["true"][kept], entries["learnt"][kept]
        correlation = np.corrcoef(true, learnt)[0, 1]
        axes.plot(
            true, learnt, marker, color=str(shade), markersize=2.5, linestyle="none",
            label=f"$M={samples}$: {correlation:.3f}",
        )  # fmt: skip
    axes.axline((0, 0), slope=1, color="#d55e00", linewidth=0.7)
    axes.set_xlabel(f"true, {names[0]}")
    axes.set_ylabel(f"learnt, {names[1]}")
    axes.legend(title="correlation", fontsize=6, title_fontsize=6)
