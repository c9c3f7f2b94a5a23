"""Numba's cache of compiled code on disk, when a file of it is damaged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Compiled = TypeVar("Compiled", bound=Callable[..., Any])


def mending(compiled: Compiled) -> Compiled:
    """Return the compiled function, made to compile again where its cache cannot be read.

    A loss of power may leave a file of the cache empty or torn. Numba lets through whatever
    error unpickling it ends in; here the cache of the function is emptied instead, or left
    alone where it cannot be written.
    """
    cache: Any = getattr(compiled, "_cache", None)
    if not hasattr(cache, "load_overload"):  # nothing is compiled under NUMBA_DISABLE_JIT
        return compiled
    load = cache.load_overload

    def load_or_forget(signature: Any, target: Any) -> Any:
        try:
            return load(signature, target)
        except Exception:
            try:
                cache.flush()
            except OSError:
                cache.disable()
            return None

    cache.load_overload = load_or_forget
    return compiled
