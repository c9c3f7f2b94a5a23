"""One row of given sequences: the tokens of all of them, and which site is masked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from replica.arrays import Matrix, Vector
from replica.immutable import Immutable, keep
from replica.problem.data_model import checked_colors
from replica.validation import integer, invalid, numbers, one_of, truth, unmasked

#: What may differ from one masked token to the next: covariances, or means alone.
COVARIANCES = ("class", "common")

#: The least sites; the least degrees of freedom of measured covariances; and the largest share of
#: these that a training set may be, as it were corrected by an infinite amount at 1.
LEAST_SITES, LEAST_DEGREES, LARGEST_SHARE = 3, 10.0, 0.8

#: How asymmetric U may be, relative to its largest entry.
_SYMMETRIC = 1e-9


@dataclass(frozen=True, eq=False)
class GivenSequences(Immutable):
    """Aligned sequences of which rows are asked.

    Parameters
    ----------
    tokens : integer array (sequences, sites)
        Numbers of letters, from 0 to C - 1; with `missing` also C, where a token is not known.
        At least two sequences and three sites.
    colors : int
        C, from 2 to 255.
    similarity : array (colors, colors), optional
        U, symmetric; None is the identity.
    weights : sequence of float, optional
        How much every sequence counts, greater than 0; None is 1 for each.
    missing : bool
        Whether the token C is one that is not known. It adds nothing to the fields of others, as
        a masked one does, and a row leaves out the sequences that lack its own token.
    name : str
        What a table calls them, such as the name of their file.

    Raises
    ------
    ValueError
        If an argument is not allowed.
    """

    tokens: NDArray[np.uint8]
    colors: int
    similarity: Matrix | None = None
    weights: Vector | None = None
    missing: bool = False
    name: str = "sequences"

    def __post_init__(self) -> None:
        keep(self, colors=integer("colors", checked_colors(self.colors, 2), 2, 255))
        keep(self, missing=truth("missing", self.missing))
        keep(self, tokens=_tokens(self.tokens, self.colors + self.missing))
        if self.similarity is not None:
            keep(self, similarity=_similarity(self.similarity, self.colors))
        if self.weights is not None:
            keep(self, weights=_weights(self.weights, len(self.tokens)))
        if not isinstance(self.name, str) or not self.name.isprintable():
            raise invalid("name", self.name, "a text in one line")
        super().__post_init__()

    @property
    def sites(self) -> int:
        """L."""
        return int(self.tokens.shape[1])

    def counts(self, row: int) -> Vector:
        """Return the weight of every sequence in one row: 0 where its own token is missing."""
        weights = np.ones(len(self.tokens)) if self.weights is None else self.weights
        return np.where(self.tokens[:, row] < self.colors, weights, 0.0)

    def degrees(self, row: int) -> float:
        """Return the degrees of freedom of the covariances of a row: N_a - 1 of each of its tokens.

        N_a = (Σ weights)²/Σ weights² is how many sequences of equal weight tell as much.
        """
        counts, tokens = self.counts(row), self.tokens[:, row]
        sums, squares = (np.bincount(tokens, each, 256) for each in (counts, counts**2))
        known = squares > 0.0
        return float(np.maximum(sums[known] ** 2 / squares[known] - 1.0, 0.0).sum())

    @cached_property
    def digest(self) -> str:
        """What tells these sequences, weights and U from others: 12 hexadecimal digits."""
        content = sha256(repr((self.tokens.shape, self.colors, self.missing)).encode())
        content.update(self.tokens.tobytes())
        for name in ("similarity", "weights"):
            array = getattr(self, name)
            if array is not None:
                content.update(name.encode() + (array + 0.0).astype("<f8").tobytes())
        return content.hexdigest()[:12]

    @property
    def label(self) -> str:
        """The name and the digest, as a table has them."""
        return f"{self.name}:{self.digest}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GivenSequences) and self.label == other.label

    def __hash__(self) -> int:
        return hash(self.label)


@dataclass(frozen=True)
class RowSequences:
    """One row of given sequences.

    Parameters
    ----------
    sequences : GivenSequences
        The sequences, which their rows share.
    row : int
        The masked site, from 0 to L - 1. Its token may be always the same.
    covariance : str
        Whether contexts have a covariance for each "class", that is value of the masked token, or
        one in "common".

    Raises
    ------
    ValueError
        If there is no such site, or too few sequences have a token there.
    """

    sequences: GivenSequences
    row: int
    covariance: str = COVARIANCES[0]

    name: ClassVar[str] = "tokens"

    def __post_init__(self) -> None:
        keep(self, row=integer("row", self.row, 0, self.sequences.sites - 1))
        one_of("covariance", self.covariance, COVARIANCES)
        if self.degrees < LEAST_DEGREES:
            shown = f"{self.row}, with {self.degrees:.3g} sequences beyond one for each token"
            raise invalid("row", shown, f"a site with {LEAST_DEGREES:g} or more, to measure with")

    @property
    def colors(self) -> int:
        """C."""
        return self.sequences.colors

    @property
    def degrees(self) -> float:
        """Degrees of freedom of its covariances."""
        return self.sequences.degrees(self.row)

    @property
    def largest_alpha(self) -> float:
        """The largest sample ratio for which there are sequences enough."""
        return LARGEST_SHARE * self.degrees / self.sequences.sites

    def columns(self) -> dict[str, Any]:
        """Return the columns of these data in a line of a table."""
        found = {"tokens": self.sequences.label, "colors": self.colors, "row": self.row}
        # As with U: the column is there only where it is not the usual one.
        return found | ({"covariances": self.covariance} if self.covariance != "class" else {})


def rows_of(
    sequences: GivenSequences, rows: Any = None, covariance: str = COVARIANCES[0]
) -> tuple[RowSequences, ...]:
    """Return rows of the same sequences, all of them if None, or raise ValueError."""
    if rows is None:
        rows = range(sequences.sites)
    allowed = f"distinct integers from 0 to {sequences.sites - 1}"
    if isinstance(rows, (str, bytes)) or not isinstance(rows, Iterable):
        raise invalid("rows", rows, allowed)
    chosen = [integer("row", row, 0, sequences.sites - 1) for row in rows]
    if not chosen or len(set(chosen)) < len(chosen):
        raise invalid("rows", chosen, allowed)
    few = [row for row in chosen if sequences.degrees(row) < LEAST_DEGREES]
    if few and len(chosen) > 1:
        least = f"with {LEAST_DEGREES:g} sequences or more beyond one for each token"
        told = f"{len(chosen)} rows, of which {', '.join(map(str, few))} cannot be measured"
        raise invalid("rows", told, f"sites {least}")
    return tuple(RowSequences(sequences, row, covariance) for row in chosen)


def _tokens(value: Any, values: int) -> NDArray[np.uint8]:
    allowed = f"an array (sequences, sites) of integers from 0 to {values - 1}"
    array = unmasked("tokens", value, allowed)
    if array.ndim != 2 or array.dtype.kind not in "iu":
        raise invalid("tokens", f"array {array.shape} of {array.dtype}", allowed)
    if len(array) < 2 or array.shape[1] < LEAST_SITES:
        shown = f"array {array.shape}"
        raise invalid("tokens", shown, f"2 sequences or more of {LEAST_SITES} sites or more")
    wrong = np.argwhere((array < 0) | (array >= values))
    if len(wrong):
        i, j = wrong[0].tolist()
        raise invalid("tokens", f"array with {array[i, j]} at [{i}, {j}]", allowed)
    return np.array(array, dtype=np.uint8)


def _similarity(value: Any, colors: int) -> Matrix:
    allowed = f"a symmetric matrix of {colors} x {colors} finite numbers"
    U = numbers("similarity", value, allowed)
    if U.shape != (colors, colors):
        raise invalid("similarity", f"array of shape {U.shape}", allowed)
    if np.abs(0.5 * U - 0.5 * U.T).max() > 0.5 * _SYMMETRIC * np.abs(U).max():
        raise invalid("similarity", value, allowed)
    return np.asarray(0.5 * U + 0.5 * U.T)


def _weights(value: Any, count: int) -> Vector:
    allowed = f"a sequence of {count} finite numbers greater than 0"
    weights = numbers("weights", value, allowed)
    if weights.shape != (count,) or not weights.min() > 0.0:
        raise invalid("weights", value, allowed)
    if not np.isfinite(weights.sum() ** 2) or weights.min() < 1e-100 * weights.max():
        raise invalid("weights", value, f"{allowed}, within a factor of 1e100")
    return weights
