"""Messages and a bar of progress on the terminal."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TypeVar

Item = TypeVar("Item")


def cores() -> int:
    """Return the number of processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def say(message: str) -> None:
    """Print one line to stderr, if there is one that takes it."""
    with suppress(OSError, ValueError):
        print(message, file=sys.stderr, flush=True)


def progress(items: Iterable[Item], total: int, label: str) -> Iterator[Item]:
    """Yield the items, with a bar on stderr if that is a terminal and the run is not short."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield from items
        return
    start = drawn = time.monotonic()
    try:
        for done, item in enumerate(items, start=1):
            yield item
            now = time.monotonic()
            if now - start > 1 and (now - drawn > 0.2 or done == total):
                drawn = now
                left = (now - start) * (total - done) / done
                bar = "#" * (30 * done // total)
                _draw(f"\r{label} [{bar:<30}] {done}/{total}, {left:.0f} s left ")
    finally:
        if drawn != start:
            _draw("\n")


def _draw(text: str) -> None:
    with suppress(OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()
