"""Sequences that users bring: FASTA, A3M, plain text, and tables of integers.

A strict reader: what is not understood is refused with the number of its line. It reads text and
counts letters, and computes nothing.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from replica.immutable import Immutable
from replica.tables.texts import text_of
from replica.validation import integer, invalid, numeral, one_of

#: What the gap is: one more letter, or the sign of a token that is not known.
GAPS = ("letter", "missing")

#: The most letters, one less than a byte has values, as one of these means missing.
MOST_LETTERS = 255

#: The least sites and sequences that anything can be learnt from.
LEAST_SITES, LEAST_SEQUENCES = 3, 2

_GAP = "-"

#: What stands between the integers of a table, in words.
_MARKS = {",": "commas", ";": "semicolons", "": "blanks"}

#: The largest integer of a table, which names a letter and counts nothing.
_LARGEST = 2**31 - 1


@dataclass(frozen=True, eq=False)
class Sequences(Immutable):
    """Aligned sequences; make them with `read_sequences`.

    Parameters
    ----------
    tokens : uint8 array (sequences, sites)
        Numbers of letters, from 0 to C - 1; C where a token is missing.
    alphabet : tuple of str
        The C letters.
    name : str
        Name of the file, without its folder.
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


class _Line(NamedTuple):
    """A line of a file with its number, counted from 1, and no blanks at its end."""

    number: int
    text: str


class _Record(NamedTuple):
    """One sequence: the number of the line where it begins, and its letters or integers."""

    number: int
    letters: Sequence[Any]


def read_sequences(
    path: str | os.PathLike[str],
    alphabet: Any = None,
    gaps: str = "letter",
    kind: str | None = None,
    name: str = "path",
) -> Sequences:
    """Return the aligned sequences of a file.

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
    """
    one_of("gaps", gaps, GAPS)
    if kind is not None:
        one_of("kind", kind, KINDS)
    allowed = "a file of aligned sequences"
    try:
        file = os.fspath(path)
        lines = [_Line(number, text.rstrip()) for number, text in _numbered(text_of(file))]
        found = kind or _kind(file, lines)
    except (OSError, ValueError, TypeError) as error:
        why = error.strerror.lower() if isinstance(error, OSError) and error.strerror else error
        raise invalid(name, _shown(path), f"{allowed} ({why})") from None
    given = None if alphabet is None else _alphabet(alphabet, found, gaps)
    try:
        records = _READERS[found](lines)
        _check_shape(records)
        letters = _letters(records, given, found, gaps)
    except ValueError as error:
        raise invalid(name, _shown(path), f"{allowed} ({error})") from None
    tokens = _numbers_of(records, letters, found)
    return Sequences(tokens, tuple(map(str, letters)), _in_a_line(Path(os.fsdecode(file)).name))


