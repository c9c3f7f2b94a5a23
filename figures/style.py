"""One look for all figures: lines for theory, markers for measurement, safe in grey."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Look:
    """How one quantity is drawn.

    Colour, marker and filling all differ between quantities, so that none of them is needed
    to tell two apart.
    """

    label: str
    color: str
    marker: str
    filled: bool

    @property
    def face(self) -> str:
        """Colour inside the marker."""
        return self.color if self.filled else "white"


#: From Okabe & Ito's palette, in falling darkness.
TEST = Look("test loss", "#004c7f", "o", True)
TRAIN = Look("training loss", "#d55e00", "s", False)
OPTIMAL_COLOR = "#333333"
BAND_COLOR = "#e4e4e4"


@contextmanager
def journal() -> Iterator[None]:
    """Draw with the journal's style, and without a display."""
    import matplotlib

    matplotlib.use("Agg", force=False)
    from matplotlib import pyplot

    with pyplot.style.context(str(Path(__file__).with_name("journal.mplstyle"))):
        yield
