"""Sequences that users bring: FASTA, A3M, plain text, and tables of integers.

A strict reader: what is not understood is refused with the number of its line. It reads text and
counts letters, and computes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from replica.immutable import Immutable
from replica.tables.alphabets import given_alphabet, letters_of
from replica.tables.sequence_records import KINDS, READERS, Record, kind_of, lines_of
from replica.tables.texts import text_of
from replica.validation import invalid, one_of

#: What the gap is: one more letter, or the sign of a token that is not known.
GapsName = Literal["letter", "missing"]
GAPS: tuple[GapsName, ...] = get_args(GapsName)

#: The least sites and sequences that anything can be learnt from.
LEAST_SITES, LEAST_SEQUENCES = 3, 2


@dataclass(frozen=True, eq=False)
class Sequences(Immutable):
    r"""Aligned sequences; make them with `read_sequences`.

    Parameters
    ----------
    tokens : uint8 array (sequences, sites)
        Numbers of letters, from 0 to C - 1; C where a token is missing.
    alphabet : tuple of str
        The C letters.
    name : str
        Name of the file, without its folder.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from replica import read_sequences
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "family.txt")
    ...     _ = file.write_text("ACGU\nACGA\nUCGA\n")
    ...     family = read_sequences(file)
    >>> family.alphabet, family.tokens.shape
    (('A', 'C', 'G', 'U'), (3, 4))
    """

    tokens: NDArray[np.uint8]
    alphabet: tuple[str, ...]
    name: str

    @property
    def colors(self) -> int:
        """C, the number of letters."""
        return len(self.alphabet)

    @cached_property
    def digest(self) -> str:
        """What tells these letters from others, wherever they stand: 12 hexadecimal digits."""
        told = "\n".join((*self.alphabet, str(self.tokens.shape[1]))).encode()
        return sha256(told + self.tokens.tobytes()).hexdigest()[:12]


def read_sequences(
    path: str | os.PathLike[str],
    alphabet: Any = None,
    gaps: GapsName = "letter",
    kind: Literal["fasta", "a3m", "text", "table"] | None = None,
    name: str = "path",
) -> Sequences:
    r"""Return the aligned sequences of a file.

    Parameters
    ----------
    path : str or path
        Text in UTF-8, with or without a byte-order mark, and any ends of lines. Empty lines are
        passed over; names of sequences are not read, and may come twice.
    alphabet : str or sequence, optional
        The letters, in the order of their numbers: "ACGU-", or integers for a table, also as
        text, "0,1,2". Letters that never occur count as well; others are refused. None is what
        the file has, sorted.
    gaps : str
        What "-" is: a "letter" as any other, or the sign of a "missing" token.
    kind : str, optional
        "fasta": lines after a header with ">" are one sequence, and "." is a gap, too. "a3m":
        the same without insertions, the lower-case letters and ".". "text": a sequence per line,
        a letter per character. "table": a sequence per line, integers of 0 or more with
        blanks, commas or semicolons between. None is found out: a3m by the suffix .a3m or .a2m,
        fasta by its first header, a table by what stands between its integers.
    name : str
        What a refusal calls the file.

    Returns
    -------
    Sequences

    Raises
    ------
    ValueError
        If an argument is not allowed, or the file does not hold two sequences or more, all of
        the same length, of two letters or more. Of a line that is wrong it says the number.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from replica import read_sequences
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "family.fasta")
    ...     _ = file.write_text(">one\nAC-U\n>two\nACGA\n")
    ...     family = read_sequences(file, alphabet="ACGU", gaps="missing")
    >>> family.tokens.tolist()
    [[0, 1, 4, 3], [0, 1, 2, 0]]
    """
    one_of("gaps", gaps, GAPS)
    if kind is not None:
        one_of("kind", kind, KINDS)
    allowed = "a file of aligned sequences"
    try:
        file = os.fspath(path)
        lines = lines_of(text_of(file))
        found = kind or kind_of(file, lines)
    except (OSError, ValueError, TypeError) as error:
        why = error.strerror.lower() if isinstance(error, OSError) and error.strerror else error
        raise invalid(name, _shown(path), f"{allowed} ({why})") from None
    given = None if alphabet is None else given_alphabet(alphabet, found, gaps)
    try:
        records = READERS[found](lines)
        _check_shape(records)
        letters = letters_of(records, given, found, gaps)
    except ValueError as error:
        raise invalid(name, _shown(path), f"{allowed} ({error})") from None
    tokens = _numbers_of(records, letters, found)
    return Sequences(tokens, tuple(map(str, letters)), _in_a_line(Path(os.fsdecode(file)).name))


def _in_a_line(name: str) -> str:
    """Return a name of a file as tables have it, without what cannot be seen."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)


def _shown(path: Any) -> Any:
    return os.fspath(path) if isinstance(path, os.PathLike) else path


def _check_shape(records: Sequence[Record]) -> None:
    if not records:
        raise ValueError("it is empty")
    first = records[0]
    for record in records:
        if len(record.letters) != len(first.letters):
            raise ValueError(
                f"the sequence of line {record.number} has the length {len(record.letters)}, that "
                f"of line {first.number} {len(first.letters)}"
            )
    if len(first.letters) < LEAST_SITES:
        raise ValueError(
            f"the sequence of line {first.number} has the length {len(first.letters)}, and "
            f"{LEAST_SITES} is the least"
        )
    if len(records) < LEAST_SEQUENCES:
        raise ValueError(f"it has one sequence, in line {first.number}")


def _numbers_of(records: Sequence[Record], letters: Sequence[Any], kind: str) -> NDArray[np.uint8]:
    """Return the place of every token in the alphabet, and the number of letters for a gap."""
    if kind == "table":
        values = np.array([record.letters for record in records], dtype=np.int64)
        codes = np.array(letters, dtype=np.int64)
    else:
        text = "".join(str(record.letters) for record in records)
        values = _code_points(text).reshape(len(records), -1)
        codes = _code_points("".join(letters))
    order = np.argsort(codes)
    place = np.minimum(np.searchsorted(codes, values, sorter=order), len(codes) - 1)
    found = order[place]
    return np.where(codes[found] == values, found, len(codes)).astype(np.uint8)


def _code_points(text: str) -> NDArray[np.int64]:
    return np.frombuffer(text.encode("utf-32-le"), dtype="<u4").astype(np.int64)
