"""Warnings of this package: what a user should know of a result that stands all the same."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from replica.errors import Notice

#: Kinds that the present thread does not want to be warned of.
_UNWANTED: ContextVar[tuple[type[Notice], ...]] = ContextVar("_UNWANTED", default=())

#: Those whose lines are none of the user's.
_PACKAGES = ("replica", "simulations", "figures")


def tell(message: str, kind: type[Notice], stacklevel: int = 1) -> None:
    """Issue a warning, as if the caller did with `warnings.warn`."""
    if not issubclass(kind, _UNWANTED.get()):
        warnings.warn(message, kind, stacklevel=stacklevel + 1)


def users_level() -> int:
    """Return the `stacklevel` by which the caller tells the line of the user that led to it."""
    frame, level = sys._getframe(1), 1
    while frame.f_back and str(frame.f_globals.get("__name__")).partition(".")[0] in _PACKAGES:
        frame, level = frame.f_back, level + 1
    return level


@contextmanager
def unwanted(kind: type[Notice]) -> Iterator[None]:
    """Issue no warning of a kind in this thread meanwhile; Python's filters are for all threads."""
    before = _UNWANTED.set((*_UNWANTED.get(), kind))
    try:
        yield
    finally:
        _UNWANTED.reset(before)
