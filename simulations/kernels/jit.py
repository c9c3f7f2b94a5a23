"""Compilation of the simulation's kernels, whose sums are never reordered."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

from replica.jit import keeping

Kernel = TypeVar("Kernel", bound=Callable[..., object])


def jit(function: Kernel) -> Kernel:
    """Compile a kernel to machine code, kept on disk between processes if possible.

    A kernel may call those of other files in this folder: all are compiled again where one of
    them has changed. Kernels are single-threaded; parallel runs use one process or thread per
    core. A product and a sum may be fused, which rounds once instead of twice; NaN and infinity
    keep their meaning.
    """
    return _compiled(function, inline=False)


def inlined(function: Kernel) -> Kernel:
    """Compile what only kernels call into every one of them.

    Called it would have two versions, perhaps rounded differently: its own, which a process
    that has just compiled it uses, and that in the code of its caller, which the disk keeps.
    """
    return _compiled(function, inline=True)


def _compiled(function: Kernel, inline: bool) -> Kernel:
    options = numba.njit(nogil=True, error_model="numpy", fastmath={"contract"}, forceinline=inline)
    return keeping(cast(Kernel, options(function)))
