"""What a figure shows, as curves."""

from __future__ import annotations

from typing import Any

import numpy as np
from expectations import Curve
from matplotlib.collections import QuadMesh


def curves(figure: Any) -> list[Curve]:
    """Lines, markers with their error bars and maps, named by panel and colour."""
    found: list[Curve] = []
    for number, axes in enumerate(figure.get_axes()):
        maps = [*axes.images, *(one for one in axes.collections if isinstance(one, QuadMesh))]
        if axes.get_label() != "<colorbar>":
            found += [Curve((number, "map"), np.array(one.get_array())) for one in maps]
        markers = {container.lines[0]: container for container in axes.containers}
        for line in axes.get_lines():
            name, points = (number, line.get_color()), np.array(line.get_xydata())
            if line.get_gid() in ("theory", "fit", "optimum", "histogram"):
                found.append(Curve(name, points))
            elif line.get_gid() == "simulation":
                (bars,) = markers[line].lines[2]
                ends = np.array([segment[:, 1] for segment in bars.get_segments()])
                assert len(ends) == len(points), "a marker lacks its error bar"
                found.append(Curve(name, points, np.abs(ends - points[:, 1:]).T))
    return found


def same(a: Curve, b: Curve) -> bool:
    if a.points.shape != b.points.shape or a.measured != b.measured:
        return False
    if not np.allclose(a.points, b.points, rtol=1e-9, atol=1e-12, equal_nan=True):
        return False
    return a.errors is None or np.allclose(
        a.errors, np.broadcast_to(b.errors, a.errors.shape), rtol=1e-6, atol=1e-12
    )
