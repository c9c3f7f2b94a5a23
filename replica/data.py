"""Descriptions of the data: what the sequences are, without any numerics."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

from replica.arguments import integer, real, refusal


class ParamagnetWarning(UserWarning):
    """The data may not be paramagnetic, and the theory then does not describe them."""


class DataModel:
    """What all descriptions of data have in common.

    Attributes
    ----------
    name : str
        Name on the command line and in tables.
    colors : int
        C, the number of values of a token, or of independent components.
    """

    name: ClassVar[str]
    colors: int


@dataclass(frozen=True)
class PottsTokens(DataModel):
    """Sequences of the Potts model with Gaussian couplings, J_ij = J_ji ~ N(0, 1/L).

    P(s) ∝ exp((β/2) Σ_{i≠j} J_ij s_i·s_j), in the paramagnetic phase |b| < 1, b = β/C.

    Parameters
    ----------
    colors : int
        C, the number of values a token takes, at least 2.
    beta : float
        β, the inverse temperature, with |β| < C.
    similarity : None
        U, the similarity of the colours; only the ordinary Potts model U = I so far.

    Raises
    ------
    ValueError
        If an argument lies outside its range.

    Warns
    -----
    ParamagnetWarning
        If |b| is so large that the paramagnet may have ended (see `safe_b`).
    """

    colors: int
    beta: float
    similarity: None = None

    name: ClassVar[str] = "potts"

    def __post_init__(self) -> None:
        object.__setattr__(self, "colors", integer("colors", self.colors, 2))
        object.__setattr__(self, "beta", _paramagnetic(self.beta, self.colors))
        if self.similarity is not None:
            raise refusal("similarity", self.similarity, "None, the ordinary Potts model")
        safe = safe_b(self.colors)
        if abs(self.b) > safe:
            warnings.warn(
                f"beta = {self.beta}: |beta|/colors = {abs(self.b):.3g} is above {safe:.3g}, "
                "from where on the sequences may order or freeze; the theory holds in the "
                "paramagnet only",
                ParamagnetWarning,
                stacklevel=3,
            )

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


#: Names of the data models on the command line and in tables.
DATA_MODELS: dict[str, type[DataModel]] = {PottsTokens.name: PottsTokens}


def _paramagnetic(beta: Any, colors: int) -> float:
    allowed = f"between -{colors} and {colors}, as the paramagnet needs |beta| < colors"
    value = real("beta", beta, allowed)
    if abs(value) >= colors:
        raise refusal("beta", beta, allowed)
    return value
