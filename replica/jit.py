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
    options = numba.njit(error_model="numpy", fastmath={"reassoc", "contract"})
    return keeping(cast(Function, options(function)))
