"""Numbers as text, read strictly."""

from __future__ import annotations

import re

_INTEGER = re.compile(r"[+-]?[0-9]{1,300}")
_FLOAT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?inf|nan")


def numeral(text: str) -> int | float | None:
    """Return the number that `text` spells, or None.

    int() and float() would also take blanks, underscores and the digits of every script, and
    take their time with a million digits.
    """
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else None
