"""Independent tokens, of which the masked one alone depends on the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from replica.immutable import keep
from replica.problem.data_model import LARGEST_NORM, DataModel, checked_colors
from replica.validation import invalid, real

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True)
class IndependentTokens(DataModel):
    """Independent uniform tokens, of which the masked one alone depends on the others.

    P(s_i = e_a | others) = softmax_a(ν), ν = Σ_j w*_j s_j, where w*_j ~ N(0, |w*|²/L): the
    teacher and student of multinomial regression.

    Parameters
    ----------
    colors : int
        C, the number of values a token takes, from 2 to 100000.
    coupling_norm : float
        |w*|, from 0 to 30; beyond, averages over the fields take minutes.

    Raises
    ------
    ValueError
        If an argument lies outside its range.

    Examples
    --------
    >>> from replica import IndependentTokens, Problem, solve
    >>> data = IndependentTokens(colors=3, coupling_norm=2.0)
    >>> round(solve(Problem(alpha=2.0, lam=0.1, data=data)).test_loss, 4)
    1.0059
    """

    colors: int
    coupling_norm: float

    name: ClassVar[str] = "independent"

    if TYPE_CHECKING:

        def at(  # type: ignore[override]
            self, *, colors: int = ..., coupling_norm: float = ...
        ) -> Self:
            """Return the same data with some parameters changed."""
            ...

    def __post_init__(self) -> None:
        keep(self, colors=checked_colors(self.colors, 2))
        allowed = f"a number from 0 to {LARGEST_NORM:g}"
        norm = real("coupling_norm", self.coupling_norm, allowed)
        if not 0.0 <= norm <= LARGEST_NORM:
            raise invalid("coupling_norm", self.coupling_norm, allowed)
        keep(self, coupling_norm=norm)
