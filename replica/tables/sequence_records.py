"""The records in a file of sequences, by its kind; what stands where none may is refused."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from replica.validation import numeral

#: The gap.
GAP = "-"

#: What stands between the integers of a table, in words.
_MARKS = {",": "commas", ";": "semicolons", "": "blanks"}

#: The largest integer of a table, which names a letter and counts nothing.
LARGEST = 2**31 - 1


class Line(NamedTuple):
    """A line of a file with its number, counted from 1, and no blanks at its end."""

    number: int
    text: str


class Record(NamedTuple):
    """One sequence: the number of the line where it begins, and its letters or integers."""

    number: int
    letters: Sequence[Any]


def lines_of(text: str) -> list[Line]:
    """Return the lines of a text that are not empty."""
    every = enumerate(text.split("\n"), start=1)
    return [Line(number, line.rstrip()) for number, line in every if line.strip()]


def kind_of(path: str | bytes, lines: Sequence[Line]) -> str:
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


def _fasta(lines: Sequence[Line]) -> list[Record]:
    return [
        Record(header.number, "".join(body).replace(".", GAP)) for header, body in _parts(lines)
    ]


def _a3m(lines: Sequence[Line]) -> list[Record]:
    return [
        Record(header.number, "".join(x for x in "".join(body) if not _inserted(x)))
        for header, body in _parts(lines)
    ]


def _inserted(letter: str) -> bool:
    return letter == "." or letter.islower()


def _parts(lines: Sequence[Line]) -> list[tuple[Line, list[str]]]:
    """Return the headers, each with the lines of its sequence."""
    parts: list[tuple[Line, list[str]]] = []
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


def _text(lines: Sequence[Line]) -> list[Record]:
    # A column of measurements would pass for sequences of digits and points.
    spelled = [numeral(line.text) for line in lines]
    if None not in spelled:
        for line, value in zip(lines, spelled, strict=True):
            if isinstance(value, float):
                raise ValueError(f"line {line.number} is the number {line.text[:40]}")
    for line in lines:
        _check_characters(line)
    return [Record(*line) for line in lines]


def _check_characters(line: Line) -> None:
    """Refuse blanks and what cannot be seen, which are no letters."""
    for letter in set(line.text):
        if letter.isspace() or not letter.isprintable() or unicodedata.combining(letter):
            raise ValueError(f"line {line.number} has {letter!a} among its letters")


def _table(lines: Sequence[Line]) -> list[Record]:
    marks = [_mark(line.text) for line in lines]
    for line, mark in zip(lines, marks, strict=True):
        if mark != marks[0]:
            told = f"{_MARKS[mark]} between its integers, line {lines[0].number} {_MARKS[marks[0]]}"
            raise ValueError(f"line {line.number} has {told}")
    return [Record(line.number, [_token(x, line) for x in _cells(line.text)]) for line in lines]


def _token(cell: str, line: Line) -> int:
    value = numeral(cell)
    if not isinstance(value, int) or not 0 <= value <= LARGEST or cell[0] in "+-":
        shown = f"{cell[:40]!r}, which is" if cell else "an empty cell, which is"
        raise ValueError(f"line {line.number} has {shown} no integer from 0 to {LARGEST}")
    return value


#: What makes records of the lines of a file, by its kind.
READERS: Mapping[str, Callable[[Sequence[Line]], list[Record]]] = {
    "fasta": _fasta,
    "a3m": _a3m,
    "text": _text,
    "table": _table,
}


#: The kinds of files, by name.
KINDS = tuple(READERS)
