"""Linear algebra whose last digits do not depend on how many threads there are."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from threading import Lock
from typing import Any, TypeVar, cast

from threadpoolctl import ThreadpoolController

Function = TypeVar("Function", bound=Callable[..., Any])


def one_thread(function: Function) -> Function:
    """Return a function that lets BLAS and LAPACK use one thread while it runs.

    With more of them sums are split elsewhere, and tables would depend on whether they were made
    in this process or in workers, which have one each.
    """

    @wraps(function)
    def limited(*args: Any, **kwargs: Any) -> Any:
        with _limit:
            return function(*args, **kwargs)

    return cast(Function, limited)


class _Limit:
    """One thread for the libraries as long as anybody in the process wants it.

    Their number of threads is one for all threads of Python: what it was is known to the first
    who changes it, and given back by the last.
    """

    def __init__(self) -> None:
        self._lock, self._users, self._before = Lock(), 0, dict[str, tuple[Any, int]]()
        self._modules, self._libraries = 0, list[Any]()

    def __enter__(self) -> None:
        with self._lock:
            # Libraries come with modules: where there are no new ones they are known.
            if len(sys.modules) != self._modules:
                self._modules = len(sys.modules)
                self._libraries = ThreadpoolController().select(user_api="blas").lib_controllers
            for library in self._libraries:
                self._before.setdefault(library.filepath, (library, library.num_threads))
                _set_threads(library, 1)
            self._users += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                for library, threads in self._before.values():
                    _set_threads(library, threads)
                self._before.clear()


def _set_threads(library: Any, count: int) -> None:
    """Set the threads of a library from whichever thread of Python.

    From 3.8 on threadpoolctl listens to the first of these alone, so that they do not disagree;
    here they share one limit, under a lock.
    """
    forget = getattr(library, "clear_controlling_thread", lambda force: None)
    forget(force=True)
    library.set_num_threads(count)
    forget(force=True)


_limit = _Limit()
