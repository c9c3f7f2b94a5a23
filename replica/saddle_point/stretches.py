"""Grids in parts that are solved on their own, wherever and in whatever order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

from replica.execution.threads import spare_threads
from replica.problem import Problem

Point = TypeVar("Point")

#: Of curves side by side: the points of a stretch, about, the fewest stretches abreast, of two
#: curves at least, and the curves of one where each has many points. The first curve costs more
#: than those beside it.
_POINTS, _ABREAST, _CURVES = 120, 8, 4


def stretches(curves: Sequence[Sequence[Point]], alone: int | None = None) -> list[list[Point]]:
    """Return the points of curves in stretches, in the order in which they lead to one another.

    A stretch holds points of one curve, or of several that lie side by side, curve by curve. It
    depends on the grid alone, so that the numbers do not depend on where they are computed.

    Parameters
    ----------
    curves : sequence of sequences
        Points in ascending order of alpha.
    alone : int, optional
        The most points of a stretch of one curve; all by default.
    """
    longest = max(map(len, curves), default=0)
    width = min(len(curves) // _ABREAST, max(_CURVES, _POINTS // max(longest, 1)))
    if width < 2:
        width, length = 1, alone or longest
    else:
        pieces = math.ceil(longest * width / _POINTS)
        length = math.ceil(longest / max(pieces, 1))
    return [
        stretch
        for first in range(0, len(curves), width)
        for start in range(0, longest, max(length, 1))
        if (
            stretch := [p for c in curves[first : first + width] for p in c[start : start + length]]
        )
    ]


def threads_for(problems: Sequence[Problem]) -> int:
    """Return the number of threads that problems are solved in where nobody asks for one.

    One curve takes one. A loss of the user's keeps the interpreter busy, and need not bear several.
    """
    built_in = all(isinstance(each.loss, str) for each in problems)
    curves = any(not differ_in_alpha_only(each, problems[0]) for each in problems)
    return spare_threads() if built_in and curves else 1


def differ_in_alpha_only(one: Problem, other: Problem) -> bool:
    """Tell whether two problems share all that their fixed points start from."""
    names = ("data", "loss", "lam", "bias", "masking")
    pairs = ((getattr(one, name), getattr(other, name)) for name in names)
    return all(a is b or a == b for a, b in pairs)
