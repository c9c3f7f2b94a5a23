"""One look for all figures: lines for theory, markers for measurement, safe in grey."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

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


@contextmanager
def journal() -> Iterator[None]:
    """Draw with the journal's style, and without a display, inside `with journal():`.

    Pictures are to be saved inside as well: some of the style, such as the embedding of fonts,
    takes effect only then.
    """
    import matplotlib

    matplotlib.use("Agg", force=False)
    from matplotlib import pyplot

    with pyplot.style.context(str(Path(__file__).with_name("journal.mplstyle"))):
        yield
