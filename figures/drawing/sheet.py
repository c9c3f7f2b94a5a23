"""Figures that keep the style of the journal wherever they are shown or saved."""

from __future__ import annotations

import io
from typing import Any

from matplotlib.figure import Figure

from figures.drawing.style import journal

#: Pixels per inch on the screen of a notebook, which may have twice as many.
_SHOWN = 100


class Sheet(Figure):
    """A figure of matplotlib that is drawn and saved as inside `with journal():`.

    Notebooks show it, with or without pyplot.
    """

    def draw(self, renderer: Any) -> None:
        """Draw all artists."""
        with journal():
            super().draw(renderer)

    def savefig(self, *arguments: Any, **options: Any) -> None:
        """Save the figure; arguments and options are those of matplotlib."""
        with journal():
            super().savefig(*arguments, **options)

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        stream = io.BytesIO()
        self.savefig(stream, format="png", dpi=2 * _SHOWN)
        width, height = (round(float(inches) * _SHOWN) for inches in self.get_size_inches())
        return stream.getvalue(), {"width": width, "height": height}
