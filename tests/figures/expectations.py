"""What the figures must show, read off their tables with nothing of the package's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from replica.tables import Table

Line = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Curve:
    """Points of one artist; curves of the same name are drawn in the same panel and colour."""

    name: tuple[Any, ...]
    points: np.ndarray
    errors: np.ndarray | None = None

    @property
    def measured(self) -> bool:
        return self.errors is not None


def groups(table: Table, source: str, *names: str) -> Iterator[tuple[tuple[Any, ...], list[Line]]]:
    found: dict[tuple[Any, ...], list[Line]] = {}
    for line in table.lines():
        if line["source"] == source:
            found.setdefault(tuple(line.get(name) for name in names), []).append(line)
    yield from found.items()


def theory(lines: Iterable[Line], x: str, y: str) -> np.ndarray:
    points = [(line[x], line[y] if line["status"] == "converged" else np.nan) for line in lines]
    return np.array(sorted(points))


def average(lines: Iterable[Line], x: str, y: str) -> tuple[np.ndarray, np.ndarray]:
    """Points and symmetric error bars: mean and standard error over lines of equal x."""
    values: dict[float, list[float]] = {}
    for line in lines:
        values.setdefault(line[x], []).append(line[y])
    points = np.array([(place, np.mean(found)) for place, found in values.items()])
    errors = [np.std(found, ddof=1) / np.sqrt(len(found)) for found in values.values()]
    return points, np.array(errors)


def both(table: Table, x: str, y: str, *names: str) -> Iterator[Curve]:
    """The theory's lines and the simulation's markers of y over x, one pair per group."""
    for key, lines in groups(table, "theory", *names):
        yield Curve((*key, y), theory(lines, x, y))
    for key, lines in groups(table, "simulation", *names):
        yield Curve((*key, y), *average(lines, x, y))


def losses(table: Table, *names: str) -> Iterator[Curve]:
    exact = dict(groups(table, "theory", *names))
    for y in ("test_loss", "train_loss"):
        yield from both(table, "alpha", y, *names)
        for key, lines in groups(table, "simulation", *names):
            points, errors = average(lines, "alpha", y)
            predicted = {line["alpha"]: line[y] for line in exact[key]}
            points[:, 1] -= [predicted[alpha] for alpha in points[:, 0]]
            points[:, 1] /= errors
            yield Curve((*key, y, "strip"), points, np.ones(len(points)))
    for key, lines in exact.items():
        yield Curve((*key, "optimal"), theory(lines, "alpha", "optimal_loss"))


EXPECTED: dict[str, Callable[[Table], Iterable[Curve]]] = {
    "learning-curve": lambda table: losses(table, "loss", "colors"),
    "learning-curve-similarity": lambda table: losses(table, "loss", "colors", "beta"),
}
