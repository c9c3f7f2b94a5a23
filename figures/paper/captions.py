"""What captions of several figures say in the same words."""

from __future__ import annotations

from replica.tables import Table

#: Of figures in which lines are predicted and markers measured.
MEANS = "Lines: replica theory; markers: simulation, mean and standard error over"


def numbers(values: object) -> str:
    """Return one number, or several, as a caption has them."""
    each = values if isinstance(values, tuple) else (values,)
    return ",\\,".join(f"{value:g}" for value in each)


def systems(table: Table) -> str:
    """Return how many systems of which length there are, as in "8 systems of $L=180$ sites"."""
    found: dict[int, set[int]] = {}
    for line in table.lines():
        if line.get("source") == "simulation" and line.get("sites") is not None:
            found.setdefault(line["sites"], set()).add(line.get("seed", 0))
    each = [f"{len(found[sites])} systems of $L={sites}$ sites" for sites in sorted(found)]
    return joined(each) if each else "none"


def joined(texts: list[str]) -> str:
    """Return texts in a row, as in "a, b and c"."""
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)
