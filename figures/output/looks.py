"""How curves of tables of the user's own look, and what their legend says of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import cycle, product
from typing import TYPE_CHECKING, Any

from figures.drawing.legends import circ, kinds, points, reference, series
from figures.drawing.style import LOOKS, Look
from figures.output.told_apart import FINITE, Curves, Key
from replica.tables.columns import KNOWN

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

#: Sizes of the text of a legend, and inches of it that a figure has room for as it is.
_SIZES, _ROOM = (7.5, 6.5, 5.5, 4.5), 0.9


def looks_of(curves: Curves) -> dict[Key, Look]:
    """Return a look per curve; systems of one problem share the colour of its line."""
    keys, groups = curves.keys, [*curves.lines, *curves.marks]
    problems: dict[Key, list[Key]] = {}
    for group in dict.fromkeys(groups):
        problems.setdefault(curves.problem(group), []).append(group)
    labels = [_labels(key, [group[i] for group in groups]) for i, key in enumerate(keys)]
    lacking = [f"no {key}" for key in keys if key not in FINITE]
    looks: dict[Key, Look] = {}
    fresh = cycle([*LOOKS, *(look.turned() for look in LOOKS)])
    for members in problems.values():
        first: Look | None = None
        for group in members:
            look = next(fresh)
            first = first or look
            # A value that is missing here, as L of the theory, goes without saying.
            shown = [
                told[value] for told, value in zip(labels, group, strict=True) if value is not None
            ]
            label = ", ".join(shown or lacking)
            looks[group] = replace(look.named(label), color=first.color, line=first.line)
    return looks


def legend(figure: Figure, curves: Curves, looks: dict[Key, Look], failures: bool) -> None:
    """Put a legend above the panel, in columns and letters that its width has room for."""
    handles, told = handles_of(curves, looks, failures), told_of(curves)
    for size, columns, between in product(_SIZES, (2, 1), (", ", ",\n")):
        made = figure.legend(
            handles=handles, loc="outside upper center", ncols=columns, fontsize=size,
            title=between.join(told), title_fontsize=size,
        )  # fmt: skip
        extent = made.get_window_extent()
        # The last and smallest stays, whatever it takes.
        if extent.width <= figure.bbox.width or (size, columns) == (_SIZES[-1], 1):
            break
        made.remove()
    figure.set_figheight(figure.get_figheight() + max(extent.height / figure.dpi - _ROOM, 0.0))


def handles_of(curves: Curves, looks: dict[Key, Look], failures: bool) -> list[Artist]:
    """Return the handles of all curves, and those that say what lines, markers and crosses are."""
    handles = [
        _handle(look, key in curves.lines, key in curves.marks)
        for key, look in looks.items()
        if look.label
    ]
    line, marker, *cross = kinds(failures)
    both = [line, marker] if curves.lines and curves.marks else []
    return [*handles, *both, *cross]


def told_of(curves: Curves) -> list[str]:
    """Return what all curves have in common; a matrix is told by no digest of it."""
    return [
        _shown(key, value)
        for key, value in curves.constant.items()
        if key not in FINITE[1:] and not (key == "couplings" and value.startswith("sha256"))
    ]


def _labels(key: str, values: Iterable[Any]) -> dict[Any, str]:
    """Return how each value is shown: with as many digits as tell them apart."""
    known = {value for value in values if value is not None}
    short = {value: _shown(key, value) for value in known}
    if len(set(short.values())) == len(known):
        return short
    return {value: _exact(key).format(value) for value in known}


def _shown(key: str, value: Any) -> str:
    if key == "tokens":
        # The name of the file, without the digest of what it holds.
        value = value.rpartition(":")[0]
    form = _exact(key) if isinstance(value, str) else KNOWN[key].form
    kind, _, row = value.partition(":") if key == "similarity" else ("", "", "")
    return form.format(circ(map(float, row.split(";"))) if kind == "circulant" else value)


def _exact(key: str) -> str:
    return KNOWN[key].form.replace(":g", "")


def _handle(look: Look, line: bool, marks: bool) -> Artist:
    if line and marks:
        return series(look)
    return reference(look.label, look.line, look.color) if line else points(look)
