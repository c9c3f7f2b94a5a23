"""Write a figure with the table behind it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from replica.files import writable_folder
from replica.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def publish(figure: Figure, table: Table, folder: Path, name: str, **provenance: Any) -> list[Path]:
    """Write NAME.pdf, NAME.png, NAME.csv and its sidecar NAME.json to a folder.

    Returns the paths written.

    Raises
    ------
    ValueError
        If the folder does not exist or cannot be written.
    """
    writable_folder("out", folder)
    written = [table.to_csv(folder / f"{name}.csv", **provenance), folder / f"{name}.json"]
    for ending, metadata in (("pdf", {"CreationDate": None}), ("png", {})):
        path = folder / f"{name}.{ending}"
        # Under another name first: a picture is whole or not there.
        partial = folder / f".{name}.partial.{ending}"
        figure.savefig(partial, metadata=metadata)
        partial.replace(path)
        written.append(path)
    return written