def _in_a_line(name: str) -> str:
    """Return a name of a file as tables have it, without what cannot be seen."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)


def _shown(path: Any) -> Any:
    return os.fspath(path) if isinstance(path, os.PathLike) else path


def _numbered(text: str) -> Iterable[tuple[int, str]]:
    return ((n, line) for n, line in enumerate(text.split("\n"), start=1) if line.strip())


def _kind(path: str | bytes, lines: Sequence[_Line]) -> str:
    """Return the kind of a file by its name and its first line."""
    if not lines:
        raise ValueError("it is empty")
    if Path(os.fsdecode(path)).suffix.lower() in (".a3m", ".a2m"):
        return "a3m"
    first = lines[0].text
    if first.startswith(">"):
        return "fasta"
    return "table" if len(_cells(first)) > 1 else "text"


def _cells(line: str) -> list[str]:
    """Return what stands between blanks, or between commas or semicolons with blanks around."""
    mark = _mark(line)
    return [cell.strip() for cell in line.split(mark)] if mark else line.split()


def _mark(line: str) -> str:
    """Return the comma or semicolon that stands between integers; nothing, where blanks do."""
    return next((mark for mark in _MARKS if mark and mark in line), "")


def _fasta(lines: Sequence[_Line]) -> list[_Record]:
    return [
        _Record(header.number, "".join(body).replace(".", _GAP)) for header, body in _parts(lines)
    ]


def _a3m(lines: Sequence[_Line]) -> list[_Record]:
    return [
        _Record(header.number, "".join(x for x in "".join(body) if not _inserted(x)))
        for header, body in _parts(lines)
    ]


def _inserted(letter: str) -> bool:
    return letter == "." or letter.islower()


def _parts(lines: Sequence[_Line]) -> list[tuple[_Line, list[str]]]:
    """Return the headers, each with the lines of its sequence."""
    parts: list[tuple[_Line, list[str]]] = []
    for line in lines:
        if line.text.startswith(">"):
            parts.append((line, []))
        elif not parts:
            raise ValueError(f"line {line.number} stands before the first header, a line with >")
        else:
            _check_characters(line)
            parts[-1][1].append(line.text)
    for header, body in parts:
        if not body:
            raise ValueError(f"the header in line {header.number} has no sequence")
    return parts


def _text(lines: Sequence[_Line]) -> list[_Record]:
    # A column of measurements would pass for sequences of digits and points.
    spelled = [numeral(line.text) for line in lines]
    if None not in spelled:
        for line, value in zip(lines, spelled, strict=True):
            if isinstance(value, float):
                raise ValueError(f"line {line.number} is the number {line.text[:40]}")
    for line in lines:
        _check_characters(line)
    return [_Record(*line) for line in lines]


def _check_characters(line: _Line) -> None:
    """Refuse blanks and what cannot be seen, which are no letters."""
    for letter in set(line.text):
        if letter.isspace() or not letter.isprintable() or unicodedata.combining(letter):
            raise ValueError(f"line {line.number} has {letter!a} among its letters")


def _table(lines: Sequence[_Line]) -> list[_Record]:
    marks = [_mark(line.text) for line in lines]
    for line, mark in zip(lines, marks, strict=True):
        if mark != marks[0]:
            told = f"{_MARKS[mark]} between its integers, line {lines[0].number} {_MARKS[marks[0]]}"
            raise ValueError(f"line {line.number} has {told}")
    return [_Record(line.number, [_token(x, line) for x in _cells(line.text)]) for line in lines]


def _token(cell: str, line: _Line) -> int:
    value = numeral(cell)
    if not isinstance(value, int) or not 0 <= value <= _LARGEST or cell[0] in "+-":
        shown = f"{cell[:40]!r}, which is" if cell else "an empty cell, which is"
        raise ValueError(f"line {line.number} has {shown} no integer from 0 to {_LARGEST}")
    return value


#: What makes records of the lines of a file, by its kind.
_READERS: Mapping[str, Callable[[Sequence[_Line]], list[_Record]]] = {
    "fasta": _fasta,
    "a3m": _a3m,
    "text": _text,
    "table": _table,
}


#: The kinds of files, by name.
KINDS = tuple(_READERS)


def _check_shape(records: Sequence[_Record]) -> None:
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


def _alphabet(alphabet: Any, kind: str, gaps: str) -> list[Any]:
    """Return the letters that are given, as those of a file of this kind are."""
    table = kind == "table"
    allowed = f"2 to {MOST_LETTERS} different " + ("integers" if table else "letters")
    if table and isinstance(alphabet, str):
        alphabet = [numeral(part.strip()) for part in alphabet.split(",")]
    try:
        letters = list(alphabet)
    except TypeError:
        raise invalid("alphabet", alphabet, allowed) from None
    for letter in letters:
        if table:
            integer("alphabet", letter, 0, _LARGEST)
        elif not isinstance(letter, str) or len(letter) != 1 or letter.isspace():
            raise invalid("alphabet", alphabet, allowed)
    if len(set(letters)) < len(letters) or not 2 <= len(letters) <= MOST_LETTERS:
        raise invalid("alphabet", alphabet, allowed)
    if gaps == "missing" and _GAP in letters:
        raise invalid("alphabet", alphabet, f'without "{_GAP}", which means missing')
    return [int(letter) for letter in letters] if table else letters


def _letters(
    records: Sequence[_Record], given: list[Any] | None, kind: str, gaps: str
) -> list[Any]:
    """Return the alphabet, given or found, and refuse letters that are not in it."""
    absent = {_GAP} if gaps == "missing" and kind != "table" else set()
    seen: dict[Any, int] = {}
    for record in records:
        for letter in set(record.letters).difference(seen):
            seen[letter] = record.number
    occurring = sorted(set(seen) - absent)
    if given is not None:
        _check_known(seen, set(given) | absent)
    if len(occurring) < 2:
        shown = ascii(occurring[0]) if occurring else "no letter"
        raise ValueError(f"all of its tokens are the same, {shown}")
    if given is not None:
        return given
    if len(occurring) > MOST_LETTERS:
        raise ValueError(
            f"it has {len(occurring)} different letters, and {MOST_LETTERS} are the most"
        )
    if kind == "fasta":
        _check_cases(seen)
    return occurring


def _check_known(seen: Mapping[Any, int], known: Collection[Any]) -> None:
    for letter, number in seen.items():
        if letter not in known:
            raise ValueError(
                f"the sequence of line {number} has {letter!a}, which is not in the alphabet"
            )


def _check_cases(seen: Mapping[str, int]) -> None:
    """Refuse two cases of a letter, of which one may be masked or an insertion."""
    for letter, number in seen.items():
        if letter.islower() and letter.upper() in seen:
            raise ValueError(
                f"the sequence of line {number} has {letter!a}, another one "
                f"{letter.upper()!a}: give the alphabet if these are two letters, or the kind "
                "a3m if lower-case letters are insertions"
            )


def _numbers_of(records: Sequence[_Record], letters: Sequence[Any], kind: str) -> NDArray[np.uint8]:
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
