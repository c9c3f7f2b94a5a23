"""The one decorator of every compiled kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., object])


def jit(function: Kernel) -> Kernel:
    """Compile a kernel to machine code, kept on disk between processes.

    Numba notices a change of the file the kernel stands in, not of the files it calls: a
    kernel and all it calls stay in one file. Kernels are single-threaded; parallel runs use
    one process per core.
    """
    compiled: Any = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    return cast(Kernel, compiled)
