"""Gaussian vectors in the place of tokens: ridge regression of one site on the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from replica.immutable import keep
from replica.problem.data_model import LARGEST_SHIFT, DataModel, LossName, checked_colors
from replica.validation import invalid, real, truth

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True)
class GaussianTokens(DataModel):
    """Each of C independent colours is a Gaussian vector over the sites.

    Its precision matrix is κ I + X, X from the Gaussian orthogonal ensemble with the semicircle
    law on [-2, 2]. To predict one site from the others is linear regression with M C samples,
    w*_j = -X_ij/κ and noise 1/κ. The others are drawn without the masked site, with the
    covariance G = (κ + X)^{-1} that knows nothing of w*; or, `joint`, together with it in
    whole sequences, where it correlates them along w*.

    Parameters
    ----------
    shift : float
        κ, greater than 2, at most 1e6.
    colors : int
        C, from 1 to 100000.
    joint : bool
        Whether the others are drawn in whole sequences.

    Raises
    ------
    ValueError
        If an argument lies outside its range.

    Examples
    --------
    >>> from replica import GaussianTokens, Problem, solve
    >>> solution = solve(Problem(alpha=2.0, lam=0.1, data=GaussianTokens(shift=3.0, colors=2)))
    >>> solution.problem.loss, round(solution.test_loss, 4)
    ('squared-error', 0.4214)
    """

    shift: float
    colors: int = 1
    joint: bool = False

    name: ClassVar[str] = "gaussian"
    losses: ClassVar[tuple[LossName, ...]] = ("squared-error",)

    if TYPE_CHECKING:

        def at(  # type: ignore[override]
            self, *, shift: float = ..., colors: int = ..., joint: bool = ...
        ) -> Self:
            """Return the same data with some parameters changed."""
            ...

    def __post_init__(self) -> None:
        keep(self, colors=checked_colors(self.colors, 1))
        allowed = f"greater than 2, for a positive precision, and at most {LARGEST_SHIFT:g}"
        shift = real("shift", self.shift, allowed)
        if not 2.0 < shift <= LARGEST_SHIFT:
            raise invalid("shift", self.shift, allowed)
        keep(self, shift=shift, joint=truth("joint", self.joint))

    def check_custom_loss(self, loss: Any) -> None:
        """Raise ValueError: there is no masked token to have a loss."""
        raise invalid("loss", loss, f"one of {', '.join(self.losses)} with {type(self).__name__}")
