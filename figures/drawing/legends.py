"""Legends, letters and settings that name what panels show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from figures.drawing.style import FAILED, FAILED_COLOR, OPTIMAL_COLOR, Look

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure


def has_failures(panels: Iterable[Axes]) -> bool:
    """Tell whether a panel marks a point as not converged."""
    return any(line.get_gid() == FAILED for axes in panels for line in axes.get_lines())


def series(look: Look, linestyle: Any = None) -> Artist:
    """Return the handle of a quantity that is drawn as line and as markers."""
    from matplotlib.lines import Line2D

    return Line2D(
        [], [], color=look.color, linestyle=linestyle or look.line, marker=look.marker,
        markerfacecolor=look.face, label=look.label,
    )  # fmt: skip


def points(look: Look, **style: Any) -> Artist:
    """Return the handle of a quantity that is drawn as markers alone, in a style of `Line2D`."""
    from matplotlib.lines import Line2D

    return Line2D(
        [], [], color=look.color, marker=look.marker, markerfacecolor=look.face,
        linestyle="none", label=look.label, **style,
    )  # fmt: skip


def reference(label: str, linestyle: Any = "--", color: str = OPTIMAL_COLOR) -> Artist:
    """Return the handle of a reference line."""
    from matplotlib.lines import Line2D

    return Line2D([], [], color=color, linestyle=linestyle, linewidth=0.9, label=label)


def kinds(failures: bool = False, line: str = "line: theory") -> list[Artist]:
    """Return the handles that say what lines and markers, and crosses, are."""
    from matplotlib.collections import LineCollection
    from matplotlib.container import ErrorbarContainer
    from matplotlib.lines import Line2D

    grey = "#888888"
    line_handle = Line2D([], [], color=grey, label=line)
    point = Line2D([], [], color=grey, marker="o", linestyle="none")
    # Legends draw an error bar for a container.
    lines: Any = (point, (), (LineCollection([], colors=grey),))
    bars: Any = ErrorbarContainer(lines, has_yerr=True, label="marker: simulation")
    cross = Line2D(
        [], [], color=FAILED_COLOR, marker="x", linestyle="none", markersize=3.5, label=FAILED
    )
    return [line_handle, bars, *([cross] if failures else [])]


def legend_above(figure: Figure | SubFigure, handles: Sequence[Artist]) -> None:
    """Put a legend above the panels, in as many rows as the width makes necessary."""
    for rows in range(1, len(handles) + 1):
        made = figure.legend(
            handles=handles, loc="outside upper center", ncols=-(-len(handles) // rows),
            columnspacing=1.5, handlelength=1.8, handletextpad=0.6,
        )  # fmt: skip
        if rows == len(handles) or made.get_window_extent().width <= figure.bbox.width:
            return
        made.remove()


def circ(row: Iterable[float]) -> str:
    """Return how figures write a circulant matrix of this first row."""
    return f"circ({', '.join(f'{value:g}' for value in row)})".replace("-", "−")


def letter(axes: Axes, name: str) -> None:
    """Name a panel, as in (a), at its upper left."""
    axes.set_title(f"({name})", loc="left", fontweight="bold")
