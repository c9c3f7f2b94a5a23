"""One row of given data: of one model, of a set of sequences, or of moments."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from replica.problem.data_model import DataModel
from replica.problem.row_couplings import GivenModel, RowCouplings, rows_of


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

    @classmethod
    def from_couplings(cls, couplings: Any, row: int, colors: int, beta: float) -> RowTokens:
        """Describe one row of one given Potts model, U = I.

        The prediction is for this row of this model: no average over couplings remains.

        Parameters
        ----------
        couplings : array (sites, sites)
            J, symmetric up to rounding, of three sites or more; the diagonal is ignored.
        row : int
            The masked site i, from 0 to L - 1: the true row is β J_i.
        colors : int
            C, from 2 to 100000.
        beta : float
            β, the inverse temperature.

        Returns
        -------
        RowTokens

        Raises
        ------
        ValueError
            If an argument is not allowed.
        """
        return cls(RowCouplings(GivenModel(couplings, colors, beta), row))

    @classmethod
    def rows_from_couplings(
        cls, couplings: Any, rows: Any, colors: int, beta: float
    ) -> tuple[RowTokens, ...]:
        """Describe many rows of one given Potts model, which share the work of its covariance.

        `couplings`, `colors` and `beta` are those of `from_couplings`; `rows` lists distinct
        sites, and None is all of them.

        Returns
        -------
        tuple of RowTokens

        Raises
        ------
        ValueError
            If an argument is not allowed.
        """
        return tuple(map(cls, rows_of(GivenModel(couplings, colors, beta), rows)))


def rows_of_matrix(
    matrix: Any, rows: Callable[[int], Iterable[int]], colors: int, beta: float
) -> tuple[RowTokens, ...]:
    """Return rows of one given model, as a command line describes them.

    Parameters
    ----------
    matrix : array (sites, sites)
        The couplings.
    rows : callable
        Returns the rows, given L.
    colors : int
        C.
    beta : float
        β.

    Raises
    ------
    ValueError
        If an argument is not allowed.
    """
    model = GivenModel(matrix, colors, beta)
    return tuple(map(RowTokens, rows_of(model, rows(model.sites))))
