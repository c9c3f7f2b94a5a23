"""Averages over the fields of a row: what is averaged, how accurately, and by whom."""

from __future__ import annotations

import math
from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple, Protocol

from replica.arrays import Vector


class Accuracy(IntEnum):
    """COARSE to approach a solution, FINE to report it, FINER to bound the error of FINE."""

    COARSE = 0
    FINE = 1
    FINER = 2


#: Overlaps from here on are not a number that later arithmetic can carry.
HUGE = 1e30

#: Own overlap of a row so short that its losses are those of no row at all.
TINY_OVERLAP = 1e-30


class Averages(NamedTuple):
    """Averages over the fields ω and the masked token, per sample.

    With h = prox(ω) and g = (h - ω)/V, projected on each colour mode: overlap = E (e_y·g),
    energy = E |g|², response = -E tr ∂g/∂ω, one entry per mode; loss = E ℓ(e_y, h).
    """

    overlap: Vector
    energy: Vector
    response: Vector
    loss: float


class Rule(Protocol):
    """A quadrature rule fit for one region of the order parameters."""

    @property
    def common_error(self) -> float:
        """Relative error that the accuracies may share, which their difference hides."""

    def covers(self, m: Vector, q: Vector, V: Vector) -> bool:
        """Tell whether the rule is still fit at these order parameters."""

    def averages(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Averages:
        """Return the averages at these order parameters."""


def relative_difference(a: Iterable[float], b: Iterable[float]) -> float:
    """Return the largest |a - b|/|b|, where equal numbers, NaN among them, do not differ."""
    largest = 0.0
    for x, y in zip(a, b, strict=True):
        if x != y and not (math.isnan(x) and math.isnan(y)):
            largest = max(largest, abs(x - y) / abs(y) if y else math.inf)
    return largest
