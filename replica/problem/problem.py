"""One problem: data, loss, sample ratio and weight decay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from replica.immutable import keep
from replica.problem.coupling_laws import CouplingsName
from replica.problem.data_model import DataModel, LossName
from replica.problem.loss import Loss, check_custom_loss
from replica.problem.masking import Masking
from replica.validation import invalid, non_negative, one_of, only, positive, truth

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Changes(TypedDict, total=False):
    """What `Problem.at` takes, with the parameters of the data models that have names."""

    alpha: float
    lam: float
    data: DataModel
    loss: LossName | Loss
    bias: bool
    masking: Masking | None
    colors: int
    beta: float
    similarity: Any
    couplings: CouplingsName
    spike: float
    coupling_norm: float
    shift: float
    joint: bool


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
    loss : str or Loss, optional
        "cross-entropy" or "squared-error", one of `data.losses`; None is the first of them: the
        cross-entropy, but for GaussianTokens the squared error. Or a user-defined loss, for
        PottsTokens without similarity, CustomTokens and IndependentTokens.
    bias : bool, optional
        Whether the row has a bias in R^C, added to its fields and not decayed. Where all colours
        are equally frequent it changes nothing for L → ∞.
    masking : Masking, optional
        The tokens that are masked at once in training; None is one token at a time.

    Raises
    ------
    ValueError
        If an argument lies outside its range.

    Examples
    --------
    >>> from replica import PottsTokens, Problem
    >>> problem = Problem(alpha=2.0, lam=0.1, data=PottsTokens(colors=3, beta=1.5))
    >>> problem.loss
    'cross-entropy'
    >>> problem.at(lam=0.2, beta=1.0).data.beta
    1.0
    """

    alpha: float
    lam: float
    data: DataModel
    # Never None once the problem is made.
    loss: LossName | Loss = None  # type: ignore[assignment]
    bias: bool = False
    masking: Masking | None = None

    def __post_init__(self) -> None:
        alpha, lam = positive("alpha", self.alpha), non_negative("lam", self.lam)
        keep(self, alpha=alpha, lam=lam, bias=truth("bias", self.bias))
        if not isinstance(self.data, DataModel):
            raise invalid("data", self.data, "a data model such as PottsTokens(colors, beta)")
        self.data.check_alpha(self.alpha)
        if self.loss is None:
            keep(self, loss=self.data.losses[0])
        elif isinstance(self.loss, str):
            one_of("loss", self.loss, self.data.losses)
        else:
            check_custom_loss(self.loss, self.data)
        if self.masking is not None and not isinstance(self.masking, Masking):
            raise invalid("masking", self.masking, "None, or a Masking(rate, kind)")

    @property
    def loss_name(self) -> str:
        """The name of the loss in tables."""
        return self.loss if isinstance(self.loss, str) else self.loss.name

    def columns(self, without: str = "") -> dict[str, Any]:
        """Return what tells this problem from others on the line of a table.

        Parameters
        ----------
        without : str, optional
            The parameter that the line finds, as the best lam, or that nothing on it depends on.

        Returns
        -------
        dict
            Loss, the columns of the data, lam and alpha, by name.

        Raises
        ------
        ValueError
            If there is no such parameter.
        """
        told = {"loss": self.loss_name, **self.data.columns(), "lam": self.lam, "alpha": self.alpha}
        if self.bias:
            told["bias"] = True
        if self.masking is not None:
            told["masking"] = str(self.masking)
        if without:
            del told[one_of("without", without, told)]
        return told

    def at(self, **changes: Unpack[Changes]) -> Problem:
        """Return the same problem with some fields, or some parameters of its data, changed.

        Parameters
        ----------
        **changes
            New values of alpha, lam, data, loss, bias or masking, or of what describes the data, as
            beta and colors of PottsTokens.

        Returns
        -------
        Problem

        Raises
        ------
        TypeError
            If a name is another one.
        ValueError
            If a value is not allowed.

        Examples
        --------
        >>> from replica import PottsTokens, Problem
        >>> problem = Problem(alpha=2.0, lam=0.1, data=PottsTokens(colors=3, beta=1.5))
        >>> problem.at(lam=0.2, beta=1.0).data
        PottsTokens(colors=3, beta=1.0, similarity=None, couplings='gaussian', spike=0.0)
        """
        given: dict[str, Any] = {**changes}
        own = vars(self)
        of_data = {name: given.pop(name) for name in list(given) if name not in own}
        if of_data:
            data = given.get("data", self.data)
            described = data.parameters if isinstance(data, DataModel) else ()
            only("Problem.at", of_data, [*own, *described])
            given["data"] = data.at(**of_data)
        return type(self)(**{**own, **given})
