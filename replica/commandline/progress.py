"""How far a run is: a bar on a terminal or in a notebook, and elsewhere a line now and then."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from importlib import import_module
from typing import Any, TypeVar

from replica.commandline.terminal import say
from replica.errors import Notice
from replica.notices import tell

Item = TypeVar("Item")

#: Seconds from which on a bar is drawn, and between two lines where there is none.
_SHORT, _LINE = 1.0, 30.0


class Bar:
    """What is seen of a run that is not short: on stderr, or in a notebook by tqdm if it is there.

    Parameters
    ----------
    total : int
        How much there is to do.
    label : str, optional
        What stands before the bar; without one it is seen in notebooks alone.
    """

    def __init__(self, total: int, label: str | None) -> None:
        self._total, self._label = total, label or ""
        self._start = self._last = time.monotonic()
        self._first: tuple[int, float] | None = None
        self._widget: Any = None
        self._notebook = in_notebook()
        self._wanted = self._notebook or label is not None
        self._drawn = self._wanted and _is_terminal()

    def __call__(self, done: int) -> None:
        """Show how much is done, now and then."""
        now = time.monotonic()
        if self._first is None and done:
            self._first = done, now
        if not self._wanted or not done or now - self._start < _SHORT:
            return
        if self._notebook and self._widget is None:
            self._widget = _widget(self._total, self._label, now - self._start)
            self._notebook = self._widget is not None
        late = done == self._total
        if self._widget is not None:
            self._widget.update(done - self._widget.n)
        elif self._drawn and (late or now - self._last > 0.2):
            self._last = now
            bar = "#" * (30 * done // self._total)
            _draw(f"\r{self._label} [{bar:<30}] {self._state(done, now)} ")
        elif not self._drawn and now - self._last > _LINE:
            self._last = now
            say(f"{self._label or 'done'}: {self._state(done, now)}")

    def close(self) -> None:
        """End the bar that was drawn."""
        if self._widget is not None:
            self._widget.close()
        elif self._drawn and self._last != self._start:
            _draw("\n")

    def _state(self, done: int, now: float) -> str:
        # The first may have waited for a compiler, or for workers to start, and tells nothing.
        before, then = self._first or (done, now)
        if done == before:
            return f"{done}/{self._total}"
        left = (now - then) * (self._total - done) / (done - before)
        return f"{done}/{self._total}, {left:.0f} s left"


def progress(items: Iterable[Item], total: int, label: str | None) -> Iterator[Item]:
    """Yield the items, with a bar of those that are done; without a label in notebooks alone."""
    with closing(Bar(total, label)) as bar:
        for done, item in enumerate(items, start=1):
            yield item
            bar(done)


def until_interrupted(items: Iterable[Item], total: int, wanted: bool = True) -> Iterator[Item]:
    """Yield the items; in a notebook Ctrl-C ends them, if there are any, with a notice.

    Elsewhere, and where that is not wanted, it is an exception like others.
    """
    done = 0
    try:
        for item in items:
            done += 1
            yield item
    except KeyboardInterrupt:
        if not (done and wanted and in_notebook()):
            raise
        kept = f"interrupted: {done} of {total} are done, and are what is returned"
        tell(kept, Notice)


def in_notebook() -> bool:
    """Tell whether this process computes the cells of a notebook."""
    # Whoever runs cells has loaded it.
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


def _widget(total: int, label: str, since: float) -> Any:
    """Return a bar of tqdm that began some seconds ago, or None if tqdm is not installed."""
    with suppress(ImportError), warnings.catch_warnings():
        # Of widgets that are not installed: it draws a line instead.
        warnings.simplefilter("ignore")
        made = import_module("tqdm.auto").tqdm(total=total, desc=label)
        made.start_t -= since
        return made
    return None


def _draw(text: str) -> None:
    with suppress(OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()
