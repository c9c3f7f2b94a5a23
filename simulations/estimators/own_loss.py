"""A loss of the user's, trained to the exact minimum."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from replica.validation import refusal, unmasked
from simulations.estimators.curvature import Curvature
from simulations.estimators.lbfgs import Minimum, clear_rounding, minimise
from simulations.kernels.local_fields import local_fields
from simulations.tokens import Floats, Tokens

#: Numbers in the largest array that is made.
_LARGEST = 8_000_000

#: Half the distance in z over which the gradient is compared with itself.
STEP = 1e-3

#: Slope along (1, …, 1), relative to the largest, that is none.
_BLIND = 1e-6


class OwnLoss(Protocol):
    """A convex loss of the user's as a simulation needs it, apart from the theory's.

    Arguments are arrays (..., colors): logits z, and probabilities p of the masked token, which
    are one-hot where it is known. A method `optimum(probabilities)` may return
    min_z Σ_a p_a ℓ(e_a, z), an array (...,).

    Attributes
    ----------
    name : str
        Name in tables, the same as that of the theory's object.
    """

    @property
    def name(self) -> str:
        """Name in tables."""

    def expected(self, fields: Floats, probabilities: Floats) -> Floats:
        """Return Σ_a p_a ℓ(e_a, z), an array (...,)."""

    def gradient(self, fields: Floats, probabilities: Floats) -> Floats:
        """Return its derivatives in z, an array (..., colors)."""


def checked_loss(loss: Any) -> OwnLoss:
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
        raise refusal("loss", loss, allowed)
    rng = np.random.default_rng(0)
    fields, move = rng.standard_normal((2, 5, 7, 3))
    probabilities = np.eye(3)[rng.integers(3, size=(5, 7))]
    checked = _Checked(loss)
    slope = checked.gradient(fields, probabilities)
    step = 1e-5 * move
    up, down = (checked.expected(fields + d, probabilities) for d in (step, -step))
    change = 2 * np.sum(slope * step, axis=-1)
    # In the unit of the loss, and as far as rounding lets a difference be known.
    error = 1e-4 * np.abs(change).max() + 1e-14 * np.abs(up).max()
    if not np.all(np.abs(up - down - change) <= 1e-3 * np.abs(change) + error):
        raise refusal("loss", loss, "a loss whose gradient() is the derivative of expected()")
    return checked


class _Checked:
    """A loss of the user's whose answers have the right shape, or are refused."""

    def __init__(self, loss: OwnLoss) -> None:
        self.name = loss.name
        self._loss = loss
        if callable(getattr(loss, "optimum", None)):
            self.optimum = self._optimum

    def expected(self, fields: Floats, probabilities: Floats) -> Floats:
        """Return Σ_a p_a ℓ(e_a, z), an array (...,)."""
        return self._shaped("expected", fields.shape[:-1], fields, probabilities)

    def gradient(self, fields: Floats, probabilities: Floats) -> Floats:
        """Return its derivatives in z, an array (..., colors)."""
        return self._shaped("gradient", fields.shape, fields, probabilities)

    def _optimum(self, probabilities: Floats) -> Floats:
        return self._shaped("optimum", probabilities.shape[:-1], probabilities)

    def _shaped(self, method: str, shape: tuple[int, ...], *arguments: Floats) -> Floats:
        allowed = f"a loss whose {method}() returns numbers of shape {shape}"
        found = unmasked("loss", getattr(self._loss, method)(*arguments), allowed)
        if found.shape != shape or found.dtype.kind not in "iuf":
            raise refusal("loss", self._loss, f"{allowed}, not {found.shape} of {found.dtype}")
        return found


