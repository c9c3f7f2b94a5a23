"""Whether a loss of the user's falls for ever in the cone of right guesses, and nowhere else."""

from __future__ import annotations

import numpy as np

from replica.arrays import Matrix, Vector
from replica.losses.custom import CustomPoints
from replica.problem import Loss

#: How far out a loss is followed, and the slope, relative to that of a wrong guess, that is none.
_FAR, _LEVEL = 1e6, 1e-4

#: Directions that are tried, and how far off the edge of the cone these are at least.
_DIRECTIONS, _OFF = 400, 0.02


def falls_in_the_cone(loss: Loss, colors: int) -> bool:
    """Tell whether a loss has the recession cone h_1 >= h_a for all a, like the cross-entropy.

    Without weight decay there are minimisers, and not at any distance, if and only if along no
    direction of the row all samples stay in the recession cones of their losses: what the losses
    are within does not count (Rockafellar, Convex Analysis, theorem 27.1). Slopes are measured far
    beyond where a loss bends, in units of those near the origin.

    Raises
    ------
    ValueError
        If the loss is not what `replica.Loss` asks for.
    """
    points = CustomPoints(loss, colors)
    directions = np.random.default_rng(colors).standard_normal((_DIRECTIONS, colors))
    # As many right guesses as wrong ones, and some of each with several components alike.
    directions[::2, 0] = directions[::2].max(axis=1) + np.abs(directions[::2, 0])
    directions[1::4, 2:] = directions[1::4, 1:2]
    directions -= directions.mean(axis=1, keepdims=True)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    ahead = directions[:, 0] - directions[:, 1:].max(axis=1)
    right, wrong = directions[ahead > _OFF], directions[ahead < -_OFF]
    with np.errstate(over="ignore", invalid="ignore"):
        near, far, level = (
            _slope(points, *each) for each in ((wrong, 1.0), (wrong, _FAR), (right, _FAR))
        )
    none = _LEVEL * near.max()
    # Infinite values have no slope: they are beyond any.
    return bool(none > 0.0 and not (far <= 10.0 * none).any() and np.abs(level).max() <= none)


def _slope(points: CustomPoints, directions: Matrix, distance: float) -> Vector:
    """Return how much the loss grows per length between a distance and twice as far."""
    once, twice = (points.value(distance * k * directions) for k in (1.0, 2.0))
    return (twice - once) / distance
