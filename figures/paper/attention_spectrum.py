"""The whole attention matrix: its spectrum, a pattern in it, and its strongest pairs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from figures.drawing.axes import log_axis
from figures.drawing.legends import (
    has_failures,
    kinds,
    legend_above,
    letter,
    reference,
    series,
)
from figures.drawing.panels import ALPHA, measured, theory_line
from figures.drawing.style import HISTOGRAM, LOOKS, THEORY, TWO_COLUMNS
from figures.paper.attention_tasks import (
    PAIRS,
    PATTERN,
    PICTURE,
    SPECTRUM,
    MapTask,
    ModelTask,
    sparse_couplings,
)
from figures.paper.captions import MEANS, numbers, systems
from figures.paper.contents import ANY, SOURCES, described
from figures.paper.figure import PaperFigure
from replica.problem import LOSSES, PottsTokens, Problem, RowTokens
from replica.tables import Table
from replica.tables.columns import KNOWN

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Strength of the pattern in the matrices that are shown, and range of those that are compared.
_SHOWN, _STRENGTHS = 1.9, (1.0, 2.1)

#: Sample ratios of the spectra, of the patterns, and of a line along the ratio.
_SPECTRA, _COMPARED, _ALPHAS = (1.0, 3.0, 10.0), 3.0, (0.4, 20.0)

#: Of a matrix, from the least entry through white to the greatest, and darker below zero.
_MAP = ("#004c7f", "#ffffff", "#d55e00")

#: Bins of a histogram.
_BINS = 36

_ATTENTION = {
    LOSSES[0]: LOOKS[0].named("$A$, cross-entropy"),
    LOSSES[1]: LOOKS[2].named("$A$, squared error"),
}
_PCA = LOOKS[1].named("principal component")

_ONEHOT = LOOKS[3].turned().named("that of one-hot tokens")

_PLACES, _OVERLAPS = ("outlier", "pca_outlier"), ("overlap", "pca_overlap", "onehot_overlap")

#: Of the pairs of one model.
_SPARSE = {
    LOSSES[0]: LOOKS[1].named("sparse $J$, cross-entropy"),
    LOSSES[1]: LOOKS[4].named("sparse $J$, squared error"),
}


@dataclass(frozen=True)
class Amount:
    """Sites of the picture, of the spectra and of the others, seeds, and points of a line."""

    picture: int
    spectrum: int
    sites: int
    seeds: int
    strengths: tuple[float, ...]
    alphas: tuple[float, ...]
    points: int

    def at(self, sites: int | None, seeds: int | None) -> Amount:
        """Return the same with other lengths or numbers of systems, where they are given."""
        return replace(self, sites=sites or self.sites, seeds=seeds or self.seeds)


@dataclass
class AttentionSpectrum(PaperFigure):
    """What attention looks like, with a pattern in its couplings and without."""

    lam: float = 0.1
    beta: float = 1.2
    colors: int = 3
    sites: int | None = None
    seeds: int | None = None

    NAME = "attention-spectrum"
    DESCRIPTION = "spectrum of the attention matrix, a pattern in it, and its strongest pairs"

    FULL = Amount(60, 400, 100, 12, (1.2, 1.4, 1.6, 1.8, 2.0), (0.5, 1.0, 2.0, 5.0, 15.0), 20)
    QUICK = Amount(40, 200, 60, 6, (1.4, 1.7, 2.0), (0.5, 2.0, 8.0), 16)

    def data(self, spike: float = 0.0) -> PottsTokens:
        """What is learnt, with a pattern or without."""
        return PottsTokens(self.colors, self.beta, spike=spike)

    @property
    def CONTENTS(self) -> list[dict[str, Any]]:
        """Entries, spectra, and lines along the pattern's strength and the sample ratio."""
        shown = {**described(self.data(_SHOWN)), "lam": self.lam, "loss": LOSSES[1]}
        common = {**described(self.data()), "lam": self.lam}
        given = {"data": "couplings", "colors": self.colors, "beta": self.beta, "lam": self.lam}
        return [
            {"source": "simulation", "part": PICTURE, **shown, "row": ANY, "column": ANY},
            *({"source": source, "part": SPECTRUM, **shown} for source in SOURCES),
            *(
                {"source": source, "part": part, "loss": loss, **which}
                for source in SOURCES
                for loss in LOSSES
                for part, which in (
                    (PATTERN, common | {"spike": ANY}),
                    (PAIRS, common),
                    (PAIRS, given | {"couplings": ANY}),
                )
            ),
        ]

    def compute(self, quick: bool, workers: int | None) -> Table:
        """Return maps that are shown, and theory and systems along strength and sample ratio."""
        from simulations.experiments.simulate_many import collect, simulate_many

        amount = (self.QUICK if quick else self.FULL).at(self.sites, self.seeds)
        shown = Problem(_COMPARED, self.lam, self.data(_SHOWN), LOSSES[1])
        tasks: list[Any] = [MapTask(shown, amount.picture, PICTURE)]
        tasks += [MapTask(shown.at(alpha=a), amount.spectrum, SPECTRUM) for a in _SPECTRA]
        model = sparse_couplings(amount.sites)
        (row,) = RowTokens.rows_from_couplings(model, [0], self.colors, self.beta)
        given = [Problem(a, self.lam, row, loss) for loss in LOSSES for a in amount.alphas]
        tasks += [ModelTask(each, seed) for each in given for seed in range(amount.seeds)]
        lines = [*self._theory(amount, row), *collect(tasks, workers, self.NAME).lines()]
        for part, problems in (
            (PATTERN, [shown.at(spike=spike) for spike in amount.strengths]),
            (PAIRS, [shown.at(alpha=alpha, spike=0.0) for alpha in amount.alphas]),
        ):
            both = [problem.at(loss=loss) for problem in problems for loss in LOSSES]
            found = simulate_many(
                both, [amount.sites], range(amount.seeds), workers, self.NAME,
                whole_matrix=True, test_samples=100,
            )  # fmt: skip
            lines += [line | {"part": part} for line in found.lines()]
        return Table(lines)

    def _theory(self, amount: Amount, row: RowTokens) -> Iterator[dict[str, Any]]:
        from replica.predictions.attention_spectrum import attention_spectrum
        from replica.predictions.pair_precision import pair_precision

        shown = Problem(_COMPARED, self.lam, self.data(_SHOWN), LOSSES[1])
        for alpha in _SPECTRA:
            problem = shown.at(alpha=alpha)
            found = attention_spectrum(problem)
            common = {"source": "theory", **problem.columns(), "part": SPECTRUM}
            common["status"] = found.status
            yield common | {"outlier": found.outlier}
            for value, density in zip(found.eigenvalues, found.density, strict=True):
                yield common | {"eigenvalue": float(value), "density": float(density)}
        for spike in np.linspace(*_STRENGTHS, amount.points):
            for loss in LOSSES:
                problem = shown.at(spike=float(spike), loss=loss)
                found = attention_spectrum(problem)
                yield {"source": "theory", **problem.columns(), "part": PATTERN} | {
                    name: getattr(found, name) for name in (*_PLACES, *_OVERLAPS, "status")
                }
        for data, points in ((self.data(), amount.points), (row, amount.points // 2)):
            for loss in LOSSES:
                for alpha in np.geomspace(*_ALPHAS, points):
                    problem = Problem(float(alpha), self.lam, data, loss)
                    precision = pair_precision(problem).precision
                    known = {"part": PAIRS, "precision": precision, "status": "converged"}
                    yield {"source": "theory", **problem.columns(), **known}

    def draw(self, table: Table) -> Figure:
        """Draw the table that `compute` returned.

        Above: A with its sites in the order of a pattern, and its eigenvalues at three sample
        ratios under the predicted density, with the predicted outlier as an arrow. Below: outliers
        of A and of the sequences' covariance in units of their edge, overlaps with the pattern, and
        the precision of the strongest pairs.
        """
        from figures.drawing.sheet import Sheet
        from simulations.experiments.once import once

        table = once(table, ("part", "row", "column", "eigenvalue"), ("learnt", "density"))
        figure = Sheet(figsize=(TWO_COLUMNS, 4.3))
        grid = figure.subplots(2, 4)
        _draw_matrix(grid[0, 0], table.where(part=PICTURE))
        for axes, alpha in zip(grid[0, 1:], _SPECTRA, strict=True):
            _draw_spectrum(axes, table.where(part=SPECTRUM, alpha=alpha))
        pattern = table.where(part=PATTERN)
        for axes, names in zip(grid[1], (*((each,) for each in _PLACES), _OVERLAPS), strict=False):
            for name in names:
                _draw_pattern(axes, pattern, name)
            axes.set(xlabel="strength $\\theta$", ylabel=KNOWN[names[0]].axis)
        grid[1, 2].set_ylabel("overlap with the pattern")
        _draw_pairs(grid[1, 3], table.where(part=PAIRS))
        for axes, name in zip(grid.flat, "abcdefgh", strict=True):
            letter(axes, name)
        looks = [*_ATTENTION.values(), _PCA]
        onehot = reference(_ONEHOT.label, _ONEHOT.line, _ONEHOT.color)
        sparse = map(series, _SPARSE.values())
        legend_above(
            figure, [*map(series, looks), onehot, *sparse, *kinds(has_failures(grid.flat))]
        )
        return figure

    def caption(self, table: Table) -> str:
        """Return what stands under the picture in a paper."""
        return (
            "The whole attention matrix. (a) $A$ of the squared error, sites in the order of the "
            f"planted pattern $v$ of strength $\\theta={_SHOWN:g}$, which stands out of the "
            "spectrum but not of the entries, and (b–d) its eigenvalues at "
            f"$\\alpha={numbers(_SPECTRA)}$ under the predicted density; triangles: the predicted "
            "outlier. (e) Outlier of $(A+A^T)/2$, (f) of the covariance of the sites, (g) squared "
            "overlaps of their eigenvectors with $v$, and of the principal component of one-hot "
            f"tokens, at $\\alpha={_COMPARED:g}$. (h) Share of the strongest pairs that are "
            "coupled most strongly (5 % of all), and of those of three coupled neighbours a site. "
            "What (f) lacks is of order $1/L$. "
            f"$C={self.colors}$, $\\beta={self.beta:g}$, $\\lambda={self.lam:g}$. {MEANS} "
            f"{systems(table)}."
        )


def _draw_pattern(axes: Axes, table: Table, column: str) -> None:
    """Draw what A, or a covariance, has of the pattern; covariances know of no loss."""
    theory, found = (table.where(source=source) for source in SOURCES)
    if column == "onehot_overlap":
        theory_line(axes, theory.where(loss=LOSSES[1]), "spike", column, _ONEHOT)
        return
    looks = {LOSSES[1]: _PCA} if column in ("pca_outlier", "pca_overlap") else _ATTENTION
    for loss, look in looks.items():
        theory_line(axes, theory.where(loss=loss), "spike", column, look)
        measured(axes, found.where(loss=loss), "spike", column, look)


def _draw_pairs(axes: Axes, table: Table) -> None:
    for data, looks in (("potts", _ATTENTION), ("couplings", _SPARSE)):
        for loss, look in looks.items():
            chosen = table.where(data=data, loss=loss)
            theory_line(axes, chosen.where(source="theory"), "alpha", "precision", look)
            measured(axes, chosen.where(source="simulation"), "alpha", "precision", look)
    log_axis(axes.xaxis, (0.5, 2, 10))
    axes.set(xlabel=ALPHA, ylabel=KNOWN["precision"].axis, ylim=(0, 1))


def _draw_matrix(axes: Axes, table: Table) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    size = int(table["row"].max()) + 1
    A = np.full((size, size), np.nan)
    A[table["row"].astype(int), table["column"].astype(int)] = table["learnt"]
    top = float(np.quantile(np.abs(A), 0.99))
    axes.imshow(
        A, cmap=LinearSegmentedColormap.from_list("signed", _MAP), vmin=-top, vmax=top,
        interpolation="nearest",
    )  # fmt: skip
    axes.set(xticks=[], yticks=[], xlabel="site $j$", ylabel="site $i$", title="$A$")
    axes.spines[:].set_visible(True)


def _draw_spectrum(axes: Axes, table: Table) -> None:
    values = table.where(source="simulation")["eigenvalue"]
    edges = np.linspace(values.min(), values.max(), _BINS + 1)
    share = np.histogram(values, edges)[0] / len(values) / np.diff(edges)
    steps = np.repeat(edges, 2)[1:-1], np.repeat(share, 2)
    axes.fill_between(*steps, color="#dddddd", linewidth=0)
    axes.plot(*steps, color="#888888", linewidth=0.6, gid=HISTOGRAM)
    theory, look = table.where(source="theory"), _ATTENTION[LOSSES[1]]
    points = [line for line in theory.lines() if line.get("eigenvalue") is not None]
    theory_line(axes, Table(points), "eigenvalue", "density", look)
    places = {line["outlier"] for line in theory.lines() if line.get("eigenvalue") is None}
    axes.plot(
        sorted(places), [0.06] * len(places), "v", color=look.color, gid=THEORY,
        transform=axes.get_xaxis_transform(),
    )  # fmt: skip
    (alpha,) = set(table["alpha"])
    axes.set(xlabel="eigenvalue of $A$", title=f"$\\alpha={alpha:g}$", ylim=(0, None))


FIGURE = AttentionSpectrum()
