"""What a loss must offer, and the check of a user-defined one."""

from __future__ import annotations

from typing import Any, Protocol, get_args

from numpy.typing import NDArray

from replica.problem.data_model import DataModel, LossName
from replica.validation import invalid

#: Losses known by name.
LOSSES: tuple[LossName, ...] = get_args(LossName)


class Loss(Protocol):
    """A convex, user-defined loss ℓ(y, h) of a masked token y and its logits h.

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

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> from replica import PottsTokens, Problem, solve
    >>> @dataclass(frozen=True)
    ... class Quadratic:
    ...     name = "quadratic"
    ...     def value(self, h):
    ...         h = h - h.mean(axis=-1, keepdims=True)
    ...         return 0.5 * ((h - self.target(h)) ** 2).sum(axis=-1)
    ...     def prox(self, omega, V):
    ...         mean = omega.mean(axis=-1, keepdims=True)
    ...         return mean + (omega - mean + V * self.target(omega)) / (1 + V)
    ...     def target(self, h):
    ...         return np.eye(h.shape[-1])[0] - 1 / h.shape[-1]
    >>> own = solve(Problem(2.0, 0.1, PottsTokens(3, 1.5), Quadratic()))
    >>> round(own.test_loss, 4)
    0.3339
    >>> round(solve(own.problem.at(loss="squared-error")).test_loss, 4)
    0.3339
    """

    @property
    def name(self) -> str:
        """Name in tables."""

    def __hash__(self) -> int: ...

    def value(self, h: NDArray[Any]) -> NDArray[Any]:
        """Return ℓ(e_1, h), an array (points,)."""

    def prox(self, omega: NDArray[Any], V: float) -> NDArray[Any]:
        """Return the h that minimise ℓ(e_1, h) + |h - ω|²/(2V), an array (points, colors)."""


def check_custom_loss(loss: Any, data: DataModel) -> None:
    """Raise ValueError for what is no user-defined loss, or for data that can have none."""
    name = getattr(loss, "name", None)
    methods = (getattr(loss, method, None) for method in ("value", "prox"))
    if not isinstance(name, str) or not name or not all(map(callable, methods)):
        allowed = "one of " + ", ".join(data.losses) + ", or have name, value(h) and prox(omega, V)"
        raise invalid("loss", loss, allowed)
    if name in LOSSES:
        raise invalid("loss name", name, "another than " + " and ".join(LOSSES))
    try:
        hash(loss)
    except TypeError:
        raise invalid("loss", loss, "hashable, such as a frozen dataclass") from None
    data.check_custom_loss(loss)
