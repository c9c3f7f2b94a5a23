"""The one way in which this package compiles its kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

from replica.cache import keeping

Function = TypeVar("Function", bound=Callable[..., Any])


def jit(function: Function) -> Function:
    """Compile a function of bare numbers and arrays, and keep the result on disk if possible.

    A cached caller does not see that a callee in another file has changed, so a kernel and
    what it calls stand in one file. Sums may be reordered; NaN and infinity keep their meaning.
    """
    return _compiled(function, inline=False)


def inlined(function: Function) -> Function:
    """Compile a function that only kernels call into every one of them.

    Called it would have two versions, rounded differently: its own, which a process that has
    just compiled it uses, and that in the code of its caller, which is what the disk keeps.
    """
    return _compiled(function, inline=True)


def _compiled(function: Function, inline: bool) -> Function:
    options = numba.njit(error_model="numpy", fastmath={"reassoc", "contract"}, forceinline=inline)
    return keeping(cast(Function, options(function)))
