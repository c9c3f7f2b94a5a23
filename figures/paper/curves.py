"""Curves of the theory and trained systems on them, in one table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from replica.problem import Problem
from replica.tables import Table


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


def simulated(problems: Sequence[Problem], size: Size, workers: int, label: str) -> Table:
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
    workers: int,
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
    workers : int
        Processes for the simulation.
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
