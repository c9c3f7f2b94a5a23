"""One row of given data: of one model, of a set of sequences, or of moments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from replica.problem.data_model import DataModel


class RowContext(Protocol):
    """What is given of a row; each kind has its file, and its ensemble is registered by its type.

    Attributes
    ----------
    name : str
        Name on the command line and in tables.
    colors : int
        C, the number of values of a token.
    """

    name: ClassVar[str]

    @property
    def colors(self) -> int:
        """C."""

    def columns(self) -> dict[str, Any]:
        """Return the columns of these data in a line of a table, but `data`."""

    def __hash__(self) -> int: ...


@dataclass(frozen=True)
class RowTokens(DataModel):
    """One row of given data, whatever is given of it.

    Parameters
    ----------
    context : RowContext
        What is given.
    """

    context: RowContext

    @property
    def name(self) -> str:  # type: ignore[override]
        """Name on the command line and in tables."""
        return self.context.name

    @property
    def colors(self) -> int:  # type: ignore[override]
        """C, the number of values of a token."""
        return self.context.colors

    def columns(self) -> dict[str, Any]:
        """Return the columns of these data in a line of a table."""
        return {"data": self.name, **self.context.columns()}
