"""Text that users bring, as editors and spreadsheets leave it."""

from __future__ import annotations

import codecs
import os
from pathlib import Path

#: How files begin that are text of another kind.
_OTHERS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}

MARK = codecs.BOM_UTF8


def text_of(path: str | os.PathLike[str]) -> str:
    r"""Return the text of a file, with \n at the ends of its lines and no mark at its beginning.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is no text in UTF-8, saying what it is as far as that is known.
    """
    return decoded(Path(path).read_bytes())


def decoded(content: bytes) -> str:
    """Return the text that these bytes are, as `text_of` does."""
    for mark, name in _OTHERS.items():
        if content.startswith(mark):
            raise ValueError(f"it is in {name}, not in UTF-8")
    if b"\0" in content:
        raise ValueError("it is no text in UTF-8")
    text = content.removeprefix(MARK).decode()
    return text.replace("\r\n", "\n").replace("\r", "\n")
