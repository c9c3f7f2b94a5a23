"""One row of given data: of one model, of a set of sequences, or of moments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from replica.problem.data_model import DataModel
from replica.problem.row_moments import RowMoments


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
    def from_moments(
        cls,
        frequencies: Any,
        means: Any,
        covariance: Any,
        teacher: Any = None,
        field: Any = None,
    ) -> RowTokens:
        """Describe a row by the moments of its inputs F_j = U s_j given the masked token y.

        Whatever else is true of the sequences, for L → ∞ the theory needs no more.

        Parameters
        ----------
        frequencies : array (colors,)
            P(y = a), greater than 0, with the sum 1.
        means : array (colors, sites - 1, colors)
            E[F_j | y = a], first a, then j.
        covariance : array (sites - 1, colors, sites - 1, colors), or one more axis in front
            Cov(F_j, F_k | y = a): the same for all a, or one for each a. It may be singular.
        teacher : array (sites - 1,), optional
            The true row w*, where P(y = a | s) = softmax_a(Σ_j w*_j F_j + field). Without it
            optimal loss and coupling error are not known, and NaN.
        field : array (colors,), optional
            The field of the masked site in it; zeros, if it is not given.

        Returns
        -------
        RowTokens

        Raises
        ------
        ValueError
            If an argument is not allowed.
        """
        return cls(RowMoments(frequencies, means, covariance, teacher, field))
