"""One row of given data: of one model, of a set of sequences, or of moments."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from replica.problem.data_model import DataModel
from replica.problem.row_couplings import GivenModel, RowCouplings, checked_couplings, rows_of
from replica.problem.row_moments import RowMoments
from replica.problem.row_sequences import COVARIANCES, GivenSequences
from replica.problem.row_sequences import rows_of as rows_of_sequences
from replica.validation import invalid


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

    Examples
    --------
    >>> import numpy as np
    >>> from replica import Problem, RowTokens, solve
    >>> J = np.random.default_rng(0).standard_normal((60, 60)) / 60**0.5
    >>> J = np.triu(J, 1) + np.triu(J, 1).T
    >>> row = RowTokens.from_couplings(J, 4, colors=3, beta=1.5)
    >>> round(solve(Problem(2.0, 0.1, row)).test_loss, 3)
    1.053
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

    @property
    def parameters(self) -> tuple[str, ...]:
        """None: what is given is no number."""
        return ()

    def __repr__(self) -> str:
        """Return what tells the row from others, without the matrices that are given."""
        return (
            f"RowTokens({', '.join(f'{name}={value!r}' for name, value in self.columns().items())})"
        )

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
            J, symmetric up to rounding and with zero diagonal, of three sites or more.
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

    @classmethod
    def from_moments(
        cls,
        frequencies: Any,
        means: Any,
        covariance: Any,
        teacher: Any = None,
        field: Any = None,
        row: int | None = None,
    ) -> RowTokens:
        """Describe a row by the moments of its inputs F_j = U s_j given the masked token y.

        Whatever else is true of the sequences, for L → ∞ the theory needs no more. A common shift
        of all components of an F_j, which no loss sees, counts for nothing.

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
        row : int, optional
            Its number in tables, by which the rows of one layer are told apart and averaged.

        Returns
        -------
        RowTokens

        Raises
        ------
        ValueError
            If an argument is not allowed.
        """
        return cls(RowMoments(frequencies, means, covariance, teacher, field, row))

    @classmethod
    def from_tokens(
        cls, tokens: Any, row: int, colors: int, similarity: Any = None, **options: Any
    ) -> RowTokens:
        """Describe one row of given sequences, whose moments are measured.

        Parameters
        ----------
        tokens : integer array (sequences, sites)
            Aligned sequences, such as `read_sequences(path).tokens`: values from 0 to C - 1.
        row : int
            The masked site, from 0 to L - 1.
        colors : int
            C, from 2 to 255.
        similarity : array (colors, colors), optional
            U, symmetric; None is the identity.
        **options
            `weights`, `missing`, `name` and `covariance` as in `rows_from_tokens`.

        Returns
        -------
        RowTokens

        Raises
        ------
        ValueError
            If an argument is not allowed.
        """
        return cls.rows_from_tokens(tokens, [row], colors, similarity, **options)[0]

    @classmethod
    def rows_from_tokens(
        cls,
        tokens: Any,
        rows: Any,
        colors: int,
        similarity: Any = None,
        *,
        weights: Any = None,
        missing: bool = False,
        name: str = "sequences",
        covariance: str = COVARIANCES[0],
    ) -> tuple[RowTokens, ...]:
        """Describe many rows of the same sequences.

        `tokens`, `colors` and `similarity` are those of `from_tokens`.

        Parameters
        ----------
        rows : sequence of int, optional
            The masked sites, each once; None is all of them.
        weights : sequence of float, optional
            How much every sequence counts, such as `similarity_weights` has it; None is 1 for each.
        missing : bool
            Whether C among the tokens is one that is not known.
        name : str
            What a table calls the sequences, before a digest of them.
        covariance : str
            "class", a covariance for each value of the masked token, or "common", one for all.

        Returns
        -------
        tuple of RowTokens

        Raises
        ------
        ValueError
            If an argument is not allowed.
        """
        given = GivenSequences(tokens, colors, similarity, weights, missing, name)
        return tuple(map(cls, rows_of_sequences(given, rows, covariance)))

    @property
    def largest_alpha(self) -> float:
        """The largest sample ratio of which something is known: measured moments have one."""
        return getattr(self.context, "largest_alpha", math.inf)

    def check_alpha(self, alpha: float) -> None:
        """Raise ValueError if nothing is known of so many samples."""
        if alpha > self.largest_alpha:
            most = f"{self.largest_alpha:.4g} or less"
            allowed = f"{most}, as there are so many sequences to measure moments on"
            raise invalid("alpha", alpha, allowed)


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
    model = GivenModel(checked_couplings(matrix, "matrix"), colors, beta)
    return tuple(map(RowTokens, rows_of(model, rows(model.sites))))
