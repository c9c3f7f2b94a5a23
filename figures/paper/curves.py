"""Curves of the theory and trained systems on them, in one table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from replica.problem import Problem
from replica.tables import Table
from replica.validation import invalid

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True)
class Size:
    """How much is computed: systems of the simulation, points of the theory's lines.

    Parameters
    ----------
    sites, seeds, rows : int
        L of a system, systems per marker, rows that are trained.
    test_samples : int or None
        Fresh sequences; None where the data need none.
    marks : tuple of float
        Places of the markers.
    points : int
        Points of a line, besides those of the markers.
    """

    sites: int
    seeds: int
    rows: int
    test_samples: int | None
    marks: tuple[float, ...]
    points: int

    def at(self, sites: int | None, seeds: int | None, alphas: bool = True) -> Size:
        """Return the size with other systems, where any are given.

        Where the marks are sample ratios they move to the next ones with whole numbers of samples.
        """
        size = self if seeds is None else replace(self, seeds=seeds)
        if sites is None:
            return size
        marks = tuple(sorted(set(whole_samples(size.marks, sites)))) if alphas else size.marks
        return replace(size, sites=sites, rows=min(size.rows, sites), marks=marks)


@dataclass(frozen=True)
class Lengths:
    """Systems of several lengths.

    Parameters
    ----------
    systems : tuple of pairs of int
        L, and the number of systems.
    """

    systems: tuple[tuple[int, int], ...]

    @property
    def sites(self) -> tuple[int, ...]:
        """L of the systems."""
        return tuple(sites for sites, _ in self.systems)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Their number at each L."""
        return tuple(seeds for _, seeds in self.systems)

    def at(self, sites: Sequence[int] | None, seeds: int | None) -> Self:
        """Return other systems, where any are given: as many as at the nearest usual length."""
        usual = dict(self.systems)
        found = [
            (each, seeds or usual[min(usual, key=lambda known: abs(math.log(known / each)))])
            for each in sites or usual
        ]
        return replace(self, systems=tuple(found))


def whole_samples(alphas: Iterable[float], sites: int) -> tuple[float, ...]:
    """Return the sample ratios next to these at which M = αL is whole."""
    return tuple(max(1, round(alpha * sites)) / sites for alpha in alphas)


def check_whole(sites: int | None, alphas: Sequence[float]) -> None:
    """Raise ValueError if a sample ratio makes no whole number of samples at this length."""
    if sites is not None and whole_samples(alphas, sites) != tuple(alphas):
        listed = ", ".join(f"{alpha:g}" for alpha in alphas)
        raise invalid("sites", sites, f"such that alpha = {listed} make whole numbers of samples")


def simulated(problems: Sequence[Problem], size: Size, workers: int | None, label: str) -> Table:
    """Return the trained systems of the problems, one line per seed."""
    from simulations.experiments.simulate_many import simulate_many

    options: dict[str, Any] = {"rows": size.rows}
    if size.test_samples is not None:
        options["test_samples"] = size.test_samples
    return simulate_many(problems, [size.sites], range(size.seeds), workers, label, **options)


def curves(
    families: Sequence[Problem],
    x: str,
    line: Iterable[float],
    size: Size,
    workers: int | None,
    label: str,
) -> Table:
    """Return theory along `x` for every family, and the trained systems at the marks.

    Parameters
    ----------
    families : sequence of Problem
        One per curve; their own `x` is not used.
    x : str
        "alpha" or "lam".
    line : iterable of float
        Values of x for the theory, besides the marks.
    size : Size
        Systems and marks.
    workers : int, optional
        Processes; by default all cores, unless the run is short.
    label : str
        Label of the progress bar.
    """
    from replica.saddle_point.solver import solve
    from replica.saddle_point.sweep import sweep

    values = sorted({*map(float, line), *size.marks})
    theory: list[dict[str, Any]] = []
    for family in families:
        if x == "alpha":
            theory += sweep(family, values).lines()
        else:
            theory += [solve(family.at(lam=v), check=False).line() for v in values]
    marks: list[dict[str, Any]] = [{x: value} for value in size.marks]
    problems = [family.at(**mark) for family in families for mark in marks]
    return Table([*theory, *simulated(problems, size, workers, label).lines()])
