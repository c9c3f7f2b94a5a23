"""Covariances G of many variables, as their sample covariance asks for them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from replica.arrays import Matrix, Vector


class Population(Protocol):
    """The law of the eigenvalues G of a covariance.

    Attributes
    ----------
    supports : array (intervals, 2)
        Intervals without which there is no eigenvalue, in ascending order.
    mean, square : float
        <G> and <G²>.
    size : int
        Numbers that one evaluation at a point takes.
    """

    @property
    def supports(self) -> Matrix:
        """Intervals without which there is no eigenvalue."""

    @property
    def size(self) -> int:
        """Numbers that one evaluation at a point takes."""

    @property
    def mean(self) -> float:
        """The mean eigenvalue."""

    @property
    def square(self) -> float:
        """The mean squared eigenvalue."""

    def pull(self, h: Any) -> tuple[Any, Any]:
        """Return κ(h) = <G²/(h - G)> and κ'(h) of an array of numbers h outside the supports."""


@dataclass(frozen=True)
class SemicirclePopulation:
    """G = 1/(a + c x), x of the semicircle law on [-2, 2].

    Parameters
    ----------
    a, c : float
        a is greater than 2|c|; c = 0 is one eigenvalue.
    """

    a: float
    c: float

    size: ClassVar[int] = 1

    @property
    def supports(self) -> Matrix:
        """From 1/(a + 2|c|) to 1/(a - 2|c|)."""
        width = 2.0 * abs(self.c)
        return np.array([[1.0 / (self.a + width), 1.0 / (self.a - width)]])

    @property
    def mean(self) -> float:
        """<G> = 2/(a + √(a² - 4c²))."""
        return 2.0 / (self.a + math.sqrt(self.a**2 - 4.0 * self.c**2))

    @property
    def square(self) -> float:
        """<G²> = -d<G>/da."""
        return self.mean / math.sqrt(self.a**2 - 4.0 * self.c**2)

    def pull(self, h: Any) -> tuple[Any, Any]:
        """Return κ = -τ - <G> and κ', with 1/h = a + c²τ + 1/τ and |cτ| < 1."""
        h = np.asarray(h)
        tau = self.resolved(h)
        slope = -(tau**2) / (h**2 * (1.0 - (self.c * tau) ** 2))
        return -tau - self.mean, slope

    def at(self, x: float) -> float:
        """Return the G of an x, within the semicircle or beyond."""
        return 1.0 / (self.a + self.c * x)

    def strength(self, h: float) -> float:
        """Return the θ of a pattern, beyond 1 in size, whose x = θ + 1/θ has G = h."""
        return float(1.0 / (self.c * self.resolved(h)))

    def resolved(self, h: Any) -> Any:
        """Return τ(h) = h <G/(G - h)>: c τ is the semicircle's resolvent at (1/h - a)/c."""
        apart = 1.0 / h - self.a
        return 2.0 / (apart * (1.0 + np.sqrt(1.0 - (2.0 * self.c / apart) ** 2)))

    def seen_from(self, r: Any) -> tuple[Any, Any]:
        """Return φ = <G/(G - r)> and its derivative by r: φ = 1 + a r φ + (c r φ)²."""
        apart, c2 = 1.0 - self.a * r, self.c**2
        phi = 2.0 / (apart * (1.0 + np.sqrt(1.0 - (2.0 * self.c * r / apart) ** 2)))
        return phi, phi * (self.a + 2.0 * c2 * r * phi) / (apart - 2.0 * c2 * r * r * phi)


@dataclass(frozen=True, eq=False)
class Atoms:
    """Finitely many eigenvalues.

    Parameters
    ----------
    values, weights : arrays (atoms,)
        Different eigenvalues in ascending order, and their shares.
    """

    values: Vector
    weights: Vector

    @classmethod
    def of(cls, values: Vector, weights: Vector) -> Atoms:
        """Return eigenvalues in any order, with equal ones and such of no weight, as atoms."""
        distinct, place = np.unique(values[weights > 0.0], return_inverse=True)
        shares = np.bincount(place, weights[weights > 0.0])
        return cls(distinct, shares / shares.sum())

    @property
    def size(self) -> int:
        """One number for every atom."""
        return len(self.values)

    @property
    def supports(self) -> Matrix:
        """The eigenvalues themselves."""
        return np.stack([self.values, self.values], axis=1)

    @property
    def mean(self) -> float:
        """<G>."""
        return float(self.weights @ self.values)

    @property
    def square(self) -> float:
        """<G²>."""
        return float(self.weights @ self.values**2)

    def pull(self, h: Any) -> tuple[Any, Any]:
        """Return κ(h) and κ'(h)."""
        share = 1.0 / (np.asarray(h)[..., None] - self.values)
        weights = self.weights * self.values**2
        return share @ weights, -(share**2) @ weights
