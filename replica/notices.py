"""Warnings of this package: what a user should know of a result that stands all the same."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from functools import partial
from typing import Any, NamedTuple

from replica.errors import Notice


class _Line(NamedTuple):
    """A line of a module, and the warnings that were told of it."""

    file: str
    number: int
    module: str
    registry: dict[Any, Any]


#: Kinds that the present thread does not want to be warned of.
_UNWANTED: ContextVar[tuple[type[Notice], ...]] = ContextVar("_UNWANTED", default=())

#: The line that the present thread works for, where another thread has started it.
_ASKED: ContextVar[_Line | None] = ContextVar("_ASKED", default=None)

#: Those whose lines are none of the user's.
_PACKAGES = ("replica", "simulations", "figures")


def tell(message: str, kind: type[Warning]) -> None:
    """Issue a warning at the line of the user that led to it."""
    if not issubclass(kind, _UNWANTED.get()):
        warnings.warn_explicit(message, kind, *_users_line())


def for_another_thread(work: Callable[[], None]) -> Callable[[], None]:
    """Return work that has the settings of this thread, and tells what this one would."""
    context = copy_context()
    context.run(_ASKED.set, _users_line())
    return partial(context.run, work)


@contextmanager
def unwanted(kind: type[Notice]) -> Iterator[None]:
    """Issue no warning of a kind in this thread meanwhile; Python's filters are for all threads."""
    before = _UNWANTED.set((*_UNWANTED.get(), kind))
    try:
        yield
    finally:
        _UNWANTED.reset(before)


def _users_line() -> _Line:
    """Return the line that called these packages, whatever they call one another through."""
    asked = _ASKED.get()
    if asked is not None:
        return asked
    caller, frame = sys._getframe(1), sys._getframe(1)
    while (above := frame.f_back) is not None:
        ours = str(frame.f_globals.get("__name__")).partition(".")[0] in _PACKAGES
        frame, caller = above, above if ours else caller
    names = caller.f_globals
    registry = names.setdefault("__warningregistry__", {})
    return _Line(caller.f_code.co_filename, caller.f_lineno, str(names.get("__name__")), registry)
