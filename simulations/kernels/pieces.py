"""Long work of kernels in pieces, between which Python hears Ctrl-C."""

from __future__ import annotations

from collections.abc import Iterator

#: Additions of a piece, a quarter of a second at most on any processor.
_PIECE = 2.5e8


def pieces(count: int, additions: float, multiple: int = 1) -> Iterator[slice]:
    """Yield slices that cover range(count), one after the other.

    Parameters
    ----------
    count : int
        Samples, rows, chains, or whatever the work is a loop over.
    additions : float
        Those that each takes.
    multiple : int
        Every slice but the last holds a whole number of so many, and at least as many.
    """
    size = max(1, int(_PIECE / (max(additions, 1.0) * multiple))) * multiple
    for first in range(0, count, size):
        yield slice(first, min(first + size, count))
