"""Rows of the sequences of a file, as a command line describes them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import lru_cache
from typing import Any

from replica.problem import RowTokens
from replica.problem.row_sequences import COVARIANCES, GivenSequences
from replica.problem.row_sequences import rows_of as rows_of_sequences
from replica.tables.relatives import distinct, similarity_weights
from replica.tables.sequence_records import KINDS
from replica.tables.sequences import GAPS, GapsName, read_sequences
from replica.validation import invalid, one_of


def rows_of_file(
    tokens: str,
    rows: Callable[[int], Iterable[int]],
    similarity: Any = None,
    alphabet: str | None = None,
    gaps: GapsName = GAPS[0],
    format: str | None = None,
    reweight: Any = None,
    covariances: str = COVARIANCES[0],
) -> tuple[RowTokens, ...]:
    """Return rows of the sequences of a file, of which equal ones count once.

    Parameters
    ----------
    tokens : str
        The file.
    rows : callable
        Returns the rows, given L.
    similarity : matrix, optional
        U.
    alphabet, gaps, format : str, optional
        As `alphabet`, `gaps` and `kind` of `read_sequences`.
    reweight : float, optional
        The identity from which on sequences share their weight, as in `similarity_weights`.
    covariances : str
        "class" or "common", as in `RowTokens.from_tokens`.

    Raises
    ------
    ValueError
        If an argument is not allowed, or the file is not.
    """
    if format is not None:
        one_of("format", format, KINDS)
    one_of("covariances", covariances, COVARIANCES)
    U = None if similarity is None else tuple(map(tuple, similarity))
    sequences = _sequences(tokens, _state(tokens), U, alphabet, gaps, format, reweight)
    chosen = rows_of_sequences(sequences, rows(sequences.sites), covariances)
    return tuple(map(RowTokens, chosen))


@lru_cache(maxsize=1)
def _sequences(
    tokens: str,
    state: object,
    similarity: Any,
    alphabet: Any,
    gaps: GapsName,
    format: Any,
    reweight: Any,
) -> GivenSequences:
    """Return the sequences of a file, read once in each of its states for all points of a grid."""
    found = read_sequences(tokens, alphabet, gaps, format, "tokens")
    different = distinct(found.tokens)
    if len(different) < 2:
        allowed = "a file of aligned sequences (all of them are equal)"
        raise invalid("tokens", tokens, allowed)
    weights = None if reweight is None else similarity_weights(different, reweight)
    missing = gaps != GAPS[0]
    return GivenSequences(different, found.colors, similarity, weights, missing, found.name)


def _state(path: str) -> object:
    """Return what changes when a file is written; None where there is none, which reading says."""
    with suppress(OSError, ValueError):
        found = os.stat(path)
        return found.st_ino, found.st_size, found.st_mtime_ns
    return None
