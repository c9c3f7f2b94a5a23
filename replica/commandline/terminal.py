"""Messages on the terminal."""

from __future__ import annotations

import os
import sys
from contextlib import suppress


def cores() -> int:
    """Return the number of processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def say(message: str) -> None:
    """Print one line to stderr, if there is one that takes it."""
    with suppress(OSError, ValueError):
        print(message, file=sys.stderr, flush=True)
