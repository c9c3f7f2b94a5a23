"""Sequences of the Potts model, with or without a similarity of colours."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any, ClassVar

import numpy as np

from replica.arrays import Matrix
from replica.errors import ParamagnetWarning
from replica.immutable import keep
from replica.notices import tell
from replica.problem.data_model import DataModel, checked_colors
from replica.validation import invalid, numbers, real

#: Differences between the entries of a similarity, and entries, whose fourth powers are numbers.
LEAST_U, MOST_U = 1e-70, 1e70

#: How far from symmetric or uniform a similarity may be, relative to its differences.
_EQUAL = 1e-9

#: Share of the largest entry below which what tells colours apart is outweighed by the rest.
_OUTWEIGHED = 0.125


@dataclass(frozen=True)
class PottsTokens(DataModel):
    """Sequences of the Potts model with Gaussian couplings, J_ij = J_ji ~ N(0, 1/L).

    P(s) ∝ exp((β/2) Σ_{i≠j} J_ij s_i·U s_j), in the paramagnetic phase |b u| < 1, b = β/C, for
    every eigenvalue u of U but that of (1, ..., 1); U = I unless given.

    Parameters
    ----------
    colors : int
        C, the number of values a token takes, from 2 to 100000.
    beta : float
        β, the inverse temperature, with |β u| < C for every such u.
    similarity : array (colors, colors), optional
        U, symmetric, the similarity of the colours in s_i·U s_j; None is U = I. The
        paramagnet must be uniform: U 1 ∝ 1, and (U K0 U)_aa the same for every colour a, as
        for every circulant U. A number common to all entries changes nothing.

    Raises
    ------
    ValueError
        If an argument lies outside its range.

    Warns
    -----
    ParamagnetWarning
        If |b| is so large that the paramagnet may have ended: from 0.95 on with up to four
        colours, for less with more of them.
    """

    colors: int
    beta: float
    similarity: Any = None

    name: ClassVar[str] = "potts"

    def __post_init__(self) -> None:
        keep(self, colors=checked_colors(self.colors, 2))
        keep(self, similarity=_uniform(self.similarity, self.colors))
        strongest = _strongest(self.similarity)
        keep(self, beta=_paramagnetic(self.beta, self.colors, strongest))
        safe, b = safe_b(self.colors), abs(self.b) * strongest
        if b > safe:
            tell(
                f"beta = {self.beta}: |b| = |beta u|/colors = {b:.3g} is above {safe:.3g}, "
                "from where on the sequences may order or freeze; the theory holds in the "
                "paramagnet only",
                ParamagnetWarning,
                stacklevel=3,
            )

    def check_custom_loss(self, loss: Any) -> None:
        """Raise ValueError if there is a similarity."""
        if self.similarity is not None:
            allowed = "None with a loss of your own, which knows one variance of the fields"
            raise invalid("similarity", self.similarity, allowed)

    def columns(self) -> dict[str, Any]:
        """Return the columns of these data in a table, U among them unless it is I."""
        columns = super().columns()
        if self.similarity is not None:
            columns["similarity"] = _similarity_text(self.similarity)
        return columns

    @property
    def b(self) -> float:
        """The reduced coupling b = β/C; the paramagnet is locally stable for |b| < 1."""
        return self.beta / self.colors

    @property
    def teacher_norm2(self) -> float:
        """|w*|² = β² of a teacher row w* = β J_i, for L → ∞."""
        return self.beta**2


@lru_cache(maxsize=256)
def safe_b(colors: int) -> float:
    """Return the |b| up to which the paramagnet is safe.

    Up to four colours it ends at the glass transition |b| = 1. With more, one colour takes
    over before: a state in which the colours have frequencies x beats the paramagnet, by
    Jensen's bound on its free energy, at no smaller b² than

    (4/C²) (log C + Σ x log x) / (S (1 - S) - (1 - 1/C)/C),   S = Σ x²,

    and the smallest value over one enriched colour is the bound (THEORY.md, section 1).
    """
    smallest = 0.95**2
    for i in range(1, 1000):
        x = 1.0 / colors + (1.0 - 1.0 / colors) * i / 1000
        other = (1.0 - x) / (colors - 1)
        order = math.log(colors) + x * math.log(x) + (1.0 - x) * math.log(other)
        square = x * x + (1.0 - x) * other
        gain = square * (1.0 - square) - (1.0 - 1.0 / colors) / colors
        if gain > 0.0:
            smallest = min(smallest, 4.0 * order / (gain * colors**2))
    return math.sqrt(smallest)


def _uniform(similarity: Any, colors: int) -> tuple[tuple[float, ...], ...] | None:
    """Return U as nested tuples, or None for U = I."""
    if similarity is None:
        return None
    allowed = f"a symmetric matrix of {colors} x {colors} finite numbers"
    U = numbers("similarity", similarity, allowed)
    if U.shape != (colors, colors):
        raise invalid("similarity", similarity, allowed)
    if np.abs(U).max() > MOST_U:
        raise invalid("similarity", similarity, f"of entries up to {MOST_U:g} in size")
    if np.array_equal(U, np.eye(colors)):
        return None
    apart, rounding = distinctions(U)
    size = float(np.abs(apart).max())
    if np.abs(U - U.T).max() > _EQUAL * size + rounding:
        raise invalid("similarity", similarity, allowed)
    least = max(LEAST_U, rounding)
    if np.ptp(U) > 0.0 and size < least:
        allowed = f"of entries that differ by {least:.3g} or more, beyond their rounding"
        raise invalid("similarity", similarity, allowed)
    several = colors * rounding
    if np.ptp(apart.sum(axis=1)) > _EQUAL * size + several:
        raise invalid("similarity", similarity, "of equal row sums, for a uniform paramagnet")
    centred = apart - apart.mean(axis=0)
    if np.ptp((centred**2).sum(axis=0)) > _EQUAL * size**2 + (2 * size + several) * several:
        allowed = "such that all (U K0 U)_aa are equal, for a uniform paramagnet"
        raise invalid("similarity", similarity, allowed)
    # What rounding has left of an asymmetry is no property of the colours.
    return tuple(tuple(row) for row in ((U + U.T) / 2).tolist())


def distinctions(U: Matrix) -> tuple[Matrix, float]:
    """Return U without what outweighs the rest in all its entries, and how far these are rounded.

    U and U + s describe the same tokens. Where s is large, the entries hold the rest to their own
    rounding error only, and sums of them to less: s goes first. A small one costs nothing.
    """
    largest = float(np.abs(U).max())
    apart = U - U.mean()
    apart -= apart.mean()
    outweighed = np.abs(apart).max() < _OUTWEIGHED * largest
    return (apart if outweighed else U), 4.0 * np.finfo(float).eps * largest


def _similarity_text(similarity: tuple[tuple[float, ...], ...]) -> str:
    """Return a circulant U by its first row, as text, and any other by a digest."""
    # A zero has no sign here.
    U = np.array(similarity) + 0.0
    if all(np.array_equal(row, np.roll(U[0], i)) for i, row in enumerate(U)):
        return "circulant:" + ";".join(repr(u).removesuffix(".0") for u in U[0].tolist())
    return "sha256:" + sha256(U.astype("<f8").tobytes()).hexdigest()[:16]


def _strongest(similarity: Any) -> float:
    """Return the largest |u| of the eigenvalues of U beyond that of 1."""
    if similarity is None:
        return 1.0
    apart, rounding = distinctions(np.array(similarity))
    strongest = float(np.abs(np.linalg.eigvalsh(apart - apart.mean())).max())
    # What remains of equal entries is rounding: they tell no colours apart, at any β.
    return strongest if strongest > rounding else 1e-300


def _paramagnetic(beta: Any, colors: int, strongest: float) -> float:
    most = colors / strongest
    reason = "|beta| < colors" if strongest == 1.0 else "|beta u| < colors for every u of U"
    allowed = f"between -{most:.6g} and {most:.6g}, as the paramagnet needs {reason}"
    value = real("beta", beta, allowed)
    if abs(value) >= most:
        raise invalid("beta", beta, allowed)
    return value
