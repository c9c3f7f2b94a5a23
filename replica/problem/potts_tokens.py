"""Sequences of the Potts model: couplings and a pattern in them, temperature, similarity."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from replica.errors import ParamagnetWarning
from replica.immutable import keep
from replica.notices import tell
from replica.problem.coupling_laws import (
    CouplingLaw,
    CouplingsName,
    GaussianCouplings,
    coupling_law,
)
from replica.problem.data_model import DataModel, checked_colors
from replica.problem.paramagnet import doubtful, paramagnetic
from replica.problem.planted_pattern import doubtful_pattern, planted
from replica.problem.similarity import similarity_text, uniform_similarity
from replica.validation import invalid

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True)
class PottsTokens(DataModel):
    """Sequences of the Potts model, P(s) ∝ exp((β/2) Σ_{i≠j} J_ij s_i·U s_j).

    They are paramagnetic: with Gaussian couplings |b u| < 1, b = β/C, for every eigenvalue u of U
    but that of (1, ..., 1); U = I unless given.

    Parameters
    ----------
    colors : int
        C, the number of values a token takes, from 2 to 100000.
    beta : float
        β, the inverse temperature, with |β u| < C for every such u; with other couplings up to
        where the paramagnet becomes unstable, to a glass or to unequal colours, or its entropy
        vanishes (THEORY.md, section 12).
    similarity : array (colors, colors), optional
        U, symmetric, the similarity of the colours in s_i·U s_j; None is U = I. The
        paramagnet must be uniform: U 1 ∝ 1, and (U K0 U)_aa the same for every colour a, as
        for every circulant U; with other than Gaussian couplings also (U R(bU))_aa, R the
        R-transform of J. A number common to all entries changes nothing.
    couplings : str, optional
        The ensemble of J = Jᵀ. "gaussian": J_ij ~ N(0, 1/L). "orthogonal": J = O diag(±1) Oᵀ, O
        any rotation, half of the signs each. "hopfield:RATIO": J = X Xᵀ/L, X of RATIO L columns
        of normal numbers. Its diagonal changes no probability and is left out.
    spike : float, optional
        θ, 0 or greater, less than C/β if β > 0: the strength of a pattern v of random signs in
        Gaussian couplings, J + (θ/L) v vᵀ, for U = I. Of a row it is too small a part to be
        noticed, in the whole matrix it stands out (THEORY.md, section 19).

    Raises
    ------
    ValueError
        If an argument lies outside its range.

    Warns
    -----
    ParamagnetWarning
        If |b| is so large that the paramagnet may have ended: with Gaussian couplings from 0.95
        on with up to four colours, for less with more of them; and if bθ is.

    Examples
    --------
    >>> from replica import PottsTokens
    >>> PottsTokens(colors=3, beta=1.5).b
    0.5
    >>> PottsTokens(3, 1.5, couplings="hopfield:0.5").teacher_norm2
    1.125
    """

    colors: int
    beta: float
    similarity: Any = None
    couplings: CouplingsName = "gaussian"
    # No prediction for a row depends on it.
    spike: float = field(default=0.0, metadata={"seen by rows": False})

    name: ClassVar[str] = "potts"

    if TYPE_CHECKING:

        def at(  # type: ignore[override]
            self,
            *,
            colors: int = ...,
            beta: float = ...,
            similarity: Any = ...,
            couplings: CouplingsName = ...,
            spike: float = ...,
        ) -> Self:
            """Return the same data with some parameters changed."""
            ...

    def __post_init__(self) -> None:
        keep(self, colors=checked_colors(self.colors, 2))
        keep(self, similarity=uniform_similarity(self.similarity, self.colors))
        keep(self, couplings=self.coupling_law.text)
        keep(self, beta=paramagnetic(self.beta, self.colors, self.similarity, self.coupling_law))
        law = self.coupling_law
        keep(self, spike=planted(self.spike, self.beta, self.colors, self.similarity, law))
        doubt = doubtful(self.beta, self.colors, self.similarity, law)
        doubt = doubt or doubtful_pattern(self.spike, self.beta, self.colors)
        if doubt:
            tell(f"beta = {self.beta}: {doubt}", ParamagnetWarning)

    def check_custom_loss(self, loss: Any) -> None:
        """Raise ValueError if there is a similarity."""
        if self.similarity is not None:
            allowed = "None with a loss of your own, which knows one variance of the fields"
            raise invalid("similarity", self.similarity, allowed)

    def columns(self) -> dict[str, Any]:
        """Return the columns of these data in a table, without what goes without saying."""
        columns = super().columns()
        if self.couplings == GaussianCouplings.text:
            del columns["couplings"]
        if self.spike == 0.0:
            del columns["spike"]
        if self.similarity is not None:
            columns["similarity"] = similarity_text(self.similarity)
        return columns

    @property
    def b(self) -> float:
        """The reduced coupling b = β/C; Gaussian couplings need |b| < 1."""
        return self.beta / self.colors

    @property
    def teacher_norm2(self) -> float:
        """|w*|² of a teacher row w* = β J_i, for L → ∞: β² times the mean squared eigenvalue."""
        return self.beta**2 * self.coupling_law.variance

    @property
    def coupling_law(self) -> CouplingLaw:
        """What the ensemble of couplings says of itself."""
        return coupling_law(self.couplings)
