"""Checks of arguments: every refusal names the argument, its value and what is allowed."""

from __future__ import annotations

import math
import operator
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np

from replica.arrays import Vector
from replica.errors import BadArgument

#: Kinds of arrays that hold real numbers; those of objects may be fractions.
_NUMBERS = "iufO"


def refusal(name: str, value: object, allowed: str) -> BadArgument:
    """Return the error that says, in one line, why `value` cannot be the argument `name`."""
    return BadArgument(f"{name} = {_shown(value)} is not allowed: {name} must be {allowed}")


def real(name: str, value: Any, allowed: str = "a finite number") -> float:
    """Return `value` as a finite float, or raise ValueError."""
    try:
        number = float(value) if _is_number(value) else math.nan
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise refusal(name, value, allowed)
    return number


def positive(name: str, value: Any) -> float:
    """Return `value` as a float greater than zero, or raise ValueError."""
    allowed = "a finite number greater than 0"
    number = real(name, value, allowed)
    if number <= 0:
        raise refusal(name, value, allowed)
    return number


def non_negative(name: str, value: Any) -> float:
    """Return `value` as a float that is zero or more, or raise ValueError."""
    allowed = "a finite number, 0 or greater"
    number = real(name, value, allowed)
    if number < 0:
        raise refusal(name, value, allowed)
    return number


def numbers(name: str, value: Any, allowed: str) -> Vector:
    """Return a copy of `value` as an array of finite floats, or raise ValueError."""
    try:
        array = np.asarray(value)
        found = np.array(array, dtype=float) if array.dtype.kind in _NUMBERS else np.array(np.nan)
    except (TypeError, ValueError, OverflowError):
        found = np.array(np.nan)
    if not np.isfinite(found).all():
        raise refusal(name, value, allowed)
    return found


def integer(name: str, value: Any, minimum: int, maximum: int | None = None) -> int:
    """Return `value` as an int between these bounds, or raise ValueError."""
    allowed = f"an integer, {minimum} or greater"
    if maximum is not None:
        allowed = f"an integer from {minimum} to {maximum}"
    if isinstance(value, bool):
        raise refusal(name, value, allowed)
    try:
        number = operator.index(value)
    except TypeError:
        raise refusal(name, value, allowed) from None
    if number < minimum or (maximum is not None and number > maximum):
        raise refusal(name, value, allowed)
    return number


def one_of(name: str, value: Any, allowed: Collection[str]) -> str:
    """Return `value` if it is one of the strings `allowed`, or raise ValueError."""
    if not isinstance(value, str) or value not in allowed:
        raise refusal(name, value, "one of " + ", ".join(allowed))
    return value


def truth(name: str, value: Any) -> bool:
    """Return `value` as a bool if it is one, of Python's or of numpy's, or raise ValueError."""
    if not isinstance(value, (bool, np.bool_)):
        raise refusal(name, value, "True or False")
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
    array = np.asarray(value)
    return array.ndim == 0 and array.dtype.kind in _NUMBERS


def _shown(value: object) -> str:
    text = str(value) if isinstance(value, (int, float)) else repr(value)
    text = " ".join(text.split())
    return text if len(text) <= 80 else text[:77] + "..."
