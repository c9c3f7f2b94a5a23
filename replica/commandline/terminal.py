"""Messages and a bar of progress on the terminal."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from typing import TypeVar

Item = TypeVar("Item")

#: Seconds from which on it is said before how many a run takes.
_LONG = 10.0


def cores() -> int:
    """Return the number of processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def say(message: str) -> None:
    """Print one line to stderr, if there is one that takes it."""
    with suppress(OSError, ValueError):
        print(message, file=sys.stderr, flush=True)


class Bar:
    """A bar of progress on stderr, if that is a terminal and the run is not short.

    Parameters
    ----------
    total : int
        How much there is to do.
    label : str
        What stands before the bar.
    """

    def __init__(self, total: int, label: str) -> None:
        self._total, self._label = total, label
        self._shown = sys.stderr is not None and sys.stderr.isatty()
        self._start = self._drawn = time.monotonic()

    def __call__(self, done: int) -> None:
        """Draw how much is done, now and then."""
        now = time.monotonic()
        late = now - self._drawn > 0.2 or done == self._total
        if self._shown and done and now - self._start > 1 and late:
            self._drawn = now
            left = (now - self._start) * (self._total - done) / done
            bar = "#" * (30 * done // self._total)
            _draw(f"\r{self._label} [{bar:<30}] {done}/{self._total}, {left:.0f} s left ")

    def close(self) -> None:
        """End the line of a bar that was drawn."""
        if self._drawn != self._start:
            _draw("\n")


def progress(items: Iterable[Item], total: int, label: str) -> Iterator[Item]:
    """Yield the items, with a bar of those that are done."""
    with closing(Bar(total, label)) as bar:
        for done, item in enumerate(items, start=1):
            yield item
            bar(done)


def say_long(what: str, seconds: float, more: str = "") -> None:
    """Say beforehand what a run takes, if that is long."""
    if seconds > _LONG:
        say(f"replica: {what} take about {seconds:.0f} s{more}")


def _draw(text: str) -> None:
    with suppress(OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()
