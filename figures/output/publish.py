"""Write a figure with the table behind it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

from replica.errors import Unwritable, reason
from replica.tables import Table
from replica.tables.atomic_files import whole_file
from replica.tables.locks import unwritten
from replica.tables.table import replace_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: What is said in pictures; without a date the same picture is the same file.
_METADATA: dict[str, dict[str, Any]] = {"pdf": {"CreationDate": None}, "png": {},
                                        "svg": {"Date": None}}  # fmt: skip

#: Those that can be written, and those that are.
FORMATS, USUAL = tuple(_METADATA), ("pdf", "png")


def publish(
    figure: Figure,
    table: Table,
    folder: Path,
    name: str,
    formats: Sequence[str] = USUAL,
    caption: str = "",
    **provenance: Any,
) -> list[Path]:
    """Write NAME.csv, its sidecar NAME.json, the pictures and the caption NAME.txt to a folder.

    No file takes its place before all pictures are drawn and written whole. Where there is no
    room for them the table, which may have taken hours, is kept without pictures, also of an
    older one.

    Returns the paths written.

    Raises
    ------
    ValueError
        If another process is writing the table NAME.csv.
    replica.errors.Unwritable
        If the disk is full or the folder cannot be written; each file is whole or not there.
    """
    endings = ("csv", "json", *formats, *(["txt"] if caption else []))
    written = [folder / f"{name}.{ending}" for ending in endings]
    path, _, *others = written
    with unwritten("out", written[0]):
        try:
            with ExitStack() as pending:
                for path in others:
                    stream = pending.enter_context(whole_file(path))
                    kind = path.suffix[1:]
                    if kind == "txt":
                        stream.write(f"{_lines(caption)}\n".encode())
                    else:
                        figure.savefig(stream, format=kind, metadata=_METADATA[kind])
                    stream.flush()
                path = written[0]
                replace_table(path, table, provenance)
                path = others[0]
        except OSError as error:
            if path in others:
                _keep_alone(written[0], table, provenance, others)
            raise _unwritable(path, error) from None
    return written


def _lines(caption: str) -> str:
    """Return a caption in lines that break at blanks alone, as LaTeX makes blanks of their ends."""
    return fill(caption, 100, break_on_hyphens=False, break_long_words=False)


def _keep_alone(
    path: Path, table: Table, provenance: dict[str, Any], pictures: Iterable[Path]
) -> None:
    try:
        replace_table(path, table, provenance)
    except OSError as error:
        raise _unwritable(path, error) from None
    for picture in pictures:
        with suppress(OSError):
            picture.unlink()


def _unwritable(path: Path, error: OSError) -> Unwritable:
    return Unwritable(f"{path} cannot be written: {reason(error)}")
