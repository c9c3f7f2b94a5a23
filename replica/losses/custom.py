"""A user-defined loss: a check that its prox is the minimum, and what it makes of points."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NoReturn

import numpy as np

from replica.arrays import Matrix, Vector
from replica.problem import Loss
from replica.quadrature.point_sets import check_sampled, complement
from replica.quadrature.point_sum import Solved
from replica.validation import invalid, unmasked

#: How much more sharply than the cross-entropy a loss may bend, as far as it costs little.
_SHARPNESS = {2: 1000.0, 3: 16.0}

#: Units of a loss are told apart by powers of this, up to the largest exponent: 2^±40.
_STEP, _MOST_STEPS = 2.0**10, 4

#: Differences for derivatives of a prox, and for the check that it is a minimum.
_DIFFERENCE, _MOVE = 1e-5, 1e-4

#: V of a prox that is inverted, in units of the loss, the most steps of that, and what is near.
_REACH, _RETURNS, _ARRIVED = 1e-2, 60, 1e-13


@dataclass(frozen=True)
class CustomPoints:
    """A user-defined loss at points, which must be solved all together.

    Attributes
    ----------
    loss : Loss
        What to average.
    colors : int
        C.

    Raises
    ------
    ValueError
        If the loss is not what `replica.Loss` asks for, or there are too many colours.
    """

    loss: Loss
    colors: int

    def __post_init__(self) -> None:
        # Before the loss is tried in every direction.
        check_sampled(self.colors)
        check_loss(self.loss, self.colors)

    @property
    def sharpness(self) -> float:
        """How much more sharply than the cross-entropy it may bend, as far as that costs little."""
        return _SHARPNESS.get(self.colors, 1.0)

    def solved(self, omega: Vector, V: float) -> Solved:
        """Return what the loss makes of the fields ω."""
        h = self.prox(omega, V)
        return Solved((h - omega) / V, _value(self.loss, h), None)

    def fresh(self, omega: Vector) -> Solved:
        """Return the same for V = 0: its force is that of the fields which the prox moves to ω."""
        V = _REACH / _unit(self.loss, self.colors)
        before = omega.copy()
        for _ in range(_RETURNS):
            missed = omega - self.prox(before, V)
            before += missed
            if np.abs(missed).max() <= _ARRIVED * V:
                break
        return Solved((omega - before) / V, _value(self.loss, omega), None)

    def prox(self, omega: Matrix, V: float) -> Matrix:
        """Return h at every point."""
        return _prox(self.loss, omega, V)

    def response_square(self, omega: Vector, V: float) -> Vector:
        """Return tr K² at every point, by differences."""
        squares = np.zeros(len(omega))
        basis = complement(omega.shape[1])
        for direction in _DIFFERENCE * basis:
            moved = _prox(self.loss, omega + direction, V) - _prox(self.loss, omega - direction, V)
            K = (direction / _DIFFERENCE - moved / (2 * _DIFFERENCE)) / V
            squares += ((K @ basis.T) ** 2).sum(axis=1)
        return squares

    def value(self, h: Matrix) -> Vector:
        """Return ℓ(e_1, h) at every point."""
        return _value(self.loss, h)

    def optimum(self, p: Matrix) -> Vector | None:
        """Return min_h Σ_a p_a ℓ(e_a, h) if the loss knows the minimum."""
        optimum = getattr(self.loss, "optimum", None)
        return None if optimum is None else _shaped(self.loss, "optimum", optimum(p), p.shape[:1])

    def expansion(self, colors: int) -> tuple[float, float]:
        """Return a and c of g = (a K0 e_1 - c ω)/(1 + cV) near ω = 0, to start from."""
        return _expansion(self.loss, colors)


@lru_cache(maxsize=64)
def check_loss(loss: Loss, colors: int) -> None:
    """Try a loss at a few points, and refuse it if its prox is not the minimum it should be.

    Raises
    ------
    ValueError
        If shapes are wrong, a number is not finite or the unit of the values beyond 1e-12 to
        1e12; if the value changes with a common shift of h or when colours
        other than the first are exchanged; or if h = prox(ω, V) can be improved: a convex ℓ
        has ℓ(h + d) + |h + d - ω|²/(2V) >= ℓ(h) + |h - ω|²/(2V) + |d|²/(2V) there.
    """
    rng = np.random.default_rng(colors)
    omega = 2.0 * rng.standard_normal((40, colors)) @ (np.eye(colors) - 1.0 / colors)
    basis = complement(colors)
    at = _value(loss, omega)
    if not np.isfinite(at).all():
        _wrong(loss, "value(h) that is finite")
    unit = _unit(loss, colors)
    same = 1e-8 * float(np.ptp(at)) + 1e-14 * float(np.abs(at).max())
    if not np.abs(_value(loss, omega + 1.7) - at).max() <= same:
        _wrong(loss, "value(h) that a common shift of h does not change")
    others = np.r_[0, np.roll(np.arange(1, colors), 1)]
    if not np.abs(_value(loss, omega[:, others]) - at).max() <= same:
        _wrong(loss, "value(h) for the first colour that treats the others alike")
    for V in (0.1 / unit, 1.0 / unit, 10.0 / unit):
        h = _prox(loss, omega, V)
        least = _value(loss, h) + ((h - omega) ** 2).sum(axis=1) / (2 * V)
        for move in np.concatenate([_MOVE * basis, -_MOVE * basis]):
            there = _value(loss, h + move) + ((h + move - omega) ** 2).sum(axis=1) / (2 * V)
            # Rounding, far below what the way back from an error of 1e-3 in h gains.
            gain = least + _MOVE**2 / (2 * V) - there
            if not np.all(gain < 1e-9 * _MOVE / V + 1e-13 * (unit + np.abs(least))):
                _wrong(loss, "convex value(h) whose prox minimises value(h) + |h - omega|²/(2V)")


def _unit(loss: Loss, colors: int) -> float:
    """Return about how much a loss varies: 1 if by something between 1/32 and 32.

    a times a loss is the same problem at a times λ, with V/a in the place of V.
    """
    fields = np.concatenate([np.eye(1, colors), -np.eye(1, colors)])
    spread = float(np.ptp(_value(loss, 2.0 * fields)))
    steps = round(math.log(spread, _STEP)) if 0.0 < spread < math.inf else 0
    if abs(steps) > _MOST_STEPS:
        _wrong(loss, f"value(h) that varies by 1e-12 to 1e12, not by {spread:.3g}")
    return _STEP**steps


def _expansion(loss: Loss, colors: int) -> tuple[float, float]:
    """Return a and c of g = (a K0 e_1 - c ω)/(1 + c V) near ω = 0, to start from."""
    unit, basis = _unit(loss, colors), complement(colors)
    V = 1e-3 / unit
    zero = np.zeros((1, colors))
    slope = float(_prox(loss, zero, V)[0, 0] / V) * colors / (colors - 1)
    step = 1e-2
    moved = _prox(loss, step * basis, V) - _prox(loss, -step * basis, V)
    kept = float((moved * basis).sum() / (2 * step * (colors - 1)))
    curvature = (1.0 - kept) / V
    # A loss that is flat or steep there is not described by its expansion.
    slope = slope if 1e-3 * unit < slope < 1e3 * unit else unit
    return slope, min(max(curvature, 0.1 * slope / colors), 1e3 * slope)


def _prox(loss: Loss, omega: Vector, V: float) -> Vector:
    return _shaped(loss, "prox", loss.prox(omega, V), omega.shape)


def _value(loss: Loss, h: Vector) -> Vector:
    """Return the values of the loss at fields h, checked."""
    return _shaped(loss, "value", loss.value(h), h.shape[:1])


def _shaped(loss: Loss, method: str, found: object, shape: tuple[int, ...]) -> Vector:
    """Return what a method of the loss found, checked."""
    allowed = f"a loss with {method}() that returns floats of shape {shape}"
    array = unmasked("loss", found, allowed)
    if array.shape != shape or not np.issubdtype(array.dtype, np.floating):
        _wrong(loss, f"{method}() that returns floats of shape {shape}, not {array.shape}")
    return array


def _wrong(loss: Loss, allowed: str) -> NoReturn:
    raise invalid("loss", loss, f"a loss with {allowed}")
