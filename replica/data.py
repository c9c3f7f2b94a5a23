"""Descriptions of the data: what the sequences are, without any numerics."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any, ClassVar

from replica.arguments import integer, real, refusal


class GlassTransitionWarning(UserWarning):
    """The data are close to, or beyond, the glass transition, where the theory ends."""


@dataclass(frozen=True)
class PottsTokens:
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
    GlassTransitionWarning
        If |b| is so large that a glass transition is near (see `glass_bound`).
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
        if abs(self.b) > self.glass_bound:
            warnings.warn(
                f"beta = {self.beta}: |beta|/colors = {abs(self.b):.3g} is above "
                f"{self.glass_bound:.3g}, where a glass transition is near or passed; "
                "the theory holds in the paramagnet only",
                GlassTransitionWarning,
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

    @property
    def glass_bound(self) -> float:
        """|b| from which on a warning is due.

        Up to four colours the transition is continuous at |b| = 1. Beyond, it comes
        discontinuously and earlier; it cannot come later than the point
        b = 2 sqrt(log C / (C - 1)) where the entropy of the paramagnet,
        log C - β² (C - 1) / (4 C²) per site, would turn negative.
        """
        if self.colors <= 4:
            return 0.95
        return 0.85 * min(1.0, 2 * math.sqrt(math.log(self.colors) / (self.colors - 1)))


#: Names of the data models on the command line and in tables.
DATA_MODELS: dict[str, type[PottsTokens]] = {PottsTokens.name: PottsTokens}


def _paramagnetic(beta: Any, colors: int) -> float:
    allowed = f"between -{colors} and {colors}, as the paramagnet needs |beta| < colors"
    value = real("beta", beta, allowed)
    if abs(value) >= colors:
        raise refusal("beta", beta, allowed)
    return value
