"""Write a figure with the table behind it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from replica.errors import Unwritable
from replica.files import reason, whole_file
from replica.locks import unwritten
from replica.tables import Table, replace_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def publish(figure: Figure, table: Table, folder: Path, name: str, **provenance: Any) -> list[Path]:
    """Write NAME.pdf, NAME.png, NAME.csv and its sidecar NAME.json to a folder.

    Returns the paths written.

    Raises
    ------
    ValueError
        If another process is writing the table NAME.csv.
    replica.errors.Unwritable
        If the disk is full or the folder cannot be written; each file is whole or not there.
    """
    written = [folder / f"{name}.{ending}" for ending in ("csv", "json", "pdf", "png")]
    path = written[0]
    try:
        with unwritten("out", path):
            replace_table(path, table, provenance)
        # Without a date the same picture is the same file.
        for path, metadata in zip(written[2:], ({"CreationDate": None}, {}), strict=True):
            with whole_file(path) as stream:
                figure.savefig(stream, format=path.suffix[1:], metadata=metadata)
    except OSError as error:
        raise Unwritable(f"{path} cannot be written: {reason(error)}") from None
    return written
