"""Alphabets of sequences: those that are given, and those that are found in records."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from replica.tables.sequence_records import GAP, LARGEST, Record
from replica.validation import integer, invalid, numeral

#: The most letters, one less than a byte has values, as one of these means missing.
MOST_LETTERS = 255


def given_alphabet(alphabet: Any, kind: str, gaps: str) -> list[Any]:
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
            integer("alphabet", letter, 0, LARGEST)
        elif not isinstance(letter, str) or len(letter) != 1 or letter.isspace():
            raise invalid("alphabet", alphabet, allowed)
    if len(set(letters)) < len(letters) or not 2 <= len(letters) <= MOST_LETTERS:
        raise invalid("alphabet", alphabet, allowed)
    if gaps == "missing" and GAP in letters:
        raise invalid("alphabet", alphabet, f'without "{GAP}", which means missing')
    return [int(letter) for letter in letters] if table else letters


def letters_of(
    records: Sequence[Record], given: list[Any] | None, kind: str, gaps: str
) -> list[Any]:
    """Return the alphabet, given or found, and refuse letters that are not in it."""
    absent = {GAP} if gaps == "missing" and kind != "table" else set()
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
