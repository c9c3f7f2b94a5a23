"""The problems of one table, and what is sought at each of them."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from replica.cli.output import Row
from replica.commandline.grid import Refused, grid, points
from replica.commandline.options import OPTIMAL
from replica.errors import BadArgument
from replica.execution.task import Line
from replica.problem import Masking, Problem
from replica.problem.masking import MaskKind
from replica.tables.columns import FAILED
from replica.validation import invalid, one_of

#: What tells a point of a table from its others.
Place = tuple[Any, ...]


@dataclass(frozen=True)
class Family:
    """The problems of one table, in its order, and what is sought at each of them.

    Parameters
    ----------
    points : tuple of Problem or Refused
        What is asked for.
    optimal : bool
        Each is solved at its best weight decay.
    kind : str, optional
        Each is solved at the best rate of masks of this kind, if one is given.
    layers : int or math.inf, optional
        K, of the layers whose average is told.
    found : bool
        The weight decay of each was sought before, and is told.
    """

    points: tuple[Problem | Refused, ...]
    optimal: bool = False
    kind: MaskKind | None = None
    layers: float | None = None
    found: bool = False

    @classmethod
    def from_options(cls, options: argparse.Namespace) -> Family:
        """Return what parsed options ask for; what is sought has any value until it is found."""
        optimal = options.lam == OPTIMAL
        given = str(options.masking)
        kinds = {f"{OPTIMAL}:{kind}": kind for kind in Masking.kinds}
        sought: dict[str, Any] = {"lam": 1.0} if optimal else {}
        if given.partition(":")[0] == OPTIMAL:
            sought["masking"] = f"{kinds[one_of('masking', given, kinds)]}:0.5"
        family = cls(
            tuple(points(argparse.Namespace(**vars(options) | sought))),
            optimal,
            kinds.get(given),
        )
        layers = getattr(options, "ensemble", None)
        if layers is None:
            return family
        from replica.predictions.layer_average import check_layers

        return replace(family, layers=check_layers(family.problems[0], layers, "ensemble"))

    @classmethod
    def at_lam(cls, options: argparse.Namespace, alone: bool = False) -> Family:
        """Return what parsed options ask for, with the best weight decays where they are sought.

        One that cannot be found stays where its search ended. `alone` refuses several problems,
        before any search.
        """
        if options.lam != OPTIMAL:
            return cls(tuple(grid(options)))
        from replica.predictions.optimal_lam import at_best_lam

        sought = grid(argparse.Namespace(**vars(options) | {"lam": 1.0}))
        if alone:
            cls(tuple(sought)).only(options)
        return cls(tuple(at_best_lam(problem).problem for problem in sought), found=True)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The points that can be solved."""
        return tuple(point for point in self.points if isinstance(point, Problem))

    def check_masks(self) -> None:
        """Raise ValueError where the theory knows no such masks, before any point is solved."""
        from replica.saddle_point.saddle_point import SaddlePoint

        told = {(p.data.name, p.data.colors, p.loss, p.masking): p for p in self.problems}
        for problem in told.values():
            try:
                SaddlePoint(problem)
            except BadArgument as error:
                if self.kind and error.name == "masking":
                    given = f"{OPTIMAL}:{self.kind}"
                    raise invalid("masking", given, error.allowed) from None
                raise

    def only(self, options: argparse.Namespace, but: Collection[str] = ()) -> Problem:
        """Return the first problem, or raise ValueError if others differ in more than `but`."""
        for name in [name for name in self.names if name not in but]:
            option = "rows" if name == "row" else name
            kind = "number" if name == "alpha" else "value"
            allowed = f"one {kind}; `replica sweep` takes several"
            raise invalid(option, getattr(options, option), allowed)
        for point in self.points:
            if isinstance(point, Refused):
                raise BadArgument(point.error)
        if "alpha" not in but and len(self.points) > 1:
            raise invalid("alpha", options.alpha, "one number")
        return self.problems[0]

    def identity(self, point: Problem | Refused) -> Line:
        """Return what tells the line of a point from others; what is sought is a result."""
        told = {"source": "theory", **point.columns(without="lam" if self.optimal else "")}
        if self.kind:
            del told["masking"]
        return told

    def failed(self, point: Problem | Refused, error: str) -> Line:
        """Return the line of a point that could not be solved."""
        averaged = {} if self.layers is None else {"ensemble": self.layers}
        return {**self.identity(point), **averaged, "status": f"{FAILED}: {error}"}

    @cached_property
    def identities(self) -> tuple[Line, ...]:
        """What tells the line of each point from others."""
        return tuple(map(self.identity, self.points))

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """What tells each point from the others."""
        return tuple(map(self.place_of, self.identities))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The columns in which the points differ."""
        return differing(self.identities)

    def told(self, problem: Problem) -> Line:
        """Return the columns in which the points differ, alpha always and last."""
        known = self.identity(problem)
        names = dict.fromkeys((*self.names, *(["lam"] if self.found else [])))
        return {n: known.get(n) for n in names if n != "alpha"} | {"alpha": problem.alpha}

    def row(self, problem: Problem, values: Line) -> Row:
        """Return what was found of a problem, as a line of a command's."""
        return Row(self.identity(problem), self.told(problem), values)

    def place_of(self, line: Mapping[str, Any]) -> Place:
        """Return what tells a line of the table from its others."""
        return tuple(line.get(name) for name in self.names)

    def place(self, point: Problem | Refused) -> Place:
        """Return what tells the line of a point from those of the others."""
        return self.place_of(self.identity(point))


def differing(lines: Sequence[Line]) -> tuple[str, ...]:
    """Return the columns in which lines differ."""
    names = dict.fromkeys(name for line in lines for name in line)
    return tuple(n for n in names if any(line.get(n) != lines[0].get(n) for line in lines))
