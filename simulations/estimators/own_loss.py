"""A loss of the user's, trained to the exact minimum."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from replica.validation import invalid, unmasked
from simulations.estimators.certificate import reviewed
from simulations.estimators.curvature import Curvature
from simulations.estimators.lbfgs import Minimum, clear_rounding, minimise
from simulations.estimators.objective import Loss, Rows
from simulations.estimators.recession import recession_direction
from simulations.kernels.local_fields import local_fields
from simulations.tokens import Floats, Tokens

#: Numbers in the largest array that is made.
_LARGEST = 8_000_000

#: Half the distance in z over which the gradient is compared with itself.
_STEP = 1e-3

#: Slope along (1, …, 1), relative to the largest, that is none.
_BLIND = 1e-6

#: Slopes along a direction, relative to the first, from where on they die out, and are none.
_DYING, _ENDED = 1e-4, 1e-10

#: Differences of fields, relative to the largest margin, that are none.
_ROUNDING = 1e-8

_EPSILON = float(np.finfo(float).eps)


class OwnLoss(Protocol):
    """A convex loss of the user's as a simulation needs it, apart from the theory's.

    Arguments are arrays (..., colors): logits z, and probabilities p of the masked token, which
    are one-hot where it is known. A method `optimum(probabilities)` may return
    min_z Σ_a p_a ℓ(e_a, z), an array (...,).

    Attributes
    ----------
    name : str
        Name in tables, the same as that of the theory's object.

    Examples
    --------
    >>> import numpy as np
    >>> from replica import PottsTokens
    >>> from simulations import PottsModel, sample, train
    >>> class Quadratic:
    ...     name = "quadratic"
    ...     def expected(self, z, p):
    ...         return 0.5 * (self.gradient(z, p) ** 2).sum(axis=-1)
    ...     def gradient(self, z, p):
    ...         return z - z.mean(axis=-1, keepdims=True) - p + 1 / p.shape[-1]
    >>> tokens = sample(PottsModel.random(PottsTokens(3, 1.5), 10, seed=0), 60, seed=1)
    >>> own = train(tokens, 3, lam=0.1, loss=Quadratic())
    >>> known = train(tokens, 3, lam=0.1, loss="squared-error")
    >>> bool(np.allclose(own.weights, known.weights, atol=1e-6))
    True
    """

    @property
    def name(self) -> str:
        """Name in tables."""

    def expected(self, fields: Floats, probabilities: Floats) -> Floats:
        """Return Σ_a p_a ℓ(e_a, z), an array (...,)."""

    def gradient(self, fields: Floats, probabilities: Floats) -> Floats:
        """Return its derivatives in z, an array (..., colors)."""


def checked_loss(loss: Any) -> OwnTraining:
    """Return a loss of the user's, or raise ValueError if it is none.

    The derivatives are compared with differences at a few points. Whatever the loss returns from
    then on is looked at: it has the shape that it should, and nothing in it is masked.
    """
    name = getattr(loss, "name", None)
    methods = (getattr(loss, method, None) for method in ("expected", "gradient"))
    if not isinstance(name, str) or not all(map(callable, methods)):
        allowed = (
            "cross-entropy, squared-error, or an object with name, expected(fields, "
            "probabilities) and gradient(fields, probabilities)"
        )
        raise invalid("loss", loss, allowed)
    rng = np.random.default_rng(0)
    fields, move = rng.standard_normal((2, 5, 7, 3))
    probabilities = np.eye(3)[rng.integers(3, size=(5, 7))]
    checked = OwnTraining(loss)
    slope = checked.gradient(fields, probabilities)
    step = 1e-5 * move
    up, down = (checked.expected(fields + d, probabilities) for d in (step, -step))
    change = 2 * np.sum(slope * step, axis=-1)
    # In the unit of the loss, and as far as rounding lets a difference be known.
    error = 1e-4 * np.abs(change).max() + 1e-14 * np.abs(up).max()
    if not np.all(np.abs(up - down - change) <= 1e-3 * np.abs(change) + error):
        raise invalid("loss", loss, "a loss whose gradient() is the derivative of expected()")
    return checked


class OwnTraining(Loss):
    """A loss of the user's as training needs it: answers of the right shape, or a refusal.

    Second derivatives are differences of the first.
    """

    may_end = True

    def __init__(self, loss: OwnLoss) -> None:
        self.name = loss.name
        self._loss = loss

    def expected(self, fields: Floats, probabilities: Floats) -> Floats:
        """Return Σ_a p_a ℓ(e_a, z), an array (...,)."""
        return self._shaped("expected", fields.shape[:-1], fields, probabilities)

    def gradient(self, fields: Floats, seen: Floats) -> Floats:
        """Return its derivatives in z, an array (..., colors)."""
        return self._shaped("gradient", fields.shape, fields, seen)

    def optimum(self, probabilities: Floats) -> Floats:
        """Return min_z Σ_a p_a ℓ(e_a, z), an array (...,); NaN if the loss does not tell."""
        shape = probabilities.shape[:-1]
        if not callable(getattr(self._loss, "optimum", None)):
            return np.full(shape, np.nan)
        return self._shaped("optimum", shape, probabilities)

    def curvature(self, fields: Floats, seen: Floats) -> Floats:
        """Return the second derivatives in z, an array (..., colors, colors), from differences."""
        bend = np.empty((*fields.shape, fields.shape[-1]))
        for a in range(fields.shape[-1]):
            step = np.zeros(fields.shape[-1])
            step[a] = _STEP
            up, down = (self.gradient(z, seen) for z in (fields + step, fields - step))
            bend[..., a] = (up - down) / (2 * _STEP)
        return (bend + np.swapaxes(bend, -1, -2)) / 2

    def curvature_error(self, colors: int) -> float:
        """Return the rounding error of second derivatives that are taken by differences."""
        first = np.eye(colors)[:1]
        steepest = float(np.abs(self.gradient(np.zeros_like(first), first)).max())
        return _EPSILON / _STEP * colors * steepest

    def flattest(self, fields: Floats, tokens: Tokens) -> Floats:
        """Return the least of the eigenvalues of the curvature in what the loss sees of z."""
        colors = fields.shape[-1]
        levels = np.linalg.eigvalsh(self.curvature(fields, np.eye(colors)[tokens]))
        least = np.maximum(levels[..., 0 if self.sees_common_part(colors) else 1], 0.0)
        return np.asarray(np.maximum(least - self.curvature_error(colors), 0.0))

    def numbers_per_token(self, colors: int) -> int:
        """Return the size of the curvature, of which the eigenvalues are taken."""
        return colors**2

    def sees_common_part(self, colors: int) -> bool:
        """Tell whether a slope along (1, …, 1) is found at a few points."""
        rng = np.random.default_rng(0)
        fields = rng.standard_normal((8, colors))
        seen = np.eye(colors)[rng.integers(colors, size=8)]
        slope = self.gradient(fields, seen)
        return bool(np.abs(slope.sum(axis=-1)).max() > _BLIND * np.abs(slope).max())

    def minimise(self, rows: Rows, tolerance: float, max_steps: int) -> Minimum:
        """Return the minima of rows, from w = 0 by quasi-Newton steps."""
        tokens, values, decay, colors = rows.tokens, rows.values, rows.decay, rows.colors
        samples, sites = tokens.shape
        is_color = [(tokens == a).astype(float) for a in range(values.shape[1])]
        width = max(1, _LARGEST // (samples * colors))

        def objective(points: Floats, columns: NDArray[np.int64]) -> tuple[Floats, Floats]:
            value, slope = np.empty(len(columns)), np.empty_like(points)
            for first in range(0, len(columns), width):
                part = slice(first, first + width)
                targets = rows.rows[columns[part]]
                seen = np.eye(colors)[tokens[:, targets]]
                fields = local_fields(tokens, np.ascontiguousarray(points[:, part].T), values)
                value[part] = np.sum(self.expected(fields, seen), axis=0)
                costs = self.gradient(fields, seen) @ values
                slope[:, part] = sum(seen.T @ costs[:, :, a] for a, seen in enumerate(is_color))
            slope += rows.pull(points)
            slope[rows.rows[columns], np.arange(len(columns))] = 0.0
            weights = points[: rows.sites]
            return value + 0.5 * decay * np.einsum("jr,jr->r", weights, weights), slope

        scale = self._curvature_at_zero(colors)
        inverse = Curvature(tokens, values, rows.rows).preconditioner(scale, decay)
        start, columns = np.zeros((sites, len(rows.rows))), np.arange(len(rows.rows))
        first = objective(start, columns)
        steepest = np.abs(self.gradient(np.zeros((1, colors)), np.eye(colors)[:1])).max()
        clear_rounding(first[1], np.finfo(float).eps * samples * np.abs(values).max() * steepest)
        convexity = 0.0 if rows.bias else decay
        found = minimise(objective, inverse.solve, start, first, tolerance, max_steps, convexity)
        return reviewed(rows, found, tolerance)

    def lacks_minimiser(self, rows: Rows, point: Floats, column: int) -> bool:
        """Tell whether the loss falls for ever along some direction.

        It need not: it is followed from w = 0 to see whether it rises again or comes to an end.
        """
        matrix = rows.margins(column)
        direction = recession_direction(matrix)
        if direction is None:
            return False
        entries = np.zeros(rows.tokens.shape[1] - 1)
        entries[len(entries) - len(direction) :] = direction / np.abs(matrix @ direction).max()
        along = rows.spread(entries, column)
        return self._recedes(rows, along, column)

    def _recedes(self, rows: Rows, along: Floats, column: int) -> bool:
        """Tell whether a loss falls for ever from w = 0 on, along a w whose largest margin is one.

        It must not rise, and that of some sequence must go on falling, or do so ever less: one that
        comes to an end, as a hinge does, is least from there on.
        """
        lengths = 1.2 ** np.arange(127) - 1
        fields = rows.fields(along[:, None])
        moved = np.ptp(fields, axis=-1)[:, 0] > _ROUNDING
        seen = rows.seen(np.full(len(lengths), column))
        answers = self.gradient(fields * lengths[:, None], seen)
        slopes = np.sum(answers * fields, axis=-1)[moved]
        first = np.abs(slopes[:, :1])
        if not np.all(slopes.sum(axis=0) <= _ENDED * first.sum()):
            return False
        dying = (-slopes > _ENDED * first) & (-slopes < _DYING * first)
        return bool(np.any(dying | (-slopes[:, -1:] > _ENDED * first)))

    def _curvature_at_zero(self, colors: int) -> float:
        """Return about the curvature at z = 0, to start from."""
        seen, step = np.zeros(colors), np.zeros(colors)
        seen[0], step[-1] = 1.0, 1e-3
        change = self.gradient(step, seen) - self.gradient(-step, seen)
        # At least about a thousandth of the cross-entropy's, in the unit of the loss.
        least = 1e-3 * float(np.abs(self.gradient(np.zeros(colors), seen)).max())
        return max(float(change[-1]) / 2e-3 * colors / (colors - 1), least) or 1e-3

    def _shaped(self, method: str, shape: tuple[int, ...], *arguments: Floats) -> Floats:
        allowed = f"a loss whose {method}() returns numbers of shape {shape}"
        found = unmasked("loss", getattr(self._loss, method)(*arguments), allowed)
        if found.shape != shape or found.dtype.kind not in "iuf":
            raise invalid("loss", self._loss, f"{allowed}, not {found.shape} of {found.dtype}")
        return found
