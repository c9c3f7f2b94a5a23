"""Trained systems beside the theory of their very couplings, at two lengths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import gcd
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from figures.drawing.panels import markers
from figures.drawing.style import OPTIMAL_COLOR, Look
from figures.paper.curves import Size, whole_samples
from replica.errors import FewCouplingsWarning, ParamagnetWarning
from replica.notices import unwanted
from replica.problem import PottsTokens, Problem, RowTokens
from replica.tables import Table
from simulations.spread import standard_error

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Twice as many systems of a third of the length.
_SHORTER, _MORE = 3, 2

#: How far markers of the two lengths are apart, as a factor of the sample ratio.
_APART = 1.035


@dataclass(frozen=True)
class System:
    """One system, trained on every problem, and what the theory says of its rows.

    Parameters
    ----------
    problems : tuple of Problem
        Of the same data and α.
    size : Size
        L, rows and test sequences.
    seed : int
        Names couplings and sequences.
    """

    problems: tuple[Problem, ...]
    size: Size
    seed: int

    def run(self) -> list[dict[str, Any]]:
        """Return two lines for every problem: of the system, and of the theory's mean over rows."""
        from simulations.experiments.experiment import Experiment

        size, problems = self.size, self.problems
        assert size.test_samples is not None
        lines = Experiment(problems, size.sites, self.seed, size.rows, size.test_samples).run()
        return [*lines, *map(self._predicted, lines, problems)]

    def _predicted(self, line: dict[str, Any], problem: Problem) -> dict[str, Any]:
        """Return the mean of the theory over the rows that were trained."""
        from replica.saddle_point.solver import solve
        from simulations.sequences.systems import potts_model

        data = problem.data
        assert isinstance(data, PottsTokens)
        model = potts_model(data, self.size.sites, (self.seed, line["sites"], line["samples"]))
        rows = RowTokens.rows_from_couplings(
            model.couplings, range(self.size.rows), data.colors, data.beta
        )
        # What these say of short systems is what is measured here.
        with unwanted(FewCouplingsWarning), unwanted(ParamagnetWarning):
            solved = [solve(problem.at(data=row), check=False) for row in rows]
        statuses = [str(one.status) for one in solved if not one.converged]
        names = ("test_loss", "train_loss", "optimal_loss")
        return {
            "source": "theory",
            **problem.columns(),
            **{name: line[name] for name in ("sites", "samples", "seed", "rows")},
            **{name: float(np.mean([getattr(one, name) for one in solved])) for name in names},
            "status": statuses[0] if statuses else "converged",
        }


def lengths_of(size: Size, sites: int | None = None, seeds: int | None = None) -> tuple[Size, Size]:
    """Return the sizes of the longer and of the shorter systems, where some are given with those.

    The shorter length is about a third. Sample ratios are the same at both, and move to the next
    ones with whole numbers of samples.
    """
    longer = size if seeds is None else replace(size, seeds=seeds)
    shorter = longer.sites // _SHORTER
    if sites is not None:
        near = range(max(2, sites // (_SHORTER + 1)), sites // (_SHORTER - 1) + 1)

        def order(length: int) -> tuple[float, int]:
            # M = αL is whole at both where it is at their greatest common divisor.
            exact = whole_samples(size.marks, gcd(length, sites))
            moved = np.abs(np.log(np.divide(exact, size.marks))).sum()
            return round(float(moved), 9), abs(_SHORTER * length - sites)

        shorter = min(near, key=order)
        marks = tuple(sorted(set(whole_samples(size.marks, gcd(shorter, sites)))))
        longer = replace(longer, sites=sites, marks=marks, rows=min(size.rows, shorter))
    return longer, replace(longer, sites=shorter, seeds=longer.seeds * _MORE)


def systems_of(problems: list[Problem], lengths: Sequence[Size]) -> list[System]:
    """Return the systems of all lengths at every mark, those of the same data together."""
    together: dict[Any, list[Problem]] = {}
    for problem in problems:
        together.setdefault(problem.data, []).append(problem)
    return [
        System(tuple(problem.at(alpha=alpha) for problem in group), each, seed)
        for each in lengths
        for group in together.values()
        for alpha in each.marks
        for seed in range(each.seeds)
    ]


@dataclass(frozen=True)
class Deviations:
    """L (simulation / theory - 1) at one length, means over systems, one entry for each α.

    Parameters
    ----------
    sites : int
        L.
    alphas, means, errors, systems : arrays (alphas,)
        α, mean and standard error over systems, and their number.
    """

    sites: int
    alphas: NDArray[np.float64]
    means: NDArray[np.float64]
    errors: NDArray[np.float64]
    systems: NDArray[np.float64]


def deviations(table: Table, column: str) -> list[Deviations]:
    """Return how far systems are from the theory of their couplings, from the shortest length on.

    Terms of order 1/L are the same at all lengths.

    Parameters
    ----------
    table : Table
        Lines of one panel.
    column : str
        A loss.
    """
    good = [line for line in table.where(status="converged").lines() if line.get("sites")]
    values = {
        source: {
            (line["sites"], line["alpha"], line["seed"]): line[column]
            for line in good
            if line["source"] == source
        }
        for source in ("theory", "simulation")
    }
    found: dict[int, dict[float, list[float]]] = {}
    for (sites, alpha, seed), value in values["simulation"].items():
        predicted = values["theory"].get((sites, alpha, seed))
        if predicted:
            gap = sites * (value / predicted - 1)
            found.setdefault(sites, {}).setdefault(alpha, []).append(gap)
    every = []
    for sites, of_length in sorted(found.items()):
        alphas = sorted(of_length)
        gaps = [np.array(of_length[alpha]) for alpha in alphas]
        parts = alphas, *([f(gap) for gap in gaps] for f in (np.mean, standard_error, len))
        every.append(Deviations(sites, *(np.array(part, dtype=float) for part in parts)))
    return every


def beyond(table: Table, column: str) -> tuple[int, int, float]:
    """Return at how many α the two lengths are two standard errors or more apart, and of how many.

    What is proportional to 1/L is the same at both. The last number is what chance makes of the
    first, as Welch's test has it.
    """
    shown = deviations(table, column)
    if len(shown) < 2:
        return 0, 0, 0.0
    short, long = shown[0], shown[-1]
    both = np.intersect1d(short.alphas, long.alphas)
    place, other = np.searchsorted(short.alphas, both), np.searchsorted(long.alphas, both)
    gap = long.means[other] - short.means[place]
    parts = [long.errors[other] ** 2, short.errors[place] ** 2]
    variance = parts[0] + parts[1]
    freedom = [long.systems[other] - 1, short.systems[place] - 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        degrees = variance**2 / sum(v**2 / n for v, n in zip(parts, freedom, strict=True))
        far = np.abs(gap) > 2 * np.sqrt(variance)
    return int(np.sum(far)), len(both), float(np.sum(2 * stdtr(degrees, -2.0)))


def draw_strip(axes: Axes, table: Table, look: Look, column: str) -> None:
    """Draw the deviations of one loss, open for the shorter systems and filled for the longer."""
    axes.axhline(0, color=OPTIMAL_COLOR, linewidth=0.6)
    shown = deviations(table, column)
    for number, each in enumerate(shown):
        own = replace(look, filled=number == len(shown) - 1)
        places = each.alphas * _APART ** (2 * number - 1)
        markers(axes, places, each.means, each.errors, own, markersize=3.4)
