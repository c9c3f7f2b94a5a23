"""The description of one learning problem, shared by theory and simulation."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

from numpy.typing import NDArray

from replica.arguments import non_negative, one_of, only, positive, refusal
from replica.data import DataModel
from replica.immutable import keep

#: Losses known by name.
LOSSES = ("cross-entropy", "squared-error")


class Loss(Protocol):
    """A convex loss of the user's, ℓ(y, h) of a masked token y and its logits h.

    A common shift of h must not change it, and no colour may be special: it is enough to know
    it where the first colour is the masked one. h and ω are arrays (points, colors). The solver
    remembers what it computed for a loss, which must therefore be hashable and not change.

    It may also have a method `optimum(probabilities)`, an array (points,) of
    min_h Σ_a p_a ℓ(e_a, h) for probabilities (points, colors); without it no optimal loss is
    known.

    Attributes
    ----------
    name : str
        Name in tables.
    """

    @property
    def name(self) -> str:
        """Name in tables."""

    def __hash__(self) -> int: ...

    def value(self, h: NDArray[Any]) -> NDArray[Any]:
        """Return ℓ(e_1, h), an array (points,)."""

    def prox(self, omega: NDArray[Any], V: float) -> NDArray[Any]:
        """Return the h that minimise ℓ(e_1, h) + |h - ω|²/(2V), an array (points, colors)."""


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
        cross-entropy, but for GaussianTokens the squared error. Or a loss of the user's, for
        PottsTokens without similarity, CustomTokens and IndependentTokens.

    Raises
    ------
    ValueError
        If an argument lies outside its range.
    """

    alpha: float
    lam: float
    data: DataModel
    # Never None once the problem is made.
    loss: str | Loss = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        keep(self, alpha=positive("alpha", self.alpha), lam=non_negative("lam", self.lam))
        if not isinstance(self.data, DataModel):
            raise refusal("data", self.data, "a data model such as PottsTokens(colors, beta)")
        if self.loss is None:
            keep(self, loss=self.data.losses[0])
        elif isinstance(self.loss, str):
            one_of("loss", self.loss, self.data.losses)
        else:
            _check_own(self.loss, self.data)

    @property
    def loss_name(self) -> str:
        """The name of the loss in tables."""
        return self.loss if isinstance(self.loss, str) else self.loss.name

    def at(self, **changes: Any) -> Problem:
        """Return the same problem with some fields changed.

        Parameters
        ----------
        **changes
            New values of alpha, lam, data or loss.

        Returns
        -------
        Problem

        Raises
        ------
        TypeError
            If a name is another one.
        ValueError
            If a value is not allowed.
        """
        only("Problem.at", changes, [field.name for field in fields(self)])
        return replace(self, **changes)


def _check_own(loss: Any, data: DataModel) -> None:
    """Refuse what is no loss of the user's, or data for which there can be none."""
    name = getattr(loss, "name", None)
    methods = (getattr(loss, method, None) for method in ("value", "prox"))
    if not isinstance(name, str) or not name or not all(map(callable, methods)):
        allowed = "one of " + ", ".join(data.losses) + ", or have name, value(h) and prox(omega, V)"
        raise refusal("loss", loss, allowed)
    if name in LOSSES:
        raise refusal("loss name", name, "another than " + " and ".join(LOSSES))
    try:
        hash(loss)
    except TypeError:
        raise refusal("loss", loss, "hashable, such as a frozen dataclass") from None
    if not data.own_losses:
        allowed = f"one of {', '.join(data.losses)} with {type(data).__name__}"
        raise refusal("loss", loss, allowed)
    similarity = getattr(data, "similarity", None)
    if similarity is not None:
        allowed = "None with a loss of your own, which knows one variance of the fields"
        raise refusal("similarity", similarity, allowed)
