"""One look for all figures: lines for theory, markers for measurement, safe in grey."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any, Literal

#: Widths of a figure in a journal of two columns, in inches.
ONE_COLUMN, TWO_COLUMNS = 3.4, 7.0


@dataclass(frozen=True)
class Look:
    """How one quantity is drawn.

    Colour, darkness, marker and filling all differ between quantities, so that none of them
    is needed to tell two apart.

    Parameters
    ----------
    label : str
        Name of the quantity in legends.
    color : str
        Of the line, the marker and its error bar, as matplotlib names it.
    marker : str
        As matplotlib names it: "o", "s", ...
    filled : bool
        Whether the marker is filled with the colour, or with white.
    line : {"-", "--"}
        Style of the line of the theory.

    Examples
    --------
    >>> from figures import LOOKS, Look
    >>> LOOKS[0].named("test loss").label
    'test loss'
    >>> Look("mine", color="tab:green", marker="^", filled=True, line="--").marker
    '^'
    """

    label: str
    color: str
    marker: str
    filled: bool
    line: Literal["-", "--"] = "-"

    @property
    def face(self) -> str:
        """Colour inside the marker."""
        return self.color if self.filled else "white"

    def named(self, label: str) -> Look:
        """Return the same look for another quantity."""
        return replace(self, label=label)

    def turned(self) -> Look:
        """Return a look that differs in line and filling, for where there are too few."""
        return replace(self, filled=not self.filled, line="--")


#: From Okabe & Ito's palette, the blue darkened.
TEST = Look("test loss", "#004c7f", "o", True)
TRAIN = Look("training loss", "#d55e00", "s", False)

#: For families of curves, in falling darkness; without labels, which `Look.named` gives.
LOOKS = (
    Look("", "#000000", "o", True),
    Look("", "#0064a0", "s", False),
    Look("", "#d55e00", "^", True),
    Look("", "#3fa7e0", "D", False),
    Look("", "#e69f00", "v", True),
)

#: Of curves that belong to no family: optima, bounds, references.
OPTIMAL_COLOR = "#333333"
BAND_COLOR = "#e4e4e4"
FAILED_COLOR = "#777777"

#: Names that tell what an artist shows; anything else in a figure is decoration.
THEORY, SIMULATION, FIT, OPTIMUM = "theory", "simulation", "fit", "optimum"
HISTOGRAM = "histogram"

FAILED = "not converged"


#: What is to be restored by each `journal` that is entered, by order of entrance, and its key.
_entered: list[tuple[object, _Settings]] = []
_lock = Lock()


@contextmanager
def journal() -> Iterator[None]:
    """Draw with the journal's style alone, and without a display, inside `with journal():`.

    Settings of the user's own, from a matplotlibrc or set before, do not reach the pictures;
    all of them, and the backend of pyplot, are back afterwards. Pictures are to be saved
    inside as well: some of the style, such as the embedding of fonts, takes effect only then.

    Examples
    --------
    >>> import io
    >>> from matplotlib.figure import Figure
    >>> from figures import ONE_COLUMN, journal
    >>> with journal():
    ...     figure = Figure(figsize=(ONE_COLUMN, 2.4))
    ...     _ = figure.subplots().plot([1, 2, 4], [1.1, 1.0, 0.9])
    ...     figure.savefig(io.BytesIO(), format="pdf")
    """
    import matplotlib

    key = object()
    with _lock:
        _entered.append((key, _Settings()))
    try:
        with _lock:
            matplotlib.rc_file(Path(__file__).parents[1] / "journal.mplstyle")
            _draw_with("agg")
        yield
    finally:
        with _lock:
            place = [each for each, _ in _entered].index(key)
            _, before = _entered.pop(place)
            if place == len(_entered):
                before.restore()
            else:  # a generator may be left before others that were entered after it
                _entered[place] = (_entered[place][0], before)


class _Settings:
    """All settings of matplotlib, and the backend that pyplot draws with, as they are now."""

    def __init__(self) -> None:
        import matplotlib

        # pyplot writes its backend to all three.
        stores = matplotlib.rcParams, matplotlib.rcParamsDefault, matplotlib.rcParamsOrig
        self._known = [(store, store.copy()) for store in stores]
        self._loaded = getattr(sys.modules.get("matplotlib.pyplot"), "_backend_mod", None)

    def restore(self) -> None:
        """Let them be again what they were."""
        for store, known in self._known:
            for name in known:
                store._set(name, known._get(name))
        _load(self._loaded)


def _draw_with(backend: str) -> None:
    """Let pyplot draw with another backend from now on; switching would close its figures."""
    import matplotlib

    matplotlib.rcParams._set("backend", backend)
    _load(None)


def _load(backend: Any) -> None:
    """Give pyplot a backend that is loaded, or None for the one of the settings when it draws."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot._backend_mod = backend  # type: ignore[attr-defined]


def load_matplotlib() -> None:
    """Import matplotlib for a command, whatever its environment says of backend and settings.

    A backend that does not exist, or a file of settings that cannot be read, keeps matplotlib
    from being imported at all, though figures of this package use neither.
    """
    log = logging.getLogger("matplotlib")
    level = log.level
    log.setLevel(logging.ERROR)  # Nor does what is wrong in them concern a figure.
    try:
        import_module("matplotlib")
    except (ValueError, OSError):
        for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
            del sys.modules[name]
        with _bare_environment():
            import_module("matplotlib")
    finally:
        log.setLevel(level)


@contextmanager
def _bare_environment() -> Iterator[None]:
    """Hide backend and settings that are not those which matplotlib ships."""
    place, name = os.getcwd(), "MPLBACKEND"
    backend = os.environ.pop(name, None)
    (package,) = find_spec("matplotlib").submodule_search_locations  # type: ignore[union-attr,misc]
    # Settings in the working directory go before all others.
    os.chdir(Path(package, "mpl-data"))
    try:
        yield
    finally:
        os.chdir(place)
        if backend is not None:
            os.environ[name] = backend
