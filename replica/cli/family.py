"""The problems of one table, and what is sought at each of them."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from replica.cli.output import Row
from replica.commandline.grid import grid
from replica.commandline.options import OPTIMAL
from replica.execution.task import Line
from replica.problem import Masking, Problem
from replica.validation import invalid, one_of


@dataclass(frozen=True)
class Family:
    """The problems of one table, in its order, and what is sought at each of them.

    Parameters
    ----------
    problems : tuple of Problem
        The points.
    optimal : bool
        Each is solved at its best weight decay.
    kind : str
        Each is solved at the best rate of masks of this kind, if one is given.
    layers : int or math.inf, optional
        K, of the layers whose average is told.
    """

    problems: tuple[Problem, ...]
    optimal: bool = False
    kind: str = ""
    layers: float | None = None

    @classmethod
    def from_options(cls, options: argparse.Namespace) -> Family:
        """Return what parsed options ask for; what is sought has any value until it is found."""
        optimal = options.lam == OPTIMAL
        given = str(options.masking)
        best, _, kind = given.partition(":")
        sought: dict[str, Any] = {"lam": 1.0} if optimal else {}
        if best == OPTIMAL:
            one_of("masking", given, [f"{OPTIMAL}:{each}" for each in Masking.kinds])
            sought["masking"] = f"{kind}:0.5"
        made = tuple(grid(argparse.Namespace(**vars(options) | sought)))
        layers = getattr(options, "ensemble", None)
        if layers is not None:
            from replica.predictions.layer_average import check_layers

            layers = check_layers(made[0], layers, "ensemble")
        return cls(made, optimal, kind if best == OPTIMAL else "", layers)

    def only(self, options: argparse.Namespace, but: Collection[str] = ()) -> Problem:
        """Return the first problem, or raise ValueError if others differ in more than `but`."""
        for name in [name for name in self.names if name not in but]:
            option = "rows" if name == "row" else name
            kind = "number" if name == "alpha" else "value"
            allowed = f"one {kind}; `replica sweep` takes several"
            raise invalid(option, getattr(options, option), allowed)
        if "alpha" not in but and len(self.problems) > 1:
            raise invalid("alpha", options.alpha, "one number")
        return self.problems[0]

    def identity(self, problem: Problem) -> Line:
        """Return what tells the line of a problem from others; what is sought is a result."""
        told = {"source": "theory", **problem.columns(without="lam" if self.optimal else "")}
        if self.kind:
            del told["masking"]
        return told

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The columns in which the points differ."""
        return differing([self.identity(problem) for problem in self.problems])

    def told(self, problem: Problem) -> Line:
        """Return the columns in which the points differ, alpha always and last."""
        known = self.identity(problem)
        return {n: known.get(n) for n in self.names if n != "alpha"} | {"alpha": problem.alpha}

    def row(self, problem: Problem, values: Line) -> Row:
        """Return what was found of a problem, as a line of a command's."""
        return Row(self.identity(problem), self.told(problem), values)

    def point(self, line: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return what tells a line of the table from its others."""
        return tuple(line.get(name) for name in self.names)

    def point_of(self, problem: Problem) -> tuple[Any, ...]:
        """Return what tells the line of a problem from those of the others."""
        return self.point(self.identity(problem))


def differing(lines: Sequence[Line]) -> tuple[str, ...]:
    """Return the columns in which lines differ."""
    names = dict.fromkeys(name for line in lines for name in line)
    return tuple(n for n in names if any(line.get(n) != lines[0].get(n) for line in lines))
