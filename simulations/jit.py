"""The one decorator of every compiled kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

from replica.cache import keeping

Kernel = TypeVar("Kernel", bound=Callable[..., object])


def jit(function: Kernel) -> Kernel:
    """Compile a kernel to machine code, kept on disk between processes if possible.

    Numba notices a change of the file the kernel stands in, not of the files it calls: a
    kernel and all it calls stay in one file. Kernels are single-threaded; parallel runs use
    one process or thread per core. A product and a sum may be fused, which rounds once instead
    of twice; NaN and infinity keep their meaning.
    """
    options = numba.njit(nogil=True, error_model="numpy", fastmath={"contract"})
    return keeping(cast(Kernel, options(function)))
