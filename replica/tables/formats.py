"""The kinds of files that hold tables, by their endings: CSV, compressed CSV and Parquet."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from replica.errors import MissingExtra
from replica.tables.frames import Columns, flat
from replica.tables.texts import decoded, text_of

#: Plain CSV, the one kind that grows line by line; and all kinds.
CSV, GZIP, PARQUET = ENDINGS = (".csv", ".csv.gz", ".parquet")

#: What can write Parquet, in the order in which it is asked.
_LIBRARIES = ("polars", "pyarrow")


def ending_of(path: str | os.PathLike[str]) -> str:
    """Return the ending that says of what kind a table is; plain CSV where none does."""
    name = os.path.basename(os.fspath(path))
    return next((e for e in reversed(ENDINGS) if name.endswith(e) and name != e), CSV)


def check_library(ending: str) -> None:
    """Raise MissingExtra if no library is installed that writes tables of this kind."""
    if ending == PARQUET and not any(map(find_spec, _LIBRARIES)):
        raise MissingExtra(
            "a Parquet file needs polars or pyarrow, and neither is installed: pip install polars"
        )


def encoded(ending: str, text: str, columns: Callable[[], Columns]) -> bytes:
    """Return what a file of a table holds, of its CSV text or of its columns by name."""
    if ending == PARQUET:
        return _parquet(columns())
    # Without its time the same table is the same file.
    return gzip.compress(text.encode(), mtime=0) if ending == GZIP else text.encode()


def text_in(path: str | os.PathLike[str]) -> str:
    """Return the CSV text of a table; OSError or ValueError says why there is none."""
    if ending_of(path) == PARQUET:
        raise ValueError("Parquet is for data frames, as pandas.read_parquet; here take CSV")
    if ending_of(path) != GZIP:
        return text_of(path)
    try:
        return decoded(gzip.decompress(Path(path).read_bytes()))
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(str(error)) from None


def _parquet(columns: Columns) -> bytes:
    """Return a Parquet file of the columns, as data frames have them."""
    check_library(PARQUET)
    stream, known = io.BytesIO(), {name: values.tolist() for name, values in flat(columns).items()}
    with suppress(ImportError):
        polars: Any = import_module("polars")
        polars.DataFrame(known).write_parquet(stream)
        return stream.getvalue()
    arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    parquet.write_table(arrow.table(known), stream)
    return stream.getvalue()
