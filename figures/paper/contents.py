"""What the lines of a figure's table have in common, by which it is recognised."""

from __future__ import annotations

from typing import Any

from replica.problem import DataModel

SOURCES = ("theory", "simulation")

#: In the contents of a figure: whatever is not empty.
ANY = object()


def described(data: DataModel) -> dict[str, Any]:
    """Return what all lines of these data have in common, and lines of others do not."""
    return {"similarity": None, "couplings": None, **data.columns()}
