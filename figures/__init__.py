"""Figures of the paper, theory as lines and trained finite systems as markers; the style for more.

TUTORIAL.md, beside this file, leads to a figure of one's own, of these:

- theory_line, measured: draw a table of the theory, and means over seeds with their errors.
- markers: draws any measured points with their error bars.
- log_axis: makes an axis logarithmic, with plain numbers that have room.
- journal: sets the style; pictures are drawn and saved inside `with journal():`.
- ONE_COLUMN, TWO_COLUMNS: widths of a figure in a journal of two columns, 3.4 and 7.0 inches.
- Look, LOOKS: how a quantity is drawn, and five of them, in falling darkness, which can be told
  apart in grey; `look.named("label")` is the same with a label.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from figures.drawing.axes import log_axis
    from figures.drawing.panels import markers, measured, theory_line
    from figures.drawing.style import LOOKS, ONE_COLUMN, TWO_COLUMNS, Look, journal

__all__ = [
    "LOOKS",
    "ONE_COLUMN",
    "TWO_COLUMNS",
    "Look",
    "journal",
    "log_axis",
    "markers",
    "measured",
    "theory_line",
]

_HOMES = {
    "LOOKS": "drawing.style",
    "ONE_COLUMN": "drawing.style",
    "TWO_COLUMNS": "drawing.style",
    "Look": "drawing.style",
    "journal": "drawing.style",
    "log_axis": "drawing.axes",
    "markers": "drawing.panels",
    "measured": "drawing.panels",
    "theory_line": "drawing.panels",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
