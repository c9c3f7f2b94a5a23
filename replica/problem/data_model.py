"""What all descriptions of data have in common: colours, losses, columns and ranges."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from replica.validation import integer, only

if TYPE_CHECKING:
    from typing_extensions import Self

#: Losses known by name.
LossName = Literal["cross-entropy", "squared-error"]

#: The largest parameters at which the theory was tried.
LARGEST_NORM, LARGEST_SHIFT, MOST_COLORS = 30.0, 1e6, 100_000


class DataModel:
    """What all descriptions of data have in common.

    Attributes
    ----------
    name : str
        Name on the command line and in tables.
    colors : int
        C, the number of values of a token, or of independent components.

    Examples
    --------
    >>> from replica import DataModel, PottsTokens
    >>> data = PottsTokens(colors=3, beta=1.5)
    >>> isinstance(data, DataModel), data.losses
    (True, ('cross-entropy', 'squared-error'))
    >>> data.at(beta=1.0).beta
    1.0
    """

    name: ClassVar[str]
    colors: int

    #: Losses that make sense for these data, the first where none is named.
    losses: ClassVar[tuple[LossName, ...]] = ("cross-entropy", "squared-error")

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the numbers and names that describe these data, which `at` can change."""
        return _parameters(type(self))  # type: ignore[arg-type]

    def at(self, **changes: Any) -> Self:
        """Return data of the same kind with some parameters changed.

        Raises
        ------
        TypeError
            If these data have no such parameter.
        ValueError
            If a value is not allowed.
        """
        only(f"{type(self).__name__}.at", changes, self.parameters)
        return replace(self, **changes)  # type: ignore[type-var]

    def check_custom_loss(self, loss: Any) -> None:
        """Raise ValueError if no user-defined loss makes sense for these data."""

    @property
    def largest_alpha(self) -> float:
        """The largest sample ratio of which something is known."""
        return math.inf

    def check_alpha(self, alpha: float) -> None:
        """Raise ValueError if nothing is known of so many samples of these data."""

    def columns(self) -> dict[str, Any]:
        """Return the columns of these data in a line of a table."""
        columns: dict[str, Any] = {"data": self.name}
        for name in _parameters(type(self)):  # type: ignore[arg-type]
            value = getattr(self, name)
            if isinstance(value, (float, int, str)) or np.isscalar(value):
                columns[name] = value
        return columns


@cache
def _parameters(model: type[Any]) -> tuple[str, ...]:
    """Return the names of the fields of data, which every line of a table asks for."""
    return tuple(field.name for field in fields(model))


def checked_colors(colors: Any, least: int) -> int:
    """Return the number of colours, or raise ValueError."""
    return integer("colors", colors, least, MOST_COLORS)