def own_minimum(
    loss: OwnLoss,
    tokens: Tokens,
    values: Floats,
    decay: float,
    rows: NDArray[np.int64],
    tolerance: float,
    max_steps: int,
) -> Minimum:
    """Minimise Σ_μ ℓ(s_i^μ, Σ_j w_j U s_j^μ) + (decay/2) |w|² for every row i.

    Parameters
    ----------
    loss : OwnLoss
        ℓ.
    tokens : uint8 array (samples, sites)
        Training sequences.
    values : array (colors, colors)
        U.
    decay : float
        Weight decay, L λ.
    rows : int array (rows,)
        The sites i.
    tolerance, max_steps : float and int
        As in `train`.
    """
    samples, sites = tokens.shape
    colors = len(values)
    is_color = [(tokens == a).astype(float) for a in range(colors)]
    width = max(1, _LARGEST // (samples * colors))

    def objective(points: Floats, columns: NDArray[np.int64]) -> tuple[Floats, Floats]:
        value, slope = np.empty(len(columns)), np.empty_like(points)
        for first in range(0, len(columns), width):
            part = slice(first, first + width)
            targets = rows[columns[part]]
            seen = np.eye(colors)[tokens[:, targets]]
            fields = local_fields(tokens, np.ascontiguousarray(points[:, part].T), values)
            value[part] = np.sum(loss.expected(fields, seen), axis=0)
            costs = loss.gradient(fields, seen) @ values
            slope[:, part] = sum(is_color[a].T @ costs[:, :, a] for a in range(colors))
        slope += decay * points
        slope[rows[columns], np.arange(len(columns))] = 0.0
        return value + 0.5 * decay * np.einsum("jr,jr->r", points, points), slope

    inverse = Curvature(tokens, values, rows).preconditioner(_curvature(loss, colors), decay)
    start, columns = np.zeros((sites, len(rows))), np.arange(len(rows))
    first = objective(start, columns)
    steepest = np.abs(loss.gradient(np.zeros((1, colors)), np.eye(colors)[:1])).max()
    clear_rounding(first[1], np.finfo(float).eps * samples * np.abs(values).max() * steepest)
    return minimise(objective, inverse.solve, start, first, tolerance, max_steps, decay)


def curvature(loss: OwnLoss, fields: Floats, seen: Floats) -> Floats:
    """Return the second derivatives in z, an array (..., colors, colors), from differences."""
    bend = np.empty((*fields.shape, fields.shape[-1]))
    for a in range(fields.shape[-1]):
        step = np.zeros(fields.shape[-1])
        step[a] = STEP
        up, down = (loss.gradient(z, seen) for z in (fields + step, fields - step))
        bend[..., a] = (up - down) / (2 * STEP)
    return (bend + np.swapaxes(bend, -1, -2)) / 2


def flattest(bend: Floats, blind: bool) -> Floats:
    """Return the least of the eigenvalues, without that of (1, …, 1) if the loss is blind to it."""
    levels = np.linalg.eigvalsh(bend)[..., 1 if blind else 0]
    return np.asarray(np.maximum(levels, 0.0))


def sees_common_part(loss: OwnLoss, colors: int) -> bool:
    """Tell whether a loss changes with the part of z that is common to all colours."""
    rng = np.random.default_rng(0)
    fields, seen = rng.standard_normal((8, colors)), np.eye(colors)[rng.integers(colors, size=8)]
    slope = loss.gradient(fields, seen)
    return bool(np.abs(slope.sum(axis=-1)).max() > _BLIND * np.abs(slope).max())


def _curvature(loss: OwnLoss, colors: int) -> float:
    """Return about the curvature of the loss at z = 0, to start from."""
    seen, step = np.zeros(colors), np.zeros(colors)
    seen[0], step[-1] = 1.0, 1e-3
    change = loss.gradient(step, seen) - loss.gradient(-step, seen)
    # At least about a thousandth of the cross-entropy's, in the unit of the loss.
    least = 1e-3 * float(np.abs(loss.gradient(np.zeros(colors), seen)).max())
    return max(float(change[-1]) / 2e-3 * colors / (colors - 1), least) or 1e-3
