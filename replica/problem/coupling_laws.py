"""Ensembles of random couplings: what their R-transform says, and their names."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import numpy as np

from replica.validation import invalid, numeral

#: Names of ensembles; "hopfield:RATIO" has infinitely many.
CouplingsName = Literal["gaussian", "orthogonal"] | str

#: How ensembles are named.
NAMES = "gaussian, orthogonal, or hopfield:RATIO with a RATIO above 0 and up to 1e6"

#: The largest number of patterns per site.
_MOST_RATIO = 1e6


class CouplingLaw(Protocol):
    """An ensemble of couplings J whose eigenvectors are isotropic, without a diagonal.

    Its R-transform R says everything: averaged over J, exp(½ Σ_ij J_ij x_i·x_j) of a few vectors
    grows as exp(½ L tr ∫R) of their overlaps (THEORY.md, section 12).

    Attributes
    ----------
    text : str
        Name on the command line and in tables.
    variance : float
        The mean squared eigenvalue, which is |J_i|² of a row.
    spectrum : pair of float
        The ends of the spectrum of J.
    reach : pair of float
        The arguments of R at these ends, beyond which it is of no use.
    """

    @property
    def text(self) -> str:
        """Name on the command line and in tables."""

    @property
    def variance(self) -> float:
        """The mean squared eigenvalue."""

    @property
    def spectrum(self) -> tuple[float, float]:
        """The ends of the spectrum."""

    @property
    def reach(self) -> tuple[float, float]:
        """The arguments of R at these ends."""

    def r_transform(self, y: Any) -> Any:
        """Return R(y)."""

    def slope(self, y: Any) -> Any:
        """Return R'(y)."""

    def integral(self, y: Any) -> Any:
        """Return the integral of R from 0 to y."""

    def __hash__(self) -> int: ...


@dataclass(frozen=True)
class GaussianCouplings:
    """J_ij = J_ji ~ N(0, 1/L): R(y) = y."""

    text: ClassVar[str] = "gaussian"
    variance: ClassVar[float] = 1.0
    spectrum: ClassVar[tuple[float, float]] = (-2.0, 2.0)
    reach: ClassVar[tuple[float, float]] = (-1.0, 1.0)

    def r_transform(self, y: Any) -> Any:
        """Return R(y)."""
        return y

    def slope(self, y: Any) -> Any:
        """Return R'(y)."""
        return 1.0 + 0.0 * y

    def integral(self, y: Any) -> Any:
        """Return the integral of R from 0 to y."""
        return 0.5 * y * y


@dataclass(frozen=True)
class OrthogonalCouplings:
    """J = O diag(±1) Oᵀ, O any rotation, half of the signs each: R(y) = (√(1 + 4y²) - 1)/2y."""

    text: ClassVar[str] = "orthogonal"
    variance: ClassVar[float] = 1.0
    spectrum: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    reach: ClassVar[tuple[float, float]] = (-math.inf, math.inf)

    def r_transform(self, y: Any) -> Any:
        """Return R(y)."""
        return 2.0 * y / (1.0 + np.sqrt(1.0 + 4.0 * y * y))

    def slope(self, y: Any) -> Any:
        """Return R'(y)."""
        root = np.sqrt(1.0 + 4.0 * y * y)
        return 2.0 / (root * (1.0 + root))

    def integral(self, y: Any) -> Any:
        """Return the integral of R from 0 to y."""
        root = np.sqrt(1.0 + 4.0 * y * y)
        more = 2.0 * y * y / (1.0 + root)
        return more - 0.5 * np.log1p(more)


@dataclass(frozen=True)
class HopfieldCouplings:
    """J = X Xᵀ/L without its diagonal, X of L x γL normal numbers: R(y) = γy/(1 - y), y < 1.

    Parameters
    ----------
    ratio : float
        γ, the number of patterns per site.
    """

    ratio: float

    @property
    def text(self) -> str:
        """Name on the command line and in tables."""
        return "hopfield:" + repr(self.ratio).removesuffix(".0")

    @property
    def variance(self) -> float:
        """The mean squared eigenvalue."""
        return self.ratio

    @property
    def spectrum(self) -> tuple[float, float]:
        """The ends of the spectrum; below γ = 1 the lower one is that of no pattern at all."""
        root = math.sqrt(self.ratio)
        return (1.0 - 2.0 * root if root > 1.0 else -self.ratio), 1.0 + 2.0 * root

    @property
    def reach(self) -> tuple[float, float]:
        """The arguments of R at these ends."""
        root = math.sqrt(self.ratio)
        return (-1.0 / (root - 1.0) if root > 1.0 else -math.inf), 1.0 / (1.0 + root)

    def r_transform(self, y: Any) -> Any:
        """Return R(y)."""
        return self.ratio * y / (1.0 - y)

    def slope(self, y: Any) -> Any:
        """Return R'(y)."""
        return self.ratio / (1.0 - y) ** 2

    def integral(self, y: Any) -> Any:
        """Return the integral of R from 0 to y."""
        return -self.ratio * (y + np.log1p(-y))


def coupling_law(name: Any) -> CouplingLaw:
    """Return the ensemble of a name such as "hopfield:0.5", or raise ValueError."""
    for law in (GaussianCouplings(), OrthogonalCouplings()):
        if isinstance(name, str) and name == law.text:
            return law
    kind, _, ratio = name.partition(":") if isinstance(name, str) else ("", "", "")
    value = numeral(ratio) if kind == "hopfield" else None
    if value is None or not 0 < value <= _MOST_RATIO:
        raise invalid("couplings", name, NAMES)
    return HopfieldCouplings(float(value))
