"""The description of one learning problem, shared by theory and simulation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from replica.arguments import non_negative, one_of, positive, refusal
from replica.data import DataModel

#: Losses known by name.
LOSSES = ("cross-entropy", "squared-error")


@dataclass(frozen=True)
class Problem:
    """One row of factored attention, trained on M = α L sequences of L tokens at V = U.

    The row w minimises Σ_μ ℓ(s_i^μ, Σ_j w_j U s_j^μ) + (L λ / 2) |w|².

    Parameters
    ----------
    alpha : float
        Sample ratio α = M / L, greater than 0.
    lam : float
        Weight decay λ, 0 or greater.
    data : DataModel
        What the sequences are.
    loss : str
        "cross-entropy" or "squared-error", one of `data.losses`.

    Raises
    ------
    ValueError
        If an argument lies outside its range.
    """

    alpha: float
    lam: float
    data: DataModel
    loss: str = "cross-entropy"

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", positive("alpha", self.alpha))
        object.__setattr__(self, "lam", non_negative("lam", self.lam))
        if not isinstance(self.data, DataModel):
            raise refusal("data", self.data, "a data model such as PottsTokens(colors, beta)")
        one_of("loss", self.loss, self.data.losses)

    def at(self, **changes: Any) -> Problem:
        """Return the same problem with some fields changed."""
        return replace(self, **changes)
