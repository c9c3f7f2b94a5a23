"""Checks of arguments: every error names the argument, its value and what is allowed.

Numbers that arrive as text are read strictly.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Collection, Iterable
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replica.arrays import Vector
from replica.errors import BadArgument

#: Kinds of arrays that hold real numbers; those of objects may be fractions.
_NUMBERS = "iufO"

_INTEGER = re.compile(r"[+-]?[0-9]{1,300}")

_FLOAT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?inf|nan")


def invalid(name: str, value: object, allowed: str) -> BadArgument:
    """Return the error that says, in one line, why `value` cannot be the argument `name`."""
    error = BadArgument(f"{name} = {_shown(value)} is not allowed: {name} must be {allowed}")
    error.name, error.allowed = name, allowed
    return error


def real(name: str, value: Any, allowed: str = "a finite number") -> float:
    """Return `value` as a finite float, or raise ValueError."""
    try:
        number = float(value) if _is_number(value) else math.nan
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise invalid(name, value, allowed)
    return number


def positive(name: str, value: Any) -> float:
    """Return `value` as a float greater than zero, or raise ValueError."""
    allowed = "a finite number greater than 0"
    number = real(name, value, allowed)
    if number <= 0:
        raise invalid(name, value, allowed)
    return number


def non_negative(name: str, value: Any) -> float:
    """Return `value` as a float that is zero or more, or raise ValueError."""
    allowed = "a finite number, 0 or greater"
    number = real(name, value, allowed)
    if number < 0:
        raise invalid(name, value, allowed)
    return number


def numbers(name: str, value: Any, allowed: str) -> Vector:
    """Return a copy of `value` as an array of finite floats, or raise ValueError."""
    array = unmasked(name, value, allowed)
    found = np.array(np.nan)
    if array.dtype.kind in _NUMBERS and not _holds_no_numbers(array):
        with suppress(TypeError, ValueError, OverflowError), np.errstate(over="ignore"):
            found = np.array(array, dtype=float)
    if not np.isfinite(found).all():
        wrong = np.argwhere(~np.isfinite(found))[0].tolist()
        cut = found.ndim and len(_shown(value)) >= 80
        where = f"; {name}{wrong} is {found[tuple(wrong)]}" if cut else ""
        raise invalid(name, value, allowed + where)
    return found


def unmasked(name: str, value: Any, allowed: str) -> NDArray[Any]:
    """Return `value` as an array, or raise ValueError if it is none or an entry is masked.

    What stands under a mask is no datum. A masked array of which nothing is masked is as good as
    any other.
    """
    if _masked(value):
        raise invalid(name, _masked_shape(value), f"{allowed}, without masked entries")
    try:
        return np.asarray(value)
    except (TypeError, ValueError, OverflowError):
        raise invalid(name, value, allowed) from None


def integer(name: str, value: Any, minimum: int, maximum: int | None = None) -> int:
    """Return `value` as an int between these bounds, or raise ValueError."""
    allowed = f"an integer, {minimum} or greater"
    if maximum is not None:
        allowed = f"an integer from {minimum} to {maximum}"
    if isinstance(value, bool) or _masked(value):
        raise invalid(name, value, allowed)
    try:
        number = operator.index(value)
    except TypeError:
        raise invalid(name, value, allowed) from None
    if number < minimum or (maximum is not None and number > maximum):
        raise invalid(name, value, allowed)
    return number


def one_of(name: str, value: Any, allowed: Collection[str]) -> str:
    """Return `value` if it is one of the strings `allowed`, or raise ValueError."""
    if not isinstance(value, str) or value not in allowed:
        raise invalid(name, value, "one of " + ", ".join(allowed))
    return value


def truth(name: str, value: Any) -> bool:
    """Return `value` as a bool if it is one, of Python's or of numpy's, or raise ValueError."""
    if not isinstance(value, (bool, np.bool_)):
        raise invalid(name, value, "True or False")
    return bool(value)


def only(function: str, given: Iterable[str], allowed: Collection[str]) -> None:
    """Raise TypeError, as Python does, if an argument that was given has an unknown name."""
    for name in given:
        if name not in allowed:
            raise TypeError(f"{function}() takes no {name!r}, only {', '.join(allowed)}")


def _is_number(value: Any) -> bool:
    """Tell whether `value` is one number, not a truth value, text, complex or a list."""
    if type(value) is float:
        return True
    if _masked(value):
        return False
    array = np.asarray(value)
    return array.ndim == 0 and array.dtype.kind in _NUMBERS and not _holds_no_numbers(array)


def _holds_no_numbers(array: NDArray[Any]) -> bool:
    """Tell whether an array of objects holds texts or truth values, which float() would take."""
    objects = array.dtype.kind == "O"
    return objects and any(isinstance(x, (str, bytes, bool, np.bool_)) for x in array.flat)


def _masked(value: Any) -> bool:
    """Tell whether an entry of `value`, or of an array within these lists, is masked."""
    if isinstance(value, np.ma.MaskedArray):
        return value.dtype.names is None and bool(np.ma.getmaskarray(value).any())
    if isinstance(value, np.ndarray):
        return value.dtype.kind == "O" and any(map(_masked, value.flat))
    return isinstance(value, (list, tuple)) and any(map(_masked, value))


def _masked_shape(value: Any) -> str:
    shape = f" {value.shape}" if isinstance(value, np.ndarray) else ""
    return f"{type(value).__name__}{shape} with masked entries"


def _shown(value: object) -> str:
    text = str(value) if isinstance(value, (int, float)) else repr(value)
    text = " ".join(text.split())
    # Of a path the end tells most.
    return text if len(text) <= 80 else f"{text[:54]}...{text[-23:]}"


def numeral(text: str) -> int | float | None:
    """Return the number that `text` spells, or None.

    int() and float() would also take blanks, underscores and the digits of every script, and
    take their time with a million digits.
    """
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else None
