"""Fixed points of maps of many coordinates, by Anderson's acceleration."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from replica.arrays import Matrix, Vector
from replica.saddle_point.fixed_point import FixedPoint, largest
from replica.saddle_point.status import Status

#: Steps that are remembered, and the furthest that any coordinate moves in one.
_REMEMBERED, _LONGEST_STEP = 8, 1.5

#: Changes of the gap, relative to the largest, that tell nothing.
_ALIKE = 1e-10

#: Halvings of a step that leaves the domain of F, and a coordinate beyond which it diverges.
_HALVINGS, _FAR = 10, 1e4

#: Gaps of this size may be all rounding; steps without gain before they count as that.
_STALLED, _PATIENCE = 1e-10, 4


@dataclass(frozen=True)
class Memory:
    """The inverse of the derivative of the gap F(x) - x, as far as steps have told it.

    Across what they have not told the derivative counts as -1, which makes a plain iteration.

    Attributes
    ----------
    steps, changes : arrays (coordinates, steps)
        The last steps, and the changes of the gap along them.
    """

    steps: Matrix
    changes: Matrix

    @classmethod
    def empty(cls, size: int) -> Memory:
        """Return the memory of no step."""
        return cls(np.empty((size, 0)), np.empty((size, 0)))

    def with_step(self, step: Vector, change: Vector) -> Memory:
        """Return the memory with one step more, without the oldest if there are too many."""
        steps = np.column_stack([self.steps, step])[:, -_REMEMBERED:]
        return Memory(steps, np.column_stack([self.changes, change])[:, -_REMEMBERED:])

    def __matmul__(self, gap: Vector) -> Vector:
        """Return the inverse times a gap."""
        if not self.steps.shape[1]:
            return -gap
        shares = np.linalg.lstsq(self.changes, gap, rcond=_ALIKE)[0]
        return np.asarray((self.steps + self.changes) @ shares - gap)

    @property
    def norm(self) -> float:
        """About how much larger than a gap what it leads to can be."""
        if not self.steps.shape[1]:
            return 1.0
        # The norm of a product of a tall matrix and a wide one, which itself may be too large.
        wide = np.linalg.pinv(self.changes, rcond=_ALIKE)
        left, right = (
            np.asarray(np.linalg.qr(x, "r")) for x in (self.steps + self.changes, wide.T)
        )
        return 1.0 + float(np.linalg.norm(left @ right.T, 2))


def accelerate(
    function: Callable[[Vector], Vector],
    start: Vector,
    memory: Memory | None,
    tolerance: float,
    budget: Callable[[], int],
) -> FixedPoint:
    """Solve F(x) = x by Anderson's acceleration of the plain iteration.

    Parameters
    ----------
    function : callable
        F. Values that are not finite shorten the step; where even a short one ends in them, the
        search has diverged.
    start : array
        Where to begin.
    memory : Memory or None
        That of a search nearby, if there was one.
    tolerance : float
        Largest |F(x) - x| of a converged point; where rounding does not allow it, 1e-10 is enough.
    budget : callable
        Number of evaluations of F that are left.
    """
    x, known = start, Memory.empty(start.size) if memory is None else memory
    gap = function(x) - x
    idle, best = 0, math.inf
    while True:
        size = largest(gap)
        if not math.isfinite(size):
            return FixedPoint(x, gap, known, Status.NOT_FINITE)
        idle = idle + 1 if size >= best else 0
        best = min(best, size)
        if size < tolerance or (size < _STALLED and idle >= _PATIENCE):
            return FixedPoint(x, gap, known, Status.CONVERGED)
        if budget() <= 0:
            return FixedPoint(x, gap, known, Status.MAX_STEPS)
        step = -(known @ gap)
        if not largest(step) <= _LONGEST_STEP:
            # What the memory makes of a far point is worth less than a plain step.
            step = gap * min(1.0, _LONGEST_STEP / size)
        new_gap = function(x + step) - x - step
        for _ in range(_HALVINGS):
            if math.isfinite(largest(new_gap)) or budget() <= 0:
                break
            step = 0.5 * step
            new_gap = function(x + step) - x - step
        if not math.isfinite(largest(new_gap)) or largest(x + step) > _FAR:
            return FixedPoint(x, gap, known, Status.DIVERGED)
        known = known.with_step(step, new_gap - gap)
        x, gap = x + step, new_gap
