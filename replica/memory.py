"""A cache of results, bounded in bytes: for results that are large or that many problems share."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import wraps
from operator import is_
from threading import Lock
from typing import Any, TypeVar, cast

import numpy as np

Function = TypeVar("Function", bound=Callable[..., Any])

#: What one function may keep by default, and what an entry takes beside its content.
MOST_BYTES, _ENTRY = 64 * 2**20, 1024

#: What Python takes for a place in a tuple, and for a number.
_POINTER, _NUMBER = 8, 24


def kept(most: int = MOST_BYTES) -> Callable[[Function], Function]:
    """Return a decorator that keeps the last results of a function in bounded memory.

    What has not been asked for the longest goes first, until arrays and arguments of the others
    fit; the latest result stays whatever its size, as it is asked for again at once. Arguments
    must be hashable, and results not be changed.

    Parameters
    ----------
    most : int
        Bytes of all results but one that is larger alone.
    """

    def decorated(function: Function) -> Function:
        results: OrderedDict[Any, tuple[Any, int]] = OrderedDict()
        lock = Lock()
        total = 0
        # The points of a curve ask for the same again and again: no hash, no lock.
        latest: tuple[tuple[Any, ...], Any] = (), None

        @wraps(function)
        def remembered(*args: Any) -> Any:
            nonlocal latest, total
            asked, result = latest
            if asked and len(asked) == len(args) and all(map(is_, asked, args)):
                return result
            key = _Key(args)
            with lock:
                if key in results:
                    results.move_to_end(key)
                    latest = args, results[key][0]
                    return latest[1]
            result = function(*args)
            size = _ENTRY + size_of(result) + size_of(args)
            with lock:
                if key not in results:
                    results[key] = result, size
                    total += size
                while total > most and len(results) > 1:
                    total -= results.popitem(last=False)[1][1]
                latest = args, result
            return result

        def taken() -> int:
            return total

        remembered.bytes_taken = taken  # type: ignore[attr-defined]
        return cast(Function, remembered)

    return decorated


class _Key(tuple[Any, ...]):
    """Arguments whose hash, which may be that of large arrays, is taken once."""

    def __init__(self, args: tuple[Any, ...]) -> None:
        self._hash = super().__hash__()

    def __hash__(self) -> int:
        return self._hash


def size_of(value: Any) -> int:
    """Return the bytes of all arrays and numbers in an array, a tuple or a dataclass of them."""
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, tuple | list):
        return sum(_POINTER + size_of(item) for item in value)
    if is_dataclass(value):
        return sum(size_of(getattr(value, field.name)) for field in fields(value))
    return _NUMBER if isinstance(value, float) else 0
